//! Sections, rows and seats of a document. Reading always takes time in proportion to the document's size.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use super::categories;
use super::details::TextExpected;
use crate::domain::details::{Details, SeatDetails};
use crate::domain::ids::SeatLabel;
use crate::domain::layout::MAX_SEATS;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{
    MAX_COORDINATE, MAX_SECTIONS, Point, Row, SEAT_PITCH, SeatPlacement, SeatingPlan, row_of_points,
};
use crate::domain::text::normalize;
use crate::json::{Json, Node, Object, plain};
use crate::layout_json::read::details;

const SECTION_FIELDS: &[&str] = &["section", "label", "names", "outline", "extra", "prefix", "rows"];
const ROW_FIELDS: &[&str] = &["row", "kind", "first", "last", "x", "y", "category", "seats"];
const SEAT_FIELDS: &[&str] =
    &["seat", "x", "y", "category", "accessible", "number", "note", "restricted_view", "external_id", "extra"];

/// Path of a seat in the document.
#[derive(Clone, Copy, Debug)]
pub(super) enum SeatPath {
    /// In a plain list.
    List(usize),
    /// In a row that lists its seats.
    Seat { section: usize, row: usize, seat: usize },
    /// In a row of numbered seats.
    Row { section: usize, row: usize },
}

impl fmt::Display for SeatPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(seat) => write!(f, "seats[{seat}]"),
            Self::Seat { section, row, seat } => write!(f, "sections[{section}].rows[{row}].seats[{seat}]"),
            Self::Row { section, row } => write!(f, "sections[{section}].rows[{row}]"),
        }
    }
}

/// The labels read so far, with their places.
#[derive(Debug, Default)]
pub(super) struct Labels {
    places: HashMap<SeatLabel, SeatPath>,
}

impl Labels {
    /// Adds a label. Records a fault with both places if the label is already used.
    pub(super) fn add(&mut self, node: Node<'_, '_>, label: SeatLabel, place: SeatPath) -> Option<SeatLabel> {
        match self.places.entry(label.clone()) {
            Entry::Vacant(free) => {
                free.insert(place);
                Some(label)
            }
            Entry::Occupied(other) => {
                node.fault(format_args!("another label than {label}, which is also at {}", other.get()))
            }
        }
    }
}

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
    /// `true` if there are more seats than a theater may have.
    too_many: bool,
}

/// A section whose rows are being read.
struct Section<'a> {
    index: u16,
    prefix: Option<&'a str>,
}

/// A row whose seats are being read.
struct RowContext {
    index: u16,
    place: SeatPath,
    x: Option<i32>,
    y: Option<i32>,
    category: Option<u16>,
}

/// A seat as given by its entry in the document.
#[derive(Default)]
struct SeatEntry {
    x: Option<i32>,
    y: Option<i32>,
    category: Option<u16>,
    accessible: bool,
    details: SeatDetails,
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
        let (sections, categories) = (sections?, categories?);
        let focal_point = focal_point.unwrap_or_else(|| SeatingPlan::default_focal_point(&self.places));
        match SeatingPlan::new(focal_point, sections, self.rows, categories, self.places) {
            Ok(plan) => Some((self.seats, plan, self.details)),
            Err(error) => object.fault_on_object(format_args!("a plan that is right ({error})")),
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

    fn row(&mut self, node: Node<'_, '_>, section: &Section<'_>, number: usize) -> Option<()> {
        node.object(ROW_FIELDS, |object| {
            let name = object.required("row", |node| details::text(node, TextExpected::maybe_name()));
            let index = u16::try_from(self.rows.len()).expect("the rows were counted");
            let at = RowContext {
                index,
                place: SeatPath::Row { section: usize::from(section.index), row: number },
                x: object.optional("x", details::coordinate),
                y: object.optional("y", details::coordinate),
                category: self.referenced_category(object),
            };
            if let Some(kind) = object.optional("kind", details::kind) {
                self.details.kinds.insert(index, kind);
            }
            let numbered = object.has("first") || object.has("last");
            let read = match (object.has("seats"), numbered, &name) {
                (true, false, _) => self.listed(object, &at),
                (false, true, Some(name)) => self.numbered(node, object, &at, section, name),
                (false, true, None) => None,
                (_, both, _) => object.fault_on_object(if both { EITHER } else { ONE }),
            };
            // An invalid row keeps its index, so that the default places of the rows behind it are right.
            self.rows.push(Row { name: name.clone().unwrap_or_default(), section: section.index });
            name.and(read)
        })
    }

    /// Reads a row's list of seats.
    fn listed(&mut self, object: &Object<'_, '_, '_>, row: &RowContext) -> Option<()> {
        object.required("seats", |node| {
            let count = match node.json() {
                Json::Array(entries) => entries.len(),
                _ => 0,
            };
            if !self.has_room(count) {
                return None;
            }
            let mut points = row_of_points(count, usize::from(row.index), self.all_rows);
            let mut number = 0;
            node.array(1..=MAX_SEATS, format_args!("1 to {MAX_SEATS} seats"), |node| {
                let place = row.place.seat(number);
                let default = points.next().expect("there is a point for each seat");
                number += 1;
                let seat_index = SeatIndex::new(u32::try_from(self.seats.len()).expect("the seats were counted"));
                let (label, seat) = self.seat(node, place)?;
                let label = self.labels.add(node, label, place)?;
                let point = point(node, row, &seat, number - 1, default)?;
                if seat.details != SeatDetails::default() {
                    self.details.seats.insert(seat_index, seat.details);
                }
                let category = seat.category.or(row.category);
                self.push(label, SeatPlacement { row: row.index, point, category, accessible: seat.accessible });
                Some(())
            })
        })?;
        Some(())
    }

    /// Reads a row of seats numbered from `first` to `last`.
    fn numbered(
        &mut self,
        node: Node<'_, '_>,
        object: &Object<'_, '_, '_>,
        row: &RowContext,
        section: &Section<'_>,
        name: &str,
    ) -> Option<()> {
        let first = object.required("first", |node| node.whole(0..=u16::MAX));
        let last = object.required("last", |node| node.whole(first.unwrap_or_default()..=u16::MAX));
        let (first, last) = (first?, last?);
        let count = usize::from(last - first) + 1;
        if !self.has_room(count) {
            return None;
        }
        let prefix = section.prefix.map(|prefix| format!("{prefix}-")).unwrap_or_default();
        let points = row_of_points(count, usize::from(row.index), self.all_rows);
        for ((along, number), default) in (first..=last).enumerate().zip(points) {
            let label = SeatLabel::parse(&format!("{prefix}{name}-{number}")).ok();
            let Some(label) = label else {
                return node.fault(format_args!("prefix, row and number to make {}", SeatLabel::EXPECTED));
            };
            let label = self.labels.add(node, label, row.place)?;
            let point = point(node, row, &SeatEntry::default(), along, default)?;
            self.push(label, SeatPlacement { row: row.index, point, category: row.category, accessible: false });
        }
        Some(())
    }

    /// Reads a seat: a label, or an object with a label.
    fn seat(&mut self, node: Node<'_, '_>, place: SeatPath) -> Option<(SeatLabel, SeatEntry)> {
        match node.json() {
            Json::Object(_) => node.object(SEAT_FIELDS, |object| {
                let label = object.required("seat", |node| node.parsed(SeatLabel::EXPECTED, SeatLabel::parse));
                let details = details::seat(object);
                let id = details.external_id.as_deref();
                let unique = id.is_none_or(|id| self.is_new_external_id(object, id, place));
                let seat = SeatEntry {
                    x: object.optional("x", details::coordinate),
                    y: object.optional("y", details::coordinate),
                    category: self.referenced_category(object),
                    accessible: object.optional("accessible", |node| node.boolean()).unwrap_or_default(),
                    details,
                };
                label.filter(|_| unique).map(|label| (label, seat))
            }),
            Json::Text(_) => {
                node.parsed(SeatLabel::EXPECTED, SeatLabel::parse).map(|label| (label, SeatEntry::default()))
            }
            _ => node.fault(format_args!("{}, or an object with it in the field seat", SeatLabel::EXPECTED)),
        }
    }

    /// Returns `true` if no earlier seat has this external id.
    fn is_new_external_id(&mut self, object: &Object<'_, '_, '_>, id: &str, place: SeatPath) -> bool {
        match self.external_ids.entry(id.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(place);
                true
            }
            Entry::Occupied(other) => {
                let expected = format_args!("another id than {}, which is also at {}", plain(id), other.get());
                object.fault::<()>("external_id", expected);
                false
            }
        }
    }

    /// Reads a reference to one of the document's categories.
    fn referenced_category(&self, object: &Object<'_, '_, '_>) -> Option<u16> {
        object.optional("category", |node| {
            let name = node.text("the name of a category")?;
            let categories = self.categories.as_ref()?;
            let found = categories.get(name).or_else(|| categories.get(normalize(name)?.as_str()));
            found.copied().or_else(|| node.fault("one of the document's categories"))
        })
    }

    /// Returns `true` if the theater has room for this many more seats. Otherwise no further seats are created.
    fn has_room(&mut self, seats: usize) -> bool {
        self.too_many |= seats > MAX_SEATS - self.seats.len();
        !self.too_many
    }

    fn push(&mut self, label: SeatLabel, place: SeatPlacement) {
        self.seats.push(label);
        self.places.push(place);
    }
}

const EITHER: &str = "either seats, or first and last";
const ONE: &str = "seats, or first and last";

impl SeatPath {
    /// Returns the path of a seat in a row's list.
    fn seat(self, seat: usize) -> Self {
        match self {
            Self::Row { section, row } => Self::Seat { section, row, seat },
            other => other,
        }
    }
}

/// Returns the point of a seat: its own, or the one derived from its row.
fn point(node: Node<'_, '_>, row: &RowContext, seat: &SeatEntry, along: usize, default: Point) -> Option<Point> {
    let along = i32::try_from(along).unwrap_or(i32::MAX).saturating_mul(SEAT_PITCH);
    let x = seat.x.or_else(|| row.x.map(|x| x.saturating_add(along))).unwrap_or(default.x);
    let y = seat.y.or(row.y).unwrap_or(default.y);
    if x > MAX_COORDINATE {
        return node.fault(format_args!("a place with x of at most {MAX_COORDINATE}, got {x}"));
    }
    Some(Point { x, y })
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
