//! `DELETE /theaters/{theaterId}` at the same time as a new show or sale of the theater. One of them wins. So no show
//! is left without its theater, and no sale for the next theater of the id.

use boxoffice::app::BoxOffice;
use boxoffice_tests::dynamodb_proxy::{Barrier, DynamoDbProxy};
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use futures_util::future::join_all;
use serde_json::json;

use super::{create, evening};

/// Theater 2, and an instance whose calls to DynamoDB can be held.
struct Race {
    world: World,
    slow: BoxOffice,
    proxy: DynamoDbProxy,
}

impl Race {
    async fn new() -> Self {
        let world = World::new().await;
        let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let slow = world.instance_on(&Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
        // The layout has a snapshot from now on, so a new show is a single transaction.
        create(&world, "first", &evening("2")).await;
        assert_eq!(Call::delete_show("first").send(&world.office).await.status, 204);
        Self { world, slow, proxy }
    }

    /// Sends a call that is held before its transaction, and another call to the end in the meantime.
    async fn overtake(&self, held: Call, other: Call) -> (Reply, Reply) {
        let barrier = self.proxy.hold("TransactWriteItems");
        let overtake = async {
            self.has_come(&barrier).await;
            let reply = other.send(&self.world.office).await;
            drop(barrier);
            reply
        };
        tokio::join!(held.send(&self.slow), overtake)
    }

    async fn has_come(&self, _: &Barrier) {
        while self.proxy.count("TransactWriteItems") == 0 {
            tokio::task::yield_now().await;
        }
    }
}

fn show() -> Call {
    Call::put_show("evening", &evening("2"))
}

fn sale() -> Call {
    Call::put_sale("2", &json!({ "state": "paused" }))
}

#[tokio::test]
async fn a_deletion_that_is_overtaken_by_a_show_names_it() {
    let race = Race::new().await;
    let (deleted, put) = race.overtake(Call::delete_theater("2"), show()).await;
    assert_eq!((deleted.status, deleted.code(), put.status), (409, "theater_has_shows", 201), "{}", deleted.text);
    assert_eq!(deleted.body["shows"], json!(["evening"]));
    let booked = Call::book("2", &json!({ "seat": "C1" })).send(&race.world.office).await;
    assert_eq!(booked.status, 201, "the seats are available again: {}", booked.text);
}

#[tokio::test]
async fn a_deletion_that_is_overtaken_by_a_deleted_show_is_made() {
    let race = Race::new().await;
    let barrier = race.proxy.hold("TransactWriteItems");
    let overtake = async {
        race.has_come(&barrier).await;
        assert_eq!(show().send(&race.world.office).await.status, 201);
        assert_eq!(Call::delete_show("evening").send(&race.world.office).await.status, 204);
        drop(barrier);
    };
    let delete = Call::delete_theater("2");
    let (deleted, ()) = tokio::join!(delete.send(&race.slow), overtake);
    assert_eq!(deleted.status, 204, "{}", deleted.text);
}

#[tokio::test]
async fn a_show_that_is_overtaken_by_the_deletion_is_refused() {
    let race = Race::new().await;
    let (put, deleted) = race.overtake(show(), Call::delete_theater("2")).await;
    assert_eq!((put.status, put.code(), deleted.status), (404, "theater_not_found", 204), "{}", put.text);
    assert_eq!(Call::show("evening").send(&race.world.office).await.status, 404);
    assert_eq!(race.world.items_of("SHOWS#2026-12-01").await.len(), 0);
}

#[tokio::test]
async fn a_show_that_is_overtaken_by_a_new_layout_is_created() {
    let race = Race::new().await;
    let other = json!({ "name": "Two", "seats": ["C1"] });
    let (put, changed) = race.overtake(show(), Call::put_theater("2", &other).header("If-Match", "*")).await;
    assert_eq!((put.status, changed.status), (201, 200), "{}", put.text);
}

#[tokio::test]
async fn a_sale_that_is_overtaken_by_the_deletion_is_refused() {
    let race = Race::new().await;
    let (put, deleted) = race.overtake(sale(), Call::delete_theater("2")).await;
    assert_eq!((put.status, put.code(), deleted.status), (404, "theater_not_found", 204), "{}", put.text);
    let left: Vec<_> = race.world.items_of("THEATER#2").await.into_iter().map(|mut item| item.remove("sk")).collect();
    assert!(left.iter().flatten().all(|sk| sk.as_s().is_ok_and(|sk| sk != "SALE")), "{left:?}");
}

#[tokio::test]
async fn a_deletion_that_is_overtaken_by_a_sale_removes_it() {
    let race = Race::new().await;
    let (deleted, put) = race.overtake(Call::delete_theater("2"), sale()).await;
    assert_eq!((deleted.status, put.status), (204, 200), "{}", deleted.text);
    race.world.at(60_000);
    let again = Call::put_theater("2", &json!({ "name": "Two", "seats": ["C1"] })).send(&race.world.office).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let reserved = Call::reserve("2", &json!({ "seat": "C1" })).send(&race.world.office).await;
    assert_eq!(reserved.status, 201, "it is open: {}", reserved.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shows_and_the_deletion_of_their_theater_race_and_one_wins() {
    let world = World::new().await;
    for round in 0..15 {
        let hall = format!("hall-{round}");
        world.put_theater(&hall, "Hall", &["A1", "A2"]).await;
        let mut calls = vec![Call::delete_theater(&hall)];
        calls.extend((0..3).map(|number| Call::put_show(&format!("{hall}-{number}"), &evening(&hall))));
        let send = async |call: Call| {
            let office = world.instance(world.clock.clone()).await;
            call.send(&office).await
        };
        let replies = join_all(calls.into_iter().map(send)).await;
        let (deleted, shows) = replies.split_first().unwrap();
        let status = if deleted.status == 204 { 404 } else { 201 };
        assert!([204, 409].contains(&deleted.status), "{}", deleted.text);
        assert!(shows.iter().all(|show| show.status == status), "{} {:?}", deleted.text, shows);
    }
}
