//! The seats of a theater as they are shown, and the reasons why they can't be shown.

use std::collections::HashSet;
use std::sync::Arc;

use super::slots::Slots;
use crate::app::{BoxOffice, TooManyRequests};
use crate::domain::inventory::Inventory;
use crate::domain::seat_index::SeatIndex;
use crate::domain::time::EpochMillis;
use crate::store::StoreError;

/// A theater's seats at one instant.
#[derive(Debug)]
pub struct SeatsView {
    pub inventory: Arc<Inventory>,
    /// The slot of each seat, in layout order.
    pub slots: Slots,
    /// The indices of the seats that are reserved under the caller's own reservation. Empty if the request names none.
    pub yours: HashSet<SeatIndex>,
    /// The instant at which expiry is decided.
    pub now: EpochMillis,
    /// The source of the slots.
    pub source: Source,
}

/// The source of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache.
    Hit,
    /// DynamoDB. The cache was filled from this answer.
    Miss,
    /// DynamoDB. The cache wasn't involved.
    Bypass,
}

/// The reasons why seats can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum GetSeatsError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has no such section. Holds the names of its sections.
    #[error("no such section")]
    UnknownSection(Vec<String>),
    /// The caller reads too often.
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Source {
    /// Returns its name in the header `X-Cache`, and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

impl BoxOffice {
    pub(super) fn view(&self, inventory: Arc<Inventory>, slots: Slots, source: Source) -> SeatsView {
        SeatsView { inventory, slots, yours: HashSet::new(), now: self.clock.now(), source }
    }
}
