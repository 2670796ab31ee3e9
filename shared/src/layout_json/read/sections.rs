//! Sections of a document. Reading always takes time in proportion to the document's size.

mod rows;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::accessible_policy;
use super::categories;
use super::details::{self, TextExpected};
use super::labels::{Labels, SeatPath};
use crate::domain::details::Details;
use crate::domain::ids::SeatLabel;
use crate::domain::layout::MAX_SEATS;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{MAX_SECTIONS, Row, SeatPlacement, SeatingPlan};
use crate::json::{Json, Node, Object};

const SECTION_FIELDS: &[&str] = &["section", "label", "names", "outline", "extra", "prefix", "rows"];

/// A reader of sections. It holds all values read so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Categories by name. `None` if the categories are invalid. Then references to them aren't checked.
    categories: Option<HashMap<String, u16>>,
    section_names: HashMap<String, usize>,
    rows: Vec<Row>,
    /// Number of rows in the document.
    all_rows: usize,
    seats: Vec<SeatLabel>,
    places: Vec<SeatPlacement>,
    labels: Labels,
    external_ids: HashMap<String, SeatPath>,
    details: Details,
    companions: Vec<Companion>,
    /// `true` if there are more seats than a theater may have.
    too_many: bool,
}

/// A companion seat, and the accessible seat that it names. That seat may be read later.
#[derive(Debug)]
struct Companion {
    seat: SeatIndex,
    place: SeatPath,
    accessible: SeatLabel,
}

/// A section whose rows are being read.
struct Section<'a> {
    index: u16,
    prefix: Option<&'a str>,
}

impl Reader {
    /// Reads `focal_point`, `categories` and `sections`.
    pub(super) fn layout(mut self, object: &Object<'_, '_, '_>) -> Option<(Vec<SeatLabel>, SeatingPlan, Details)> {
        let focal_point = object.optional("focal_point", details::point);
        let categories = categories::read(object).map(|read| {
            self.categories = Some(read.indexes);
            self.details.categories = read.details;
            read.list
        });
        let mut index = 0;
        let expected = format_args!("1 to {MAX_SECTIONS} sections");
        let sections = object.required("sections", |node| {
            self.all_rows = count_rows(node.json());
            if self.all_rows > MAX_SEATS {
                return node.fault(format_args!("at most {MAX_SEATS} rows, got {}", self.all_rows));
            }
            node.array(1..=MAX_SECTIONS, expected, |node| {
                let section = self.section(node, index);
                index += 1;
                section
            })
        });
        if self.too_many || (sections.is_some() && self.seats.is_empty()) {
            return object.fault("sections", format_args!("1 to {MAX_SEATS} seats"));
        }
        self.link_companions(object);
        let policy = accessible_policy::read(object);
        let (sections, categories) = (sections?, categories?);
        let focal_point = focal_point.unwrap_or_else(|| SeatingPlan::default_focal_point(&self.places));
        match SeatingPlan::new(focal_point, sections, self.rows, categories, self.places) {
            Ok(plan) => Some((self.seats, plan.with_accessible_policy(policy?), self.details)),
            Err(error) => object.fault_on_object(format_args!("a plan that is right ({error})")),
        }
    }

    /// Sets the accessible seats of companion seats.
    fn link_companions(&mut self, object: &Object<'_, '_, '_>) {
        if self.companions.is_empty() {
            return;
        }
        let indexes: HashMap<&SeatLabel, SeatIndex> = self.seats.iter().zip(SeatIndex::all()).collect();
        for Companion { seat, place, accessible } in &self.companions {
            let is_accessible = |seat: &SeatIndex| self.places.get(seat.as_usize()).is_some_and(|seat| seat.accessible);
            let found = indexes.get(accessible).copied().filter(is_accessible);
            match (found, self.places.get_mut(seat.as_usize())) {
                (Some(_), Some(companion)) if !companion.accessible => companion.companion_of = found,
                _ => {
                    let expected = "the label of an accessible seat, for a seat that isn't accessible itself";
                    object.fault::<()>(&format!("{place}.companion_of"), expected);
                }
            }
        }
    }

    fn section(&mut self, node: Node<'_, '_>, index: usize) -> Option<String> {
        node.object(SECTION_FIELDS, |object| {
            let name = object.required("section", |node| {
                let name = details::text(node, TextExpected::maybe_name())?;
                match self.section_names.entry(name.clone()) {
                    Entry::Vacant(free) => {
                        free.insert(index);
                        Some(name)
                    }
                    Entry::Occupied(other) => {
                        node.fault(format_args!("another name than sections[{}] has", other.get()))
                    }
                }
            });
            let number = u16::try_from(index).expect("a list of sections has a maximum length");
            let details = details::section(object);
            if details != Default::default() {
                self.details.sections.insert(number, details);
            }
            let prefix = object.optional("prefix", |node| node.text("a text"));
            let section = Section { index: number, prefix };
            let mut row = 0;
            object.required("rows", |node| {
                node.array(0..=MAX_SEATS, "a list of rows", |node| {
                    row += 1;
                    self.row(node, &section, row - 1)
                })
            })?;
            name
        })
    }
}

/// Counts the rows of all sections of a document, skipping invalid parts.
fn count_rows(sections: &Json<'_>) -> usize {
    let Json::Array(sections) = sections else { return 0 };
    let rows = sections.iter().filter_map(|section| match section {
        Json::Object(fields) => fields.iter().find(|(name, _)| name == "rows"),
        _ => None,
    });
    let lengths = rows.map(|(_, rows)| if let Json::Array(rows) = rows { rows.len() } else { 0 });
    lengths.sum()
}
