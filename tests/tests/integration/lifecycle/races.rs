//! Races of these calls against each other, and against reserving and booking. One call wins, and the response to the
//! other one shows that.

use std::sync::Arc;

use boxoffice_tests::{Call, Reply, World};
use futures_util::future::join_all;
use serde_json::json;

use crate::api::id;

const ROUNDS: u128 = 30;

/// Sends the calls at once, each through an instance of its own.
async fn at_once(world: &Arc<World>, calls: Vec<Call>) -> Vec<Reply> {
    let mut tasks = Vec::new();
    for call in calls {
        let office = world.instance(world.clock.clone()).await;
        tasks.push(tokio::spawn(async move { call.send(&office).await }));
    }
    join_all(tasks).await.into_iter().map(|reply| reply.expect("no panic")).collect()
}

async fn seen(world: &World, theater: &str) -> (usize, u64, u64) {
    let seat_map = Call::get_seats(theater).query("consistent=true").send(&world.office).await;
    let cached = Call::get_seats(theater).send(&world.office).await;
    assert_eq!(cached.body, seat_map.body, "the cache follows");
    (seat_map.seats().len(), seat_map.body["reserved"].as_u64().unwrap(), seat_map.body["booked"].as_u64().unwrap())
}

/// Puts a fresh theater, with reservation `n` of two seats.
async fn reserved(world: &World, n: u128) -> String {
    let theater = format!("t{n}");
    world.put_theater(&theater, "T", &["A1", "A2", "A3"]).await;
    let body = json!({ "seats": ["A1", "A2"], "reservation_id": id(n), "expires_in": 60 });
    assert_eq!(Call::reserve(&theater, &body).send(&world.office).await.status, 201);
    Call::get_seats(&theater).send(&world.office).await;
    theater
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release_and_book_race_and_one_wins() {
    let world = Arc::new(World::new().await);
    for n in 0..ROUNDS {
        let theater = reserved(&world, n).await;
        let book = json!({ "seats": ["A1", "A2"], "reservation_id": id(n), "booking_id": id(1_000 + n) });
        let replies = at_once(&world, vec![Call::release(&theater, &id(n)), Call::book(&theater, &book)]).await;
        assert_eq!((replies[0].status, replies[1].status), (204, 201), "named seats are available or the caller's own");
        assert_eq!(seen(&world, &theater).await, (1, 0, 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release_and_booking_of_the_whole_race_and_one_wins() {
    let world = Arc::new(World::new().await);
    for n in 0..ROUNDS {
        let theater = reserved(&world, n).await;
        let book = json!({ "reservation_id": id(n), "booking_id": id(1_000 + n) });
        let replies = at_once(&world, vec![Call::release(&theater, &id(n)), Call::book(&theater, &book)]).await;
        assert_eq!(replies[0].status, 204);
        match replies[1].status {
            201 => assert_eq!(seen(&world, &theater).await, (1, 0, 2)),
            404 => assert_eq!(seen(&world, &theater).await, (3, 0, 0)),
            other => panic!("{other}: {}", replies[1].text),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn extend_and_expiry_race_is_decided_by_the_instant() {
    let world = Arc::new(World::new().await);
    for n in 0..ROUNDS {
        world.at(0);
        let theater = reserved(&world, n).await;
        world.at(59_999);
        let before = world.instance(boxoffice::clock::Clock::manual(world.clock.now())).await;
        world.at(60_000);
        let extend = Call::extend(&theater, &id(n), &json!({}));
        let take = Call::reserve(&theater, &json!({ "seats": ["A1", "A2"], "reservation_id": id(1_000 + n) }));
        let office = world.instance(world.clock.clone()).await;
        let (extended, taken) = tokio::join!(extend.send(&before), take.send(&office));
        match (extended.status, taken.status) {
            (200, 409) | (404, 201) => {}
            other => panic!("{other:?}: {} {}", extended.text, taken.text),
        }
        assert_eq!(seen(&world, &theater).await.1, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_extensions_with_different_keys_count_once() {
    let world = Arc::new(World::new().await);
    let theater = reserved(&world, 1).await;
    let extend = |key: usize| {
        Call::extend(&theater, &id(1), &json!({ "expires_in": 900 }))
            .header("Idempotency-Key", &format!("key-of-extension-{key}"))
    };
    let replies = at_once(&world, (0..12).map(|n| extend(n / 2)).collect()).await;
    let won: Vec<_> = replies.iter().enumerate().filter(|(_, reply)| reply.status == 200).map(|(n, _)| n).collect();
    assert_eq!(won.len(), 2, "one key, sent twice: {won:?}");
    assert_eq!(won[0] / 2, won[1] / 2);
    assert!(replies.iter().all(|reply| reply.status == 200 || reply.code() == "reservation_already_extended"));
    let ends: Vec<_> = won.iter().map(|n| replies[*n].text("expires_at")).collect();
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_and_booking_repeats_race_and_it_stays_cancelled() {
    let world = Arc::new(World::new().await);
    for n in 0..ROUNDS {
        let theater = reserved(&world, n).await;
        let book = Call::book(
            &theater,
            &json!({ "seats": ["A1", "A2"], "reservation_id": id(n), "booking_id": id(1_000 + n) }),
        );
        assert_eq!(book.send(&world.office).await.status, 201);
        let cancel = Call::cancel(&theater, &id(1_000 + n));
        let replies = at_once(&world, vec![book.clone(), cancel.clone(), book.clone(), cancel]).await;
        for (reply, cancels) in replies.iter().zip([false, true, false, true]) {
            match (cancels, reply.status) {
                (true, 204) | (false, 200) => {}
                (false, 409) => assert_eq!(reply.code(), "booking_cancelled"),
                other => panic!("{other:?}: {}", reply.text),
            }
        }
        assert_eq!(book.send(&world.office).await.code(), "booking_cancelled");
        assert_eq!(seen(&world, &theater).await, (3, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel_and_waiting_buyers_race_and_each_seat_sells_once() {
    let world = Arc::new(World::new().await);
    for n in 0..ROUNDS / 2 {
        let theater = reserved(&world, n).await;
        let book = |booking: u128| json!({ "seats": ["A1", "A2"], "reservation_id": id(n), "booking_id": id(booking) });
        Call::book(&theater, &book(1_000)).send(&world.office).await;
        let mut calls = vec![Call::cancel(&theater, &id(1_000))];
        calls.extend((2_000..2_008).map(|booking| Call::book(&theater, &book(booking))));
        let replies = at_once(&world, calls).await;
        assert_eq!(replies[0].status, 204);
        let sold = replies.iter().filter(|reply| reply.status == 201).count();
        assert!(sold <= 1 && replies[1..].iter().all(|reply| [201, 409].contains(&reply.status)));
        assert_eq!(seen(&world, &theater).await.2, 2 * sold as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_reservations_never_exceed_the_quota() {
    let world = Arc::new(World::new().await);
    let seats: Vec<_> = (0..60).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for round in 0..3_u64 {
        // The reservations of the last round have expired, so the quota is free again.
        world.at(round * 60_000);
        let calls = seats
            .chunks(3)
            .map(|seats| Call::reserve("hall", &json!({ "seats": seats, "expires_in": 60 })).signed_in("ann"));
        let replies = at_once(&world, calls.collect()).await;
        let had = replies.iter().filter(|reply| reply.status == 201).count();
        let refused = replies.iter().filter(|reply| reply.code() == "reservation_limit").count();
        assert_eq!(seen(&world, "hall").await.1, 3 * had as u64);
        assert!(had <= 6, "at most twenty seats: {had} of 3");
        assert_eq!((had, refused), (6, 14), "and not fewer");
    }
}
