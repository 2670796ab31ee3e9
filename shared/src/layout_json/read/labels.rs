//! Labels of seats, each with its path in the document.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use crate::domain::ids::SeatLabel;
use crate::json::Node;

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

impl SeatPath {
    /// Returns the path of a seat in a row's list.
    pub(super) fn seat(self, seat: usize) -> Self {
        match self {
            Self::Row { section, row } => Self::Seat { section, row, seat },
            other => other,
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
