//! `POST /theaters/{theaterId}/reserve` with a quantity: choosing the best available seats.

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::id;

async fn send(world: &World, body: Value) -> Reply {
    Call::reserve("1", &body).send(&world.office).await
}

/// The hall has two rows of three, A in front of B. The best seats are in the middle of A.
#[tokio::test]
async fn the_best_seats_are_chosen_and_reserved_in_one_call() {
    let world = World::new().await;
    let one = send(&world, json!({ "quantity": 1 })).await;
    assert_eq!((one.status, one.seats()), (201, vec!["A1"]), "A2 would leave A1 and A3 alone");
    assert!(one.header("location").ends_with(one.text("reservation_id")));
    world.at(10_000);
    let pair = send(&world, json!({ "quantity": 2, "expires_in": 60 })).await;
    assert_eq!((pair.seats(), &pair.body["expires_in"]), (vec!["A2", "A3"], &json!(60)));
    world.at(20_000);
    assert_eq!(send(&world, json!({ "quantity": 3 })).await.seats(), ["B1", "B2", "B3"]);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.body["reserved"].as_u64()), ("hit", Some(6)));
}

#[tokio::test]
async fn too_large_quantity_is_rejected_with_the_largest_block() {
    let world = World::new().await;
    send(&world, json!({ "seat": "A2" })).await;
    let refused = send(&world, json!({ "quantity": 4 })).await;
    assert_eq!((refused.status, refused.code()), (409, "not_enough_seats"));
    assert_eq!((&refused.body["available"], &refused.body["largest_block"]), (&json!(5), &json!(3)));
    insta::assert_json_snapshot!(refused.body);
    let nothing = send(&world, json!({ "quantity": 1, "accessible": true })).await;
    assert_eq!((&nothing.body["available"], &nothing.body["largest_block"]), (&json!(0), &json!(0)));
    assert_eq!(send(&world, json!({ "quantity": 3 })).await.status, 201);
}

/// Puts a hall with one section. Each row is a list of seats.
async fn put_hall(world: &World, rows: Value) {
    put_hall_with(world, json!({}), rows).await;
}

/// Puts a hall with one section and more fields.
async fn put_hall_with(world: &World, fields: Value, rows: Value) {
    let rows: Vec<_> = rows.as_array().unwrap().iter().enumerate().map(|(n, seats)| row(n, seats)).collect();
    let mut hall = json!({ "name": "Hall", "sections": [{ "section": "Stalls", "rows": rows }] });
    hall.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let put = Call::put_theater("hall", &hall).send(&world.office).await;
    assert_eq!(put.status, 201, "{}", put.text);
}

fn row(number: usize, seats: &Value) -> Value {
    json!({ "row": number.to_string(), "seats": seats })
}

async fn choose(world: &World, body: Value) -> Reply {
    Call::reserve("hall", &body).send(&world.office).await
}

/// A pair from the row of three leaves a single seat. A pair from the row of accessible seats doesn't.
#[tokio::test]
async fn open_accessible_seats_are_kept_while_an_ordinary_block_is_left() {
    let world = World::new().await;
    let accessible = ["W1", "W2"].map(|seat| json!({ "seat": seat, "accessible": true }));
    put_hall_with(&world, json!({ "accessible_policy": "open" }), json!([accessible, ["A1", "A2", "A3"]])).await;
    let pair = json!({ "quantity": 2 });
    let first = choose(&world, pair.clone()).await;
    assert_eq!(first.seats().len(), 2);
    assert!(first.seats().iter().all(|seat| seat.starts_with('A')), "{}", first.text);
    let single = choose(&world, json!({ "quantity": 1 })).await;
    assert!(single.seats()[0].starts_with('A'), "{}", single.text);
    let last = choose(&world, pair).await;
    assert_eq!((last.status, last.seats()), (201, vec!["W1", "W2"]), "no ordinary seats are left");
}

/// The clock stands still, so every seat seems to have changed just now, and callers are spread as widely as possible.
#[tokio::test]
async fn contention_leaves_accessible_seats_alone() {
    let world = World::new().await;
    let pair =
        |row: char, accessible: bool| [1, 2].map(|n| json!({ "seat": format!("{row}{n}"), "accessible": accessible }));
    let rows = json!([pair('W', true), pair('X', true), pair('A', false), pair('B', false), pair('C', false)]);
    put_hall_with(&world, json!({ "accessible_policy": "open" }), rows).await;
    let mut chosen = Vec::new();
    for _ in 0..3 {
        chosen.extend(choose(&world, json!({ "quantity": 2 })).await.seats().into_iter().map(str::to_owned));
    }
    chosen.sort_unstable();
    assert_eq!(chosen, ["A1", "A2", "B1", "B2", "C1", "C2"]);
    let last = choose(&world, json!({ "quantity": 2 })).await;
    assert!(last.seats()[0].starts_with(['W', 'X']), "no ordinary seats are left: {}", last.text);
}

/// One row has two lines of four seats: 5 to 8 are behind 1 to 4.
#[tokio::test]
async fn a_seat_behind_is_not_next_to_a_seat() {
    let world = World::new().await;
    let seat = |n: usize| json!({ "seat": (n + 1).to_string(), "x": n % 4 * 50, "y": n / 4 * 50 });
    put_hall(&world, json!([(0..8).map(seat).collect::<Vec<_>>()])).await;
    let too_many = choose(&world, json!({ "quantity": 5 })).await;
    assert_eq!((too_many.code(), &too_many.body["largest_block"]), ("not_enough_seats", &json!(4)));
    for lines in [[["1", "2", "3"], ["2", "3", "4"]], [["5", "6", "7"], ["6", "7", "8"]]] {
        let three = choose(&world, json!({ "quantity": 3 })).await;
        assert!(lines.iter().any(|line| three.seats() == line), "{}", three.text);
    }
    let pair = choose(&world, json!({ "quantity": 2 })).await;
    assert_eq!((pair.code(), &pair.body["available"]), ("not_enough_seats", &json!(2)), "one seat is behind the other");
}

#[tokio::test]
async fn row_of_20000_seats_is_sold() {
    let world = World::new().await;
    let seat = |n: usize| json!({ "seat": n.to_string(), "x": n % 142 * 50, "y": n / 142 * 50 });
    put_hall(&world, json!([(0..20_000).map(seat).collect::<Vec<_>>()])).await;
    let four = choose(&world, json!({ "quantity": 4 })).await;
    assert_eq!((four.status, four.seats().len()), (201, 4), "{}", four.text);
}

#[tokio::test]
async fn repeated_best_available_returns_the_same_seats() {
    let world = World::new().await;
    for by_key in [true, false] {
        let theater = if by_key { "1" } else { "2" };
        let call = |quantity: usize| match by_key {
            true => {
                Call::reserve(theater, &json!({ "quantity": quantity })).header("Idempotency-Key", "0123456789abcdef")
            }
            false => Call::reserve(theater, &json!({ "quantity": quantity, "reservation_id": id(1) })),
        };
        world.at(0);
        let first = call(2).send(&world.office).await;
        world.at(100_000);
        let again = call(2).send(&world.office).await;
        assert_eq!((first.status, again.status, again.header("idempotent-replayed")), (201, 200, "true"), "{by_key}");
        for field in ["reservation_id", "seats", "expires_at"] {
            assert_eq!(again.body[field], first.body[field], "{field}");
        }
        let other = call(1).send(&world.office).await;
        assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
        let seat_map = Call::get_seats(theater).query("consistent=true").send(&world.office).await;
        assert_eq!(seat_map.body["reserved"], 2, "{by_key}");
    }
}

#[tokio::test]
async fn repeated_best_available_works_when_sold_out() {
    let world = World::new().await;
    let call = |number| Call::reserve("1", &json!({ "quantity": 3, "reservation_id": id(number) }));
    assert_eq!(call(1).send(&world.office).await.status, 201);
    assert_eq!(call(2).send(&world.office).await.status, 201);
    assert_eq!(call(3).send(&world.office).await.code(), "not_enough_seats");
    let again = call(1).send(&world.office).await;
    assert_eq!((again.status, again.seats().len()), (200, 3));
}

#[tokio::test]
async fn repeat_after_expiry_reserves_free_seats_or_is_rejected() {
    let world = World::new().await;
    let body = json!({ "quantity": 2, "reservation_id": id(1), "expires_in": 60 });
    let first = send(&world, body.clone()).await;
    world.at(60_000);
    let again = send(&world, body.clone()).await;
    assert_eq!((again.status, &again.body["seats"]), (201, &first.body["seats"]));
    Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) })).send(&world.office).await;
    let late = send(&world, body).await;
    assert_eq!((late.status, late.code(), late.seats()), (409, "seat_unavailable", first.seats()), "never others");
}

#[tokio::test]
async fn idempotency_key_works_with_a_reservation_id() {
    let world = World::new().await;
    send(&world, json!({ "seat": "B1", "reservation_id": id(1) })).await;
    let call = |key: &str| {
        Call::reserve("1", &json!({ "quantity": 1, "reservation_id": id(1) })).header("Idempotency-Key", key)
    };
    for (key, status) in [("0123456789abcdef", 201), ("0123456789abcdef", 200), ("fedcba9876543210", 201)] {
        assert_eq!(call(key).send(&world.office).await.status, status);
    }
    assert_eq!(Call::reservation("1", &id(1)).send(&world.office).await.seats().len(), 3);
    let other = Call::reserve("1", &json!({ "quantity": 2, "reservation_id": id(1) }));
    let other = other.header("Idempotency-Key", "0123456789abcdef").send(&world.office).await;
    assert_eq!(other.status, 422, "the key belongs to another seat preference");
}

#[tokio::test]
async fn another_callers_seat_preference_is_not_replayed() {
    let world = World::new().await;
    let call = Call::reserve("1", &json!({ "quantity": 2, "reservation_id": id(1) }));
    let first = call.clone().signed_in("ann").send(&world.office).await;
    assert_eq!(first.status, 201);
    let guessed = call.signed_in("bob").send(&world.office).await;
    assert_eq!((guessed.status, guessed.header("idempotent-replayed")), (201, ""), "bob's own");
    assert!(guessed.seats().iter().all(|seat| !first.seats().contains(seat)));
}

#[tokio::test]
async fn wrong_best_available_fields_are_named() {
    let world = World::new().await;
    for (body, field) in [
        (json!({ "quantity": 0 }), "quantity"),
        (json!({ "quantity": 11 }), "quantity"),
        (json!({ "quantity": "2" }), "quantity"),
        (json!({ "quantity": 2, "seat": "A1" }), "quantity"),
        (json!({ "seat": "A1", "section": "x" }), "section"),
        (json!({ "seat": "A1", "accessible": true }), "accessible"),
        (json!({ "quantity": 2, "section": "Gods" }), "section"),
        (json!({ "quantity": 2, "category": "cheap" }), "category"),
        (json!({ "quantity": 2, "category": 7 }), "category"),
        (json!({ "quantity": 2, "accessible": "yes" }), "accessible"),
        (json!({ "quantity": 2, "accessible": 0 }), "accessible"),
        (json!({ "quantity": 2, "accessible": 3 }), "accessible"),
        (json!({ "quantity": 2, "accessible": 1.5 }), "accessible"),
        (json!({ "quantity": 2, "expires_in": 0 }), "expires_in"),
    ] {
        let reply = send(&world, body).await;
        assert_eq!((reply.status, reply.code()), (400, "malformed_request"), "{}", reply.text);
        assert!(reply.text("detail").starts_with(&format!("{field}: ")), "{}", reply.text);
    }
    assert_eq!(Call::reserve("9", &json!({ "quantity": 1 })).send(&world.office).await.code(), "theater_not_found");
}
