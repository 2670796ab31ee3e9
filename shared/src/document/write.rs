//! Layouts as documents: always the explicit form, every seat with its place.

use serde::Serialize;

use crate::rules::layout::Layout;
use crate::rules::plan::{Place, Point};

/// A layout as it is answered. Put again, it is the same layout.
#[derive(Debug, Serialize)]
pub struct LayoutBody<'a> {
    theater_id: &'a str,
    layout_version: u64,
    name: &'a str,
    focal_point: PointBody,
    categories: Vec<CategoryBody<'a>>,
    sections: Vec<SectionBody<'a>>,
}

#[derive(Debug, Serialize)]
struct PointBody {
    x: i32,
    y: i32,
}

/// A category.
#[derive(Debug, Serialize)]
pub(crate) struct CategoryBody<'a> {
    category: &'a str,
    price: u64,
    currency: &'a str,
}

#[derive(Debug, Serialize)]
struct SectionBody<'a> {
    section: &'a str,
    rows: Vec<RowBody<'a>>,
}

#[derive(Debug, Serialize)]
struct RowBody<'a> {
    row: &'a str,
    seats: Vec<SeatBody<'a>>,
}

#[derive(Debug, Serialize)]
struct SeatBody<'a> {
    seat: &'a str,
    x: i32,
    y: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accessible: bool,
}

impl<'a> LayoutBody<'a> {
    /// The document of a layout.
    pub fn of(layout: &'a Layout) -> Self {
        let plan = layout.plan();
        let Point { x, y } = plan.focal_point();
        let mut seats_of_rows: Vec<Vec<SeatBody<'a>>> = plan.rows().iter().map(|_| Vec::new()).collect();
        for (label, place) in layout.seats().iter().zip(plan.places()) {
            if let Some(row) = seats_of_rows.get_mut(usize::from(place.row)) {
                row.push(seat(layout, label.as_str(), place));
            }
        }
        let mut sections: Vec<_> =
            plan.sections().iter().map(|section| SectionBody { section, rows: Vec::new() }).collect();
        for (row, seats) in plan.rows().iter().zip(seats_of_rows) {
            if let Some(section) = sections.get_mut(usize::from(row.section)) {
                section.rows.push(RowBody { row: &row.name, seats });
            }
        }
        Self {
            theater_id: layout.theater.as_str(),
            layout_version: layout.version,
            name: &layout.name,
            focal_point: PointBody { x, y },
            categories: categories(layout),
            sections,
        }
    }
}

/// A layout's categories.
pub(crate) fn categories(layout: &Layout) -> Vec<CategoryBody<'_>> {
    let categories = layout.plan().categories().iter();
    let body = categories.map(|category| CategoryBody {
        category: &category.name,
        price: category.price,
        currency: &category.currency,
    });
    body.collect()
}

/// The name of a place's category, if it has one.
pub(crate) fn category_of<'a>(layout: &'a Layout, place: &Place) -> Option<&'a str> {
    let category = place.category.and_then(|index| layout.plan().categories().get(usize::from(index)));
    category.map(|category| category.name.as_str())
}

fn seat<'a>(layout: &'a Layout, label: &'a str, place: &Place) -> SeatBody<'a> {
    SeatBody {
        seat: label,
        x: place.point.x,
        y: place.point.y,
        category: category_of(layout, place),
        accessible: place.accessible,
    }
}
