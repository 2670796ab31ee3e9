//! The response bodies of `GET .../seats`: the labels of available seats, the states of all seats, or a map of all
//! seats with place and price.

use super::problem::{Problem, one_of};
use super::response_body::{PreEscapedJson, ResponseBody};
use crate::app::SeatsView;
use crate::domain::availability::SeatStatus;
use crate::domain::inventory::Inventory;
use crate::domain::seat_index::SeatIndex;
use crate::domain::text;
use crate::layout_json::{self, MAX_ANSWER, Naming, SeatMapBody, ShownSeat};

/// A form in which seats are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The labels of the available seats.
    Seats,
    /// A letter for each seat.
    States,
    /// Each seat with its place, price and status.
    Map,
}

impl View {
    /// All views.
    pub(super) const ALL: [Self; 3] = [Self::Seats, Self::States, Self::Map];

    /// Returns the name of the view in the query parameter `view`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seats => "seats",
            Self::States => "states",
            Self::Map => "map",
        }
    }

    /// Returns the view with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// A writer of a theater's seats in one view.
pub(super) struct SeatsWriter {
    view: View,
    /// The only section to show.
    section: Option<u16>,
}

impl SeatsWriter {
    /// Finds the section of a request. For an unknown one, the error lists the existing sections.
    pub(super) fn of(inventory: &Inventory, view: View, section: Option<&str>) -> Result<Self, Problem> {
        let section = section.map(|name| section_named(inventory, name)).transpose()?;
        Ok(Self { view, section })
    }

    /// Writes the body as JSON.
    pub(super) fn body(&self, view: &SeatsView) -> Result<ResponseBody, Problem> {
        match self.view {
            View::Seats => self.labels(view).map(ResponseBody::PreEscapedJson),
            View::States => states(view).map(ResponseBody::PreEscapedJson),
            View::Map => self.map(view).map(ResponseBody::Text),
        }
    }

    /// Writes the labels of the available seats in layout order, and the numbers of the others. Each seat costs a few
    /// nanoseconds, because its label is copied and not serialized.
    fn labels(&self, view: &SeatsView) -> Result<PreEscapedJson, Problem> {
        let (inventory, statuses) = (&view.inventory, self.statuses(view));
        let (place, name) = (place(inventory)?, json(&inventory.layout.name)?);
        let begin = format!("{{{place},\"name\":{name},\"seats\":[");
        let (reserved, booked) = (count(&statuses, RESERVED), count(&statuses, BOOKED));
        let version = inventory.layout.version;
        let end = format!("],\"reserved\":{reserved},\"booked\":{booked},\"layout_version\":{version}}}");
        let mut body =
            PreEscapedJson::with_capacity(2 * begin.len() + inventory.layout.labels().most() + 2 * end.len());
        body.push(&begin);
        let available = statuses.iter().map(|status| *status == Some(SeatStatus::Available));
        body.append(|bytes| inventory.layout.labels().write(available, bytes)).map_err(Problem::internal)?;
        body.push(&end);
        Ok(body)
    }

    /// Writes every seat. If the names in a theater are so long that repeating them would make the response too large,
    /// writes each name once.
    fn map(&self, view: &SeatsView) -> Result<String, Problem> {
        let statuses = self.statuses(view);
        let shown = |naming| {
            let seats = SeatIndex::all().zip(&statuses).filter_map(|(seat_index, status)| {
                Some(ShownSeat { seat_index, status: (*status)?, yours: view.yours.contains(&seat_index) })
            });
            SeatMapBody::of(&view.inventory.layout, view.inventory.overridden_prices(), naming, seats)
                .with_show(view.inventory.id.show())
        };
        let repeated = write_json(&shown(Naming::Names))?;
        // Escaping at most doubles a text.
        let fits = repeated.len() <= MAX_ANSWER / 2 || layout_json::escaped_bytes(repeated.as_bytes()) <= MAX_ANSWER;
        if fits { Ok(repeated) } else { write_json(&shown(Naming::Indexes)) }
    }

    /// Returns the status of each seat, or `None` for seats that aren't shown.
    fn statuses(&self, view: &SeatsView) -> Vec<Option<SeatStatus>> {
        let statuses = view.slots.statuses(view.now).into_iter().map(Some);
        let Some(wanted) = self.section else { return statuses.collect() };
        let plan = view.inventory.layout.plan();
        let shown = plan.places().iter().map(|place| plan.section_of(place) == wanted);
        statuses.zip(shown).map(|(status, shown)| status.filter(|_| shown)).collect()
    }
}

/// The capacity for a seat of a map, which takes some 70 to 120 bytes. It keeps the text from being copied while it
/// grows.
const MAP_BYTES_PER_SEAT: usize = 120;
const RESERVED: Option<SeatStatus> = Some(SeatStatus::Reserved);
const BOOKED: Option<SeatStatus> = Some(SeatStatus::Booked);

fn count(statuses: &[Option<SeatStatus>], wanted: Option<SeatStatus>) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

fn write_json(body: &SeatMapBody<'_>) -> Result<String, Problem> {
    let mut json = Vec::with_capacity(MAP_BYTES_PER_SEAT * body.len());
    serde_json::to_writer(&mut json, body).map_err(Problem::internal)?;
    String::from_utf8(json).map_err(Problem::internal)
}

/// Writes a letter for each seat in layout order: `a`, `r` or `b`.
fn states(view: &SeatsView) -> Result<PreEscapedJson, Problem> {
    let statuses = view.slots.statuses(view.now);
    let (place, version) = (place(&view.inventory)?, view.inventory.layout.version);
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let (available, reserved) = (count(SeatStatus::Available), count(SeatStatus::Reserved));
    let booked = statuses.len() - available - reserved;
    let begin = format!("{{{place},\"layout_version\":{version},\"states\":\"");
    let end = format!("\",\"available\":{available},\"reserved\":{reserved},\"booked\":{booked}}}");
    let mut body = PreEscapedJson::with_capacity(2 * begin.len() + statuses.len() + 2 * end.len());
    body.push(&begin);
    body.append(|bytes| bytes.extend(statuses.iter().map(|status| status.letter()))).map_err(Problem::internal)?;
    body.push(&end);
    Ok(body)
}

/// Writes the members that say whose seats they are.
fn place(inventory: &Inventory) -> Result<String, Problem> {
    let theater = json(inventory.layout.theater.as_str())?;
    match inventory.id.show() {
        Some(show) => Ok(format!("\"show_id\":{},\"theater_id\":{theater}", json(show.as_str())?)),
        None => Ok(format!("\"theater_id\":{theater}")),
    }
}

fn json(text: &str) -> Result<String, Problem> {
    serde_json::to_string(text).map_err(Problem::internal)
}

/// Finds a section by its name, in any form of Unicode.
fn section_named(inventory: &Inventory, name: &str) -> Result<u16, Problem> {
    let sections = inventory.layout.plan().sections();
    let found = text::normalize(name).and_then(|name| sections.iter().position(|section| *section == name));
    let found = found.map(|index| u16::try_from(index).expect("a layout has at most 65,536 sections"));
    found.ok_or_else(|| Problem::malformed("section", one_of(sections)))
}

#[cfg(test)]
mod tests;
