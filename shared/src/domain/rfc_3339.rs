//! Instants in requests: RFC 3339 in whole seconds, with the offset from UTC.

use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::time::EpochSeconds;

/// Form of an instant, for messages.
pub const EXPECTED: &str = "an instant from 1970 to 9999 as in RFC 3339, in whole seconds with an offset: \
                            2026-12-01T20:15:00+01:00";

/// Parses an instant such as `2026-12-01T20:15:00+01:00` or `2026-12-01T19:15:00.000Z`.
///
/// A fraction of a second may only have zeros. Returns `None` for another form, for a date or a time of day that
/// doesn't exist, and for an instant before 1970 or after [`EpochSeconds::LAST`].
pub fn parse(text: &str) -> Option<EpochSeconds> {
    let (date_time, rest) = text.split_at_checked("2026-12-01T20:15:00".len())?;
    let [date, time] = fields(date_time, 'T')?;
    let ([year, month, day], [hour, minute, second]) = (fields(date, '-')?, fields(time, ':')?);
    let small = |text| digits(text, 2).and_then(|number| i8::try_from(number).ok());
    let (year, month, day) = (digits(year, 4)?, small(month)?, small(day)?);
    let date_time = DateTime::new(year, month, day, small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    let timestamp = offset(without_fraction(rest)?)?.to_timestamp(date_time).ok()?;
    let seconds = EpochSeconds::new(u64::try_from(timestamp.as_second()).ok()?);
    (seconds <= EpochSeconds::LAST).then_some(seconds)
}

/// Splits a text into exactly `N` fields.
pub(super) fn fields<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    text.split(separator).collect::<Vec<_>>().try_into().ok()
}

/// Reads exactly `count` decimal digits.
pub(super) fn digits(text: &str, count: usize) -> Option<i16> {
    (text.len() == count && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// Skips `.000`. A fraction has 1 to 9 digits.
fn without_fraction(rest: &str) -> Option<&str> {
    let Some(fraction) = rest.strip_prefix('.') else { return Some(rest) };
    let offset = fraction.trim_start_matches('0');
    (1..=9).contains(&(fraction.len() - offset.len())).then_some(offset)
}

/// Reads `Z` or `+01:00`.
fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, time) = match text.split_at_checked(1)? {
        ("+", time) => (1, time),
        ("-", time) => (-1, time),
        _ => return None,
    };
    let [hours, minutes] = fields(time, ':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let exists = (0..24).contains(&hours) && (0..60).contains(&minutes);
    let seconds = sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60);
    if exists { Offset::from_seconds(seconds).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_with_any_offset_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T05:45:00+05:45", 0),
            ("1969-12-31T19:00:00-05:00", 0),
            ("2026-11-22T07:30:00Z", 1_795_332_600),
            ("2026-11-22T08:30:00+01:00", 1_795_332_600),
            ("2026-11-22T07:30:00.000Z", 1_795_332_600),
            ("2026-11-22T07:30:00.0-00:00", 1_795_332_600),
            ("2024-02-29T12:00:00+14:00", 1_709_157_600),
            ("9999-12-30T22:00:00Z", EpochSeconds::LAST.as_secs()),
        ] {
            assert_eq!(parse(text), Some(EpochSeconds::new(seconds)), "{text}");
        }
    }

    #[test]
    fn other_forms_and_missing_instants_are_refused() {
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T20:15",
            "2026-12-01T20:15Z",
            "2026-12-01T20:15:00",
            "2026-12-01 20:15:00Z",
            "2026-12-01t20:15:00z",
            "2026-12-01T20:15:00 Z",
            " 2026-12-01T20:15:00Z",
            "2026-12-01T20:15:00Z ",
            "2026-12-01T20:15:00.5Z",
            "2026-12-01T20:15:00.Z",
            "2026-12-01T20:15:00.0000000000Z",
            "2026-12-01T20:15:00,000Z",
            "2026-12-01T20:15:00+1:00",
            "2026-12-01T20:15:00+0100",
            "2026-12-01T20:15:00+01",
            "2026-12-01T20:15:00+24:00",
            "2026-12-01T20:15:00+01:60",
            "2026-12-01T20:15:00+01:00[Europe/Vienna]",
            "2026-02-29T20:15:00Z",
            "2026-11-31T20:15:00Z",
            "2026-13-01T20:15:00Z",
            "2026-00-01T20:15:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T20:60:00Z",
            "2016-12-31T23:59:60Z",
            "+026-12-01T20:15:00Z",
            "2026-+1-01T20:15:00Z",
            "02026-12-01T20:15:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59-23:59",
            "2026\u{2010}12-01T20:15Z",
            "\u{662}\u{660}\u{662}\u{666}-12-01T20:15:00Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn written_instants_are_read_back(seconds in 0..=EpochSeconds::LAST.as_secs()) {
            let instant = EpochSeconds::new(seconds);
            prop_assert_eq!(parse(&instant.to_string()), Some(instant));
        }

        #[test]
        fn every_text_is_read_or_refused(text in "[0-9TZ:.+-]{0,30}|.{0,30}") {
            let _ = parse(&text);
        }
    }
}
