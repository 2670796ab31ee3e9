//! Tests of the file format and of the example files.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice::domain::ids::ShowId;
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::prices::PriceList;
use boxoffice::domain::rfc_3339;
use boxoffice::domain::sale::SaleState;
use boxoffice::domain::time::EpochMillis;
use serde_json::{Value, json};

use crate::file::{self, Contents, Seen};
use crate::shows::NewShow;

/// Noon in Vienna.
const NOON: &str = "2026-12-01T12:00:00+01:00";

fn at(now: &str) -> EpochMillis {
    rfc_3339::parse(now).unwrap().into()
}

fn parse_at(text: &str, now: &str) -> Result<Contents, String> {
    file::parse(text.as_bytes(), at(now), &mut Seen::default()).map_err(|error| error.to_string())
}

/// Returns the shows of one entry, read at a time.
fn shows_at(entry: &Value, now: &str) -> Result<Vec<NewShow>, String> {
    parse_at(&json!({ "shows": [entry] }).to_string(), now).map(|contents| contents.shows)
}

/// Returns the id and the start of each show.
fn starts(entry: &Value, now: &str) -> Vec<(String, String)> {
    let shows = shows_at(entry, now).unwrap();
    shows.iter().map(|show| (show.id.to_string(), show.put.starts_at.as_str().to_owned())).collect()
}

fn fixed() -> Value {
    json!({
        "show_id": "evening-1", "theater_id": "hall", "title": "Tosca",
        "starts_at": "2026-12-01T20:15:00+01:00", "timezone": "Europe/Vienna",
    })
}

fn daily() -> Value {
    json!({
        "show_id": "hall-{date}", "theater_id": "hall", "title": "Tosca",
        "days": [-1, 0, 1], "time": "20:15", "timezone": "Europe/Vienna",
    })
}

fn with(mut entry: Value, name: &str, value: Value) -> Value {
    entry[name] = value;
    entry
}

fn without(mut entry: Value, name: &str) -> Value {
    entry.as_object_mut().unwrap().remove(name);
    entry
}

#[test]
fn fixed_show_has_the_start_of_its_text() {
    let entry = with(fixed(), "sale", json!({ "state": "paused", "closes_at": "2026-12-01T18:00:00Z" }));
    let entry = with(entry, "extra", json!({ "poster": 1 }));
    let shows = shows_at(&with(entry, "layout_version", json!(7)), NOON).unwrap();
    let [NewShow { id, theater, put, .. }] = shows.as_slice() else { panic!("one show") };
    assert_eq!((id.as_str(), theater.as_str()), ("evening-1", "hall"));
    assert_eq!(put.starts_at.as_str(), "2026-12-01T20:15:00+01:00");
    let sale = put.sale.unwrap();
    assert_eq!((sale.state(), sale.closes_at()), (SaleState::Paused, rfc_3339::parse("2026-12-01T18:00:00Z")));
    assert_eq!((put.layout_version, put.extra.is_some()), (Some(LayoutVersion::new(7)), true));
}

#[test]
fn daily_show_is_a_show_of_each_day() {
    let expected = [
        ("hall-2026-11-30", "2026-11-30T20:15:00+01:00"),
        ("hall-2026-12-01", "2026-12-01T20:15:00+01:00"),
        ("hall-2026-12-02", "2026-12-02T20:15:00+01:00"),
    ];
    let expected = expected.map(|(id, start)| (id.to_owned(), start.to_owned()));
    assert_eq!(starts(&daily(), NOON), expected);
    assert_eq!(shows_at(&daily(), NOON).unwrap()[0].put.sale, None, "an operator's pause stays");
}

#[test]
fn today_is_the_day_in_the_time_zone_of_the_show() {
    let today = |zone: &str, now: &str| {
        let entry = with(with(daily(), "days", json!([0])), "timezone", json!(zone));
        starts(&entry, now)[0].0.clone()
    };
    for (zone, now, id) in [
        // An hour around midnight in UTC.
        ("Europe/Vienna", "2026-12-01T22:59:59Z", "hall-2026-12-01"),
        ("Europe/Vienna", "2026-12-01T23:00:00Z", "hall-2026-12-02"),
        ("Europe/Vienna", "2026-12-02T00:00:00Z", "hall-2026-12-02"),
        ("UTC", "2026-12-01T23:59:59Z", "hall-2026-12-01"),
        ("UTC", "2026-12-02T00:00:00Z", "hall-2026-12-02"),
        ("America/New_York", "2026-12-02T00:00:00Z", "hall-2026-12-01"),
        ("Pacific/Kiritimati", "2026-12-01T10:00:00Z", "hall-2026-12-02"),
    ] {
        assert_eq!(today(zone, now), id, "{zone} {now}");
    }
}

#[test]
fn a_show_keeps_its_id_and_its_start_on_the_next_day() {
    let entry = with(daily(), "sale", json!({ "state": "open", "opens_at": { "day": -2, "time": "10:00" } }));
    let by_id = |now: &str| -> BTreeMap<String, String> {
        let shows = shows_at(&entry, now).unwrap();
        shows.iter().map(|show| (show.id.to_string(), format!("{:?}", show.put))).collect()
    };
    let (today, tomorrow) = (by_id(NOON), by_id("2026-12-02T12:00:00+01:00"));
    let both: Vec<_> = today.iter().filter(|(id, _)| tomorrow.contains_key(*id)).collect();
    assert_eq!(both.len(), 2);
    for (id, put) in both {
        assert_eq!(tomorrow.get(id), Some(put), "{id}");
    }
}

/// Clocks in Vienna are set forward on 2026-03-29 and back on 2026-10-25.
#[test]
fn each_day_has_its_own_offset() {
    let starts_of = |now: &str, time: &str| -> Vec<String> {
        starts(&with(daily(), "time", json!(time)), now).into_iter().map(|(_, start)| start).collect()
    };
    let spring = "2026-03-29T12:00:00+02:00";
    let expected = ["2026-03-28T20:15:00+01:00", "2026-03-29T20:15:00+02:00", "2026-03-30T20:15:00+02:00"];
    assert_eq!(starts_of(spring, "20:15"), expected);
    let expected = ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"];
    assert_eq!(starts_of(spring, "02:30"), expected, "half past two doesn't exist on the 29th");
    let expected = ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"];
    assert_eq!(starts_of("2026-10-25T12:00:00+01:00", "02:30"), expected, "the first half past two of the 25th");
    // One minute before the short day, and in its first minute.
    assert_eq!(starts_of("2026-03-28T23:59:00+01:00", "20:15")[1], "2026-03-28T20:15:00+01:00");
    assert_eq!(starts_of("2026-03-29T00:00:00+01:00", "20:15")[1], "2026-03-29T20:15:00+02:00");
}

#[test]
fn instants_of_a_sale_are_relative_to_the_day_of_the_show() {
    let sale = json!({
        "state": "open",
        "opens_at": { "day": -2, "time": "10:00" },
        "closes_at": { "day": 0, "time": "20:00" },
        "booking_closes_at": { "day": 1, "time": "02:30" },
    });
    let days = with(daily(), "days", json!([0, 3]));
    let shows = shows_at(&with(days, "sale", sale.clone()), "2026-10-24T12:00:00+02:00").unwrap();
    let instants = |show: &NewShow| {
        let sale = show.put.sale.unwrap();
        [sale.opens_at(), sale.closes_at(), sale.booking_closes_at()].map(|instant| instant.unwrap().to_string())
    };
    assert_eq!(instants(&shows[0]), ["2026-10-22T08:00:00Z", "2026-10-24T18:00:00Z", "2026-10-25T00:30:00Z"]);
    assert_eq!(instants(&shows[1]), ["2026-10-25T09:00:00Z", "2026-10-27T19:00:00Z", "2026-10-28T01:30:00Z"]);
    // The show of an instant has a local day, too.
    let shows = shows_at(&with(fixed(), "sale", sale), NOON).unwrap();
    assert_eq!(instants(&shows[0])[0], "2026-11-29T09:00:00Z");
}

#[test]
fn every_wrong_field_of_an_entry_is_named() {
    let booking = json!({ "booking_id": "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64", "seats": ["A1"] });
    let booking_with = |name: &str, value: Value| json!([with(booking.clone(), name, value)]);
    let sale = |name: &str, value: Value| with(json!({ "state": "open" }), name, value);
    for (entry, fault) in [
        (without(fixed(), "show_id"), "show_id: expected 1 to 64"),
        (with(fixed(), "show_id", json!("a b")), "show_id: expected 1 to 64"),
        (with(fixed(), "theater_id", json!(1)), "theater_id: expected 1 to 64"),
        (with(fixed(), "title", json!("")), "title: expected a title"),
        (with(fixed(), "timezone", json!("Europe/Wien")), "timezone: expected the IANA name"),
        (with(fixed(), "starts_at", json!("2026-12-01T20:15:00")), "starts_at: expected an instant"),
        (with(fixed(), "copy_of", json!("evening-2")), "copy_of: "),
        (with(fixed(), "days", json!([0])), ": expected either starts_at, or days and time"),
        (without(fixed(), "starts_at"), ": expected either starts_at, or days and time"),
        (without(daily(), "time"), "time: expected a time of day"),
        (without(daily(), "days"), "days: expected a list of 1 to 62 days"),
        (with(daily(), "days", json!([])), "days: expected a list of 1 to 62 days"),
        (with(daily(), "days", json!([0.5])), "days[0]: expected a whole number of days from -366 to 366"),
        (with(daily(), "days", json!([367])), "days[0]: expected a whole number of days from -366 to 366"),
        (with(daily(), "days", json!([0, 0])), "show_id: expected each show once, hall-2026-12-01 is there twice"),
        (with(daily(), "time", json!("24:00")), "time: expected a time of day such as 20:15"),
        (with(daily(), "show_id", json!("hall")), "show_id: expected an id with {date} for the day"),
        (with(daily(), "show_id", json!("a/{date}")), "show_id: expected 1 to 64"),
        (with(fixed(), "sale", json!({})), "sale.state: expected open, paused or closed"),
        (with(fixed(), "sale", sale("opens_at", json!("noon"))), "sale.opens_at: expected an instant"),
        (with(fixed(), "sale", sale("opens_at", json!({ "day": 0 }))), "sale.opens_at.time: expected a time of day"),
        (
            with(daily(), "sale", sale("opens_at", json!({ "day": -367, "time": "10:00" }))),
            "sale.opens_at.day: expected a whole number of days",
        ),
        (
            with(
                daily(),
                "sale",
                with(
                    sale("opens_at", json!({ "day": 0, "time": "10:00" })),
                    "closes_at",
                    json!({ "day": 0, "time": "10:00" }),
                ),
            ),
            "sale.closes_at: expected an instant after opens_at",
        ),
        (with(fixed(), "prices", json!({ "box": { "Child": 1 } })), "prices.box.Child: expected"),
        (with(fixed(), "extra", json!([])), "extra: expected"),
        (with(fixed(), "bookings", json!([1])), "bookings[0]: expected a JSON object"),
        (with(fixed(), "bookings", booking_with("booking_id", json!("1"))), "bookings[0].booking_id: expected a UUID"),
        (
            with(fixed(), "bookings", booking_with("booking_id", json!("0b9f3c1e-52a7-8f86-b1d0-7c3e9a5d2f64"))),
            "bookings[0].booking_id: expected a UUID of another version than 8",
        ),
        (with(fixed(), "bookings", json!([booking, booking])), "bookings[1].booking_id: expected each booking once"),
        (with(fixed(), "bookings", booking_with("seats", json!([]))), "bookings[0].seats: expected a list of 1 to 49"),
        (
            with(fixed(), "bookings", booking_with("seats", json!(["A 1"]))),
            "bookings[0].seats[0]: expected a seat label",
        ),
    ] {
        let error = shows_at(&entry, NOON).unwrap_err();
        let expected = if fault.starts_with(':') { format!("shows[0]{fault}") } else { format!("shows[0].{fault}") };
        assert!(error.starts_with(&expected) && error.lines().count() == 1, "{error}\nfor {entry}, not {expected}");
    }
}

#[test]
fn shows_fit_the_theaters_of_their_file() {
    let theater = json!({
        "theater_id": "hall", "name": "Hall",
        "categories": [{ "category": "stalls", "price": 900, "currency": "EUR" }],
        "sections": [{ "section": "Stalls", "prefix": "S", "rows": [{ "row": "A", "first": 1, "last": 2, "category": "stalls" }] }],
    });
    let error = |entry: &Value| {
        parse_at(
            &json!({ "theaters": [theater], "shows": [fixed(), with(entry.clone(), "show_id", json!("x-{date}"))] })
                .to_string(),
            NOON,
        )
    };
    let bookings = json!([{ "booking_id": "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64", "seats": ["S-A-1", "S-A-3"] }]);
    let wrong = with(with(daily(), "prices", json!({ "box": { "standard": 1 } })), "bookings", bookings);
    let text = error(&wrong).unwrap_err();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("shows[1].prices.box: expected "), "{text}");
    assert_eq!(&lines[1..], ["shows[1].bookings[0].seats[1]: expected a seat of theater hall"], "each once: {text}");
    assert!(error(&with(daily(), "prices", json!({ "stalls": { "child": 1 } }))).is_ok());
}

#[test]
fn ids_differ_over_all_files() {
    let mut seen = Seen::default();
    let mut parse = |text: &Value| {
        file::parse(text.to_string().as_bytes(), at(NOON), &mut seen).map(|_| ()).map_err(|error| error.to_string())
    };
    let theaters = json!({ "theaters": [{ "theater_id": "hall", "name": "Hall", "seats": ["A1"] }] });
    let shows = json!({ "shows": [fixed()] });
    assert_eq!((parse(&theaters), parse(&shows)), (Ok(()), Ok(())));
    assert!(parse(&theaters).unwrap_err().contains("theaters[0].theater_id: expected each theater once"));
    assert!(parse(&shows).unwrap_err().contains("shows[0].show_id: expected each show once, evening-1 is there twice"));
    assert_eq!(parse(&json!({})), Err("file: expected theaters, shows, or both".to_owned()));
}

/// Reads an example file of the checkout.
fn example(name: &str, now: &str) -> Contents {
    let root = boxoffice_checkout();
    let text = std::fs::read_to_string(root.join(name)).unwrap();
    parse_at(&text, now).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn boxoffice_checkout() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn demo_cinema_has_three_halls_and_two_currencies() {
    let Contents { theaters, .. } = example("local/cinema.json", NOON);
    let halls: Vec<_> = theaters
        .into_iter()
        .map(|theater| {
            let layout: Layout = theater.layout.into_layout(theater.id, LayoutVersion::new(1)).unwrap();
            let currency = PriceList::of(&layout).unwrap().currency();
            let accessible = layout.plan().places().iter().filter(|place| place.accessible).count();
            let types: BTreeSet<_> = layout
                .plan()
                .categories()
                .iter()
                .flat_map(|category| category.prices.iter().map(|(ticket_type, _)| ticket_type.to_string()))
                .collect();
            assert_eq!(types.into_iter().collect::<Vec<_>>(), ["child", "standard", "student"]);
            assert!(accessible >= 2 && layout.plan().sections().len() >= 2, "{}", layout.theater);
            (layout.seats().len(), currency.to_string())
        })
        .collect();
    assert_eq!(halls, [(60, "EUR".to_owned()), (120, "EUR".to_owned()), (300, "CHF".to_owned())]);
    assert_eq!(example("local/theaters.json", NOON).shows.len(), 0);
}

#[test]
fn demo_cinema_shows_two_to_four_films_a_day() {
    // Days of both offsets, a change of the clock, and the turn of a year.
    for now in [NOON, "2026-07-01T12:00:00+02:00", "2026-03-29T12:00:00+02:00", "2026-12-31T23:30:00Z"] {
        let shows = example("local/cinema.json", now).shows;
        let now = at(now);
        let mut of_day: BTreeMap<(String, String), usize> = BTreeMap::new();
        for show in &shows {
            let timezone = show.put.timezone.as_ref().unwrap();
            let local = timezone.local_start(show.put.starts_at.instant()).unwrap();
            assert!(show.id.as_str().contains(&local.date.to_string()), "{} starts on {}", show.id, local.date);
            *of_day.entry((show.theater.to_string(), local.date.to_string())).or_default() += 1;
        }
        assert_eq!(of_day.len(), 3 * 7);
        assert!(of_day.values().all(|count| (2..=4).contains(count)), "{of_day:?}");
        let on_sale =
            |show: &&NewShow| show.put.sale.is_none_or(|sale| sale.on_sale(now, Some(show.put.starts_at.instant())));
        let mut refused: Vec<&ShowId> = Vec::new();
        refused.extend(shows.iter().filter(|show| !on_sale(show)).map(|show| &show.id));
        assert_eq!(refused.len(), 2, "one is paused, one not yet on sale: {refused:?}");
        let sold_out: Vec<_> = shows.iter().filter(|show| !show.bookings.is_empty()).collect();
        let [sold_out] = sold_out.as_slice() else { panic!("one sold-out show") };
        let seats = sold_out.bookings.iter().flat_map(|booking| &booking.seats);
        let seats: BTreeSet<_> = seats.map(|seat| seat.seat.to_string()).collect();
        assert_eq!(seats.len(), 60);
        let matinees = shows.iter().filter(|show| show.id.as_str().ends_with("-matinee"));
        assert!(matinees.clone().count() == 21 && matinees.clone().all(|show| show.put.prices.is_some()));
    }
}

/// The bookings are made while `make run` starts, at any time of the day.
#[test]
fn sold_out_show_is_on_sale_all_day() {
    for minute in (0..24 * 60).step_by(7) {
        let now = EpochMillis::from(rfc_3339::parse("2026-12-01T00:00:00+01:00").unwrap())
            + std::time::Duration::from_secs(minute * 60);
        let text = std::fs::read_to_string(boxoffice_checkout().join("local/cinema.json")).unwrap();
        let shows = file::parse(text.as_bytes(), now, &mut Seen::default()).unwrap().shows;
        let show = shows.iter().find(|show| !show.bookings.is_empty()).unwrap();
        assert!(show.put.sale.unwrap().on_sale(now, Some(show.put.starts_at.instant())), "minute {minute}");
    }
}
