//! The stage of one history.

use std::sync::atomic::AtomicU64;

use tokio::sync::Mutex;

use crate::history::plan::Plan;
use crate::history::summary::Summary;

/// A history that is being executed.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) theater: String,
    pub(super) base: u64,
    pub(super) ticks: AtomicU64,
    pub(super) kept: Mutex<Option<Vec<u8>>>,
    pub(super) summary: &'a Summary,
}
