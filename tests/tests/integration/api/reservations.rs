//! `GET` and `DELETE /theaters/{theaterId}/reservations/{reservationId}`, `POST .../extend`

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::id;

const KEY: &str = "a-key-of-the-clients-own";

async fn reserve(world: &World, seats: Value, expires_in: u32) -> Reply {
    let body = json!({ "seats": seats, "reservation_id": id(1), "expires_in": expires_in });
    Call::reserve("1", &body).send(&world.office).await
}

fn extend(body: &Value) -> Call {
    Call::extend("1", &id(1), body).header("Idempotency-Key", KEY)
}

async fn available(world: &World) -> Vec<String> {
    let seat_map = Call::get_seats("1").send(&world.office).await;
    seat_map.seats().into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_reservation_is_shown_with_its_seats_and_its_end() {
    let world = World::new().await;
    let made = reserve(&world, json!(["B1", "A2"]), 600).await;
    let path = format!("/v1/theaters/1/reservations/{}", id(1));
    assert_eq!(made.header("location"), path);
    for relation in ["reservation", "book", "extend", "release"] {
        assert!(made.header("link").contains(&format!("rel=\"urn:rel:boxoffice:{relation}\"")), "{relation}");
    }
    world.at(100_000);
    let shown = Call::reservation("1", &id(1)).send(&world.office).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    insta::assert_json_snapshot!(shown.body);
    let named = Call::reservation("1", &id(1)).query("seats=A2,B1,B3").send(&world.office).await;
    assert_eq!(named.body, shown.body, "named seats are all it needs to read");
    let one = Call::reservation("1", &id(1)).query("seats=B1").send(&world.office).await;
    assert_eq!(one.seats(), ["B1"]);
}

#[tokio::test]
async fn reservation_shows_earliest_expiry_and_no_expired_seats() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 60).await;
    reserve(&world, json!(["A2"]), 600).await;
    let both = Call::reservation("1", &id(1)).send(&world.office).await;
    assert_eq!((both.seats(), &both.body["expires_in"]), (vec!["A1", "A2"], &json!(60)));
    world.at(60_000);
    let rest = Call::reservation("1", &id(1)).send(&world.office).await;
    assert_eq!((rest.seats(), &rest.body["expires_in"]), (vec!["A2"], &json!(540)));
}

#[tokio::test]
async fn unknown_reservation_is_404_and_expired_one_is_410() {
    let world = World::new().await;
    let show = || Call::reservation("1", &id(1));
    let unknown = show().send(&world.office).await;
    assert_eq!((unknown.status, unknown.code()), (404, "reservation_not_found"));
    assert_eq!(Call::reservation("9", &id(1)).send(&world.office).await.code(), "theater_not_found");
    reserve(&world, json!(["A1"]), 60).await;
    world.at(59_999);
    assert_eq!(show().send(&world.office).await.status, 200);
    world.at(60_000);
    let expired = show().send(&world.office).await;
    assert_eq!((expired.status, expired.code()), (410, "reservation_expired"));
    Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await;
    let taken = show().send(&world.office).await;
    assert_eq!((taken.status, taken.seats()), (410, vec!["A1"]), "also when another caller has its seat");
}

#[tokio::test]
async fn signed_in_callers_reservation_is_private() {
    let world = World::new().await;
    let body = json!({ "seats": ["A1", "A2"], "reservation_id": id(1) });
    assert_eq!(Call::reserve("1", &body).signed_in("ann").send(&world.office).await.status, 201);
    let strangers = [
        Call::reservation("1", &id(1)),
        Call::reservation("1", &id(1)).signed_in("bob"),
        Call::reservation("1", &id(1)).query("seats=A1,A2").signed_in("bob"),
        Call::extend("1", &id(1), &json!({})).signed_in("bob"),
        Call::book("1", &json!({ "reservation_id": id(1) })).signed_in("bob"),
        Call::book("1", &json!({ "reservation_id": id(1) })),
    ];
    for call in strangers {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (404, "reservation_not_found"), "{call:?}");
    }
    let release = Call::release("1", &id(1)).signed_in("bob").send(&world.office).await;
    assert_eq!(release.status, 204, "the response reveals nothing");
    let taken = json!({ "seat": "A1", "reservation_id": id(1) });
    assert_eq!(Call::book("1", &taken).signed_in("bob").send(&world.office).await.code(), "seat_unavailable");
    assert_eq!(Call::reserve("1", &taken).signed_in("bob").send(&world.office).await.code(), "reservation_released");
    let other = json!({ "seat": "A1", "reservation_id": id(2) });
    assert_eq!(Call::reserve("1", &other).signed_in("bob").send(&world.office).await.code(), "seat_unavailable");
    let own = Call::reservation("1", &id(1)).signed_in("ann").send(&world.office).await;
    assert_eq!(own.seats(), ["A1", "A2"], "and it changed nothing");
    assert_eq!(Call::book("1", &body).signed_in("ann").send(&world.office).await.status, 201);
}

#[tokio::test]
async fn empty_subject_counts_as_anonymous() {
    let world = World::new().await;
    let body = json!({ "seat": "A1", "reservation_id": id(1) });
    assert_eq!(Call::reserve("1", &body).signed_in("").send(&world.office).await.status, 201);
    assert_eq!(
        Call::reservation("1", &id(1)).send(&world.office).await.status,
        200,
        "an anonymous reservation belongs to callers who know its id"
    );
}

#[tokio::test]
async fn releasing_frees_the_seats_at_once_and_may_be_repeated() {
    let world = World::new().await;
    reserve(&world, json!(["A1", "A2"]), 600).await;
    Call::reserve("1", &json!({ "seat": "B1" })).send(&world.office).await;
    assert_eq!(available(&world).await, ["A3", "B2", "B3"]);
    for _ in 0..2 {
        let released = Call::release("1", &id(1)).send(&world.office).await;
        assert_eq!((released.status, released.text.as_str()), (204, ""));
        assert_eq!(available(&world).await, ["A1", "A2", "A3", "B2", "B3"]);
    }
    let consistent = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!(consistent.seats(), ["A1", "A2", "A3", "B2", "B3"]);
    assert_eq!(Call::reservation("1", &id(1)).send(&world.office).await.status, 404);
    let other = Call::reserve("1", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert_eq!(other.status, 201, "they are available");
    assert_eq!(Call::release("1", &id(1)).send(&world.office).await.status, 204);
    assert!(!available(&world).await.contains(&"A1".to_owned()), "seats of another reservation stay reserved");
}

#[tokio::test]
async fn release_of_named_seats_keeps_the_others() {
    let world = World::new().await;
    reserve(&world, json!(["A1", "A2", "A3"]), 600).await;
    let released = Call::release("1", &id(1)).query("seats=A2,B1").send(&world.office).await;
    assert_eq!(released.status, 204);
    assert_eq!(Call::reservation("1", &id(1)).send(&world.office).await.seats(), ["A1", "A3"]);
}

#[tokio::test]
async fn released_reservation_id_cannot_be_reused() {
    let world = World::new().await;
    let first = reserve(&world, json!(["A1"]), 600).await;
    Call::release("1", &id(1)).send(&world.office).await;
    for seats in [json!(["A1"]), json!(["B1"]), json!(["A1", "B1"])] {
        let again = reserve(&world, seats, 600).await;
        assert_eq!((first.status, again.status, again.code()), (201, 409, "reservation_released"));
    }
    assert_eq!(available(&world).await.len(), 6);
    for body in [json!({ "seat": "A1" }), json!({ "quantity": 2 })] {
        let call = Call::reserve("1", &body).header("Idempotency-Key", KEY);
        let made = call.send(&world.office).await;
        assert_eq!((made.status, call.send(&world.office).await.status), (201, 200));
        assert_eq!(Call::release("1", made.text("reservation_id")).send(&world.office).await.status, 204);
        let late = call.send(&world.office).await;
        assert_eq!((late.status, late.code()), (409, "reservation_released"), "{body}");
    }
    assert_eq!(available(&world).await.len(), 6);
}

#[tokio::test]
async fn released_seat_does_not_return_to_its_reservation() {
    let world = World::new().await;
    reserve(&world, json!(["A1", "A2"]), 600).await;
    assert_eq!(Call::release("1", &id(1)).query("seats=A1").send(&world.office).await.status, 204);
    let late = reserve(&world, json!(["A1", "A2"]), 600).await;
    assert_eq!((late.status, late.code(), late.seats()), (409, "reservation_released", vec!["A1"]));
    assert_eq!(reserve(&world, json!(["A3"]), 600).await.status, 201, "others can be added");
    let booked = Call::book("1", &json!({ "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!((booked.status, booked.seats()), (201, vec!["A2", "A3"]));
}

#[tokio::test]
async fn release_before_reserve_invalidates_the_id() {
    let world = World::new().await;
    assert_eq!(Call::release("1", &id(1)).send(&world.office).await.status, 204);
    let late = reserve(&world, json!(["A1"]), 600).await;
    assert_eq!((late.status, late.code()), (409, "reservation_released"));
}

#[tokio::test]
async fn delayed_reserve_after_a_cancellation_is_rejected() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 600).await;
    let book = json!({ "reservation_id": id(1), "booking_id": id(7) });
    assert_eq!(Call::book("1", &book).send(&world.office).await.status, 201);
    assert_eq!(Call::cancel("1", &id(7)).send(&world.office).await.status, 204);
    let late = reserve(&world, json!(["A1"]), 600).await;
    assert_eq!((late.status, late.code()), (409, "reservation_released"));
}

/// The request that made a reservation arrives again, after the seat was booked by its label and the booking was
/// cancelled.
#[tokio::test]
async fn seat_booked_by_label_does_not_return_to_reservation() {
    const KEY: &str = "0123456789abcdef";
    let cart = |seats: serde_json::Value, reservation: &serde_json::Value| {
        Call::reserve("1", &json!({ "seats": seats, "reservation_id": reservation }))
    };
    for call in [
        cart(json!(["A1"]), &json!(id(1))),
        cart(json!(["A1", "A2"]), &json!(id(1))),
        Call::reserve("1", &json!({ "seat": "A1" })).header("Idempotency-Key", KEY),
        Call::reserve("1", &json!({ "quantity": 2 })).header("Idempotency-Key", KEY),
    ] {
        let world = World::new().await;
        let made = call.send(&world.office).await;
        let (seat, reservation) = (made.seats()[0], &made.body["reservation_id"]);
        let book = json!({ "seat": seat, "reservation_id": reservation, "booking_id": id(7) });
        assert_eq!(Call::book("1", &book).send(&world.office).await.status, 201);
        let sold = call.send(&world.office).await;
        assert_eq!((sold.status, sold.code()), (409, "seat_unavailable"), "{call:?}");
        assert_eq!(Call::cancel("1", &id(7)).send(&world.office).await.status, 204);
        for late in [&call, &cart(json!([seat]), reservation), &cart(json!(["B3", seat]), reservation)] {
            let late = late.send(&world.office).await;
            assert_eq!((late.status, late.code(), late.seats()), (409, "reservation_released", vec![seat]), "{call:?}");
        }
        let stranger = Call::reserve("1", &json!({ "seat": seat })).send(&world.office).await;
        assert_eq!(stranger.status, 201, "{}", stranger.text);
        world.at(600_000);
        let again = cart(json!([seat]), reservation).send(&world.office).await;
        assert_eq!(again.status, 201, "what has run out can be reserved again: {}", again.text);
    }
}

#[tokio::test]
async fn extension_applies_to_seats_added_after_the_first_one() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 60).await;
    assert_eq!(extend(&json!({ "expires_in": 100 })).send(&world.office).await.body["extended"], true);
    let grown = reserve(&world, json!(["A2"]), 300).await;
    assert_eq!((&grown.body["expires_in"], &grown.body["ends"][0]["expires_in"]), (&json!(100), &json!(300)));
    let call = Call::extend("1", &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", "another-key-of-16");
    let extended = call.send(&world.office).await;
    let ends: Vec<_> = extended.body["ends"].as_array().unwrap().iter().map(|end| &end["expires_in"]).collect();
    assert_eq!((extended.status, ends), (200, vec![&json!(100), &json!(900)]), "each seat once");
    let third = Call::extend("1", &id(1), &json!({ "expires_in": 900 })).send(&world.office).await;
    assert_eq!((third.status, third.code()), (409, "reservation_already_extended"));
}

#[tokio::test]
async fn release_leaves_booked_seats() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 600).await;
    Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!(Call::release("1", &id(1)).send(&world.office).await.status, 204);
    let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!(seat_map.body["booked"], 1);
}

#[tokio::test]
async fn a_reservation_is_extended_once() {
    let world = World::new().await;
    reserve(&world, json!(["A1", "A2"]), 600).await;
    world.at(500_000);
    let extended = extend(&json!({ "expires_in": 900 })).send(&world.office).await;
    assert_eq!(extended.status, 200);
    insta::assert_json_snapshot!(extended.body);
    world.at(501_000);
    let again = extend(&json!({ "expires_in": 900 })).send(&world.office).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    assert_eq!((&again.body["expires_at"], &again.body["expires_in"]), (&extended.body["expires_at"], &json!(899)));
    let other = Call::extend("1", &id(1), &json!({})).send(&world.office).await;
    assert_eq!((other.status, other.code()), (409, "reservation_already_extended"));
    world.at(1_399_999);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.body["reserved"].as_u64(), seat_map.header("x-cache")), (Some(2), "miss"));
    world.at(1_400_000);
    assert_eq!(available(&world).await.len(), 6, "half-open, as ever");
}

#[tokio::test]
async fn extension_of_named_seats_is_all_or_none() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 100).await;
    reserve(&world, json!(["A2", "A3"]), 600).await;
    let booked = Call::book("1", &json!({ "seat": "A3", "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!(booked.status, 201);
    world.at(100_000);
    let before = Call::reservation("1", &id(1)).send(&world.office).await;
    for (named, missing) in [
        (json!(["A2", "A1"]), json!([{ "seat": "A1" }])),
        (json!(["A2", "A3"]), json!([{ "seat": "A3" }])),
        (json!(["NONE", "A2"]), json!([{ "seat": "NONE" }])),
    ] {
        let reply = extend(&json!({ "seats": named, "expires_in": 900 })).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (409, "reservation_changed"), "{named}: {}", reply.text);
        assert_eq!(reply.body["seats"], missing, "{named}");
    }
    let after = Call::reservation("1", &id(1)).send(&world.office).await;
    assert_eq!((&after.body["seats"], &after.body["ends"]), (&before.body["seats"], &before.body["ends"]));
    let extended = extend(&json!({ "seats": ["A2"], "expires_in": 900 })).send(&world.office).await;
    assert_eq!((extended.status, &extended.body["seats"]), (200, &json!(["A2"])));
}

#[tokio::test]
async fn extension_updates_the_cache() {
    let world = World::new().await;
    assert_eq!(available(&world).await.len(), 6);
    reserve(&world, json!(["A1"]), 10).await;
    extend(&json!({ "expires_in": 40 })).send(&world.office).await;
    world.at(39_000);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.body["reserved"].as_u64()), ("hit", Some(1)));
}

#[tokio::test]
async fn extension_is_bounded_by_half_an_hour_in_total() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 1_000).await;
    world.at(900_000);
    let extended = extend(&json!({ "expires_in": 1_800 })).send(&world.office).await;
    assert_eq!(extended.body["expires_in"], 900);
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 1_800).await;
    let no_longer = extend(&json!({})).send(&world.office).await;
    assert_eq!((no_longer.status, no_longer.code()), (409, "reservation_not_extendable"));
}

#[tokio::test]
async fn expired_or_unknown_reservation_is_not_extended() {
    let world = World::new().await;
    assert_eq!(extend(&json!({})).send(&world.office).await.code(), "reservation_not_found");
    reserve(&world, json!(["A1"]), 60).await;
    world.at(60_000);
    let expired = extend(&json!({})).send(&world.office).await;
    assert_eq!((expired.status, expired.code()), (410, "reservation_expired"));
}

#[tokio::test]
async fn extension_body_is_optional_and_wrong_fields_are_named() {
    let world = World::new().await;
    reserve(&world, json!(["A1"]), 60).await;
    for (body, field) in [
        (json!({ "expires_in": 0 }), "expires_in"),
        (json!({ "expires_in": 1_801 }), "expires_in"),
        (json!({ "seats": [] }), "seats"),
        (json!({ "seats": ["A 1"] }), "seats[0]"),
        (json!({ "longer": true }), "longer"),
    ] {
        let reply = extend(&body).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (400, "malformed_request"));
        assert!(reply.text("detail").contains(field), "{}", reply.text);
    }
    let reply = Call::extend("1", "nobody", &json!({})).send(&world.office).await;
    assert!(reply.text("detail").contains("reservationId"), "{}", reply.text);
    let reply = Call::reservation("1", &id(1)).query("seats=A1,A1").send(&world.office).await;
    assert!(reply.text("detail").contains("seats[1]"), "{}", reply.text);
    assert_eq!(extend(&json!({})).raw_body("").send(&world.office).await.body["expires_in"], 600);
}

#[tokio::test]
async fn signed_in_caller_has_a_reservation_quota() {
    let world = World::new().await;
    let seats: Vec<_> = (1..=40).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let reserve_as = async |number: usize, from: usize, to: usize, who: &str| {
        let body = json!({ "seats": seats[from..to], "reservation_id": id(number as u128) });
        Call::reserve("hall", &body).signed_in(who).send(&world.office).await
    };
    let reserve = async |from: usize, to: usize, who: &str| reserve_as(from + 1, from, to, who).await;
    assert_eq!(reserve(0, 10, "ann").await.status, 201);
    assert_eq!(reserve(0, 10, "ann").await.status, 200, "a repeat adds no seat");
    assert_eq!(reserve(10, 19, "ann").await.status, 201);
    let too_many = reserve(20, 22, "ann").await;
    assert_eq!((too_many.status, too_many.code()), (409, "reservation_limit"));
    assert!(too_many.text("detail").contains("19") && too_many.text("detail").contains("20"), "{}", too_many.text);
    assert_eq!(reserve(20, 21, "ann").await.status, 201, "the twentieth");
    assert_eq!(reserve(21, 22, "ann").await.status, 409);
    assert_eq!(reserve(22, 32, "bob").await.status, 201, "each caller has a separate quota");
    assert_eq!(reserve(0, 10, "ann").await.status, 200, "a repeat isn't rejected");
    assert_eq!(
        reserve(22, 23, "ann").await.code(),
        "seat_unavailable",
        "a taken seat is a conflict, not a quota error"
    );
    // Released and booked seats free the quota at once. An expired seat frees it in the second in which it expires.
    Call::release("hall", &id(1)).signed_in("ann").send(&world.office).await;
    assert_eq!(reserve(32, 40, "ann").await.status, 201);
    let book = json!({ "reservation_id": id(11) });
    assert_eq!(Call::book("hall", &book).signed_in("ann").send(&world.office).await.status, 201);
    assert_eq!(reserve_as(100, 0, 10, "ann").await.status, 201);
    assert_eq!(reserve(21, 22, "ann").await.status, 201);
    world.at(600_000);
    assert_eq!(reserve(22, 32, "ann").await.status, 201);
    assert_eq!(reserve(32, 40, "ann").await.status, 201);
}

#[tokio::test]
async fn anonymous_caller_has_no_reservation_quota() {
    let world = World::new().await;
    let seats: Vec<_> = (1..=30).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for seats in seats.chunks(10) {
        assert_eq!(Call::reserve("hall", &json!({ "seats": seats })).send(&world.office).await.status, 201);
    }
}
