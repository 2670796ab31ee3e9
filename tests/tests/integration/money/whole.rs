//! Booking a whole reservation takes the prices of its record.

use boxoffice_tests::Call;
use serde_json::json;

use super::{HALL, book, child, lines, reserve, set_prices, world};
use crate::api::id;

#[tokio::test]
async fn whole_reservation_is_booked_at_its_prices() {
    let mut world = world().await;
    reserve(&world, json!({ "seats": ["A2", child("A1"), "C1"], "reservation_id": id(1) })).await;
    set_prices(&mut world, 9_900, 5_500).await;
    reserve(&world, json!({ "seat": "A3", "reservation_id": id(1) })).await;
    let body = json!({ "reservation_id": id(1), "booking_id": id(1), "reference": "R1",
        "expect": { "seats": 4, "total": 22_900, "currency": "EUR" } });
    let booked = book(&world, body.clone()).await;
    assert_eq!(lines(&booked), ["A1 child 4500", "A2 standard 8500", "A3 standard 9900", "C1"]);
    let again = book(&world, body).await;
    assert_eq!((again.status, lines(&again), again.text("reference")), (200, lines(&booked), "R1"));
    let item = world.seat_item(HALL, "A1").await.unwrap();
    assert!(!item.contains_key("price") && !item.contains_key("ticket_type"), "{item:?}");
}

#[tokio::test]
async fn whole_reservation_is_compared_with_what_is_expected() {
    let world = world().await;
    reserve(&world, json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) })).await;
    let ask = |expect: serde_json::Value| json!({ "reservation_id": id(1), "booking_id": id(1), "expect": expect });
    let other = book(&world, ask(json!({ "total": 17_000 }))).await;
    assert_eq!((other.status, other.code()), (409, "reservation_changed"));
    assert_eq!(other.body["expected"], json!({ "total": 17_000 }));
    assert_eq!(other.body["actual"], json!({ "seats": 2, "total": 13_000, "currency": "EUR" }));
    assert!(other.body.get("seats").is_none());
    assert_eq!(Call::booking(HALL, &id(1)).send(&world.office).await.status, 404);
    let met = book(&world, ask(json!({ "total": 13_000 }))).await;
    assert_eq!(met.status, 201, "{}", met.text);
    let repeat = book(&world, ask(json!({ "total": 17_000 }))).await;
    assert_eq!((repeat.status, lines(&repeat)), (200, lines(&met)), "a repeat isn't compared");
}
