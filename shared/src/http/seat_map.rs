//! The bodies of a look: the labels that can be had, or every seat with its place and price.

use serde::Serialize;

use lambda_http::Response;

use super::content::{Content, Escaped};
use super::problem::{Problem, one_of};
use super::{Context, Outcome};
use crate::document::{self, CategoryBody};
use crate::rules::availability::SeatStatus;
use crate::rules::layout::Layout;
use crate::rules::plan::Place;
use crate::usecases::SeatsView;

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

/// What of a theater doesn't change with its sales.
#[derive(Serialize)]
struct StaticMap<'a> {
    theater_id: &'a str,
    name: &'a str,
    layout_version: u64,
    categories: Vec<CategoryBody<'a>>,
    /// All of them, in layout order.
    seats: Vec<StaticSeat<'a>>,
}

#[derive(Serialize)]
struct StaticSeat<'a> {
    seat: &'a str,
    section: &'a str,
    row: &'a str,
    x: i32,
    y: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accessible: bool,
}

/// Answers 200 with the map of a theater without the states of its seats.
pub(super) async fn get(context: &Context<'_>) -> Result<Outcome, Problem> {
    let input = context.input();
    let theater = input.theater_id();
    let theater = input.finish(|| theater)?;
    let layout = context.office.layout(&theater, context.tally).await?;
    let plan = layout.plan();
    let seats = plan.places().iter().enumerate().map(|(position, place)| StaticSeat {
        seat: label(&layout, position),
        section: plan.sections().get(usize::from(plan.section_of(place))).map_or("", String::as_str),
        row: plan.rows().get(usize::from(place.row)).map_or("", |row| row.name.as_str()),
        x: place.point.x,
        y: place.point.y,
        category: document::category_of(&layout, place),
        accessible: place.accessible,
    });
    let body = StaticMap {
        theater_id: layout.theater.as_str(),
        name: &layout.name,
        layout_version: layout.version,
        categories: document::categories(&layout),
        seats: seats.collect(),
    };
    let body = serde_json::to_string(&body).map_err(Problem::internal)?;
    let response = Response::builder()
        .header("etag", format!("\"{}\"", layout.version))
        .header("cache-control", "no-cache")
        .header("content-type", "application/json")
        .body(Content::Text(body));
    Ok(response.map_err(Problem::internal)?.into())
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
    pub(super) fn body(&self, view: &SeatsView) -> Result<Content, Problem> {
        if self.map { self.map_body(view).map(Content::Text) } else { self.labels(view).map(Content::Escaped) }
    }

    /// The answer to whoever asks for no more: the labels that can be had now, in layout order, and how many somebody has for
    /// a while, and how many are sold. Each seat costs a few nanoseconds, so it isn't serialised but copied.
    fn labels(&self, view: &SeatsView) -> Result<Escaped, Problem> {
        let (layout, statuses) = (&view.layout, self.statuses(view));
        let json = |text| serde_json::to_string(text).map_err(Problem::internal);
        let (theater_id, name) = (json(layout.theater.as_str())?, json(&layout.name)?);
        let begin = format!("{{\"theater_id\":{theater_id},\"name\":{name},\"seats\":[");
        let end = format!("],\"reserved\":{},\"booked\":{}}}", count(&statuses, RESERVED), count(&statuses, BOOKED));
        let mut body = Escaped::with_capacity(2 * begin.len() + layout.labels().most() + 2 * end.len());
        body.push(&begin);
        let available = statuses.iter().map(|status| *status == Some(SeatStatus::Available));
        body.append(|bytes| layout.labels().write(available, bytes)).map_err(Problem::internal)?;
        body.push(&end);
        Ok(body)
    }

    fn map_body(&self, view: &SeatsView) -> Result<String, Problem> {
        let statuses = self.statuses(view);
        let seats = view.layout.plan().places().iter().zip(&statuses).enumerate();
        let seats = seats.filter_map(|(position, (place, status))| Some(map_seat(view, position, place, (*status)?)));
        let body = MapBody {
            theater_id: view.layout.theater.as_str(),
            name: &view.layout.name,
            layout_version: view.layout.version,
            categories: document::categories(&view.layout),
            seats: seats.collect(),
            reserved: count(&statuses, RESERVED),
            booked: count(&statuses, BOOKED),
        };
        let mut json = Vec::with_capacity(MAP_BYTES_A_SEAT * body.seats.len());
        serde_json::to_writer(&mut json, &body).map_err(Problem::internal)?;
        String::from_utf8(json).map_err(Problem::internal)
    }

    /// What each seat shows; nothing of those that aren't shown.
    fn statuses(&self, view: &SeatsView) -> Vec<Option<SeatStatus>> {
        let statuses = view.slots.statuses(view.now).into_iter().map(Some);
        let Some(wanted) = self.section else { return statuses.collect() };
        let plan = view.layout.plan();
        let shown = plan.places().iter().map(|place| plan.section_of(place) == wanted);
        statuses.zip(shown).map(|(status, shown)| status.filter(|_| shown)).collect()
    }
}

/// Room for a seat of a map, which takes some 70 to 120 bytes: so that its text needn't be moved while it grows.
const MAP_BYTES_A_SEAT: usize = 120;
const RESERVED: Option<SeatStatus> = Some(SeatStatus::Reserved);
const BOOKED: Option<SeatStatus> = Some(SeatStatus::Booked);

fn count(statuses: &[Option<SeatStatus>], wanted: Option<SeatStatus>) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

fn map_seat<'a>(view: &'a SeatsView, position: usize, place: &Place, status: SeatStatus) -> MapSeat<'a> {
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
        status: match status {
            SeatStatus::Available => "available",
            SeatStatus::Reserved => "reserved",
            SeatStatus::Booked => "booked",
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

#[cfg(test)]
mod tests;
