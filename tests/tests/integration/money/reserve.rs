//! Reserving fixes the ticket type and the price of each seat.

use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{HALL, child, lines, reserve, set_prices, world};
use crate::api::id;

/// Returns the attributes of a seat's item that concern money.
async fn money_of(world: &World, seat: &str) -> Vec<String> {
    let item = world.seat_item(HALL, seat).await.expect("an item");
    let mut names: Vec<_> = item.into_keys().filter(|name| ["price", "ticket_type"].contains(&name.as_str())).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn each_seat_is_reserved_at_the_price_of_its_ticket_type() {
    let world = world().await;
    let made = reserve(&world, json!({ "seats": ["C1", child("A2"), "A1", "B1"], "reservation_id": id(1) })).await;
    assert_eq!(lines(&made), ["A1 standard 8500", "A2 child 4500", "B1 standard 3000", "C1"]);
    assert_eq!(
        made.body["lines"][1],
        json!({ "seat": "A2", "section": "Stalls", "row": "A", "number": "2", "category": "premium",
            "ticket_type": "child", "price": 4_500 })
    );
    let read = Call::reservation(HALL, &id(1)).send(&world.office).await;
    assert_eq!(lines(&read), lines(&made));
    let extended = Call::extend(HALL, &id(1), &json!({ "expires_in": 900 })).send(&world.office).await;
    assert_eq!(lines(&extended), lines(&made));
    assert_eq!(money_of(&world, "A1").await, ["price"]);
    assert_eq!(money_of(&world, "A2").await, ["price", "ticket_type"]);
    assert!(money_of(&world, "C1").await.is_empty());
}

#[tokio::test]
async fn a_price_is_fixed_when_a_seat_is_reserved() {
    let mut world = world().await;
    let body = json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) });
    let made = reserve(&world, body.clone()).await;
    set_prices(&mut world, 9_900, 5_500).await;
    let grown = reserve(&world, json!({ "seat": "A3", "reservation_id": id(1) })).await;
    assert_eq!(lines(&grown), ["A3 standard 9900"], "a new seat has the new price");
    let again = reserve(&world, body).await;
    assert_eq!((again.status, lines(&again)), (200, lines(&made)));
    let booked = super::book(&world, json!({ "seats": ["A1", "A2", "A3"], "reservation_id": id(1) })).await;
    assert_eq!(lines(&booked), ["A1 standard 8500", "A2 child 4500", "A3 standard 9900"]);
}

#[tokio::test]
async fn reserved_seats_keep_their_ticket_type() {
    let world = world().await;
    reserve(&world, json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) })).await;
    let other = reserve(&world, json!({ "seats": [child("A1"), "A3"], "reservation_id": id(1) })).await;
    assert_eq!((other.status, other.code()), (409, "ticket_type_fixed"), "{}", other.text);
    let seat = &other.body["seats"][0];
    assert_eq!((&seat["seat"], &seat["ticket_type"], &seat["yours"]), (&json!("A1"), &json!("standard"), &json!(true)));
    assert_eq!(other.text("detail"), "A1 is reserved as standard. Nothing was changed.");
    assert!(world.seat_item(HALL, "A3").await.is_none());
    let plain = reserve(&world, json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })).await;
    assert_eq!((plain.status, lines(&plain)), (200, vec!["A1 standard 8500".to_owned(), "A2 child 4500".to_owned()]));
}

#[tokio::test]
async fn seat_that_becomes_available_loses_its_price() {
    let world = world().await;
    let body = json!({ "seats": [child("A1")], "reservation_id": id(1) });
    reserve(&world, body.clone()).await;
    Call::release(HALL, &id(1)).send(&world.office).await;
    assert!(money_of(&world, "A1").await.is_empty(), "released");
    reserve(&world, json!({ "seats": [child("A1")], "reservation_id": id(2) })).await;
    let booked = json!({ "seat": "A1", "reservation_id": id(2), "booking_id": id(2) });
    assert_eq!(super::book(&world, booked).await.status, 201);
    assert!(money_of(&world, "A1").await.is_empty(), "booked");
    assert_eq!(Call::cancel(HALL, &id(2)).send(&world.office).await.status, 204);
    assert!(money_of(&world, "A1").await.is_empty(), "cancelled");
    reserve(&world, json!({ "seats": [child("A1")], "expires_in": 60, "reservation_id": id(3) })).await;
    world.at(60_000);
    let next = reserve(&world, json!({ "seat": "A1", "reservation_id": id(4) })).await;
    assert_eq!(lines(&next), ["A1 standard 8500"], "the next caller pays the listed price");
    assert_eq!(money_of(&world, "A1").await, ["price"]);
}

#[tokio::test]
async fn unknown_ticket_types_are_named() {
    let world = world().await;
    for (body, known) in [
        (json!({ "seats": ["A1", child("B1")] }), json!(["standard"])),
        (json!({ "seat": child("C1") }), json!([])),
        (json!({ "quantity": 1, "category": "cheap", "ticket_types": ["child"] }), json!(["standard"])),
    ] {
        let refused = reserve(&world, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (404, "ticket_type_not_found"), "{}", refused.text);
        let seat = &refused.body["seats"][0];
        assert_eq!((&seat["ticket_type"], &seat["ticket_types"]), (&json!("child"), &known), "{body}");
    }
    let unpriced = Call::reserve("1", &json!({ "seat": child("A1") })).send(&world.office).await;
    assert_eq!(unpriced.code(), "ticket_type_not_found");
    let standard = json!({ "seat": { "seat": "A1", "ticket_type": "standard" } });
    assert_eq!(Call::reserve("1", &standard).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn best_seats_have_one_ticket_type_each() {
    let mut world = world().await;
    let wish = |types: Value| {
        let mut body = json!({ "quantity": 2, "category": "premium", "reservation_id": id(1) });
        if !types.is_null() {
            body["ticket_types"] = types;
        }
        body
    };
    let made = reserve(&world, wish(json!(["child", "standard"]))).await;
    let sold: Vec<_> = lines(&made).iter().map(|line| line[3..].to_owned()).collect();
    assert_eq!(sold, ["child 4500", "standard 8500"]);
    set_prices(&mut world, 9_900, 5_500).await;
    let again = reserve(&world, wish(json!(["child", "standard"]))).await;
    assert_eq!((again.status, lines(&again)), (200, lines(&made)));
    for other in [json!(["standard", "child"]), Value::Null] {
        assert_eq!(reserve(&world, wish(other)).await.code(), "idempotency_key_reused");
    }
    let wrong = reserve(&world, json!({ "quantity": 2, "ticket_types": ["child"] })).await;
    assert_eq!((wrong.status, wrong.code()), (400, "malformed_request"));
}

#[tokio::test]
async fn layout_without_prices_stores_and_answers_no_money() {
    let world = world().await;
    let made = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    let booked = Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(1) }));
    let booked = booked.send(&world.office).await;
    let read = Call::booking("1", &id(1)).send(&world.office).await;
    for reply in [made, booked, read] {
        for member in ["lines", "total", "currency", "reference"] {
            assert!(reply.body.get(member).is_none(), "{member} in {}", reply.text);
        }
    }
    for item in world.items().await {
        let is_seat_or_booking = item["sk"].as_s().is_ok_and(|sk| sk.starts_with("SEAT#") || sk == "BOOKING");
        let money = ["price", "ticket_type", "lines", "currency", "reference"];
        assert!(!is_seat_or_booking || money.iter().all(|name| !item.contains_key(*name)), "{item:?}");
    }
}
