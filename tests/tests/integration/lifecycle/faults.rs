//! Failures of DynamoDB and of the network at each call of these requests.

use std::time::Duration;

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::gate::{Gate, HoldPoint};
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use serde_json::{Value, json};

use crate::api::id;
use crate::request_costs::reserve_nothing;

const KEY: &str = "0123456789abcdef";

/// Returns the transient faults of a call.
fn transient_faults() -> Vec<Fault> {
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
struct Fixture {
    world: World,
    proxy: DynamoDbProxy,
    gate: Gate,
    theater: String,
}

impl Fixture {
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
        self.seat_map("").await;
    }

    async fn send(&self, call: Call) -> Reply {
        call.send(&self.world.office).await
    }

    async fn seat_map(&self, query: &str) -> Value {
        let seat_map = self.send(Call::get_seats(&self.theater).query(query)).await;
        json!([seat_map.body["seats"], seat_map.body["reserved"], seat_map.body["booked"]])
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
async fn transient_faults_are_retried_and_the_cache_is_updated() {
    let mut fixture = Fixture::new().await;
    let mut number = 0;
    for call in 0..life("").len() {
        for at in 0..2 {
            for fault in transient_faults() {
                number += 1;
                fixture.fresh(number).await;
                let (call, operations, status, seen) = life(&fixture.theater).swap_remove(call);
                fixture.proxy.next(operations[at], fault.clone());
                let first = fixture.send(call.clone()).await;
                assert_eq!(fixture.proxy.queued_faults(), 0, "{fault:?} was met");
                assert_eq!(first.status, status, "{call:?} {fault:?}: {}", first.text);
                assert_eq!(first.header("idempotent-replayed"), "", "{call:?} {fault:?}: its own work");
                assert_eq!(fixture.seat_map("consistent=true").await, seen, "{call:?} {fault:?}");
                assert_eq!(fixture.seat_map("").await, seen, "{call:?} {fault:?}: as the cache has it");
                let again = fixture.send(call.clone()).await;
                assert_eq!(
                    again.status,
                    if status == 201 { 200 } else { status },
                    "{call:?} {fault:?}: {}",
                    again.text
                );
                assert_eq!(fixture.seat_map("consistent=true").await, seen, "a repeat changes nothing");
            }
        }
    }
}

#[tokio::test]
async fn repeat_after_a_kill_finds_the_write_done() {
    let mut fixture = Fixture::new().await;
    for number in 0..life("").len() {
        fixture.fresh(number).await;
        let (call, _, status, seen) = life(&fixture.theater).swap_remove(number);
        // The second call to DynamoDB is the write. Its reply is held.
        fixture.gate.hold(2, HoldPoint::After);
        tokio::select! {
            _ = call.send(&fixture.world.office) => panic!("its answer is held"),
            () = fixture.gate.holds() => {}
        }
        fixture.gate.open();
        assert_eq!(fixture.seat_map("consistent=true").await, seen, "{call:?}");
        let again = fixture.send(call.clone()).await;
        assert_eq!(again.status, if status == 201 { 200 } else { status }, "{call:?}: {}", again.text);
        assert_eq!(fixture.seat_map("consistent=true").await, seen);
    }
}

#[tokio::test]
async fn twins_extension_in_same_millisecond_is_not_taken_as_own() {
    let mut fixture = Fixture::new().await;
    fixture.fresh(1).await;
    let call = || Call::extend(&fixture.theater, &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", KEY);
    // Both requests have read the seats. The write of one is lost on its way. The write of the other arrives, with the
    // same stamp.
    fixture.gate.hold(2, HoldPoint::Before);
    let twin = async {
        fixture.gate.holds().await;
        let first = fixture.send(call()).await;
        fixture.gate.discard();
        first
    };
    let (lost, first) = tokio::join!(fixture.send(call()), twin);
    assert_eq!((first.status, first.header("idempotent-replayed")), (200, ""));
    assert_eq!((lost.status, lost.header("idempotent-replayed")), (200, "true"), "{}", lost.text);
    assert_eq!(lost.body["expires_at"], first.body["expires_at"]);
}

#[tokio::test]
async fn reserve_with_a_lost_reply_is_recognized_after_an_extension() {
    let fixture = Fixture::new().await;
    fixture.send(reserve_nothing("1")).await;
    for (number, seats) in [(1, json!(["A1"])), (2, json!(["A2", "A3"]))] {
        let reserve = Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(number), "expires_in": 60 }));
        fixture.proxy.next("TransactWriteItems", Fault::CutAfter);
        fixture.proxy.forget_tokens();
        fixture.gate.hold(1, HoldPoint::After);
        let extended = async {
            fixture.gate.holds().await;
            let extend = Call::extend("1", &id(number), &json!({ "expires_in": 900, "seats": seats }));
            let extended = fixture.send(extend).await;
            fixture.gate.open();
            extended
        };
        let (reserved, extended) = tokio::join!(fixture.send(reserve), extended);
        assert_eq!((extended.status, reserved.status), (200, 201), "{}", reserved.text);
        assert_eq!(reserved.body["expires_at"], extended.body["expires_at"], "the expiry after the extension");
    }
}

#[tokio::test]
async fn repeated_extension_after_a_kill_updates_the_cache() {
    let fixture = Fixture::new().await;
    fixture.send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1), "expires_in": 3 }))).await;
    fixture.send(Call::get_seats("1")).await;
    let body = json!({ "expires_in": 20, "seats": ["A1"] });
    let extend = Call::extend("1", &id(1), &body).header("Idempotency-Key", KEY);
    fixture.gate.hold(2, HoldPoint::After);
    tokio::select! {
        _ = extend.send(&fixture.world.office) => panic!("its answer is held"),
        () = fixture.gate.holds() => {}
    }
    fixture.gate.open();
    assert_eq!(fixture.send(extend.clone()).await.header("idempotent-replayed"), "true");
    fixture.world.at(5_000);
    let seat_map = fixture.send(Call::get_seats("1")).await;
    assert_eq!((seat_map.header("x-cache"), &seat_map.body["reserved"]), ("hit", &json!(1)), "{}", seat_map.text);
}

#[tokio::test]
async fn unknown_outcome_is_503_without_another_cache_call() {
    let mut fixture = Fixture::new().await;
    let short = Setup { total: Duration::from_millis(300), ..fixture.world.setup.clone() };
    for number in 0..life("").len() {
        fixture.fresh(number).await;
        let office = fixture.world.instance_on(&short).await;
        let (call, ..) = life(&fixture.theater).swap_remove(number);
        for _ in 0..100 {
            fixture.proxy.next("TransactWriteItems", Fault::CutBefore);
        }
        let unknown = call.send(&office).await;
        assert_eq!(
            (unknown.status, unknown.code(), unknown.header("retry-after")),
            (503, "try_again", "1"),
            "{call:?}"
        );
        assert_eq!(fixture.seat_map("consistent=true").await, json!([[], 2, 2]), "nothing was changed");
        assert_eq!(fixture.seat_map("").await, json!([[], 2, 2]));
        fixture.proxy.clear_faults();
    }
}

/// Kills a request while its write is on its way, repeats the request, and undoes it. Then the write of the killed
/// request arrives.
async fn delay_write_past(fixture: &Fixture, call: &Call, undo: Call) {
    let theater = &fixture.theater;
    fixture.send(Call::get_seats(theater)).await;
    fixture.send(reserve_nothing(theater)).await;
    // Without its token the delayed write is another transaction, so only its conditions can reject it.
    fixture.proxy.forget_tokens();
    fixture.proxy.take();
    fixture.gate.hold(1, HoldPoint::Before);
    tokio::select! {
        _ = call.send(&fixture.world.office) => panic!("its write is held"),
        () = fixture.gate.holds() => {}
    }
    let repeated = fixture.send(call.clone()).await;
    assert_eq!(repeated.status, 201, "the killed request has written nothing yet: {}", repeated.text);
    assert_eq!(fixture.send(undo).await.status, 204);
    let before = fixture.world.items().await;
    let available = fixture.seat_map("").await;
    fixture.gate.open();
    fixture.proxy.wait_until_idle().await;
    let delayed = fixture.proxy.take().swap_remove(0);
    assert_eq!((delayed.operation.as_str(), delayed.carried_out), ("TransactWriteItems", Some(false)));
    assert_eq!(fixture.world.items().await, before, "the delayed write changes nothing");
    assert_eq!(available, json!([["A1", "A2", "A3", "B1", "B2", "B3"], 0, 0]));
    assert_eq!(fixture.seat_map("consistent=true").await, available);
    let cached = fixture.send(Call::get_seats(theater)).await;
    assert_eq!((cached.header("x-cache"), cached.seats().len()), ("hit", 6), "{}", cached.text);
}

#[tokio::test]
async fn delayed_reserve_changes_nothing_after_a_release() {
    let fixture = Fixture { theater: "1".to_owned(), ..Fixture::new().await };
    let reserve = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expires_in": 300 }));
    delay_write_past(&fixture, &reserve, Call::release("1", &id(1))).await;
    let again = fixture.send(reserve).await;
    assert_eq!((again.status, again.code()), (409, "reservation_released"), "the record is still released");
    let other = fixture.send(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(2) }))).await;
    assert_eq!(other.status, 201, "{}", other.text);
}

#[tokio::test]
async fn delayed_booking_changes_nothing_after_a_cancellation() {
    let fixture = Fixture { theater: "1".to_owned(), ..Fixture::new().await };
    let book = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(7) }));
    delay_write_past(&fixture, &book, Call::cancel("1", &id(7))).await;
    let again = fixture.send(book).await;
    assert_eq!((again.status, again.code()), (409, "booking_cancelled"), "the booking is still cancelled");
    let other = fixture.send(Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(8) }))).await;
    assert_eq!(other.status, 201, "{}", other.text);
}

#[tokio::test]
async fn slow_clock_raises_the_stamp_of_a_released_seat() {
    let mut fixture = Fixture::new().await;
    fixture.fresh(1).await;
    let stale = fixture.world.seat_item(&fixture.theater, "A1").await.unwrap();
    fixture.world.at(5_000);
    assert_eq!(fixture.send(Call::release(&fixture.theater, &id(1))).await.status, 204);
    let office = fixture.world.instance(boxoffice::clock::Clock::manual(boxoffice_tests::world::START)).await;
    let late = json!({ "seat": "A1", "reservation_id": id(2) });
    let reply = Call::reserve(&fixture.theater, &late).send(&office).await;
    assert_eq!(reply.status, 201, "a new request whose clock is behind raises its stamp");
    let now = fixture.world.seat_item(&fixture.theater, "A1").await.unwrap();
    let stamp = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
        item["changed_at"].as_n().unwrap().parse::<u64>().unwrap()
    };
    assert!(stamp(&now) > stamp(&stale) + 4_999);
}
