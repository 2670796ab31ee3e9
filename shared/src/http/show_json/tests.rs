//! Tests of bodies and documents.

use serde_json::{Value, json};

use super::*;
use crate::domain::availability_level::SeatCounts;
use crate::domain::ids::ShowId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::new_show::PutShow;
use crate::domain::sale::SaleTerms;
use crate::domain::show::Show;
use crate::domain::time::EpochMillis;
use crate::json::{self, Faults, Object};

const NOW: EpochMillis = EpochMillis::new(1_795_000_000_000);

fn read<T>(
    body: &Value,
    fields: &[&str],
    read: impl FnOnce(&Object<'_, '_, '_>) -> Option<T>,
) -> Result<T, Vec<String>> {
    let faults = Faults::default();
    let value = json::read(body.to_string().as_bytes(), "body", &faults, |node| node.object(fields, read));
    value.ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect())
}

fn show(body: &Value) -> Result<PutShow, Vec<String>> {
    read(body, SHOW_FIELDS, read_show)
}

fn sale(body: &Value) -> Result<SaleTerms, Vec<String>> {
    read(body, SALE_FIELDS, read_sale)
}

/// Returns the fields of faults.
fn fields<T: std::fmt::Debug>(read: Result<T, Vec<String>>) -> Vec<String> {
    let faults = read.unwrap_err();
    faults.iter().map(|fault| fault.split_once(": expected ").unwrap().0.to_owned()).collect()
}

fn full() -> Value {
    json!({
        "theater_id": "opera",
        "title": " Tosca ",
        "starts_at": "2026-12-01T20:15:00+01:00",
        "timezone": "Europe/Vienna",
        "layout_version": 7,
        "sale": { "state": "open", "opens_at": "2026-11-20T10:00:00+01:00", "closes_at": "2026-12-01T18:00:00Z" },
        "prices": { "premium": { "standard": 9000 } },
        "extra": { "poster": [1, null] },
    })
}

fn created(body: &Value) -> Show {
    let request = show(body).unwrap().complete(None).unwrap();
    request.create(ShowId::parse("evening-1").unwrap(), LayoutVersion::new(3), NOW).unwrap()
}

#[test]
fn show_is_written_as_it_was_read() {
    let show = created(&full());
    let counts = SeatCounts { available: 1, reserved: 2, booked: 97 };
    let availability = AvailabilityBody::of(&counts, EpochMillis::new(NOW.as_millis() - 3_999), NOW);
    let body = ShowBody::of(&show, Some("EUR"), NOW).with_availability(availability);
    let expected = json!({
        "show_id": "evening-1",
        "theater_id": "opera",
        "title": "Tosca",
        "starts_at": "2026-12-01T20:15:00+01:00",
        "timezone": "Europe/Vienna",
        "local_date": "2026-12-01",
        "local_time": "20:15",
        "layout_version": 7,
        "version": NOW.as_millis(),
        "sale": {
            "state": "open",
            "opens_at": "2026-11-20T09:00:00Z",
            "closes_at": "2026-12-01T18:00:00Z",
            "on_sale": false,
        },
        "prices": { "premium": { "standard": 9000 } },
        "currency": "EUR",
        "extra": { "poster": [1, null] },
        "availability": { "level": "few", "age": 3, "seats": 100, "available": 1, "reserved": 2, "booked": 97 },
    });
    assert_eq!(serde_json::to_value(body).unwrap(), expected);
}

#[test]
fn entry_has_a_level_and_its_age_if_it_is_known() {
    let mut body = full();
    for optional in ["layout_version", "sale", "prices", "extra"] {
        body.as_object_mut().unwrap().remove(optional);
    }
    let show = created(&body);
    assert_eq!(show.layout_version, LayoutVersion::new(3));
    let written = serde_json::to_value(ShowBody::of(&show, None, NOW)).unwrap();
    for absent in ["prices", "currency", "extra", "availability"] {
        assert!(written.get(absent).is_none(), "{absent}");
    }
    let entry = show.entry();
    let listed = |availability| serde_json::to_value(ListedShow::of(&entry, availability, NOW)).unwrap();
    let expected = json!({
        "show_id": "evening-1",
        "theater_id": "opera",
        "title": "Tosca",
        "starts_at": "2026-12-01T20:15:00+01:00",
        "timezone": "Europe/Vienna",
        "local_date": "2026-12-01",
        "local_time": "20:15",
        "sale": { "state": "open", "on_sale": true },
        "availability": { "level": "unknown" },
    });
    assert_eq!(listed(ListedAvailability::unknown()), expected);
    let counted = ListedAvailability::of(&SeatCounts::untouched(5), NOW, NOW);
    assert_eq!(listed(counted)["availability"], json!({ "level": "many", "age": 0 }));
}

#[test]
fn only_a_copy_may_miss_members() {
    assert_eq!(fields(show(&json!({}))), ["theater_id", "title", "starts_at", "timezone"]);
    assert_eq!(fields(show(&json!({ "copy_of": "evening-1" }))), ["starts_at"]);
    let copy = show(&json!({ "copy_of": "evening-1", "starts_at": "2026-12-02T20:15:00+01:00" })).unwrap();
    assert_eq!((copy.copy_of.unwrap().as_str(), copy.title, copy.prices), ("evening-1", None, None));
}

#[test]
fn every_wrong_member_of_a_show_is_named() {
    for (name, wrong) in [
        ("copy_of", json!("a/b")),
        ("theater_id", json!(null)),
        ("title", json!("")),
        ("title", json!("a\u{202e}b")),
        ("starts_at", json!("2026-12-01T20:15:00")),
        ("starts_at", json!("2026-12-32T20:15:00Z")),
        ("starts_at", json!(1_795_000_000)),
        ("timezone", json!("Europe/Wien")),
        ("layout_version", json!(-1)),
        ("layout_version", json!("7")),
        ("sale", json!("open")),
        ("prices", json!([])),
        ("extra", json!([])),
        ("title_", json!("")),
    ] {
        let mut body = full();
        body[name] = wrong.clone();
        assert_eq!(fields(show(&body)), [name], "{wrong}");
    }
    let several = json!({
        "theater_id": "a/b", "title": 7, "starts_at": "", "timezone": "", "sale": { "state": "on" },
        "prices": { "premium": { "Child": 1 } }, "extra": null, "layout_version": 0.5,
    });
    let mut named = fields(show(&several));
    named.sort_unstable();
    let all = ["extra", "layout_version", "prices.premium.Child", "sale.state", "starts_at", "theater_id", "timezone"];
    assert_eq!(named, [&all[..], &["title"]].concat());
}

#[test]
fn sale_has_a_state_and_instants_in_order() {
    let read = sale(&json!({ "state": "closed", "booking_closes_at": "2026-12-01T18:00:00.000Z" })).unwrap();
    let written = serde_json::to_value(SaleBody::of(&read, None, NOW)).unwrap();
    assert_eq!(written, json!({ "state": "closed", "booking_closes_at": "2026-12-01T18:00:00Z", "on_sale": false }));
    let (first, second) = ("2026-12-01T18:00:00Z", "2026-12-01T18:00:01Z");
    for (body, named) in [
        (json!({}), vec!["state"]),
        (json!({ "state": "Open" }), vec!["state"]),
        (json!({ "state": "open", "opens_at": null }), vec!["opens_at"]),
        (json!({ "state": "open", "opens_at": first, "closes_at": first }), vec!["closes_at"]),
        (json!({ "state": "open", "closes_at": second, "booking_closes_at": first }), vec!["booking_closes_at"]),
        (json!({ "state": "on", "opens_at": second, "closes_at": first }), vec!["state", "closes_at"]),
        (
            json!({ "opens_at": "soon", "closes_at": "later", "until": 1 }),
            vec!["until", "state", "opens_at", "closes_at"],
        ),
    ] {
        assert_eq!(fields(sale(&body)), named, "{body}");
    }
}

#[test]
fn sale_of_a_show_names_the_whole_path() {
    let mut body = full();
    body["sale"]["closes_at"] = json!("2026-11-20T09:00:00Z");
    assert_eq!(show(&body).unwrap_err(), ["sale.closes_at: expected an instant after opens_at"]);
}
