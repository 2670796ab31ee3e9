//! `GET /theaters/{theaterId}/seats`

use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use super::id;

#[tokio::test]
async fn a_fresh_theater_shows_all_its_seats_in_layout_order() {
    let world = World::new().await;
    let reply = Call::get_seats("1").send(&world.office).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-cache");
    insta::assert_json_snapshot!(reply.body);
}

#[tokio::test]
async fn reserved_and_booked_seats_are_counted_and_not_shown() {
    let world = World::new().await;
    Call::reserve("1", &json!({ "seats": ["A1", "B3"] })).send(&world.office).await;
    Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await;
    for consistent in ["", "consistent=true"] {
        let reply = Call::get_seats("1").query(consistent).send(&world.office).await;
        assert_eq!(reply.seats(), ["A3", "B1", "B2"]);
        assert_eq!((&reply.body["reserved"], &reply.body["booked"]), (&json!(2), &json!(1)));
    }
    assert_eq!(Call::get_seats("2").send(&world.office).await.seats().len(), 6, "the other theater has nothing of it");
}

#[tokio::test]
async fn a_reservation_is_shown_until_the_second_before_it_ends() {
    let world = World::new().await;
    let reserved = Call::reserve("1", &json!({ "seat": "A1", "expires_in": 100 })).send(&world.office).await;
    assert_eq!(reserved.text("expires_at"), "2026-11-22T18:01:40Z");
    for (millis, free) in [(99_000, false), (99_999, false), (100_000, true), (101_000, true)] {
        world.at(millis);
        for query in ["", "consistent=true"] {
            let reply = Call::get_seats("1").query(query).send(&world.office).await;
            assert_eq!(reply.seats().contains(&"A1"), free, "{millis} ms, {query:?}");
            assert_eq!(reply.body["reserved"], u8::from(!free), "{millis} ms, {query:?}");
        }
    }
}

#[tokio::test]
async fn the_first_look_is_a_miss_and_the_next_a_hit() {
    let world = World::new().await;
    let first = Call::get_seats("1").send(&world.office).await;
    let next = Call::get_seats("1").send(&world.office).await;
    assert_eq!((first.header("x-cache"), next.header("x-cache")), ("miss", "hit"));
    assert_eq!(first.text, next.text);
    assert_eq!(first.header("etag"), next.header("etag"));
}

#[tokio::test]
async fn a_consistent_look_bypasses_the_cache_and_is_not_kept() {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    let reply = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((reply.header("x-cache"), reply.header("cache-control")), ("bypass", "no-store"));
    let reply = Call::get_seats("1").query("consistent=false").send(&world.office).await;
    assert_eq!(reply.header("x-cache"), "hit");
}

#[tokio::test]
async fn without_a_cache_every_look_asks_dynamodb() {
    let world = World::on(Setup::without_cache()).await;
    for _ in 0..2 {
        let reply = Call::get_seats("1").send(&world.office).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, "bypass"));
        assert_eq!(reply.seats().len(), 6);
    }
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    assert_eq!(Call::get_seats("1").send(&world.office).await.seats().len(), 5);
}

#[tokio::test]
async fn what_the_caller_has_already_is_not_sent_again() {
    let world = World::new().await;
    let etag = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 18, "{etag}");
    for wanted in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let reply = Call::get_seats("1").header("If-None-Match", &wanted).send(&world.office).await;
        assert_eq!((reply.status, reply.text.as_str(), reply.header("etag")), (304, "", etag.as_str()), "{wanted}");
        assert_eq!((reply.header("cache-control"), reply.header("x-cache")), ("no-cache", "hit"));
    }
    let reply = Call::get_seats("1").header("If-None-Match", "\"other\"").send(&world.office).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn the_etag_changes_with_what_is_shown_also_when_a_reservation_runs_out() {
    let world = World::new().await;
    let etag = async || Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let fresh = etag().await;
    Call::reserve("1", &json!({ "seat": "A1", "expires_in": 10 })).send(&world.office).await;
    let reserved = etag().await;
    assert_ne!(fresh, reserved);
    world.at(10_000);
    assert_eq!(etag().await, fresh, "as it was at first");
}

#[tokio::test]
async fn a_reservation_id_is_never_shown() {
    let world = World::new().await;
    let reserved = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!(reserved.text("reservation_id"), id(1));
    for reply in [
        Call::get_seats("1").send(&world.office).await,
        Call::get_seats("1").query("consistent=true").send(&world.office).await,
        Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await,
        Call::book("1", &json!({ "seat": "A1", "booking_id": id(2) })).send(&world.office).await,
    ] {
        assert!(!reply.text.contains(&id(1)) && !format!("{:?}", reply.headers).contains(&id(1)), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_percent_encoded_theater_id_is_decoded() {
    let world = World::new().await;
    world.put_theater("a:b", "Colon", &["X1"]).await;
    for theater in ["a:b", "a%3Ab", "a%3ab"] {
        let reply = Call::get_seats(theater).send(&world.office).await;
        assert_eq!((reply.status, reply.text("theater_id")), (200, "a:b"), "{theater}");
    }
}
