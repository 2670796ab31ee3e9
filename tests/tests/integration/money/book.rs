//! Booking by names at the price that was fixed.

use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{HALL, book, child, lines, reserve, set_prices, world};
use crate::api::id;

/// Opens an instance that has read the hall.
async fn warm_instance(world: &World) -> boxoffice::app::BoxOffice {
    let instance = world.instance(Clock::manual(START)).await;
    assert_eq!(Call::map(HALL).send(&instance).await.status, 200);
    instance
}

#[tokio::test]
async fn available_seats_are_booked_at_the_listed_price() {
    let mut world = world().await;
    let body = json!({ "seats": ["A1", child("A2"), "C1"], "booking_id": id(1), "reference": "Order 7" });
    let booked = book(&world, body).await;
    assert_eq!(lines(&booked), ["A1 standard 8500", "A2 child 4500", "C1"]);
    assert_eq!(booked.text("reference"), "Order 7");
    set_prices(&mut world, 9_900, 5_500).await;
    let read = Call::booking(HALL, &id(1)).send(&world.office).await;
    assert_eq!((lines(&read), read.text("reference")), (lines(&booked), "Order 7"));
    Call::cancel(HALL, &id(1)).send(&world.office).await;
    let cancelled = Call::booking(HALL, &id(1)).send(&world.office).await;
    assert_eq!((lines(&cancelled), cancelled.text("status")), (lines(&booked), "cancelled"));
}

#[tokio::test]
async fn instance_with_old_prices_books_at_the_reserved_price() {
    let mut world = world().await;
    let old = warm_instance(&world).await;
    set_prices(&mut world, 9_900, 5_500).await;
    let seats = json!(["A1", child("A2")]);
    let made = reserve(&world, json!({ "seats": seats, "reservation_id": id(1) })).await;
    assert_eq!(lines(&made), ["A1 standard 9900", "A2 child 5500"]);
    for (number, body) in [(1, json!({ "seats": ["A1", "A2"] })), (2, json!({ "seats": seats }))] {
        let mut body = body;
        body["reservation_id"] = json!(id(number));
        reserve(&world, json!({ "seats": seats, "reservation_id": id(number) })).await;
        body["booking_id"] = json!(id(number));
        let booked = Call::book(HALL, &body).send(&old).await;
        assert_eq!((booked.status, lines(&booked)), (201, lines(&made)), "{body}");
        Call::cancel(HALL, &id(number)).send(&world.office).await;
    }
}

#[tokio::test]
async fn late_payment_books_at_the_price_that_was_fixed() {
    let mut world = world().await;
    let body = json!({ "seats": ["A1", child("A2")], "reservation_id": id(1), "expires_in": 60 });
    reserve(&world, body).await;
    set_prices(&mut world, 9_900, 5_500).await;
    world.at(61_000);
    let booked = book(&world, json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })).await;
    assert_eq!(lines(&booked), ["A1 standard 8500", "A2 child 4500"]);
}

#[tokio::test]
async fn late_payment_is_refused_for_seats_that_others_took() {
    let world = world().await;
    reserve(&world, json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1), "expires_in": 60 })).await;
    world.at(61_000);
    reserve(&world, json!({ "seat": "A2", "reservation_id": id(2) })).await;
    let late = book(&world, json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })).await;
    assert_eq!((late.status, late.code(), late.seats()), (409, "seat_unavailable", vec!["A2"]));
    world.at(700_000);
    let free = book(&world, json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })).await;
    assert_eq!(lines(&free), ["A1 child 4500", "A2 standard 8500"], "the other reservation has run out, too");
}

#[tokio::test]
async fn named_type_has_to_be_the_reserved_one() {
    let world = world().await;
    reserve(&world, json!({ "seats": ["A1", child("A2")], "reservation_id": id(1), "expires_in": 60 })).await;
    for (millis, reserved) in [(0, "running"), (61_000, "run out")] {
        world.at(millis);
        let other = book(&world, json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1) })).await;
        assert_eq!((other.status, other.code()), (409, "reservation_changed"), "{reserved}: {}", other.text);
        let seat = &other.body["seats"][0];
        assert_eq!((&seat["seat"], &seat["ticket_type"]), (&json!("A1"), &json!("standard")));
        let totals = |total: u64| json!({ "seats": 2, "total": total, "currency": "EUR" });
        assert_eq!(other.body["actual"], totals(13_000));
    }
    let same = book(&world, json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) })).await;
    assert_eq!(same.status, 201, "{}", same.text);
}

#[tokio::test]
async fn equal_price_does_not_hide_another_type() {
    let mut world = world().await;
    set_prices(&mut world, 5_000, 5_000).await;
    reserve(&world, json!({ "seats": [child("A1")], "reservation_id": id(1) })).await;
    let plain = book(&world, json!({ "seat": "A1", "reservation_id": id(1) })).await;
    assert_eq!(lines(&plain), ["A1 child 5000"]);
}

#[tokio::test]
async fn reserved_type_that_is_not_sold_any_more_is_booked() {
    let mut world = world().await;
    reserve(&world, json!({ "seats": [child("A1"), child("A2")], "reservation_id": id(1) })).await;
    let mut without = super::hall(9_900, 1);
    without["categories"][0]["prices"] = json!({ "standard": 9_900 });
    super::put(&mut world, &without).await;
    let unreserved = book(&world, json!({ "seat": child("A3"), "reservation_id": id(1) })).await;
    assert_eq!((unreserved.status, unreserved.code()), (404, "ticket_type_not_found"), "{}", unreserved.text);
    let booked = book(&world, json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1) })).await;
    assert_eq!(lines(&booked), ["A1 child 4500", "A2 child 4500"]);
}

#[tokio::test]
async fn price_is_kept_where_booking_needs_a_reservation() {
    let mut world = world().await;
    let setup = boxoffice_tests::Setup { booking_needs_reservation: true, ..world.setup.clone() };
    let office = world.instance_on(&setup).await;
    reserve(&world, json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1), "expires_in": 60 })).await;
    set_prices(&mut world, 9_900, 5_500).await;
    let body = |seats: Value| json!({ "seats": seats, "reservation_id": id(1) });
    let other = Call::book(HALL, &body(json!([child("A2")]))).send(&office).await;
    assert_eq!(other.code(), "reservation_changed", "{}", other.text);
    let booked = Call::book(HALL, &body(json!(["A1"]))).send(&office).await;
    assert_eq!(lines(&booked), ["A1 child 4500"]);
    world.clock.set(START + Duration::from_secs(61));
    let late = Call::book(HALL, &body(json!(["A2"]))).send(&office).await;
    assert_eq!((late.code(), &late.body["seats"][0]["status"]), ("reservation_changed", &json!("available")));
    assert!(late.body["seats"][0].get("yours").is_none(), "an available seat belongs to no caller");
}

#[tokio::test]
async fn of_two_bookings_at_once_one_gets_the_seat_at_its_price() {
    let mut world = world().await;
    let old = warm_instance(&world).await;
    for number in 0..10 {
        set_prices(&mut world, 8_500 + number, 4_500).await;
        let own = id(100 + u128::from(number));
        reserve(&world, json!({ "seats": [child("A1")], "reservation_id": own, "expires_in": 60 })).await;
        world.at((number + 1) * 100_000);
        let holder = Call::book(HALL, &json!({ "seat": "A1", "reservation_id": own, "booking_id": own }));
        let stranger = Call::book(HALL, &json!({ "seat": "A1", "booking_id": id(200 + u128::from(number)) }));
        let (holder, stranger) = tokio::join!(holder.send(&world.office), stranger.send(&old));
        match (holder.status, stranger.status) {
            (201, 409) => assert_eq!(lines(&holder), ["A1 child 4500"]),
            (409, 201) => assert!(lines(&stranger)[0].starts_with("A1 standard")),
            other => panic!("{other:?}: {} {}", holder.text, stranger.text),
        }
        for booking in [own, id(200 + u128::from(number))] {
            Call::cancel(HALL, &booking).send(&world.office).await;
        }
    }
}
