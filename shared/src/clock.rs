//! The clock: the only place that asks the system for the time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::rules::time::EpochMillis;

/// Where "now" comes from. Handed in, so that a test can stand at the instant it is about.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's time of day. An instance that was frozen sees the hour that went by, as `Instant` would not.
    System,
    /// A time that only the holder of the clock moves.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands still at `now`.
    pub fn manual(now: EpochMillis) -> Self {
        Self::Manual(Arc::new(AtomicU64::new(now.0)))
    }

    /// Moves a manual clock; the system's can't be moved and stays as it is.
    pub fn set(&self, now: EpochMillis) {
        if let Self::Manual(time) = self {
            time.store(now.0, Ordering::SeqCst);
        }
    }

    /// The time of day. A system clock before 1970 counts as 1970.
    #[allow(clippy::disallowed_methods, reason = "the one place that may ask")]
    pub fn now(&self) -> EpochMillis {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                EpochMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Self::Manual(time) => EpochMillis(time.load(Ordering::SeqCst)),
        }
    }
}
