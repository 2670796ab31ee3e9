//! Refusals say which seats are the caller's own, and limits count seats with prices as others.

use boxoffice_tests::{Call, Setup};
use serde_json::json;

use super::{HALL, child, lines, world};
use crate::api::id;

#[tokio::test]
async fn refusals_mark_the_callers_own_seats() {
    let world = world().await;
    let reserve = |seats: serde_json::Value, number| {
        Call::reserve(HALL, &json!({ "seats": seats, "reservation_id": id(number) }))
    };
    assert_eq!(reserve(json!(["A1"]), 1).signed_in("alice").send(&world.office).await.status, 201);
    assert_eq!(reserve(json!(["A2"]), 2).signed_in("bob").send(&world.office).await.status, 201);
    let body = json!({ "seats": ["A1", "A2"], "booking_id": id(3), "reservation_id": id(3) });
    for call in [reserve(json!(["A1", "A2"]), 3), Call::book(HALL, &body)] {
        let refused = call.signed_in("alice").send(&world.office).await;
        assert_eq!(refused.code(), "seat_unavailable", "{}", refused.text);
        let yours: Vec<_> =
            refused.body["seats"].as_array().unwrap().iter().map(|seat| seat["yours"] == true).collect();
        assert_eq!(yours, [true, false], "{}", refused.text);
    }
}

#[tokio::test]
async fn incomplete_reservation_marks_seats_that_are_reserved_again() {
    let world = world().await;
    let reserve = |seat: &str, number, expires_in: u32| {
        let body = json!({ "seat": seat, "reservation_id": id(number), "expires_in": expires_in });
        Call::reserve(HALL, &body).signed_in("alice")
    };
    for (seat, expires_in) in [("A1", 60), ("A2", 60), ("A3", 900)] {
        assert_eq!(reserve(seat, 1, expires_in).send(&world.office).await.status, 201);
    }
    world.at(61_000);
    assert_eq!(reserve("A1", 2, 600).send(&world.office).await.status, 201);
    let whole = Call::book(HALL, &json!({ "reservation_id": id(1) })).signed_in("alice").send(&world.office).await;
    assert_eq!((whole.code(), whole.seats()), ("reservation_changed", vec!["A1", "A2"]), "{}", whole.text);
    assert_eq!(whole.body["seats"][0]["yours"], true);
    assert!(whole.body["seats"][1].get("yours").is_none(), "available: {}", whole.text);
}

#[tokio::test]
async fn limits_count_seats_with_prices() {
    let world = world().await;
    let setup = Setup { max_booked_per_caller: 2, max_reserved_per_caller: 3, ..world.setup.clone() };
    let office = world.instance_on(&setup).await;
    let reserve = |body: serde_json::Value| Call::reserve(HALL, &body).signed_in("alice");
    let made = reserve(json!({ "seats": [child("A1"), "A2", "B1"], "reservation_id": id(1) })).send(&office).await;
    assert_eq!(lines(&made).len(), 3);
    let full = reserve(json!({ "seat": "B2", "reservation_id": id(1) })).send(&office).await;
    assert_eq!((full.code(), &full.body["reserved"], &full.body["limit"]), ("reservation_limit", &json!(3), &json!(3)));
    let book = |body: serde_json::Value| Call::book(HALL, &body).signed_in("alice");
    let body = json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "booking_id": id(1), "expect": { "total": 1 } });
    let other = book(body.clone()).send(&office).await;
    assert_eq!(other.code(), "reservation_changed", "{}", other.text);
    let mut met = body;
    met["expect"] = json!({ "total": 13_000 });
    assert_eq!(lines(&book(met).send(&office).await), ["A1 child 4500", "A2 standard 8500"]);
    let limited = book(json!({ "seat": "B1", "reservation_id": id(1) })).send(&office).await;
    assert_eq!(
        (limited.code(), &limited.body["booked"], &limited.body["limit"]),
        ("booking_limit", &json!(2), &json!(2))
    );
}

#[tokio::test]
async fn numbers_of_a_detail_are_members() {
    let world = world().await;
    let made = Call::reserve(HALL, &json!({ "seat": "A1", "reservation_id": id(1), "expires_in": 600 }));
    let made = made.send(&world.office).await;
    let shorter = Call::extend(HALL, &id(1), &json!({ "expires_in": 60 })).send(&world.office).await;
    assert_eq!((shorter.code(), shorter.text("expires_at")), ("reservation_not_extendable", made.text("expires_at")));
    let dropped = Call::put_theater(HALL, &json!({ "name": "Hall", "seats": ["Z1"] })).header("If-Match", "*");
    let dropped = dropped.send(&world.office).await;
    assert_eq!((dropped.code(), &dropped.body["in_use"]), ("seats_in_use", &json!(1)), "{}", dropped.text);
}

#[tokio::test]
async fn expired_reservation_names_its_seats() {
    let world = world().await;
    Call::reserve(HALL, &json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1), "expires_in": 60 }))
        .send(&world.office)
        .await;
    world.at(61_000);
    for call in [
        Call::reservation(HALL, &id(1)),
        Call::extend(HALL, &id(1), &json!({})),
        Call::book(HALL, &json!({ "reservation_id": id(1) })),
    ] {
        let gone = call.send(&world.office).await;
        assert_eq!((gone.status, gone.seats()), (410, vec!["A1", "A2"]), "{}", gone.text);
    }
}
