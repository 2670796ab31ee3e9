//! Versions of layouts.

use std::fmt;

use super::time::EpochMillis;

/// Version of a layout. Every change of a layout raises it. Seat indexes are valid only within one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayoutVersion(u64);

impl LayoutVersion {
    pub const fn new(version: u64) -> Self {
        Self(version)
    }

    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Returns the version of a layout that is put now: the time in milliseconds, or the number after the previous
    /// version if the clock is behind it.
    pub fn following(previous: Option<Self>, now: EpochMillis) -> Self {
        Self(now.as_millis().max(previous.map_or(1, |previous| previous.0 + 1)))
    }
}

impl fmt::Display for LayoutVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
