//! Writer of layout documents, in the explicit form that gives every seat a place.

use serde::Serialize;
use serde_json::value::RawValue;

use super::accessible_policy::AccessiblePolicyBody;
use super::parts::{
    CategoryBody, PointBody, SectionHead, StageBody, categories_with_details, category_of, companion_of, json, names,
    section_heads,
};
use crate::domain::details::Names;
use crate::domain::layout::Layout;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::SeatPlacement;

/// Maximum total size of repeated category names in bytes. In a hall with larger names, a row whose seats all have
/// one category names it once.
const MAX_REPEATED_CATEGORY_BYTES: usize = 1_000_000;

/// A layout in a response. Stored again, it is the same layout.
#[derive(Debug, Serialize)]
pub struct LayoutBody<'a> {
    theater_id: &'a str,
    layout_version: u64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<&'a Names>,
    focal_point: PointBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<StageBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
    #[serde(flatten)]
    accessible_policy: AccessiblePolicyBody,
    categories: Vec<CategoryBody<'a>>,
    sections: Vec<SectionBody<'a>>,
}

#[derive(Debug, Serialize)]
struct SectionBody<'a> {
    #[serde(flatten)]
    head: SectionHead<'a>,
    rows: Vec<RowBody<'a>>,
}

#[derive(Debug, Serialize)]
struct RowBody<'a> {
    row: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    /// Category of all seats of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    companion_of: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restricted_view: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a RawValue>,
}

impl<'a> LayoutBody<'a> {
    /// Creates the document of a layout.
    pub fn of(layout: &'a Layout) -> Self {
        let (plan, details) = (layout.plan(), layout.details());
        let kinds = &details.kinds;
        let row = |(index, row): (u16, &'a crate::domain::seating_plan::Row)| RowBody {
            row: &row.name,
            kind: kinds.get(&index).map(String::as_str),
            category: None,
            seats: Vec::new(),
        };
        let mut rows: Vec<_> = (0..).zip(plan.rows()).map(row).collect();
        for ((seat_index, label), place) in SeatIndex::all().zip(layout.seats()).zip(plan.places()) {
            rows[usize::from(place.row)].seats.push(seat(layout, seat_index, label.as_str(), place));
        }
        let repeated: usize = plan.places().iter().filter_map(|place| Some(category_of(layout, place)?.len())).sum();
        if repeated > MAX_REPEATED_CATEGORY_BYTES {
            rows.iter_mut().for_each(RowBody::name_category_once);
        }
        let heads = section_heads(layout).into_iter();
        let mut sections: Vec<_> = heads.map(|head| SectionBody { head, rows: Vec::new() }).collect();
        for (row, body) in plan.rows().iter().zip(rows) {
            sections[usize::from(row.section)].rows.push(body);
        }
        Self {
            theater_id: layout.theater.as_str(),
            layout_version: layout.version.as_u64(),
            name: &layout.name,
            names: names(&details.names),
            focal_point: plan.focal_point().into(),
            stage: details.stage.as_ref().map(StageBody::from),
            extra: json(details.extra.as_ref()),
            accessible_policy: plan.accessible_policy().into(),
            categories: categories_with_details(layout, None),
            sections,
        }
    }
}

impl RowBody<'_> {
    fn name_category_once(&mut self) {
        let first = self.seats.first().and_then(|seat| seat.category);
        if self.seats.iter().all(|seat| seat.category == first) {
            self.category = first;
            self.seats.iter_mut().for_each(|seat| seat.category = None);
        }
    }
}

fn seat<'a>(layout: &'a Layout, seat_index: SeatIndex, label: &'a str, place: &SeatPlacement) -> SeatBody<'a> {
    let details = layout.details().seats.get(&seat_index);
    SeatBody {
        seat: label,
        x: place.point.x,
        y: place.point.y,
        category: category_of(layout, place),
        accessible: place.accessible,
        companion_of: companion_of(layout, place),
        restricted_view: details.is_some_and(|of| of.restricted_view),
        number: details.and_then(|of| of.number.as_deref()),
        note: details.and_then(|of| of.note.as_deref()),
        external_id: details.and_then(|of| of.external_id.as_deref()),
        extra: details.and_then(|of| json(of.extra.as_ref())),
    }
}
