//! The bodies of a look: the labels that can be had, or every seat with its place and price.

use serde::Serialize;

use super::problem::{Problem, one_of};
use crate::document::{self, CategoryBody};
use crate::rules::availability::SeatState;
use crate::rules::layout::Layout;
use crate::rules::plan::Place;
use crate::usecases::SeatsView;

/// The answer to whoever asks for no more.
#[derive(Serialize)]
struct SeatsBody<'a> {
    theater_id: &'a str,
    name: &'a str,
    /// Labels that can be had now, in layout order.
    seats: Vec<&'a str>,
    /// How many somebody has for a while.
    reserved: usize,
    /// How many are sold.
    booked: usize,
}

/// The answer to who draws a map.
#[derive(Serialize)]
struct MapBody<'a> {
    theater_id: &'a str,
    name: &'a str,
    layout_version: u64,
    categories: Vec<CategoryBody<'a>>,
    /// All of them, in layout order.
    seats: Vec<MapSeat<'a>>,
    reserved: usize,
    booked: usize,
}

#[derive(Serialize)]
struct MapSeat<'a> {
    seat: &'a str,
    section: &'a str,
    row: &'a str,
    x: i32,
    y: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accessible: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yours: bool,
}

/// What a look shows of a theater.
pub(super) struct Shown {
    map: bool,
    /// Only of this section.
    section: Option<u16>,
}

impl Shown {
    /// As a look asks for it; a section that isn't there is told with those that are.
    pub(super) fn of(layout: &Layout, map: bool, section: Option<&str>) -> Result<Self, Problem> {
        let section = section.map(|name| section_named(layout, name)).transpose()?;
        Ok(Self { map, section })
    }

    /// The body, as JSON.
    pub(super) fn body(&self, view: &SeatsView) -> Result<String, Problem> {
        if self.map { self.map_body(view) } else { self.labels(view) }
    }

    fn labels(&self, view: &SeatsView) -> Result<String, Problem> {
        let (reserved, booked) = self.counts(view);
        let mut seats = Vec::with_capacity(view.slots.len());
        let available = self.seats(view).filter(|(_, _, state)| *state == SeatState::Available);
        seats.extend(available.map(|(position, ..)| label(&view.layout, position)));
        let (theater_id, name) = (view.layout.theater.as_str(), view.layout.name.as_str());
        serde_json::to_string(&SeatsBody { theater_id, name, seats, reserved, booked }).map_err(Problem::internal)
    }

    fn map_body(&self, view: &SeatsView) -> Result<String, Problem> {
        let (reserved, booked) = self.counts(view);
        let body = MapBody {
            theater_id: view.layout.theater.as_str(),
            name: &view.layout.name,
            layout_version: view.layout.version,
            categories: document::categories(&view.layout),
            seats: self.seats(view).map(|(position, place, state)| map_seat(view, position, place, state)).collect(),
            reserved,
            booked,
        };
        serde_json::to_string(&body).map_err(Problem::internal)
    }

    /// Position, place and state of each seat that is shown.
    fn seats<'a>(&'a self, view: &'a SeatsView) -> impl Iterator<Item = (usize, &'a Place, SeatState)> {
        let plan = view.layout.plan();
        let seats = plan.places().iter().zip(&view.slots).enumerate();
        seats
            .filter(move |(_, (place, _))| self.section.is_none_or(|wanted| plan.section_of(place) == wanted))
            .map(|(position, (place, slot))| (position, place, slot.status(view.now)))
    }

    /// How many are reserved, and how many booked.
    fn counts(&self, view: &SeatsView) -> (usize, usize) {
        self.seats(view).fold((0, 0), |(reserved, booked), (_, _, state)| match state {
            SeatState::Available => (reserved, booked),
            SeatState::Reserved { .. } => (reserved + 1, booked),
            SeatState::Booked => (reserved, booked + 1),
        })
    }
}

fn map_seat<'a>(view: &'a SeatsView, position: usize, place: &Place, state: SeatState) -> MapSeat<'a> {
    let plan = view.layout.plan();
    let name = |names: &'a [String], index: u16| names.get(usize::from(index)).map_or("", String::as_str);
    MapSeat {
        seat: label(&view.layout, position),
        section: name(plan.sections(), plan.section_of(place)),
        row: plan.rows().get(usize::from(place.row)).map_or("", |row| row.name.as_str()),
        x: place.point.x,
        y: place.point.y,
        category: document::category_of(&view.layout, place),
        accessible: place.accessible,
        status: match state {
            SeatState::Available => "available",
            SeatState::Reserved { .. } => "reserved",
            SeatState::Booked => "booked",
        },
        yours: view.yours.contains(&position),
    }
}

fn label(layout: &Layout, position: usize) -> &str {
    layout.seats().get(position).map_or("", |seat| seat.as_str())
}

/// A section by its name.
fn section_named(layout: &Layout, name: &str) -> Result<u16, Problem> {
    let sections = layout.plan().sections();
    let found = sections.iter().position(|section| section == name).and_then(|index| u16::try_from(index).ok());
    found.ok_or_else(|| Problem::malformed("section", one_of(sections)))
}
