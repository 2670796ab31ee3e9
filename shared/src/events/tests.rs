//! Tests of events.

use super::*;
use crate::domain::caller::Role;
use crate::domain::ids::{BookingId, ReservationId};
use crate::domain::lines::{FixedPrice, Line, Lines};
use crate::domain::prices::{Currency, TicketType};
use crate::domain::sale::SaleState;
use crate::domain::seat_request::Reference;
use crate::domain::time::EpochSeconds;

fn event(kind: DomainEventKind) -> DomainEvent {
    DomainEvent { inventory: InventoryId::parse("1").unwrap(), by: None, kind }
}

fn seat(label: &str, at: u64) -> SeatReservation {
    SeatReservation {
        seat: SeatLabel::parse(label).unwrap(),
        reservation: ReservationId::new(Uuid::from_u128(7)),
        changed_at: EpochMillis::new(at),
        expires_at: EpochSeconds::new(100),
    }
}

fn booked() -> BookedSeats {
    BookedSeats {
        booking: BookingId::new(Uuid::from_u128(8)),
        seats: vec![SeatLabel::parse("A1").unwrap()],
        reservation: Some(ReservationId::new(Uuid::from_u128(7))),
        booked_at: EpochMillis::new(5),
        changed_at: EpochMillis::new(5),
        lines: None,
        reference: None,
    }
}

fn id(kind: DomainEventKind) -> Value {
    Event::of(&event(kind)).detail["id"].clone()
}

fn show_removed(version: u64) -> DomainEventKind {
    DomainEventKind::ShowRemoved { theater: TheaterId::parse("hall").unwrap(), version: Version::new(version) }
}

fn sale(version: u64) -> DomainEventKind {
    let second = |at| Some(EpochSeconds::new(at));
    let terms = SaleTerms::new(SaleState::Paused, second(100), second(200), second(300)).unwrap();
    DomainEventKind::SaleChanged { terms, version: Version::new(version) }
}

/// Returns the payload of an event of a show, without its id.
fn of_show(kind: DomainEventKind) -> Value {
    let event = DomainEvent { inventory: InventoryId::parse("show/evening-1").unwrap(), by: None, kind };
    let mut detail = Event::of(&event).detail;
    detail.as_object_mut().unwrap().remove("id");
    detail
}

#[test]
fn ids_of_a_theaters_events_never_change() {
    let reserved = DomainEventKind::Reserved { seat: seat("A1", 5), fixed_price: None, extended: false };
    assert_eq!(id(reserved), "df249f93-fb4a-5c13-b5af-f82cad6b64ab");
    assert_eq!(id(DomainEventKind::Booked(booked())), "88b2890c-10d9-5a2d-a1ac-0425fb318274");
    assert_eq!(
        id(DomainEventKind::LayoutRemoved { version: LayoutVersion::new(5) }),
        "2b7424e0-f61f-5111-bc2f-0e69cf2f8f67"
    );
}

#[test]
fn show_and_theater_of_one_name_have_other_events() {
    let of = |inventory: &str| {
        let inventory = InventoryId::parse(inventory).unwrap();
        Event::of(&DomainEvent { inventory, by: None, kind: DomainEventKind::Expired(seat("A1", 5)) }).detail
    };
    let (theater, show) = (of("one"), of("show/one"));
    assert_ne!(theater["id"], show["id"]);
    assert_eq!((&theater["theater_id"], &theater["show_id"]), (&json!("one"), &Value::Null));
    assert_eq!((&show["theater_id"], &show["show_id"]), (&Value::Null, &json!("one")));
}

#[test]
fn reserved_seat_has_its_ticket_type_and_price() {
    let fixed_price = Some(FixedPrice { ticket_type: TicketType::standard(), price: 0 });
    let detail = of_show(DomainEventKind::Reserved { seat: seat("A1", 5), fixed_price, extended: false });
    assert_eq!((&detail["ticket_type"], &detail["price"]), (&json!("standard"), &json!(0)));
    let reserved = DomainEventKind::Reserved { seat: seat("A1", 5), fixed_price: None, extended: false };
    assert!(!of_show(reserved).to_string().contains("price"));
}

#[test]
fn booking_has_lines_total_currency_and_reference() {
    let fixed_price = Some(FixedPrice { ticket_type: TicketType::parse("child").unwrap(), price: 4_500 });
    let line = Line::without_place(SeatLabel::parse("A1").unwrap(), fixed_price);
    let lines = Some(Lines::new(vec![line], Currency::parse("EUR").unwrap()));
    let reference = Some(Reference::parse("order-4711").unwrap());
    let priced = BookedSeats { lines, reference, ..booked() };
    for kind in [
        DomainEventKind::Booked(priced.clone()),
        DomainEventKind::Cancelled { booked: priced.clone(), at: EpochMillis::new(6) },
    ] {
        let detail = of_show(kind);
        assert_eq!(detail["lines"], json!([{ "seat": "A1", "ticket_type": "child", "price": 4_500 }]));
        assert_eq!((&detail["total"], &detail["currency"]), (&json!(4_500), &json!("EUR")));
        assert_eq!(detail["reference"], "order-4711");
    }
    let bare = of_show(DomainEventKind::Booked(booked()));
    assert!(["lines", "total", "currency", "reference"].iter().all(|name| bare[name].is_null()), "{bare}");
}

#[test]
fn sale_has_its_instants_and_a_removed_show_its_theater() {
    let expected = json!({ "version": 1, "type": "sale.changed", "show_id": "evening-1", "sale_version": 5,
        "occurred_at": "1970-01-01T00:00:00.005Z", "state": "paused", "opens_at": "1970-01-01T00:01:40Z",
        "closes_at": "1970-01-01T00:03:20Z", "booking_closes_at": "1970-01-01T00:05:00Z" });
    assert_eq!(of_show(sale(5)), expected);
    let expected = json!({ "version": 1, "type": "show.changed", "show_id": "evening-1", "theater_id": "hall",
        "occurred_at": "1970-01-01T00:00:00.005Z", "show_version": 5, "deleted": true });
    assert_eq!(of_show(show_removed(5)), expected);
}

#[test]
fn equal_events_share_an_id_and_others_differ() {
    assert_eq!(id(DomainEventKind::Expired(seat("A1", 5))), id(DomainEventKind::Expired(seat("A1", 5))));
    let ids = [
        id(DomainEventKind::Expired(seat("A1", 5))),
        id(DomainEventKind::Expired(seat("A1", 6))),
        id(DomainEventKind::Expired(seat("A2", 5))),
        id(DomainEventKind::Reserved { seat: seat("A1", 5), fixed_price: None, extended: false }),
        id(DomainEventKind::Released { seat: seat("A1", 5), at: EpochMillis::new(9) }),
        id(DomainEventKind::LayoutPut(LayoutSummary { name: "x".into(), version: LayoutVersion::new(5), seats: 1 })),
        id(DomainEventKind::LayoutRemoved { version: LayoutVersion::new(5) }),
        id(show_removed(5)),
        id(show_removed(6)),
        id(sale(5)),
        id(sale(6)),
    ];
    for (n, one) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(one), "{n}");
    }
}

#[test]
fn events_never_reveal_secret_ids() {
    for kind in [
        DomainEventKind::Reserved { seat: seat("A1", 5), fixed_price: None, extended: true },
        DomainEventKind::Booked(booked()),
        DomainEventKind::Cancelled { booked: booked(), at: EpochMillis::new(6) },
    ] {
        let text = Event::of(&event(kind)).detail.to_string();
        assert!(
            !text.contains(&Uuid::from_u128(7).to_string()) && !text.contains(&Uuid::from_u128(8).to_string()),
            "{text}"
        );
        assert!(text.contains(&reference(Uuid::from_u128(7))), "{text}");
    }
}

#[test]
fn event_names_the_role_of_staff_only() {
    let of = |by| {
        let kind = DomainEventKind::Released { seat: seat("A1", 5), at: EpochMillis::new(6_000) };
        Event::of(&DomainEvent { by, ..event(kind) }).detail
    };
    assert_eq!(of(Some(Role::Staff))["by"], "staff");
    assert_eq!(of(None).get("by"), None);
    assert_eq!(of(None)["id"], of(Some(Role::Staff))["id"], "the id is that of the change");
}
