//! Publishing domain events, from the real stream of the real box office to the event sink.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use boxoffice::clock::Clock;
use boxoffice_local::stream::{Mapping, StreamReader, drain};
use boxoffice_publish::{Outlet, Publisher};
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::{Call, Setup, World, engines};
use lambda_http::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::api::id;

/// A world whose stream is published to a file.
struct Told {
    world: World,
    publisher: Publisher,
    reader: StreamReader,
    mapping: Mapping,
    folder: tempfile::TempDir,
    /// Every record that was delivered.
    records: Vec<Value>,
}

impl Told {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let reader = engines::shared().dynamodb.stream(&world.table).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let publisher = Self::publisher(&world, world.clock.clone(), folder.path().join("events")).await;
        let mapping = Mapping::of_checkout("publish-events").unwrap();
        Self { world, publisher, reader, mapping, folder, records: Vec::new() }
    }

    async fn publisher(world: &World, clock: Clock, file: PathBuf) -> Publisher {
        Publisher::new(world.store(clock.clone()).await, clock, Outlet::files(&file))
    }

    async fn send(&self, call: Call) -> boxoffice_tests::Reply {
        let reply = call.send(&self.world.office).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply
    }

    /// Delivers the new records of the stream. Returns the events that were published.
    async fn tell(&mut self) -> Vec<Value> {
        let before = self.events().len();
        let seen = std::cell::RefCell::new(Vec::new());
        let publisher = &self.publisher;
        let invoke = async |event: Value| {
            seen.borrow_mut().extend(event["Records"].as_array().unwrap().iter().cloned());
            Ok(handle(publisher, event).await)
        };
        drain(&mut self.reader, &self.mapping, &invoke).await.unwrap();
        self.records.extend(seen.into_inner());
        self.events().split_off(before)
    }

    /// Returns all events in the file, checked against the schema.
    fn events(&self) -> Vec<Value> {
        let events = lines(&self.folder.path().join("events"));
        for event in &events {
            assert_eq!((&event["source"], &event["detail-type"]), (&json!("boxoffice"), &event["detail"]["type"]));
            let wrong: Vec<_> = SCHEMA.iter_errors(&event["detail"]).map(|error| error.to_string()).collect();
            assert!(wrong.is_empty(), "{event}: {wrong:?}");
        }
        events.into_iter().map(|event| event["detail"].clone()).collect()
    }

    fn wake_ups(&self) -> Vec<Value> {
        lines(&self.folder.path().join("events.wake-ups"))
    }

    /// Delivers a message of an expiry timer, as SQS does.
    async fn wake(&self, wake_up: &Value) -> Value {
        let record = json!({ "eventSource": "aws:sqs", "messageId": "m-1", "body": wake_up.to_string() });
        handle(&self.publisher, json!({ "Records": [record] })).await
    }
}

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let path = boxoffice_local::checkout::root().unwrap().join("docs/events.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).expect("a schema")
});

async fn handle(publisher: &Publisher, event: Value) -> Value {
    let outcome = publisher.handle(LambdaEvent::new(event, Context::default())).await.expect("a batch");
    serde_json::to_value(outcome).unwrap()
}

fn lines(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_whole_life_of_seats_is_told() {
    let mut told = Told::new().await;
    let reserve = |seats: Value, n: u128| json!({ "seats": seats, "reservation_id": id(n), "expires_in": 60 });
    told.send(Call::reserve("1", &reserve(json!(["A1", "A2"]), 1))).await;
    let reserved = told.tell().await;
    assert_eq!(kinds(&reserved), ["seats.reserved", "seats.reserved"]);
    assert_eq!(reserved[0]["reservation"], reserved[1]["reservation"], "both seats have the same reservation value");
    assert_eq!((&reserved[0]["expires_at"], &reserved[0]["extended"]), (&json!("2026-11-22T18:01:00Z"), &json!(false)));
    assert_eq!(told.wake_ups().len(), 2);

    told.send(Call::extend("1", &id(1), &json!({ "expires_in": 120, "seats": ["A1"] }))).await;
    let extended = told.tell().await;
    assert_eq!((kinds(&extended), &extended[0]["extended"]), (vec!["seats.reserved"], &json!(true)));
    told.send(Call::release("1", &id(1)).query("seats=A2")).await;
    assert_eq!(kinds(&told.tell().await), ["seats.released"]);
    told.send(Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }))).await;
    let booked = told.tell().await;
    assert_eq!((kinds(&booked), &booked[0]["seats"]), (vec!["booking.created"], &json!(["A1"])));
    told.send(Call::cancel("1", &id(7))).await;
    let cancelled = told.tell().await;
    assert_eq!((kinds(&cancelled), &cancelled[0]["booking"]), (vec!["booking.cancelled"], &booked[0]["booking"]));
    told.send(Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1", "A2"] }))).await;
    told.send(Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1"] })).header("If-Match", "*")).await;
    told.send(Call::delete_theater("9")).await;
    let changed = told.tell().await;
    assert_eq!(kinds(&changed), ["theater.changed"; 3], "tombstones publish no events");
    assert_eq!(changed[2]["deleted"], true);
    for event in told.events() {
        let text = event.to_string();
        assert!(!text.contains(&id(1)) && !text.contains(&id(7)), "an event has a secret id: {text}");
    }
}

#[tokio::test]
async fn the_events_of_a_seat_are_ordered_by_their_sequence_within_a_millisecond() {
    let mut told = Told::new().await;
    for n in 1..=4 {
        told.send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(n), "expires_in": 60 }))).await;
        told.send(Call::release("1", &id(n))).await;
    }
    told.send(Call::book("1", &json!({ "seat": "A1", "booking_id": id(7) }))).await;
    told.send(Call::cancel("1", &id(7))).await;
    told.tell().await;
    let events = told.events();
    let sequence: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequence.len(), 10);
    assert!(sequence.is_sorted_by(|a, b| a < b), "{sequence:?}");
    assert!(events.iter().all(|event| event["occurred_at"].as_str().unwrap().ends_with(".000Z")
        || event["occurred_at"].as_str().unwrap() > "2026-11-22T18:00:00.000Z"));
}

#[tokio::test]
async fn a_reservation_that_runs_out_is_told_promptly_and_without_the_ttl() {
    let mut told = Told::new().await;
    told.send(Call::reserve("1", &json!({ "seat": "A1", "expires_in": 60 }))).await;
    told.tell().await;
    let wake_up = told.wake_ups().remove(0);
    assert_eq!(wake_up["expires_at"], 1_795_370_460);
    told.world.at(59_999);
    assert_eq!(told.wake(&wake_up).await, json!({ "batchItemFailures": [] }));
    assert_eq!((told.events().len(), told.wake_ups().len()), (1, 2), "too early: it sets the expiry timer again");
    told.world.at(60_000);
    told.wake(&wake_up).await;
    let expired = told.events().split_off(1);
    assert_eq!(kinds(&expired), ["reservation.expired"]);
    assert_eq!(expired[0]["occurred_at"], "2026-11-22T18:01:00.000Z");
    // The same event from other sources has the same id: a repeated timer message, a takeover, and a deletion by the
    // TTL.
    told.wake(&wake_up).await;
    told.send(Call::book("1", &json!({ "seat": "A1" }))).await;
    told.tell().await;
    let ids: BTreeSet<_> =
        told.events().iter().filter(|e| e["type"] == "reservation.expired").map(|e| e["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    told.wake(&wake_up).await;
    assert_eq!(
        told.events().iter().filter(|e| e["type"] == "reservation.expired").count(),
        3,
        "no event, because the reservation is gone"
    );
}

#[tokio::test]
async fn telling_the_stream_costs_dynamodb_nothing_and_the_end_of_a_reservation_one_read() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() };
    let mut told = Told::of(World::on(setup).await).await;
    told.send(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "expires_in": 60 }))).await;
    told.send(Call::book("1", &json!({ "seat": "B1" }))).await;
    proxy.take();
    assert_eq!(told.tell().await.len(), 3);
    assert_eq!(proxy.take(), [], "the records have everything");
    told.world.at(60_000);
    for wake_up in told.wake_ups() {
        told.wake(&wake_up).await;
        let seen = proxy.take();
        let cost: Vec<_> = seen.iter().map(|call| (call.operation.as_str(), call.capacity)).collect();
        assert_eq!(cost, [("GetItem", 1.0)], "strongly consistent");
    }
    told.world.at(59_999);
    told.wake(&told.wake_ups()[0]).await;
    assert_eq!(proxy.take(), [], "too early by its own clock");
}

#[tokio::test]
async fn what_became_something_else_in_time_has_not_run_out() {
    let mut told = Told::new().await;
    for (seat, n) in [("A1", 1), ("A2", 2), ("A3", 3)] {
        let body = json!({ "seat": seat, "reservation_id": id(n), "expires_in": 60 });
        told.send(Call::reserve("1", &body)).await;
    }
    told.send(Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    told.send(Call::release("1", &id(2))).await;
    told.send(Call::extend("1", &id(3), &json!({ "expires_in": 120 }))).await;
    told.tell().await;
    told.world.at(60_000);
    let wake_ups = told.wake_ups();
    assert_eq!(wake_ups.len(), 4, "an extension has its own expiry timer");
    for wake_up in &wake_ups {
        told.wake(wake_up).await;
    }
    assert!(!kinds(&told.events()).contains(&"reservation.expired"));
    told.world.at(120_000);
    for wake_up in &wake_ups {
        told.wake(wake_up).await;
    }
    assert_eq!(kinds(&told.events()).iter().filter(|kind| **kind == "reservation.expired").count(), 1);
}

#[tokio::test]
async fn whatever_is_delivered_again_from_wherever_has_the_same_ids() {
    let mut told = Told::new().await;
    for (seat, n) in [("A1", 1), ("A2", 1), ("B1", 2)] {
        told.send(Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(n), "expires_in": 60 }))).await;
    }
    told.send(Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }))).await;
    told.send(Call::cancel("1", &id(7))).await;
    told.world.at(60_000);
    told.send(Call::reserve("1", &json!({ "seat": "B1", "reservation_id": id(3) }))).await;
    let first = told.tell().await;
    let by_id =
        |events: &[Value]| events.iter().map(|e| (e["id"].to_string(), e.to_string())).collect::<BTreeMap<_, _>>();
    let known = by_id(&first);
    assert_eq!(known.len(), first.len(), "each event once");
    for from in 0..told.records.len() {
        for to in from + 1..=told.records.len() {
            let before = told.events().len();
            handle(&told.publisher, json!({ "Records": told.records[from..to] })).await;
            for (id, event) in by_id(&told.events()[before..]) {
                assert_eq!(known.get(&id), Some(&event), "from {from} to {to}");
            }
        }
    }
}

#[tokio::test]
async fn what_could_not_be_told_comes_again_and_nothing_is_lost() {
    let mut told = Told::new().await;
    told.send(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) }))).await;
    // A folder takes the place of the file.
    let nowhere = told.folder.path().join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let failing = Told::publisher(&told.world, told.world.clock.clone(), nowhere).await;
    let tries = std::cell::Cell::new(0);
    let good = &told.publisher;
    let invoke = async |event: Value| {
        tries.set(tries.get() + 1);
        Ok(if tries.get() < 3 { handle(&failing, event).await } else { handle(good, event).await })
    };
    let delivered = drain(&mut told.reader, &told.mapping, &invoke).await.unwrap();
    assert_eq!((delivered.undelivered.len(), tries.get()), (0, 3));
    assert_eq!(kinds(&told.events()), ["seats.reserved", "seats.reserved"]);
}

#[tokio::test]
async fn a_record_or_message_that_cannot_be_read_holds_nothing_up() {
    let mut told = Told::new().await;
    told.send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    told.tell().await;
    let mut spoilt = told.records[0].clone();
    spoilt["dynamodb"]["NewImage"]["status"] = json!({ "S": "sold" });
    let batch = json!({ "Records": [spoilt, {}, told.records[0]] });
    assert_eq!(handle(&told.publisher, batch).await, json!({ "batchItemFailures": [] }));
    assert_eq!(kinds(&told.events()), ["seats.reserved", "seats.reserved"]);
    assert_eq!(told.wake(&json!("nonsense")).await, json!({ "batchItemFailures": [] }));
    assert!(told.publisher.handle(LambdaEvent::new(json!([]), Context::default())).await.is_err());
}

#[test]
fn the_examples_of_the_document_fit_the_schema_and_each_kind_has_one() {
    let text = std::fs::read_to_string(boxoffice_local::checkout::root().unwrap().join("docs/events.md")).unwrap();
    let blocks = text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut seen = BTreeSet::new();
    for block in blocks {
        let example: Value = serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"));
        if example["type"].is_string() {
            assert!(SCHEMA.is_valid(&example), "{example}");
            seen.insert(example["type"].as_str().unwrap().to_owned());
        }
    }
    let all = [
        "booking.cancelled",
        "booking.created",
        "reservation.expired",
        "seats.released",
        "seats.reserved",
        "theater.changed",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
