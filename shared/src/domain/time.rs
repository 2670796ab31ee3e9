//! Points in time: milliseconds for the order of writes, whole seconds for the expiry of reservations.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Used for the time of day and for the stamps of writes (`changed_at`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochMillis(u64);

/// Seconds since 1970-01-01T00:00:00Z. Used for the expiry of reservations (`expires_at`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochSeconds(u64);

impl EpochMillis {
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the instant one millisecond later.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Returns the whole days since 1970-01-01 in UTC.
    pub fn days(self) -> u64 {
        self.0 / 86_400_000
    }

    /// Returns the instant rounded down to a whole second.
    pub fn seconds(self) -> EpochSeconds {
        EpochSeconds(self.0 / 1000)
    }

    /// Returns the instant rounded up to a whole second.
    pub fn seconds_rounded_up(self) -> EpochSeconds {
        EpochSeconds(self.0.div_ceil(1000))
    }

    /// Returns the time since an earlier instant. Returns zero if that instant is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the end of a period of `seconds` that starts now. It is rounded up to a whole second, so that a buyer
    /// never gets less than promised.
    pub fn ends_after(self, seconds: u32) -> EpochSeconds {
        self.seconds_rounded_up() + Duration::from_secs(seconds.into())
    }
}

impl Add<Duration> for EpochMillis {
    type Output = Self;

    /// Returns the instant after a time, in whole milliseconds. It ends at the last instant.
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<EpochSeconds> for EpochMillis {
    /// Returns the begin of a second. It ends at the last instant.
    fn from(second: EpochSeconds) -> Self {
        Self(second.0.saturating_mul(1_000))
    }
}

impl fmt::Display for EpochMillis {
    /// Writes RFC 3339 in UTC with milliseconds: `2026-11-22T19:30:00.250Z`. After the year 9999 it writes the plain
    /// number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = i64::try_from(self.0).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
        match timestamp {
            Some(timestamp) => write!(f, "{timestamp:.3}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl EpochSeconds {
    /// The last instant that can be written as a date, 9999-12-30T22:00:00Z. RFC 3339 has four digits for the year,
    /// and jiff reserves a day for time zones.
    pub const LAST: Self = Self(253_402_207_200);

    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Returns `true` if this instant is now or in the past. Periods are half-open: at its end, a period is over.
    pub fn reached(self, now: EpochMillis) -> bool {
        now.seconds() >= self
    }

    /// Returns the whole seconds from `now` until this instant. Returns 0 for an instant in the past.
    pub fn remaining(self, now: EpochMillis) -> u64 {
        self.0.saturating_mul(1000).saturating_sub(now.0) / 1000
    }

    /// Returns the seconds after which this instant is reached: the time from `now` until then, rounded up.
    pub fn reached_in(self, now: EpochMillis) -> u64 {
        self.0.saturating_mul(1000).saturating_sub(now.0).div_ceil(1000)
    }
}

impl Add<Duration> for EpochSeconds {
    type Output = Self;

    /// Returns the instant after a time, in whole seconds. It ends at the last instant.
    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time.as_secs()))
    }
}

impl fmt::Display for EpochSeconds {
    /// Writes RFC 3339 in UTC with seconds: `2026-11-22T19:30:00Z`. After the year 9999 it writes the plain number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = i64::try_from(self.0).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        match timestamp {
            Some(timestamp) => write!(f, "{timestamp}"),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_is_reached_exactly_at_its_instant() {
        let end = EpochSeconds::new(1_000);
        assert!(!end.reached(EpochMillis::new(999_000)));
        assert!(!end.reached(EpochMillis::new(999_999)));
        assert!(end.reached(EpochMillis::new(1_000_000)));
        assert!(end.reached(EpochMillis::new(1_001_000)));
    }

    #[test]
    fn a_duration_is_never_shortened_by_rounding() {
        assert_eq!(EpochMillis::new(10_000).ends_after(5), EpochSeconds::new(15));
        assert_eq!(EpochMillis::new(10_001).ends_after(5), EpochSeconds::new(16));
        assert_eq!(EpochSeconds::new(16).remaining(EpochMillis::new(10_001)), 5);
        assert_eq!(EpochSeconds::new(16).remaining(EpochMillis::new(99_000)), 0);
        let waits = [10_000, 10_001, 15_001, 15_999, 16_000, 99_000];
        let waits = waits.map(|now| EpochSeconds::new(16).reached_in(EpochMillis::new(now)));
        assert_eq!(waits, [6, 6, 1, 1, 0, 0]);
        assert!(
            EpochSeconds::new(u64::MAX).remaining(EpochMillis::new(99_000)) > 1 << 50,
            "saturates and doesn't overflow"
        );
    }

    #[test]
    fn seconds_are_shown_as_rfc_3339() {
        assert_eq!(EpochSeconds::new(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(EpochSeconds::new(1_795_332_600).to_string(), "2026-11-22T07:30:00Z");
        assert_eq!(EpochSeconds::LAST.to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(EpochSeconds::new(u64::MAX).to_string(), u64::MAX.to_string());
    }

    #[test]
    fn milliseconds_are_shown_with_three_digits() {
        assert_eq!(EpochMillis::new(1_795_332_600_000).to_string(), "2026-11-22T07:30:00.000Z");
        assert_eq!(EpochMillis::new(1_795_332_600_007).to_string(), "2026-11-22T07:30:00.007Z");
        assert_eq!(EpochMillis::new(u64::MAX).to_string(), u64::MAX.to_string());
    }
}
