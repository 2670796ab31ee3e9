//! Failures of DynamoDB and of the network at each call of these requests.

use std::time::Duration;

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::gate::{Gate, Side};
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use serde_json::{Value, json};

use crate::api::id;

const KEY: &str = "0123456789abcdef";

/// Returns the transient faults of a call.
fn passing() -> Vec<Fault> {
    vec![
        Fault::error(400, "TransactionConflictException"),
        Fault::error(400, "ThrottlingException"),
        Fault::error(500, "InternalServerError"),
        Fault::Answer(403, json!({})),
        Fault::CutBefore,
        Fault::CutAfter,
    ]
}

/// A theater behind a proxy, with two seats reserved under reservation 1 and two booked under booking 7.
struct Site {
    world: World,
    proxy: DynamoDbProxy,
    gate: Gate,
    theater: String,
}

impl Site {
    async fn new() -> Self {
        let gate = Gate::default();
        let proxy = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
        let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
        Self { world, proxy, gate, theater: String::new() }
    }

    async fn fresh(&mut self, number: usize) {
        self.theater = format!("theater-{number}");
        self.world.put_theater(&self.theater, "T", &["A1", "A2", "B1", "B2"]).await;
        let reserve = json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expires_in": 300 });
        assert_eq!(self.send(Call::reserve(&self.theater, &reserve)).await.status, 201);
        let book = json!({ "seats": ["B1", "B2"], "booking_id": id(7) });
        assert_eq!(self.send(Call::book(&self.theater, &book)).await.status, 201);
        self.look("").await;
    }

    async fn send(&self, call: Call) -> Reply {
        call.send(&self.world.office).await
    }

    async fn look(&self, query: &str) -> Value {
        let look = self.send(Call::get_seats(&self.theater).query(query)).await;
        json!([look.body["seats"], look.body["reserved"], look.body["booked"]])
    }
}

/// Returns each call with the calls to DynamoDB that it makes, its first response, and the seats afterwards.
fn life(theater: &str) -> Vec<(Call, Vec<&'static str>, u16, Value)> {
    let extend = Call::extend(theater, &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", KEY);
    let whole = json!({ "reservation_id": id(1), "booking_id": id(8) });
    vec![
        (Call::release(theater, &id(1)), vec!["GetItem", "TransactWriteItems"], 204, json!([["A1", "A2"], 0, 2])),
        (extend, vec!["GetItem", "TransactWriteItems"], 200, json!([[], 2, 2])),
        (Call::cancel(theater, &id(7)), vec!["GetItem", "TransactWriteItems"], 204, json!([["B1", "B2"], 2, 0])),
        (Call::book(theater, &whole), vec!["GetItem", "TransactWriteItems"], 201, json!([[], 0, 4])),
    ]
}

#[tokio::test]
async fn what_passes_is_waited_out_and_the_cache_follows() {
    let mut site = Site::new().await;
    let mut number = 0;
    for call in 0..life("").len() {
        for at in 0..2 {
            for fault in passing() {
                number += 1;
                site.fresh(number).await;
                let (call, operations, status, seen) = life(&site.theater).swap_remove(call);
                site.proxy.next(operations[at], fault.clone());
                let first = site.send(call.clone()).await;
                assert_eq!(site.proxy.faults_left(), 0, "{fault:?} was met");
                assert_eq!(first.status, status, "{call:?} {fault:?}: {}", first.text);
                assert_eq!(first.header("idempotent-replayed"), "", "{call:?} {fault:?}: its own work");
                assert_eq!(site.look("consistent=true").await, seen, "{call:?} {fault:?}");
                assert_eq!(site.look("").await, seen, "{call:?} {fault:?}: as the cache has it");
                let again = site.send(call.clone()).await;
                assert_eq!(
                    again.status,
                    if status == 201 { 200 } else { status },
                    "{call:?} {fault:?}: {}",
                    again.text
                );
                assert_eq!(site.look("consistent=true").await, seen, "a repeat changes nothing");
            }
        }
    }
}

#[tokio::test]
async fn a_caller_killed_after_the_write_finds_it_done_when_it_comes_again() {
    let mut site = Site::new().await;
    for number in 0..life("").len() {
        site.fresh(number).await;
        let (call, _, status, seen) = life(&site.theater).swap_remove(number);
        // The second call to DynamoDB is the write. Its reply is held.
        site.gate.hold(2, Side::After);
        tokio::select! {
            _ = call.send(&site.world.office) => panic!("its answer is held"),
            () = site.gate.holds() => {}
        }
        site.gate.open();
        assert_eq!(site.look("consistent=true").await, seen, "{call:?}");
        let again = site.send(call.clone()).await;
        assert_eq!(again.status, if status == 201 { 200 } else { status }, "{call:?}: {}", again.text);
        assert_eq!(site.look("consistent=true").await, seen);
    }
}

#[tokio::test]
async fn an_extension_by_a_twin_in_the_same_millisecond_is_not_taken_for_ones_own() {
    let mut site = Site::new().await;
    site.fresh(1).await;
    let call = || Call::extend(&site.theater, &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", KEY);
    // Both requests have read the seats. The write of one is lost on its way. The write of the other arrives, with the
    // same stamp.
    site.gate.hold(2, Side::Before);
    let twin = async {
        site.gate.holds().await;
        let first = site.send(call()).await;
        site.gate.discard();
        first
    };
    let (lost, first) = tokio::join!(site.send(call()), twin);
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, ""));
    assert_eq!((lost.status, lost.header("idempotent-replayed")), (200, "true"), "{}", lost.text);
    assert_eq!(lost.body["expires_at"], first.body["expires_at"]);
}

#[tokio::test]
async fn a_reservation_that_was_extended_before_its_maker_knew_of_it_is_its_makers() {
    let site = Site::new().await;
    site.send(Call::get_seats("1").query("consistent=true")).await;
    for (number, seats) in [(1, json!(["A1"])), (2, json!(["A2", "A3"]))] {
        let reserve = Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(number), "expires_in": 60 }));
        site.proxy.next("TransactWriteItems", Fault::CutAfter);
        site.proxy.forget_tokens();
        site.gate.hold(1, Side::After);
        let extended = async {
            site.gate.holds().await;
            let extend = Call::extend("1", &id(number), &json!({ "expires_in": 900, "seats": seats }));
            let extended = site.send(extend).await;
            site.gate.open();
            extended
        };
        let (reserved, extended) = tokio::join!(site.send(reserve), extended);
        assert_eq!((extended.status, reserved.status), (200, 201), "{}", reserved.text);
        assert_eq!(reserved.body["expires_at"], extended.body["expires_at"], "the expiry after the extension");
    }
}

#[tokio::test]
async fn the_repeat_of_an_extension_whose_maker_was_killed_tells_the_cache() {
    let site = Site::new().await;
    site.send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1), "expires_in": 3 }))).await;
    site.send(Call::get_seats("1")).await;
    let body = json!({ "expires_in": 20, "seats": ["A1"] });
    let extend = Call::extend("1", &id(1), &body).header("Idempotency-Key", KEY);
    site.gate.hold(2, Side::After);
    tokio::select! {
        _ = extend.send(&site.world.office) => panic!("its answer is held"),
        () = site.gate.holds() => {}
    }
    site.gate.open();
    assert_eq!(site.send(extend.clone()).await.header("idempotent-replayed"), "true");
    site.world.at(5_000);
    let look = site.send(Call::get_seats("1")).await;
    assert_eq!((look.header("x-cache"), &look.body["reserved"]), ("hit", &json!(1)), "{}", look.text);
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_503_and_the_cache_is_asked_no_more() {
    let mut site = Site::new().await;
    let short = Setup { total: Duration::from_millis(300), ..site.world.setup.clone() };
    for number in 0..life("").len() {
        site.fresh(number).await;
        let office = site.world.instance_on(&short).await;
        let (call, ..) = life(&site.theater).swap_remove(number);
        for _ in 0..100 {
            site.proxy.next("TransactWriteItems", Fault::CutBefore);
        }
        let unknown = call.send(&office).await;
        assert_eq!(
            (unknown.status, unknown.code(), unknown.header("retry-after")),
            (503, "try_again", "1"),
            "{call:?}"
        );
        assert_eq!(site.look("consistent=true").await, json!([[], 2, 2]), "nothing was changed");
        assert_eq!(site.look("").await, json!([[], 2, 2]));
        site.proxy.calm();
    }
}

#[tokio::test]
async fn an_attempt_that_was_held_up_changes_nothing_once_its_seats_were_given_back() {
    let mut site = Site::new().await;
    site.fresh(1).await;
    // An earlier instance, which was cut off, sent the same write. It arrives after all later writes.
    let stale = site.world.seat_item(&site.theater, "A1").await.unwrap();
    site.world.at(5_000);
    assert_eq!(site.send(Call::release(&site.theater, &id(1))).await.status, 204);
    let office = site.world.instance(boxoffice::clock::Clock::manual(boxoffice_tests::world::START)).await;
    let late = json!({ "seat": "A1", "reservation_id": id(2) });
    let reply = Call::reserve(&site.theater, &late).send(&office).await;
    assert_eq!(reply.status, 201, "a new request whose clock is behind raises its stamp");
    let now = site.world.seat_item(&site.theater, "A1").await.unwrap();
    let stamp = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
        item["changed_at"].as_n().unwrap().parse::<u64>().unwrap()
    };
    assert!(stamp(&now) > stamp(&stale) + 4_999);
}
