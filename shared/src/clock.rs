//! The clock. This is the only place that reads the system's time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::time::EpochMillis;

/// The source of the current time. It is a parameter everywhere, so that a test can choose the instant.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's time of day. After an instance was frozen, it shows the elapsed time, unlike `Instant`.
    System,
    /// A time that changes only when the owner of the clock sets it.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Creates a clock that stands still at `now`.
    pub fn manual(now: EpochMillis) -> Self {
        Self::Manual(Arc::new(AtomicU64::new(now.as_millis())))
    }

    /// Sets a manual clock. Does nothing for the system clock.
    pub fn set(&self, now: EpochMillis) {
        if let Self::Manual(time) = self {
            time.store(now.as_millis(), Ordering::SeqCst);
        }
    }

    /// Returns the time of day. A system clock before 1970 counts as 1970.
    #[allow(clippy::disallowed_methods, reason = "the one place that may ask")]
    pub fn now(&self) -> EpochMillis {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                EpochMillis::new(u64::try_from(since.as_millis()).expect("milliseconds since 1970 fit into 64 bits"))
            }
            Self::Manual(time) => EpochMillis::new(time.load(Ordering::SeqCst)),
        }
    }
}
