//! Rows of a section, and their seats.

use std::collections::hash_map::Entry;

use super::{Companion, Reader, Section};
use crate::domain::details::SeatDetails;
use crate::domain::ids::SeatLabel;
use crate::domain::layout::MAX_SEATS;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{MAX_COORDINATE, Point, Row, SEAT_PITCH, SeatPlacement, row_of_points};
use crate::domain::text::normalize;
use crate::json::{Json, Node, Object, plain};
use crate::layout_json::read::details::{self, TextExpected};
use crate::layout_json::read::labels::SeatPath;

const ROW_FIELDS: &[&str] = &["row", "kind", "first", "last", "x", "y", "category", "seats"];
const SEAT_FIELDS: &[&str] = &[
    "seat",
    "x",
    "y",
    "category",
    "accessible",
    "companion_of",
    "number",
    "note",
    "restricted_view",
    "external_id",
    "extra",
];
const EITHER: &str = "either seats, or first and last";
const ONE: &str = "seats, or first and last";

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
    companion_of: Option<SeatLabel>,
    details: SeatDetails,
}

impl Reader {
    /// Reads a row. Adds its seats to those read so far.
    pub(super) fn row(&mut self, node: Node<'_, '_>, section: &Section<'_>, number: usize) -> Option<()> {
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
                if let Some(accessible) = seat.companion_of {
                    self.companions.push(Companion { seat: seat_index, place, accessible });
                }
                let accessible = seat.accessible;
                self.push(label, SeatPlacement { row: row.index, point, category, accessible, companion_of: None });
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
            let (category, accessible) = (row.category, false);
            self.push(label, SeatPlacement { row: row.index, point, category, accessible, companion_of: None });
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
                    companion_of: object
                        .optional("companion_of", |node| node.parsed(SeatLabel::EXPECTED, SeatLabel::parse)),
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
