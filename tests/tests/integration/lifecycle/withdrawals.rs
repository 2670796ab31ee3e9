//! Races of withdrawing seats against reserving and booking them. Only one of them ever succeeds, whatever happens in
//! between.

use std::sync::Arc;
use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::gate::{Gate, HoldPoint};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use crate::api::id;

fn put(seats: &[&str]) -> Call {
    Call::put_theater("9", &json!({ "name": "Nine", "seats": seats })).header("If-Match", "*")
}

async fn theater(world: &World) {
    let create = Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1", "A2", "A3"] }));
    assert_eq!(create.send(&world.office).await.status, 201);
}

/// Returns the owner of A2, by its item.
async fn has_a2(world: &World) -> Option<String> {
    let item = world.seat_item("9", "A2").await?;
    let status = item["status"].as_s().unwrap().clone();
    ["reserved", "booked"].contains(&status.as_str()).then_some(status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn withdrawal_and_buyers_race_and_one_wins() {
    let world = Arc::new(World::new().await);
    for round in 0..20_u128 {
        world.at(u64::try_from(round).unwrap() * 1_000);
        if round == 0 {
            theater(&world).await;
        } else {
            put(&["A1", "A2", "A3"]).send(&world.office).await;
        }
        let offices = futures_util::future::join_all((0..6).map(|_| world.instance(world.clock.clone()))).await;
        // Every instance has read the layout with A2.
        for office in &offices {
            assert_eq!(Call::get_seats("9").send(office).await.seats().len(), 3);
        }
        let mut tasks = tokio::task::JoinSet::new();
        for (n, office) in (0_u128..).zip(offices) {
            let call = match n {
                0 => put(&["A1", "A3"]),
                1..4 => Call::reserve("9", &json!({ "seat": "A2", "reservation_id": id(round * 100 + n) })),
                _ => Call::reserve("9", &json!({ "seats": ["A2", "A3"], "reservation_id": id(round * 100 + n) })),
            };
            tasks.spawn(async move { (n, call.send(&office).await) });
        }
        let replies = tasks.join_all().await;
        let dropped = replies.iter().any(|(n, reply)| *n == 0 && reply.status == 200);
        let had: Vec<_> = replies.iter().filter(|(n, reply)| *n > 0 && reply.status == 201).map(|(n, _)| *n).collect();
        assert!(had.len() + usize::from(dropped) <= 1, "{dropped} {had:?}");
        assert_eq!(has_a2(&world).await.is_some(), !had.is_empty(), "{replies:?}");
        if let Some(winner) = had.first() {
            Call::release("9", &id(round * 100 + winner)).send(&world.office).await;
        }
    }
}

/// Stops the process that withdraws a seat at every instant at which it may die.
#[tokio::test]
async fn interrupted_withdrawal_is_completed_or_undone() {
    for number in 1..8 {
        for side in [HoldPoint::Before, HoldPoint::After] {
            let gate = Gate::default();
            let proxy = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
            let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
            theater(&world).await;
            gate.hold(number, side);
            let drop_a2 = put(&["A1", "A3"]);
            let died = tokio::select! {
                reply = drop_a2.send(&world.office) => {
                    assert_eq!(reply.status, 200);
                    false
                }
                () = gate.holds() => true
            };
            match side {
                HoldPoint::Before => gate.discard(),
                HoldPoint::After => gate.open(),
            }
            // The seat is sold to no caller while its place in the layout is undecided, nor after it is withdrawn.
            world.at(301_000);
            let office = world.instance(world.clock.clone()).await;
            let shown = Call::get_seats("9").query("consistent=true").send(&office).await;
            let there = shown.seats().contains(&"A2");
            let reserved = Call::reserve("9", &json!({ "seat": "A2" })).send(&office).await;
            assert_eq!(reserved.status, if there { 201 } else { 404 }, "{number} {side:?}: {}", reserved.text);
            assert!(there || !died || number > 3, "the layout is put last: {number} {side:?}");
        }
    }
}

#[tokio::test]
async fn interrupted_withdrawal_can_be_repeated() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: Duration::from_millis(400), ..Setup::shared() };
    let world = World::on(setup).await;
    theater(&world).await;
    for _ in 0..200 {
        proxy.next("TransactWriteItems", Fault::CutBefore);
    }
    assert_eq!(put(&["A1", "A3"]).send(&world.office).await.code(), "try_again");
    world.at(10_000);
    // This instance bypasses the proxy, which still cuts connections: an attempt may still be on its way.
    let other = world.instance_at(&Setup::shared(), world.clock.clone()).await;
    let wanted = Call::reserve("9", &json!({ "seat": "A2" })).send(&other).await;
    assert_eq!(
        (wanted.status, wanted.code()),
        (409, "seat_unavailable"),
        "it may be withdrawn, so no caller gets it for now"
    );
    assert_eq!(put(&["A1", "A3"]).send(&other).await.status, 200);
    let office = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("9").send(&office).await.seats(), ["A1", "A3"]);
}

#[tokio::test]
async fn withdrawal_with_lost_replies_succeeds() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    theater(&world).await;
    proxy.forget_tokens();
    proxy.next("UpdateItem", Fault::CutAfter);
    proxy.next("TransactWriteItems", Fault::CutAfter);
    let dropped = put(&["A1", "A3"]).send(&world.office).await;
    assert_eq!((dropped.status, dropped.text("message")), (200, "Theater changed"));
    proxy.next("TransactWriteItems", Fault::CutAfter);
    assert_eq!(Call::delete_theater("9").send(&world.office).await.status, 204);
    assert_eq!(Call::theater("9").send(&world.office).await.status, 404);
}

#[tokio::test]
async fn one_of_two_concurrent_replacements_is_rejected() {
    let world = Arc::new(World::new().await);
    theater(&world).await;
    let mut kept = String::new();
    for round in 0..20 {
        let version = Call::theater("9").send(&world.office).await.header("etag").to_owned();
        let behind = world.instance(world.clock.clone()).await;
        Call::get_seats("9").send(&behind).await;
        let mut tasks = tokio::task::JoinSet::new();
        for side in ["X", "Y"] {
            let document = json!({ "name": "Nine", "seats": ["A1", format!("{side}{round}")] });
            let call = Call::put_theater("9", &document).header("If-Match", &version);
            let office = world.instance(Clock::manual(world.clock.now())).await;
            tasks.spawn(async move { call.send(&office).await.status });
        }
        let mut statuses = tasks.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        // The seats of the layout that was put are available. A seat that both calls withdraw is sold to no caller, not
        // even by the layout that had it.
        let office = world.instance(world.clock.clone()).await;
        let seats = Call::get_seats("9").query("consistent=true").send(&office).await;
        assert_eq!((seats.seats().len(), &seats.body["reserved"]), (2, &json!(0)), "{}", seats.text);
        let dropped = if round == 0 { "A2".to_owned() } else { kept.clone() };
        let by_the_old = Call::book("9", &json!({ "seat": dropped })).send(&behind).await;
        assert!([404, 409].contains(&by_the_old.status), "{}", by_the_old.text);
        kept = seats.seats()[1].to_owned();
    }
}
