//! Tests of domain events from records of the stream.

use std::collections::HashMap;

use super::*;
use crate::domain::caller::Role;
use crate::domain::ids::ReservationId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::lines::FixedPrice;
use crate::domain::prices::TicketType;
use crate::domain::time::{EpochMillis, EpochSeconds};
use serde_json::json;

/// Attributes by name.
type Attributes = HashMap<&'static str, Value>;

const ANN: &str = "0188c0de-0000-7000-8000-00000000b001";
const BOB: &str = "0188c0de-0000-7000-8000-00000000b002";

fn image(attributes: &Attributes) -> Value {
    let typed = attributes.iter().map(|(name, value)| {
        let typed = match value {
            Value::Number(number) => json!({ "N": number.to_string() }),
            other => json!({ "S": other }),
        };
        ((*name).to_owned(), typed)
    });
    Value::Object(typed.collect())
}

fn reserved(by: &str, at: u64, until: u64) -> Attributes {
    let attributes = [("status", json!("reserved")), ("reservation_id", json!(by)), ("changed_at", json!(at))];
    attributes.into_iter().chain([("expires_at", json!(until))]).collect()
}

fn with(mut attributes: Attributes, name: &'static str, value: Value) -> Attributes {
    attributes.insert(name, value);
    attributes
}

fn other(status: &str, at: u64) -> Attributes {
    HashMap::from([("status", json!(status)), ("changed_at", json!(at)), ("expires_at", json!(9_999))])
}

fn read(sk: &str, old: Option<Attributes>, new: Option<Attributes>) -> Vec<DomainEventKind> {
    let events = try_read(sk, old, new).unwrap();
    assert!(events.iter().all(|event| event.inventory.to_string() == "1"));
    events.into_iter().map(|event| event.kind).collect()
}

fn try_read(sk: &str, old: Option<Attributes>, new: Option<Attributes>) -> Result<Vec<DomainEvent>, StoreError> {
    let pk = if sk == "BOOKING" { format!("BOOKING#1#-#{ANN}") } else { "THEATER#1".to_owned() };
    let name = match (&old, &new) {
        (None, _) => "INSERT",
        (_, None) => "REMOVE",
        _ => "MODIFY",
    };
    let mut images = json!({ "Keys": { "pk": { "S": pk }, "sk": { "S": sk } }, "SequenceNumber": "1" });
    for (name, attributes) in [("OldImage", old), ("NewImage", new)] {
        if let Some(attributes) = attributes {
            images[name] = image(&attributes);
        }
    }
    DomainEvent::read(&json!({ "eventName": name, "dynamodb": images }))
}

fn seat(by: &str, at: u64, until: u64) -> SeatReservation {
    SeatReservation {
        seat: SeatLabel::parse("A1").unwrap(),
        reservation: ReservationId::parse(by).unwrap(),
        changed_at: EpochMillis::new(at),
        expires_at: EpochSeconds::new(until),
    }
}

#[test]
fn old_and_new_images_give_seat_events() {
    let (ann, bob) = (reserved(ANN, 5_000, 10), reserved(BOB, 10_000, 20));
    let extended = reserved(ANN, 6_000, 30);
    let again = reserved(ANN, 10_000, 20);
    let expired = DomainEventKind::Expired(seat(ANN, 5_000, 10));
    for (old, new, events) in [
        (
            None,
            Some(ann.clone()),
            vec![DomainEventKind::Reserved { seat: seat(ANN, 5_000, 10), fixed_price: None, extended: false }],
        ),
        (
            Some(other("available", 1)),
            Some(ann.clone()),
            vec![DomainEventKind::Reserved { seat: seat(ANN, 5_000, 10), fixed_price: None, extended: false }],
        ),
        (
            Some(ann.clone()),
            Some(extended),
            vec![DomainEventKind::Reserved { seat: seat(ANN, 6_000, 30), fixed_price: None, extended: true }],
        ),
        (
            Some(ann.clone()),
            Some(other("available", 7_000)),
            vec![DomainEventKind::Released { seat: seat(ANN, 5_000, 10), at: EpochMillis::new(7_000) }],
        ),
        (Some(ann.clone()), Some(other("booked", 7_000)), vec![]),
        (Some(ann.clone()), Some(other("booked", 10_000)), vec![expired.clone()]),
        (
            Some(ann.clone()),
            Some(bob),
            vec![
                expired.clone(),
                DomainEventKind::Reserved { seat: seat(BOB, 10_000, 20), fixed_price: None, extended: false },
            ],
        ),
        (
            Some(ann.clone()),
            Some(again),
            vec![
                expired.clone(),
                DomainEventKind::Reserved { seat: seat(ANN, 10_000, 20), fixed_price: None, extended: false },
            ],
        ),
        (Some(ann.clone()), Some(other("removed", 10_000)), vec![expired.clone()]),
        (Some(ann), None, vec![expired]),
        (Some(other("available", 1)), None, vec![]),
        (Some(other("booked", 1)), Some(other("available", 2)), vec![]),
        (None, Some(other("removed", 1)), vec![]),
    ] {
        assert_eq!(read("SEAT#A1", old.clone(), new.clone()), events, "{old:?} {new:?}");
    }
}

#[test]
fn reserved_seat_has_the_price_of_its_item() {
    let priced = |price: u64| with(reserved(ANN, 5_000, 10), "price", json!(price));
    let child = |price| with(priced(price), "ticket_type", json!("child"));
    for (item, ticket_type, price) in [(priced(9_500), "standard", 9_500), (child(0), "child", 0)] {
        let events = read("SEAT#A1", None, Some(item));
        let fixed_price = Some(FixedPrice { ticket_type: TicketType::parse(ticket_type).unwrap(), price });
        assert_eq!(events, [DomainEventKind::Reserved { seat: seat(ANN, 5_000, 10), fixed_price, extended: false }]);
    }
    // Prices of the old item are those of another event.
    let released = read("SEAT#A1", Some(priced(9_500)), Some(other("available", 7_000)));
    assert_eq!(released.len(), 1);
    assert!(try_read("SEAT#A1", None, Some(priced(u64::MAX))).is_err(), "too high");
}

#[test]
fn booking_has_the_lines_and_the_reference_of_its_item() {
    let booking = HashMap::from([
        ("seats", json!("A1 A2")),
        ("booked_at", json!(7)),
        ("changed_at", json!(7)),
        ("request_token", json!("x")),
        ("lines", json!(r#"[["Stalls","A","1","premium",9500],["Stalls","A","2","premium",4500,"child"]]"#)),
        ("currency", json!("EUR")),
        ("reference", json!("order-4711")),
    ]);
    let cancelled = with(booking.clone(), "cancelled_at", json!(9));
    for (old, new) in [(None, booking.clone()), (Some(booking.clone()), cancelled)] {
        let events = read("BOOKING", old, Some(new));
        let [DomainEventKind::Booked(booked) | DomainEventKind::Cancelled { booked, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        let lines = booked.lines.as_ref().unwrap();
        assert_eq!((lines.total(), lines.currency().as_str()), (14_000, "EUR"));
        assert_eq!(booked.reference.as_ref().unwrap().as_str(), "order-4711");
    }
    for name in ["lines", "currency", "reference"] {
        let broken = with(booking.clone(), name, json!(5));
        assert!(try_read("BOOKING", None, Some(broken)).is_err(), "{name}");
    }
}

#[test]
fn booking_records_yield_created_and_cancelled_events() {
    let booking = HashMap::from([
        ("seats", json!("A1 A2")),
        ("booked_at", json!(7)),
        ("changed_at", json!(8)),
        ("request_token", json!("x")),
        ("reservation_id", json!(BOB)),
    ]);
    let cancelled = with(booking.clone(), "cancelled_at", json!(9));
    assert!(
        matches!(&read("BOOKING", None, Some(booking.clone()))[..], [DomainEventKind::Booked(booked)] if booked.seats.len() == 2)
    );
    let events = read("BOOKING", Some(booking.clone()), Some(cancelled));
    assert!(matches!(&events[..], [DomainEventKind::Cancelled { at, .. }] if *at == EpochMillis::new(9)));
    assert_eq!(read("BOOKING", Some(booking), None), []);
}

#[test]
fn layout_items_give_events_and_parts_give_none() {
    let layout = HashMap::from([("name", json!("Hall")), ("seats", json!("A1 A2")), ("layout_version", json!(7))]);
    assert_eq!(
        read("LAYOUT", None, Some(layout.clone())),
        [DomainEventKind::LayoutPut(LayoutSummary { name: "Hall".into(), version: LayoutVersion::new(7), seats: 2 })]
    );
    assert_eq!(
        read("LAYOUT", Some(layout.clone()), None),
        [DomainEventKind::LayoutRemoved { version: LayoutVersion::new(7) }]
    );
    assert_eq!(read("LAYOUT#7#0", None, Some(layout)), []);
}

#[test]
fn unreadable_new_image_fails_and_old_one_is_ignored() {
    let unreadable = || with(other("sold", 1), "reservation_id", json!(7));
    let keys = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" } });
    let record = json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys, "NewImage": image(&unreadable()) } });
    assert!(DomainEvent::read(&record).is_err());
    assert_eq!(read("SEAT#A1", Some(unreadable()), Some(reserved(ANN, 5_000, 10))).len(), 1);
    assert!(DomainEvent::read(&json!({})).is_err());
}

#[test]
fn change_by_staff_says_so() {
    let staff = |attributes| with(attributes, "by", json!("staff"));
    let roles = |sk: &str, old, new| -> Vec<_> {
        try_read(sk, old, Some(new)).unwrap().into_iter().map(|event| event.by).collect()
    };
    let by_staff = staff(reserved(ANN, 5_000, 10));
    assert_eq!(roles("SEAT#A1", None, by_staff.clone()), [Some(Role::Staff)]);
    assert_eq!(roles("SEAT#A1", Some(by_staff.clone()), staff(other("available", 6_000))), [Some(Role::Staff)]);
    assert_eq!(roles("SEAT#A1", Some(by_staff.clone()), other("available", 6_000)), [None], "released by the buyer");
    let taken_over = roles("SEAT#A1", Some(reserved(ANN, 5_000, 10)), staff(reserved(BOB, 11_000, 20)));
    assert_eq!(taken_over, [None, Some(Role::Staff)], "a reservation expires by itself");
    assert_eq!(try_read("SEAT#A1", Some(by_staff), None).unwrap()[0].by, None, "deleted by the TTL");
    assert!(try_read("SEAT#A1", None, Some(with(reserved(ANN, 5_000, 10), "by", json!("guest")))).is_err());
}
