//! Reader of layout documents. It reports every fault with its path in the document.

mod accessible_policy;
mod categories;
mod details;
mod labels;
mod prices;
mod sections;

use std::collections::HashSet;

use crate::domain::details::{Details, MAX_NAME};
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::MAX_SEATS;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::new_layout::NewLayout;
use crate::domain::seating_plan::SeatingPlan;
use crate::json::{Node, Object};

use super::size;
use details::TextExpected;
pub use details::extra;
use labels::{Labels, SeatPath};
pub use prices::price_overrides;
use sections::Reader;

/// Fields of a document.
const FIELDS: &[&str] = &[
    "theater_id",
    "layout_version",
    "name",
    "names",
    "focal_point",
    "stage",
    "extra",
    "accessible_policy",
    "accessible_release_at",
    "accessible_release_before_start",
    "categories",
    "sections",
    "seats",
];
/// Fields that a plain list of seats doesn't have.
const NOT_OF_LISTS: [&str; 5] =
    ["focal_point", "categories", "accessible_policy", "accessible_release_at", "accessible_release_before_start"];

/// The document of a layout.
#[derive(Debug)]
pub struct Document {
    /// Theater, if the document names it.
    pub theater_id: Option<TheaterId>,
    pub layout: NewLayout,
}

impl Document {
    /// Reads a document. It has either a list of seats (`seats`) or their places (`sections`).
    pub fn read(node: Node<'_, '_>) -> Option<Self> {
        Self::read_with(node, |object| object.optional("theater_id", theater_id))
    }

    /// Reads one of several documents. It must name its theater, and no other document may name the same theater.
    pub fn read_one_of(node: Node<'_, '_>, seen: &mut HashSet<TheaterId>) -> Option<Self> {
        Self::read_with(node, |object| {
            let id = object.required("theater_id", theater_id)?;
            if !seen.insert(id.clone()) {
                return object.fault("theater_id", format_args!("each theater once, {id} is there twice"));
            }
            Some(id)
        })
    }

    fn read_with(
        node: Node<'_, '_>,
        theater_id: impl FnOnce(&Object<'_, '_, '_>) -> Option<TheaterId>,
    ) -> Option<Self> {
        node.object(FIELDS, |object| {
            let theater_id = theater_id(object);
            // The version that the document is based on. It is ignored, because `If-Match` decides.
            object.optional("layout_version", |node| node.whole(0..=i64::MAX));
            let name = object.required("name", |node| details::text(node, TextExpected::name(MAX_NAME)));
            let mut details = Details {
                names: object.optional("names", |node| details::names(node, MAX_NAME)).unwrap_or_default(),
                extra: object.optional("extra", details::extra),
                stage: object.optional("stage", details::stage),
                ..Details::default()
            };
            let (seats, plan) = match (object.has("seats"), object.has("sections")) {
                (true, false) => listed(object),
                (false, true) => {
                    let (seats, plan, found) = Reader::default().layout(object)?;
                    details = Details { names: details.names, extra: details.extra, stage: details.stage, ..found };
                    Some((seats, plan))
                }
                (true, true) => object.fault("sections", "either seats or sections"),
                (false, false) => object.fault("seats", "either seats or sections"),
            }?;
            let layout = NewLayout { name: name?, seats, plan, details };
            Some(Self { theater_id, layout: check_response_sizes(object, layout)? })
        })
    }
}

fn theater_id(node: Node<'_, '_>) -> Option<TheaterId> {
    node.parsed(TheaterId::EXPECTED, TheaterId::parse)
}

/// Reads a plain list of labels.
fn listed(object: &Object<'_, '_, '_>) -> Option<(Vec<SeatLabel>, SeatingPlan)> {
    for name in NOT_OF_LISTS.into_iter().filter(|name| object.has(name)) {
        object.fault::<()>(name, "sections beside it, and no list of seats");
    }
    let mut labels = Labels::default();
    let mut count = 0;
    let seats = object.required("seats", |node| {
        node.array(1..=MAX_SEATS, format_args!("1 to {MAX_SEATS} seat labels"), |node| {
            let place = SeatPath::List(count);
            count += 1;
            let label = node.parsed(SeatLabel::EXPECTED, SeatLabel::parse)?;
            labels.add(node, label, place)
        })
    })?;
    let plan = SeatingPlan::of_list(&seats);
    Some((seats, plan))
}

/// Rejects a layout if a response for it could be too large.
fn check_response_sizes(object: &Object<'_, '_, '_>, layout: NewLayout) -> Option<NewLayout> {
    let field = if object.has("seats") { "seats" } else { "sections" };
    // The longest theater id and version give the largest responses.
    let longest = TheaterId::parse(&"x".repeat(64)).expect("a theater id may have 64 letters");
    match layout.clone().into_layout(longest, LayoutVersion::new(u64::MAX)) {
        Err(error) => object.fault(field, format_args!("a layout that can be put ({error})")),
        Ok(whole) if !size::fits(&whole) => object.fault(
            field,
            format_args!("a layout whose answers have at most {} bytes each, this one is larger", size::MAX_ANSWER),
        ),
        Ok(_) => Some(layout),
    }
}

#[cfg(test)]
mod tests;
