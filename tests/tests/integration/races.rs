//! Concurrent requests. A seat is never sold twice, and a repeated request never counts twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boxoffice_tests::{Call, Reply, World};
use futures_util::future::join_all;
use serde_json::json;

use crate::api::id;

/// Sends all calls at once, each from its own task, spread over a few instances.
async fn all_at_once(world: &Arc<World>, calls: Vec<Call>) -> Vec<Reply> {
    let mut offices = Vec::new();
    for _ in 0..4 {
        offices.push(Arc::new(world.instance(world.clock.clone()).await));
    }
    let tasks = calls.into_iter().zip(offices.into_iter().cycle());
    let tasks = tasks.map(|(call, office)| tokio::spawn(async move { call.send(&office).await }));
    join_all(tasks).await.into_iter().map(|reply| reply.expect("no panic")).collect()
}

fn by_status(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_bookings_of_one_seat_exactly_one_succeeds() {
    let world = Arc::new(World::new().await);
    for (seat, with_id) in [("A1", true), ("A2", false)] {
        let calls = (0..200).map(|n| {
            let mut body = json!({ "seat": seat });
            if with_id {
                body["booking_id"] = json!(id(n));
            }
            Call::book("1", &body)
        });
        let replies = all_at_once(&world, calls.collect()).await;
        assert_eq!(by_status(&replies), BTreeMap::from([(201, 1), (409, 199)]));
        let winner = replies.iter().find(|reply| reply.status == 201).unwrap();
        let item = world.seat_item("1", seat).await.unwrap();
        assert_eq!(item["booking_id"].as_s().unwrap(), winner.text("booking_id"));
    }
    assert_eq!(world.item_count().await, 2 + 2 * 2, "two bookings, two seats");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_equal_bookings_one_is_201_and_49_are_equal_200s() {
    let world = Arc::new(World::new().await);
    let call = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    let replies = all_at_once(&world, vec![call; 50]).await;
    assert_eq!(by_status(&replies), BTreeMap::from([(200, 49), (201, 1)]));
    let repeats: BTreeSet<_> = replies.iter().filter(|reply| reply.status == 200).map(|reply| &reply.text).collect();
    assert_eq!(repeats.len(), 1);
    let first = replies.iter().find(|reply| reply.status == 201).unwrap();
    for field in ["booking_id", "seats", "booked_at"] {
        assert!(replies.iter().all(|reply| reply.body[field] == first.body[field]), "{field}");
    }
    assert_eq!(world.item_count().await, 2 + 1 + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_50_equal_reservations_one_is_201_and_49_are_equal_200s() {
    let world = Arc::new(World::new().await);
    for seats in [json!(["A1"]), json!(["B1", "B2"])] {
        let call = Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(1) }));
        let replies = all_at_once(&world, vec![call; 50]).await;
        assert_eq!(by_status(&replies), BTreeMap::from([(200, 49), (201, 1)]), "{seats}");
        let ends: BTreeSet<_> = replies.iter().map(|reply| reply.text("expires_at")).collect();
        assert_eq!(ends.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_bookings_never_half_succeed_or_deadlock() {
    let world = Arc::new(World::new().await);
    let labels = ["A1", "A2", "A3", "B1", "B2", "B3"];
    // Every pair of seats in both orders. Locking in the order of the request would deadlock.
    let mut calls = Vec::new();
    for (a, first) in labels.iter().enumerate() {
        for (b, second) in labels.iter().enumerate().filter(|(b, _)| *b != a) {
            let booking = id((a * 10 + b) as u128);
            calls.push(Call::book("1", &json!({ "seats": [first, second], "booking_id": booking })));
        }
    }
    let replies = all_at_once(&world, calls).await;
    assert_eq!(by_status(&replies).into_keys().collect::<Vec<_>>(), [201, 409]);
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for reply in replies.iter().filter(|reply| reply.status == 201) {
        for seat in reply.seats() {
            let before = owners.insert(seat.to_owned(), reply.text("booking_id").to_owned());
            assert_eq!(before, None, "{seat} was sold twice");
        }
    }
    for seat in labels {
        let item = world.seat_item("1", seat).await;
        let owner = item.map(|item| item["booking_id"].as_s().unwrap().clone());
        assert_eq!(owner.as_ref(), owners.get(seat), "{seat} is as the buyer's response said");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserving_and_booking_the_same_seat_at_once_leaves_one_owner() {
    let world = Arc::new(World::new().await);
    let calls = (0..40).map(|n| match n % 2 {
        0 => Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(n) })),
        _ => Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(n) })),
    });
    let replies = all_at_once(&world, calls.collect()).await;
    assert_eq!(by_status(&replies), BTreeMap::from([(201, 1), (409, 39)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_seat_is_taken_over_by_exactly_one_caller() {
    let world = Arc::new(World::new().await);
    for (round, seat) in ["A1", "A2", "A3", "B1"].into_iter().enumerate() {
        world.at(0);
        let held = json!({ "seat": seat, "expires_in": 10, "reservation_id": id(1) });
        assert_eq!(Call::reserve("1", &held).send(&world.office).await.status, 201);
        world.at(10_000);
        // At the instant of expiry the holder books, strangers book, and strangers reserve.
        let base = 1_000 * (round as u128 + 1);
        let calls = (0..30).map(|n| match n % 3 {
            0 => Call::book("1", &json!({ "seat": seat, "reservation_id": id(1), "booking_id": id(base + 500) })),
            1 => Call::book("1", &json!({ "seat": seat, "booking_id": id(base + n) })),
            _ => Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(base + n) })),
        });
        let replies = all_at_once(&world, calls.collect()).await;
        let counts = by_status(&replies);
        assert_eq!(counts[&201], 1, "{counts:?}");
        // The holder's ten calls are one booking. If it was first, the others are repeats.
        let holder_won = world
            .seat_item("1", seat)
            .await
            .unwrap()
            .get("booking_id")
            .is_some_and(|booking| *booking.as_s().unwrap() == id(base + 500));
        assert_eq!(counts.get(&200).copied().unwrap_or(0), if holder_won { 9 } else { 0 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sold_out_theater_has_sold_each_seat_once() {
    let world = Arc::new(World::new().await);
    let labels = ["A1", "A2", "A3", "B1", "B2", "B3"];
    let calls = (0..120).map(|n| Call::book("1", &json!({ "seat": labels[n % 6], "booking_id": id(n as u128) })));
    let replies = all_at_once(&world, calls.collect()).await;
    assert_eq!(by_status(&replies), BTreeMap::from([(201, 6), (409, 114)]));
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.seats().len(), &seat_map.body["booked"]), (0, &json!(6)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cache_equals_the_table_after_all_writes() {
    let world = Arc::new(World::new().await);
    let labels = ["A1", "A2", "A3", "B1", "B2", "B3"];
    let calls = (0..150).map(|n| {
        let seat = labels[n % 6];
        match n % 5 {
            0 | 1 => Call::get_seats("1"),
            2 => Call::reserve("1", &json!({ "seat": seat, "expires_in": 1, "reservation_id": id(n as u128) })),
            3 => Call::reserve("1", &json!({ "seats": [seat, labels[(n + 1) % 6]] })),
            _ => Call::book("1", &json!({ "seat": seat, "booking_id": id(n as u128) })),
        }
    });
    let replies = all_at_once(&world, calls.collect()).await;
    assert!(replies.iter().all(|reply| [200, 201, 409].contains(&reply.status)), "{:?}", by_status(&replies));
    Call::get_seats("1").send(&world.office).await;
    for millis in [0, 999, 1_000, 700_000] {
        world.at(millis);
        let cached = Call::get_seats("1").send(&world.office).await;
        assert_eq!(cached.header("x-cache"), "hit", "otherwise the table is compared with itself");
        let stored = Call::get_seats("1").query("consistent=true").send(&world.office).await;
        assert_eq!(cached.text, stored.text, "{millis} ms later");
    }
}
