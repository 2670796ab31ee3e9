//! The slots of a view in the form in which they were read. Most views are used once, so nothing is converted in
//! advance.

use crate::cache::{Packed, Revision};
use crate::domain::availability::{SeatStatus, Slot, ValidityWindow};
use crate::domain::inventory::Inventory;
use crate::domain::time::EpochMillis;

/// The slots of all seats of a theater, in layout order.
#[derive(Debug)]
pub enum Slots {
    /// A string from the cache that fits the layout ([`Packed::fits`]).
    Cached(Packed),
    /// Slots that were read from DynamoDB.
    Read(Vec<Slot>),
}

impl Slots {
    /// Returns the status of each seat at an instant.
    pub fn statuses(&self, now: EpochMillis) -> Vec<SeatStatus> {
        match self {
            Self::Cached(packed) => packed.statuses(now),
            Self::Read(slots) => slots.iter().map(|slot| slot.status_at(now)).collect(),
        }
    }

    /// Returns the validity window around an instant: the seconds in which the statuses stay the same.
    pub fn validity(&self, now: EpochMillis) -> ValidityWindow {
        match self {
            Self::Cached(packed) => packed.validity(now),
            Self::Read(slots) => ValidityWindow::around(slots.iter().filter_map(|slot| slot.ends_at()), now),
        }
    }

    /// Returns the revision of the slots if they come from the cache.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Cached(packed) => Some(packed.revision()),
            Self::Read(_) => None,
        }
    }

    /// Returns the slots themselves. `layout` has to be the layout of the view.
    pub(in crate::app) fn into_vec(self, inventory: &Inventory) -> Vec<Slot> {
        match self {
            Self::Cached(packed) => packed.slots(inventory).expect("the string of a view fits its layout"),
            Self::Read(slots) => slots,
        }
    }
}
