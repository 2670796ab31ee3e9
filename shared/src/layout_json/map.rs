//! The map of a hall: everything that a page draws and that doesn't change with sales. Names are listed once and
//! referred to by index. Values that the seats of a row share are given once per row.

use serde::Serialize;
use serde_json::value::RawValue;

use super::parts::{
    CategoryBody, PointBody, SectionHead, StageBody, categories_with_details, companion_of, json, names, section_heads,
};
use crate::domain::details::{Names, SeatDetails, default_number};
use crate::domain::ids::ShowId;
use crate::domain::layout::Layout;
use crate::domain::prices::PriceList;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{Point, SeatPlacement};

/// Limits that a page needs before its first call.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CallLimits {
    /// Maximum number of seats of one call.
    pub max_seats_per_call: usize,
    /// Shortest reservation.
    pub min_reservation_seconds: u32,
    /// Longest reservation, including extensions.
    pub max_reservation_seconds: u32,
}

/// A map in a response.
#[derive(Debug, Serialize)]
pub struct MapBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<&'a str>,
    theater_id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a Names>,
    layout_version: u64,
    focal_point: PointBody,
    /// Bounds of the seats, without outlines.
    bounds: Bounds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<StageBody<'a>>,
    limits: CallLimits,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
    categories: Vec<CategoryBody<'a>>,
    sections: Vec<SectionHead<'a>>,
    rows: Vec<RowBody<'a>>,
}

#[derive(Debug, Serialize)]
struct Bounds {
    min_x: i32,
    min_y: i32,
    max_x: i32,
    max_y: i32,
}

/// A row. Its lists have an entry for each of its seats, in layout order.
#[derive(Debug, Default, Serialize)]
struct RowBody<'a> {
    row: &'a str,
    /// Index into `sections`.
    section: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    /// Index of its first seat in the layout, if the other seats follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u32>,
    /// Indexes of all its seats, if they aren't consecutive.
    #[serde(skip_serializing_if = "Option::is_none")]
    positions: Option<Vec<u32>>,
    /// Common prefix of all its labels.
    prefix: &'a str,
    /// Labels without the prefix.
    labels: Vec<&'a str>,
    /// Numbers of its seats, if they differ from `labels`.
    #[serde(skip_serializing_if = "Option::is_none")]
    numbers: Option<Vec<&'a str>>,
    /// Places of the seats, if they are evenly spaced along a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<Line>,
    /// Places of the seats otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<Vec<i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<Vec<i32>>,
    /// Index into `categories` for all seats of the row, except those with a category in `seats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<u16>,
    /// Seats with values of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    seats: Vec<SeatBody<'a>>,
}

/// Evenly spaced places. The first seat is at x, y. Each further seat is dx, dy from the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Line {
    x: i32,
    y: i32,
    dx: i32,
    dy: i32,
}

#[derive(Debug, Default, Serialize)]
struct SeatBody<'a> {
    /// Index into the lists of the row.
    at: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accessible: bool,
    /// Label of the accessible seat that it accompanies.
    #[serde(skip_serializing_if = "Option::is_none")]
    companion_of: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restricted_view: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
}

/// A seat of a row that is being built.
#[derive(Clone, Copy)]
struct Seat<'a> {
    seat_index: SeatIndex,
    label: &'a str,
    place: &'a SeatPlacement,
    companion_of: Option<&'a str>,
    details: Option<&'a SeatDetails>,
}

impl<'a> MapBody<'a> {
    /// Adds the show whose map it is.
    #[must_use]
    pub fn with_show(self, show: Option<&'a ShowId>) -> Self {
        Self { show_id: show.map(ShowId::as_str), ..self }
    }

    /// Creates the map of a layout, with the layout's own prices.
    pub fn of(layout: &'a Layout, limits: CallLimits) -> Self {
        Self::with_prices(layout, limits, None)
    }

    /// Creates the map of a layout. `prices` replaces the layout's own prices. It must have been made from this layout.
    pub fn with_prices(layout: &'a Layout, limits: CallLimits, prices: Option<&'a PriceList>) -> Self {
        let (plan, details) = (layout.plan(), layout.details());
        let mut seats_of_rows: Vec<Vec<Seat<'a>>> = vec![Vec::new(); plan.rows().len()];
        for ((seat_index, label), place) in SeatIndex::all().zip(layout.seats()).zip(plan.places()) {
            let details = details.seats.get(&seat_index);
            let companion_of = companion_of(layout, place);
            let seat = Seat { seat_index, label: label.as_str(), place, companion_of, details };
            seats_of_rows[usize::from(place.row)].push(seat);
        }
        let rows = (0..).zip(plan.rows()).zip(&seats_of_rows).map(|((index, row), seats)| RowBody {
            row: &row.name,
            section: row.section,
            kind: details.kinds.get(&index).map(String::as_str),
            ..row_of(seats)
        });
        Self {
            show_id: None,
            theater_id: layout.theater.as_str(),
            name: &layout.name,
            names: names(&details.names),
            layout_version: layout.version.as_u64(),
            focal_point: plan.focal_point().into(),
            bounds: bounds(plan.places()),
            stage: details.stage.as_ref().map(StageBody::from),
            limits,
            extra: json(details.extra.as_ref()),
            categories: categories_with_details(layout, prices),
            sections: section_heads(layout),
            rows: rows.collect(),
        }
    }
}

fn bounds(places: &[SeatPlacement]) -> Bounds {
    let xs = || places.iter().map(|place| place.point.x);
    let ys = || places.iter().map(|place| place.point.y);
    let bounds = || Some(Bounds { min_x: xs().min()?, min_y: ys().min()?, max_x: xs().max()?, max_y: ys().max()? });
    bounds().expect("a layout has a seat")
}

/// Describes a row's seats in the form that takes the fewest bytes. The row's own fields are left empty.
fn row_of<'a>(seats: &[Seat<'a>]) -> RowBody<'a> {
    let first = seats.first().map_or(0, |seat| seat.seat_index.as_u32());
    let together = (first..).zip(seats).all(|(index, seat)| seat.seat_index.as_u32() == index);
    let prefix = seats.first().map_or("", |seat| seat.label.trim_end_matches(|c: char| c.is_ascii_digit()));
    // A label equal to the prefix rules out a prefix for the row, because the seat's number would be empty.
    let shared = seats.iter().all(|seat| seat.label.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()));
    let prefix = if shared { prefix } else { "" };
    let labels: Vec<_> = seats.iter().map(|seat| &seat.label[prefix.len()..]).collect();
    let numbers: Vec<_> = seats.iter().map(number).collect();
    let line = line(seats);
    let column = |of: fn(Point) -> i32| seats.iter().map(|seat| of(seat.place.point)).collect();
    let category = category(seats);
    let own = seats.iter().enumerate().filter_map(|(at, seat)| own(at, seat, category));
    RowBody {
        first: together.then_some(first),
        positions: (!together).then(|| seats.iter().map(|seat| seat.seat_index.as_u32()).collect()),
        prefix,
        numbers: (numbers != labels).then_some(numbers),
        labels,
        line,
        x: line.is_none().then(|| column(|point| point.x)),
        y: line.is_none().then(|| column(|point| point.y)),
        category,
        seats: own.collect(),
        ..RowBody::default()
    }
}

fn number<'a>(seat: &Seat<'a>) -> &'a str {
    let own = seat.details.and_then(|details| details.number.as_deref());
    own.unwrap_or_else(|| default_number(seat.label))
}

fn line(seats: &[Seat<'_>]) -> Option<Line> {
    let point = |index: usize| seats.get(index).map(|seat| seat.place.point);
    let Point { x, y } = point(0)?;
    let next = point(1).unwrap_or(Point { x, y });
    let (dx, dy) = (next.x - x, next.y - y);
    let even = seats.windows(2).all(|pair| {
        let (from, to) = (pair[0].place.point, pair[1].place.point);
        (to.x - from.x, to.y - from.y) == (dx, dy)
    });
    even.then_some(Line { x, y, dx, dy })
}

/// Returns the most frequent category of a row. Returns `None` if a seat has no category. Then each seat names its
/// own.
fn category(seats: &[Seat<'_>]) -> Option<u16> {
    let mut counts = std::collections::BTreeMap::new();
    for seat in seats {
        *counts.entry(seat.place.category?).or_insert(0_u32) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(category, count)| (*count, std::cmp::Reverse(*category)))
        .map(|(category, _)| category)
}

/// Returns a seat's entry, if it has values of its own.
fn own<'a>(at: usize, seat: &Seat<'a>, category: Option<u16>) -> Option<SeatBody<'a>> {
    let details = seat.details;
    let body = SeatBody {
        at,
        category: seat.place.category.filter(|own| Some(*own) != category),
        accessible: seat.place.accessible,
        companion_of: seat.companion_of,
        restricted_view: details.is_some_and(|of| of.restricted_view),
        note: details.and_then(|of| of.note.as_deref()),
        external_id: details.and_then(|of| of.external_id.as_deref()),
        extra: details.and_then(|of| json(of.extra.as_ref())),
    };
    let SeatBody { at: _, category, accessible, companion_of, restricted_view, note, external_id, extra } = &body;
    let something = *accessible || *restricted_view || category.is_some() || extra.is_some() || companion_of.is_some();
    (something || note.is_some() || external_id.is_some()).then_some(body)
}
