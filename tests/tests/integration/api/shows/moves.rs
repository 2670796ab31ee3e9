//! The layout of a show: it is pinned, and an administrator can move the show to a newer one.

use std::sync::Arc;
use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{create, evening, replace, with};
use crate::api::id;

/// Puts another layout of theater 1, and returns its version.
async fn put_layout(world: &World, seats: &[&str]) -> Value {
    let put = Call::put_theater("1", &json!({ "name": "Theater_A", "seats": seats })).header("If-Match", "*");
    let put = put.send(&world.office).await;
    assert_eq!(put.status, 200, "{}", put.text);
    put.body["layout_version"].clone()
}

fn moved(version: &Value) -> Call {
    replace("evening", &with(&evening("1"), &json!({ "layout_version": version })))
}

async fn seats(world: &World) -> String {
    Call::get_seats("evening").of_show().send(&world.office).await.seats().join(" ")
}

#[tokio::test]
async fn a_show_pins_its_layout_version() {
    let world = World::new().await;
    let first = create(&world, "evening", &evening("1")).await.body["layout_version"].clone();
    world.at(1_000);
    let second = put_layout(&world, &["A1", "C1"]).await;
    world.at(70_000);
    let fresh = world.instance(world.clock.clone()).await;
    for office in [&world.office, &fresh] {
        let sold = Call::get_seats("evening").of_show().send(office).await;
        assert_eq!(sold.seats(), ["A1", "A2", "A3", "B1", "B2", "B3"]);
        let map = Call::map("evening").of_show().send(office).await;
        assert_eq!(map.body["layout_version"], first);
    }
    let booked = Call::book("evening", &json!({ "seat": "B3" })).of_show().send(&fresh).await;
    assert_eq!(booked.status, 201, "{}", booked.text);
    let later = create(&world, "later", &evening("1")).await;
    assert_eq!(later.body["layout_version"], second, "a new show has the current layout");
    let old = create(&world, "old", &with(&evening("1"), &json!({ "layout_version": first }))).await;
    assert_eq!(old.body["layout_version"], first, "a version that another show has");
}

#[tokio::test]
async fn moving_a_show_names_the_seats_that_are_taken() {
    let world = World::new().await;
    let first = create(&world, "evening", &evening("1")).await;
    Call::reserve("evening", &json!({ "seat": "A2" })).of_show().send(&world.office).await;
    Call::book("evening", &json!({ "seat": "B1", "booking_id": id(1) })).of_show().send(&world.office).await;
    let without_both = put_layout(&world, &["A1", "A3", "B2", "C1"]).await;
    let refused = moved(&without_both).send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "seats_in_use", vec!["A2", "B1"]));
    assert_eq!(Call::show("evening").send(&world.office).await.header("etag"), first.header("etag"));
    assert_eq!(seats(&world).await, "A1 A3 B2 B3", "nothing was withdrawn");
    let without_b2 = put_layout(&world, &["B1", "A1", "A2", "A3", "C1"]).await;
    let moved = moved(&without_b2).send(&world.office).await;
    assert_eq!((moved.status, &moved.body["layout_version"]), (200, &without_b2), "{}", moved.text);
    assert_eq!(seats(&world).await, "A1 A3 C1");
    let consistent = Call::get_seats("evening").query("consistent=true&view=states").of_show();
    assert_eq!(consistent.send(&world.office).await.body["states"], "baraa", "in the order of the new layout");
    let booked = Call::book("evening", &json!({ "seat": "C1" })).of_show().send(&world.office).await;
    assert_eq!(booked.status, 201, "a new seat: {}", booked.text);
    let back = put_layout(&world, &["A1", "A2", "A3", "B1", "B2", "B3", "C1"]).await;
    assert_eq!(self::moved(&back).send(&world.office).await.status, 200);
    let booked = Call::book("evening", &json!({ "seats": ["B2", "B3"] })).of_show().send(&world.office).await;
    assert_eq!(booked.status, 201, "seats that are back: {}", booked.text);
}

#[tokio::test]
async fn an_instance_that_is_behind_sells_no_dropped_seat() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let clock = Clock::manual(START);
    let behind = world.instance(clock.clone()).await;
    assert_eq!(Call::get_seats("evening").of_show().send(&behind).await.seats().len(), 6);
    let narrow = put_layout(&world, &["A1", "A2", "A3"]).await;
    assert_eq!(moved(&narrow).send(&world.office).await.status, 200);
    for call in [
        Call::reserve("evening", &json!({ "seat": "B1" })),
        Call::reserve("evening", &json!({ "seats": ["A1", "B2"], "reservation_id": id(1) })),
        Call::book("evening", &json!({ "seat": "B3", "booking_id": id(2) })),
    ] {
        let reply = call.of_show().send(&behind).await;
        assert!([404, 409].contains(&reply.status), "{}", reply.text);
    }
    let kept = Call::reserve("evening", &json!({ "seat": "A1" })).of_show().send(&behind).await;
    assert_eq!(kept.status, 201, "a seat that both layouts have");
    // It reads the show again as soon as it sees newer seats in the cache, at most every five seconds.
    clock.set(START + Duration::from_secs(5));
    for office in [&world.office, &behind] {
        let states = Call::get_seats("evening").query("view=states").of_show().send(office).await;
        assert_eq!(states.body["states"], "raa", "the slots are numbered by the newer layout");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_and_buyers_race_and_one_wins() {
    let world = Arc::new(World::new().await);
    create(&world, "evening", &evening("1")).await;
    let wide = Call::map("1").send(&world.office).await.body["layout_version"].clone();
    let narrow = put_layout(&world, &["A1", "A2", "A3", "B1", "B3"]).await;
    for round in 0..12_u64 {
        world.clock.set(START + Duration::from_secs(round * 60));
        assert_eq!(moved(&wide).send(&world.office).await.status, 200);
        let offices = futures_util::future::join_all((0..5).map(|_| world.instance(world.clock.clone()))).await;
        for office in &offices {
            assert_eq!(Call::get_seats("evening").of_show().send(office).await.status, 200);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (n, office) in (0_u128..).zip(offices) {
            let reservation = id(u128::from(round) * 100 + n);
            let body = json!({ "seats": ["B2", "B3"], "reservation_id": reservation });
            let call = if n == 0 { moved(&narrow) } else { Call::reserve("evening", &body).of_show() };
            tasks.spawn(async move { (n, reservation, call.send(&office).await) });
        }
        let replies = tasks.join_all().await;
        let moved = replies.iter().any(|(n, _, reply)| *n == 0 && reply.status == 200);
        let winners: Vec<_> = replies.iter().filter(|(n, _, reply)| *n > 0 && reply.status == 201).collect();
        assert_eq!(winners.len() + usize::from(moved), 1, "{replies:?}");
        let seats = Call::get_seats("evening").query("view=map&consistent=true").of_show().signed_in("ann");
        let seats = seats.send(&world.instance(world.clock.clone()).await).await;
        let b2 = seats.body["seats"].as_array().unwrap().iter().find(|seat| seat["seat"] == "B2").cloned();
        assert_eq!(b2.is_none(), moved, "{b2:?}");
        for (_, reservation, _) in winners {
            assert_eq!(Call::release("evening", reservation).of_show().send(&world.office).await.status, 204);
        }
    }
}

#[tokio::test]
async fn a_moved_show_is_moved_again_only_by_its_version() {
    let world = World::new().await;
    let created = create(&world, "evening", &evening("1")).await;
    let narrow = put_layout(&world, &["A1", "A2"]).await;
    let document = with(&evening("1"), &json!({ "layout_version": narrow }));
    let by_version = Call::put_show("evening", &document).header("If-Match", created.header("etag"));
    let moved = by_version.send(&world.office).await;
    assert_eq!(moved.status, 200);
    let repeated = by_version.send(&world.office).await;
    assert_eq!((repeated.status, &repeated.body), (200, &moved.body));
    let back = with(&evening("1"), &json!({ "layout_version": created.body["layout_version"] }));
    let late = Call::put_show("evening", &back).header("If-Match", created.header("etag")).send(&world.office).await;
    assert_eq!((late.status, late.code()), (412, "show_changed"));
    assert_eq!(seats(&world).await, "A1 A2");
}
