//! The slots of a view, as they were had: most views are looked at once, and what is never asked of them is never made.

use crate::cache::{Packed, Revision};
use crate::rules::availability::{SeatStatus, Slot, Steady};
use crate::rules::layout::Layout;
use crate::rules::time::EpochMillis;

/// What is known of each seat of a theater, in layout order.
#[derive(Debug)]
pub enum Slots {
    /// A string of the cache that fits the layout ([`Packed::fits`]).
    Cached(Packed),
    /// Read from DynamoDB.
    Read(Vec<Slot>),
}

impl Slots {
    /// What each seat shows at an instant.
    pub fn statuses(&self, now: EpochMillis) -> Vec<SeatStatus> {
        match self {
            Self::Cached(packed) => packed.statuses(now),
            Self::Read(slots) => slots.iter().map(|slot| slot.shows(now)).collect(),
        }
    }

    /// The seconds around an instant in which they show the same.
    pub fn steady(&self, now: EpochMillis) -> Steady {
        match self {
            Self::Cached(packed) => packed.steady(now),
            Self::Read(slots) => Steady::around(slots.iter().filter_map(|slot| slot.ends_at()), now),
        }
    }

    /// What stands for them, where they are a string's of the cache.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Cached(packed) => Some(packed.revision()),
            Self::Read(_) => None,
        }
    }

    /// The slots themselves; the layout is that of the view.
    pub(super) fn into_vec(self, layout: &Layout) -> Vec<Slot> {
        match self {
            Self::Cached(packed) => packed.slots(layout).unwrap_or_default(),
            Self::Read(slots) => slots,
        }
    }
}
