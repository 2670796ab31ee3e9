//! `POST /theaters/{theaterId}/reserve`

use boxoffice::http::router::{Operation, Route};
use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::id;

const KEY: &str = "a-key-of-the-clients-own";

#[tokio::test]
async fn a_seat_is_reserved_for_ten_minutes_by_default() {
    let world = World::new().await;
    let reply = Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await;
    assert_eq!((reply.status, reply.header("cache-control")), (201, "no-store"));
    assert_eq!(reply.header("idempotent-replayed"), "");
    assert_eq!(reply.text("reservation_id").len(), 36);
    insta::assert_json_snapshot!(reply.body, { ".reservation_id" => "[uuid]" });
}

#[tokio::test]
async fn several_seats_are_reserved_for_the_requested_time() {
    let world = World::new().await;
    let body = json!({ "seats": ["B2", "A1", "A3"], "expires_in": 1800, "reservation_id": id(1) });
    let reply = Call::reserve("1", &body).send(&world.office).await;
    assert_eq!(reply.status, 201);
    insta::assert_json_snapshot!(reply.body);
}

#[tokio::test]
async fn taken_seat_is_rejected_with_status_and_expiry() {
    let world = World::new().await;
    Call::reserve("1", &json!({ "seat": "A1", "expires_in": 60 })).send(&world.office).await;
    Call::book("1", &json!({ "seat": "B1" })).send(&world.office).await;
    // With an id, DynamoDB decides. Without an id, the cache answers, but before the first read the cache is empty.
    let mut bodies: Vec<Value> = Vec::new();
    for seat_map in [false, true] {
        if seat_map {
            Call::get_seats("1").send(&world.office).await;
        }
        for reservation in [json!(id(7)), Value::Null] {
            let mut body = json!({ "seats": ["A1", "A2", "B1"] });
            if !reservation.is_null() {
                body["reservation_id"] = reservation;
            }
            let reply = Call::reserve("1", &body).send(&world.office).await;
            assert_eq!((reply.status, reply.header("content-type")), (409, "application/problem+json"));
            bodies.push(reply.body);
        }
    }
    insta::assert_json_snapshot!(bodies[0]);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    assert!(world.seat_item("1", "A2").await.is_none(), "all or nothing");
}

#[tokio::test]
async fn conflict_marks_the_callers_own_seats() {
    let world = World::new().await;
    let held = json!({ "seat": "A1", "reservation_id": id(1) });
    assert_eq!(Call::reserve("1", &held).signed_in("ann").send(&world.office).await.status, 201);
    let reserve = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(2) }));
    let book = Call::book("1", &json!({ "seat": "A1", "booking_id": id(3) }));
    for call in [reserve, book] {
        for (who, yours) in [("ann", json!(true)), ("bob", Value::Null)] {
            let refused = call.clone().signed_in(who).send(&world.office).await;
            assert_eq!((refused.status, refused.code()), (409, "seat_unavailable"), "{}", refused.text);
            assert_eq!(refused.body["seats"][0]["yours"], yours, "{who}: {}", refused.text);
        }
    }
}

#[tokio::test]
async fn repeated_reserve_returns_the_remaining_time() {
    let world = World::new().await;
    for seats in [json!({ "seat": "A1" }), json!({ "seats": ["B1", "B2"] })] {
        world.at(0);
        let mut body = seats.clone();
        body["reservation_id"] = json!(id(1));
        let first = Call::reserve("1", &body).send(&world.office).await;
        world.at(90_000);
        let again = Call::reserve("1", &body).send(&world.office).await;
        assert_eq!((first.status, again.status), (201, 200));
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.text("message"), "Reservation already exists");
        assert_eq!(again.body["expires_in"], 510);
        for field in ["reservation_id", "theater_id", "seats", "expires_at"] {
            assert_eq!(again.body[field], first.body[field], "{field}");
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_makes_a_reserve_call_repeatable() {
    let world = World::new().await;
    let call = |seats: Value, key: &str| Call::reserve("1", &json!({ "seats": seats })).header("Idempotency-Key", key);
    let first = call(json!(["A1", "A2"]), KEY).send(&world.office).await;
    let again = call(json!(["A2", "A1"]), &format!("\"{KEY}\"")).send(&world.office).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!(first.body["reservation_id"], again.body["reservation_id"]);
    // The seats are part of the key's meaning: other seats make another reservation.
    let other = call(json!(["A3"]), KEY).send(&world.office).await;
    assert_eq!(other.status, 201);
    assert_ne!(other.body["reservation_id"], first.body["reservation_id"]);
    // A signed-in stranger with the same key is another caller, so this call is a conflict and not a repeat.
    let stranger = call(json!(["A1", "A2"]), KEY).signed_in("user-1").send(&world.office).await;
    assert_eq!(stranger.status, 409);
}

#[tokio::test]
async fn a_reservation_grows_seat_by_seat_like_a_cart() {
    let world = World::new().await;
    let reserve = async |seats: Value| {
        Call::reserve("1", &json!({ "seats": seats, "expires_in": 100, "reservation_id": id(1) }))
            .send(&world.office)
            .await
    };
    assert_eq!(reserve(json!(["A1"])).await.status, 201);
    world.at(40_000);
    let grown = reserve(json!(["A1", "A2"])).await;
    assert_eq!(grown.status, 201, "{}", grown.text);
    assert_eq!(grown.seats(), ["A1", "A2"]);
    // The earlier seat keeps its expiry. The response shows the earliest expiry of all seats.
    assert_eq!((grown.text("expires_at"), &grown.body["expires_in"]), ("2026-11-22T18:01:40Z", &json!(60)));
    world.at(100_000);
    let later = reserve(json!(["A1", "A2"])).await;
    assert_eq!(later.status, 201, "A1 had expired and is reserved again");
    assert_eq!(later.text("expires_at"), "2026-11-22T18:02:20Z", "A2 keeps its expiry");
    assert_eq!(reserve(json!(["A2"])).await.status, 200);
}

#[tokio::test]
async fn growing_a_cart_is_all_or_nothing() {
    let world = World::new().await;
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    Call::reserve("1", &json!({ "seat": "A3", "reservation_id": id(2) })).send(&world.office).await;
    let body = json!({ "seats": ["A1", "A2", "A3"], "reservation_id": id(1) });
    let reply = Call::reserve("1", &body).send(&world.office).await;
    assert_eq!((reply.status, reply.seats()), (409, vec!["A3"]));
    assert!(world.seat_item("1", "A2").await.is_none());
    assert_eq!(
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await.status,
        200
    );
}

#[tokio::test]
async fn expired_seat_is_available_from_its_expiry_instant() {
    let world = World::new().await;
    for seats in [json!(["A1"]), json!(["B1", "B2"])] {
        world.at(0);
        let reserve = async |reservation: u128| {
            let body = json!({ "seats": seats, "expires_in": 10, "reservation_id": id(reservation) });
            Call::reserve("1", &body).send(&world.office).await.status
        };
        assert_eq!(reserve(1).await, 201);
        world.at(9_999);
        assert_eq!(reserve(2).await, 409);
        world.at(10_000);
        assert_eq!(reserve(2).await, 201);
        assert_eq!(reserve(1).await, 409);
        world.at(20_000);
        assert_eq!(reserve(1).await, 201, "again under its old id");
    }
}

#[tokio::test]
async fn writer_with_a_slow_clock_writes_a_higher_stamp() {
    let world = World::new().await;
    world.at(10_000);
    Call::reserve("1", &json!({ "seat": "A1", "expires_in": 1, "reservation_id": id(1) })).send(&world.office).await;
    let stamp =
        async || world.seat_item("1", "A1").await.unwrap()["changed_at"].as_n().unwrap().parse::<u64>().unwrap();
    let first = stamp().await;
    // The clock is half a second behind. The reservation has expired by this clock too.
    world.at(11_000);
    Call::reserve("1", &json!({ "seat": "A1", "expires_in": 1, "reservation_id": id(2) })).send(&world.office).await;
    let second = stamp().await;
    assert!(second > first);
    let behind =
        world.instance(boxoffice::clock::Clock::manual(boxoffice::domain::time::EpochMillis::new(first))).await;
    let booked = Call::book("1", &json!({ "seat": "A1", "reservation_id": id(2) })).send(&behind).await;
    assert_eq!(booked.status, 201, "{}", booked.text);
    assert_eq!(stamp().await, second + 1);
}

#[tokio::test]
async fn client_id_takes_precedence_over_idempotency_key() {
    let world = World::new().await;
    let call = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).header("Idempotency-Key", KEY);
    assert_eq!(call.send(&world.office).await.text("reservation_id"), id(1));
}

#[tokio::test]
async fn base64_body_and_missing_content_type_are_accepted() {
    let world = World::new().await;
    let mut event = Call::reserve("1", &json!({})).without_header("content-type").event();
    // This is {"seat":"A1"} in Base64.
    event["body"] = json!("eyJzZWF0IjoiQTEifQ==");
    event["isBase64Encoded"] = json!(true);
    let route = Route::of(Operation::Reserve).key;
    let reply = boxoffice_tests::delivery::send_event(&world.office, route, &event.to_string()).await;
    assert_eq!((reply.status, reply.seats()), (201, vec!["A1"]));
}

#[tokio::test]
async fn stage_in_the_path_is_ignored() {
    let world = World::new().await;
    for (stage, path, seat) in [("$default", "/theaters/1/reserve", "A1"), ("prod", "/prod/theaters/1/reserve", "A2")] {
        let mut event = Call::reserve("1", &json!({ "seat": seat })).event();
        event["rawPath"] = json!(path);
        event["requestContext"]["stage"] = json!(stage);
        event["requestContext"]["http"]["path"] = json!(path);
        let route = Route::of(Operation::Reserve).key;
        let reply = boxoffice_tests::delivery::send_event(&world.office, route, &event.to_string()).await;
        assert_eq!(reply.status, 201, "{stage}");
    }
}
