//! The stage of one history.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::Call;
use crate::history::plan::{InventoryKind, Plan};
use crate::history::summary::Summary;

/// A history that is being executed.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    /// The id of the theater, and of the show if the history sells one.
    pub(super) id: String,
    pub(super) base: u64,
    pub(super) ticks: AtomicU64,
    pub(super) kept: Mutex<Option<Vec<u8>>>,
    pub(super) summary: &'a Summary,
}

impl Stage<'_> {
    /// Returns the number of the next begin or end of a call.
    pub(super) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// Returns the same call on the inventory of the history.
    pub(super) fn on_inventory(&self, call: Call) -> Call {
        match self.plan.inventory {
            InventoryKind::Theater => call,
            InventoryKind::Show => call.of_show(),
        }
    }

    /// Returns the partition key of the seats.
    pub(super) fn seats_pk(&self) -> String {
        match self.plan.inventory {
            InventoryKind::Theater => format!("THEATER#{}", self.id),
            InventoryKind::Show => format!("SHOW#{}", self.id),
        }
    }

    /// Returns the name of the inventory in keys of the cache.
    pub(super) fn cache_name(&self) -> String {
        match self.plan.inventory {
            InventoryKind::Theater => self.id.clone(),
            InventoryKind::Show => format!("show/{}", self.id),
        }
    }
}
