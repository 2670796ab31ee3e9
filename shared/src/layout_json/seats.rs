//! Body of the response with every seat of a hall or a section, with its status.

use serde::Serialize;

use super::parts::{CategoryBody, categories, category_of, companion_of};
use crate::domain::availability::SeatStatus;
use crate::domain::ids::ShowId;
use crate::domain::layout::Layout;
use crate::domain::prices::PriceList;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::SeatPlacement;

/// The form of a seat's section, row and category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// Each seat repeats the names.
    Names,
    /// Names are listed once, and seats refer to them by index. Used if repeated names would make the response too
    /// large.
    Indexes,
}

/// A seat to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownSeat {
    pub(crate) seat_index: SeatIndex,
    pub(crate) status: SeatStatus,
    /// `true` if the seat is reserved under the caller's own reservation.
    pub(crate) yours: bool,
}

/// The body of the response.
#[derive(Serialize)]
pub(crate) struct SeatMapBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<&'a str>,
    theater_id: &'a str,
    name: &'a str,
    layout_version: u64,
    categories: Vec<CategoryBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sections: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<&'a str>>,
    /// Seats in layout order.
    seats: Vec<MapSeat<'a>>,
    reserved: usize,
    booked: usize,
}

#[derive(Serialize)]
struct MapSeat<'a> {
    seat: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    section_index: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_index: Option<u16>,
    x: i32,
    y: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category_index: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accessible: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    companion_of: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yours: bool,
}

impl<'a> SeatMapBody<'a> {
    /// Adds the show whose seats these are.
    pub(crate) fn with_show(self, show: Option<&'a ShowId>) -> Self {
        Self { show_id: show.map(ShowId::as_str), ..self }
    }

    /// Creates the body from these seats. `prices` replaces the layout's own prices. It must have been made from this
    /// layout.
    pub(crate) fn of(
        layout: &'a Layout,
        prices: Option<&'a PriceList>,
        naming: Naming,
        seats: impl Iterator<Item = ShownSeat>,
    ) -> Self {
        let plan = layout.plan();
        let (mut reserved, mut booked) = (0, 0);
        let seats = seats.map(|shown| {
            reserved += usize::from(shown.status == SeatStatus::Reserved);
            booked += usize::from(shown.status == SeatStatus::Booked);
            map_seat(layout, naming, shown, &plan.places()[shown.seat_index.as_usize()])
        });
        let seats = seats.collect();
        let by_index = naming == Naming::Indexes;
        Self {
            show_id: None,
            theater_id: layout.theater.as_str(),
            name: &layout.name,
            layout_version: layout.version.as_u64(),
            categories: categories(layout, prices),
            sections: by_index.then(|| plan.sections()),
            rows: by_index.then(|| plan.rows().iter().map(|row| row.name.as_str()).collect()),
            seats,
            reserved,
            booked,
        }
    }

    /// Returns the number of seats.
    pub(crate) fn len(&self) -> usize {
        self.seats.len()
    }
}

fn map_seat<'a>(layout: &'a Layout, naming: Naming, shown: ShownSeat, place: &SeatPlacement) -> MapSeat<'a> {
    let plan = layout.plan();
    let seat = MapSeat {
        seat: layout.seats()[shown.seat_index.as_usize()].as_str(),
        section: None,
        row: None,
        section_index: None,
        row_index: None,
        x: place.point.x,
        y: place.point.y,
        category: None,
        category_index: None,
        accessible: place.accessible,
        companion_of: companion_of(layout, place),
        status: shown.status.as_str(),
        yours: shown.yours,
    };
    let section = plan.section_of(place);
    match naming {
        Naming::Names => MapSeat {
            section: Some(plan.sections()[usize::from(section)].as_str()),
            row: Some(plan.rows()[usize::from(place.row)].name.as_str()),
            category: category_of(layout, place),
            ..seat
        },
        Naming::Indexes => {
            MapSeat { section_index: Some(section), row_index: Some(place.row), category_index: place.category, ..seat }
        }
    }
}
