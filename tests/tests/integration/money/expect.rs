//! Bookings that aren't what the buyer has seen.

use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use super::{HALL, book, child, lines, reserve, set_prices, with_hall, world};
use crate::api::id;

#[tokio::test]
async fn booking_that_differs_from_what_is_expected_is_refused() {
    let world = world().await;
    for (expect, detail) in [
        (json!({ "seats": 3 }), "another number of seats than"),
        (json!({ "total": 13_001, "currency": "EUR" }), "another total than"),
        (json!({ "total": 1, "currency": "USD" }), "another total and another currency than"),
    ] {
        let before = world.item_count().await;
        let refused =
            book(&world, json!({ "seats": ["A1", child("A2")], "booking_id": id(1), "expect": expect })).await;
        assert_eq!((refused.status, refused.code()), (409, "reservation_changed"), "{}", refused.text);
        assert_eq!(refused.body["expected"], expect);
        assert_eq!(refused.body["actual"], json!({ "seats": 2, "total": 13_000, "currency": "EUR" }));
        assert!(refused.text("detail").contains(detail), "{}", refused.text);
        assert_eq!(world.item_count().await, before, "nothing changed");
    }
    let expect = json!({ "seats": 2, "total": 13_000, "currency": "EUR" });
    let met = book(&world, json!({ "seats": ["A1", child("A2")], "booking_id": id(1), "expect": expect })).await;
    assert_eq!(met.status, 201, "{}", met.text);
}

#[tokio::test]
async fn fixed_price_meets_what_was_expected_when_it_was_shown() {
    let mut world = world().await;
    reserve(&world, json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) })).await;
    set_prices(&mut world, 9_900, 5_500).await;
    let ask = |total: u64| json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expect": { "total": total } });
    assert_eq!(book(&world, ask(15_400)).await.body["actual"]["total"], 13_000);
    let booked = book(&world, ask(13_000)).await;
    assert_eq!(lines(&booked), ["A1 standard 8500", "A2 child 4500"]);
}

#[tokio::test]
async fn instance_with_old_prices_accepts_the_new_total() {
    let mut world = world().await;
    let clock = Clock::manual(START);
    let old = world.instance(clock.clone()).await;
    Call::map(HALL).send(&old).await;
    set_prices(&mut world, 7_700, 3_300).await;
    // An instance may read the layout again 5 s after it has read it.
    clock.set(START + Duration::from_secs(6));
    let booked = Call::book(HALL, &json!({ "seat": "A1", "booking_id": id(1), "expect": { "total": 7_700 } }));
    let booked = booked.send(&old).await;
    assert_eq!(lines(&booked), ["A1 standard 7700"]);
}

#[tokio::test]
async fn seats_without_prices_can_be_expected_by_number() {
    let world = World::new().await;
    let ask = |expect: serde_json::Value| Call::book("1", &json!({ "seats": ["A1", "A2"], "expect": expect }));
    let other = ask(json!({ "seats": 1 })).send(&world.office).await;
    assert_eq!((other.code(), &other.body["actual"]), ("reservation_changed", &json!({ "seats": 2 })));
    let money = ask(json!({ "total": 0 })).send(&world.office).await;
    assert_eq!(money.code(), "reservation_changed", "seats without prices have no total");
    assert_eq!(ask(json!({ "seats": 2 })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn expected_booking_costs_no_read() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = with_hall(World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await).await;
    Call::map(HALL).send(&world.office).await;
    let operations = || proxy.take().into_iter().map(|call| call.operation).collect::<Vec<_>>();
    operations();
    let ask = |total: u64| json!({ "seat": "A1", "booking_id": id(1), "expect": { "total": total } });
    assert_eq!(book(&world, ask(1)).await.status, 409);
    let seen = operations();
    assert!(seen.contains(&"BatchGetItem".to_owned()) && !seen.contains(&"TransactWriteItems".to_owned()), "{seen:?}");
    assert_eq!(book(&world, ask(8_500)).await.status, 201);
    assert_eq!(operations(), ["TransactWriteItems"]);
}

#[tokio::test]
async fn taken_seats_are_named_before_another_total() {
    let world = world().await;
    reserve(&world, json!({ "seat": "A1", "reservation_id": id(1) })).await;
    let refused = book(&world, json!({ "seats": ["A1", "A2"], "booking_id": id(1), "expect": { "total": 1 } })).await;
    assert_eq!((refused.code(), refused.seats()), ("seat_unavailable", vec!["A1"]));
}
