//! `POST /theaters/{theaterId}/book`

use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::id;

const KEY: &str = "a-key-of-the-clients-own";

#[tokio::test]
async fn an_available_seat_is_booked() {
    let world = World::new().await;
    let reply = Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await;
    assert_eq!((reply.status, reply.header("cache-control")), (201, "no-store"));
    assert_eq!(reply.header("idempotent-replayed"), "");
    insta::assert_json_snapshot!(reply.body, { ".booking_id" => "[uuid]" });
    assert_eq!(Call::get_seats("1").send(&world.office).await.seats(), ["A2", "A3", "B1", "B2", "B3"]);
}

#[tokio::test]
async fn several_seats_are_booked_and_returned_in_layout_order() {
    let world = World::new().await;
    let body = json!({ "seats": ["B3", "A1"], "booking_id": id(1) });
    let reply = Call::book("1", &body).send(&world.office).await;
    assert_eq!(reply.status, 201);
    insta::assert_json_snapshot!(reply.body);
}

#[tokio::test]
async fn repeated_booking_returns_the_first_answer() {
    let world = World::new().await;
    let body = |seats: Value| json!({ "seats": seats, "booking_id": id(1) });
    let first = Call::book("1", &body(json!(["A1", "A2"]))).send(&world.office).await;
    world.at(3_600_000);
    let again = Call::book("1", &body(json!(["A2", "A1"]))).send(&world.office).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(again.header("idempotent-replayed"), "true");
    insta::assert_json_snapshot!(again.body);
    for field in ["booking_id", "theater_id", "seats", "booked_at"] {
        assert_eq!(again.body[field], first.body[field], "{field}");
    }
    assert_eq!(world.item_count().await, 2 + 1 + 2, "one booking, two seats");
}

#[tokio::test]
async fn repeated_booking_is_recognized_after_a_layout_change() {
    let world = World::new().await;
    let call = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    assert_eq!(call.send(&world.office).await.status, 201);
    world.put_theater("1", "Theater_A", &["A2", "B1", "B2", "B3", "A1", "A3"]).await;
    let other = world.instance(world.clock.clone()).await;
    assert_eq!(call.send(&other).await.status, 200);
}

#[tokio::test]
async fn booking_id_reused_for_other_seats_is_rejected() {
    let world = World::new().await;
    Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) })).send(&world.office).await;
    for seats in [json!(["A1"]), json!(["A1", "A2", "A3"]), json!(["B1", "B2"]), json!(["A3"])] {
        let reply = Call::book("1", &json!({ "seats": seats, "booking_id": id(1) })).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (422, "idempotency_key_reused"), "{seats}");
    }
    assert_eq!(world.item_count().await, 2 + 1 + 2);
    let reply = Call::book("1", &json!({ "seat": "B1", "booking_id": id(1) })).send(&world.office).await;
    insta::assert_json_snapshot!(reply.body);
}

#[tokio::test]
async fn idempotency_key_is_scoped_to_theater_and_caller() {
    let world = World::new().await;
    let call = |theater: &str, seat: &str, key: &str| {
        Call::book(theater, &json!({ "seat": seat })).header("Idempotency-Key", key)
    };
    let first = call("1", "A1", KEY).send(&world.office).await;
    let again = call("1", "A1", &format!("\"{KEY}\"")).send(&world.office).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body["booking_id"], again.body["booking_id"]);
    assert_eq!(call("1", "A2", KEY).send(&world.office).await.status, 422, "the same key for another seat");
    assert_eq!(call("2", "C1", KEY).send(&world.office).await.status, 201, "another theater is another booking");
    let stranger = call("1", "A2", KEY).signed_in("user-1").send(&world.office).await;
    assert_eq!(stranger.status, 201, "another caller is another booking");
    assert_eq!(call("1", "A2", KEY).signed_in("user-1").send(&world.office).await.status, 200);
}

#[tokio::test]
async fn client_id_takes_precedence_over_idempotency_key() {
    let world = World::new().await;
    let call = Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })).header("Idempotency-Key", KEY);
    assert_eq!(call.send(&world.office).await.text("booking_id"), id(1));
}

#[tokio::test]
async fn booking_id_is_scoped_to_its_theater() {
    let world = World::new().await;
    let booked = Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })).send(&world.office).await;
    let other = Call::book("2", &json!({ "seat": "C1", "booking_id": id(1) })).send(&world.office).await;
    assert_eq!((booked.status, other.status), (201, 201));
}

#[tokio::test]
async fn booked_seat_is_unavailable_with_or_without_an_id() {
    let world = World::new().await;
    Call::book("1", &json!({ "seats": ["A1", "B1"], "booking_id": id(1) })).send(&world.office).await;
    Call::get_seats("1").send(&world.office).await;
    let mut bodies = Vec::new();
    for booking in [json!(id(2)), Value::Null] {
        let mut body = json!({ "seats": ["A1", "A2", "B1"] });
        if !booking.is_null() {
            body["booking_id"] = booking;
        }
        let reply = Call::book("1", &body).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (409, "seat_unavailable"));
        bodies.push(reply.body);
    }
    insta::assert_json_snapshot!(bodies[0]);
    assert_eq!(bodies[0], bodies[1]);
    assert!(world.seat_item("1", "A2").await.is_none(), "all or nothing");
}

#[tokio::test]
async fn reserved_seat_is_booked_only_by_its_holder() {
    let world = World::new().await;
    let reserved = Call::reserve("1", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    let reservation = reserved.text("reservation_id");
    // The time moves on, so that no write is rejected because of its stamp.
    world.at(1_000);
    for other in [Value::Null, json!(id(9))] {
        let mut body = json!({ "seat": "A1" });
        if !other.is_null() {
            body["reservation_id"] = other;
        }
        assert_eq!(Call::book("1", &body).send(&world.office).await.status, 409, "{body}");
    }
    let body = json!({ "seats": ["A1", "A2", "A3"], "reservation_id": reservation, "booking_id": id(1) });
    let booked = Call::book("1", &body).send(&world.office).await;
    assert_eq!(booked.status, 201, "two reserved, one free: {}", booked.text);
    let item = world.seat_item("1", "A1").await.unwrap();
    assert_eq!(item["status"].as_s().unwrap(), "booked");
    assert_eq!(item["booking_id"].as_s().unwrap(), &id(1));
    assert!(!item.contains_key("expires_at"), "the TTL must not collect it");
    assert!(!item.contains_key("reservation_id"));
    assert_eq!(Call::book("1", &body).send(&world.office).await.status, 200);
}

#[tokio::test]
async fn late_booking_after_expiry_succeeds_if_first() {
    let world = World::new().await;
    let reserve = async |seat: &str, reservation: u128| {
        let body = json!({ "seat": seat, "expires_in": 10, "reservation_id": id(reservation) });
        Call::reserve("1", &body).send(&world.office).await.status
    };
    let book = async |seat: &str, reservation: u128| {
        let body = json!({ "seat": seat, "reservation_id": id(reservation) });
        Call::book("1", &body).send(&world.office).await.status
    };
    reserve("A1", 1).await;
    reserve("A2", 1).await;
    world.at(3_600_000);
    assert_eq!(book("A1", 1).await, 201, "late, but the first");
    assert_eq!(reserve("A2", 2).await, 201);
    assert_eq!(book("A2", 1).await, 409, "late, and not the first");
    assert_eq!(book("A2", 2).await, 201);
}

#[tokio::test]
async fn holder_and_stranger_race_at_expiry_and_one_wins() {
    let world = World::new().await;
    for (seat, holder_first) in [("A1", true), ("A2", false)] {
        world.at(0);
        Call::reserve("1", &json!({ "seat": seat, "expires_in": 10, "reservation_id": id(1) }))
            .send(&world.office)
            .await;
        let holder = Call::book("1", &json!({ "seat": seat, "reservation_id": id(1) }));
        let stranger = Call::book("1", &json!({ "seat": seat, "booking_id": uuid::Uuid::now_v7().to_string() }));
        world.at(9_999);
        assert_eq!(stranger.send(&world.office).await.status, 409, "a millisecond before");
        world.at(10_000);
        let (first, second) = if holder_first { (&holder, &stranger) } else { (&stranger, &holder) };
        assert_eq!(first.send(&world.office).await.status, 201);
        assert_eq!(second.send(&world.office).await.status, 409);
    }
}
