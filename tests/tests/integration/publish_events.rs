//! Publishing domain events, from the real stream of the real box office to the event sink.

mod shows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::LazyLock;

use boxoffice::clock::Clock;
use boxoffice_local::stream::{EventSourceMapping, StreamReader, drain};
use boxoffice_publish::{EventSink, Publisher};
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::{Call, Setup, World, engines};
use lambda_http::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::api::id;

/// A world whose stream is published to a file.
struct PublishedWorld {
    world: World,
    publisher: Publisher,
    reader: StreamReader,
    mapping: EventSourceMapping,
    folder: tempfile::TempDir,
    /// Every record that was delivered.
    records: Vec<Value>,
}

impl PublishedWorld {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let reader = engines::shared().dynamodb.stream(&world.table).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let publisher = Self::publisher(&world, world.clock.clone(), folder.path().join("events")).await;
        let mapping = EventSourceMapping::from_checkout("publish-events").unwrap();
        Self { world, publisher, reader, mapping, folder, records: Vec::new() }
    }

    async fn publisher(world: &World, clock: Clock, file: PathBuf) -> Publisher {
        Publisher::new(world.store(clock.clone()).await, clock, EventSink::files(&file))
    }

    async fn send(&self, call: Call) -> boxoffice_tests::Reply {
        let reply = call.send(&self.world.office).await;
        assert!(reply.status < 300, "{}", reply.text);
        reply
    }

    /// Delivers the new records of the stream. Returns the events that were published.
    async fn publish_stream(&mut self) -> Vec<Value> {
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
async fn every_step_of_a_seats_life_is_published() {
    let mut published_world = PublishedWorld::new().await;
    let reserve = |seats: Value, n: u128| json!({ "seats": seats, "reservation_id": id(n), "expires_in": 60 });
    published_world.send(Call::reserve("1", &reserve(json!(["A1", "A2"]), 1))).await;
    let reserved = published_world.publish_stream().await;
    assert_eq!(kinds(&reserved), ["seats.reserved", "seats.reserved"]);
    assert_eq!(reserved[0]["reservation"], reserved[1]["reservation"], "both seats have the same reservation value");
    assert_eq!((&reserved[0]["expires_at"], &reserved[0]["extended"]), (&json!("2026-11-22T18:01:00Z"), &json!(false)));
    assert_eq!(published_world.wake_ups().len(), 2);

    published_world.send(Call::extend("1", &id(1), &json!({ "expires_in": 120, "seats": ["A1"] }))).await;
    let extended = published_world.publish_stream().await;
    assert_eq!((kinds(&extended), &extended[0]["extended"]), (vec!["seats.reserved"], &json!(true)));
    published_world.send(Call::release("1", &id(1)).query("seats=A2")).await;
    assert_eq!(kinds(&published_world.publish_stream().await), ["seats.released"]);
    published_world.send(Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }))).await;
    let booked = published_world.publish_stream().await;
    assert_eq!((kinds(&booked), &booked[0]["seats"]), (vec!["booking.created"], &json!(["A1"])));
    published_world.send(Call::cancel("1", &id(7))).await;
    let cancelled = published_world.publish_stream().await;
    assert_eq!((kinds(&cancelled), &cancelled[0]["booking"]), (vec!["booking.cancelled"], &booked[0]["booking"]));
    published_world.send(Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1", "A2"] }))).await;
    published_world
        .send(Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1"] })).header("If-Match", "*"))
        .await;
    published_world.send(Call::delete_theater("9")).await;
    let changed = published_world.publish_stream().await;
    assert_eq!(kinds(&changed), ["theater.changed"; 3], "tombstones publish no events");
    assert_eq!(changed[2]["deleted"], true);
    for event in published_world.events() {
        let text = event.to_string();
        assert!(!text.contains(&id(1)) && !text.contains(&id(7)), "an event has a secret id: {text}");
    }
}

#[tokio::test]
async fn events_of_one_millisecond_are_ordered_by_sequence() {
    let mut published_world = PublishedWorld::new().await;
    for n in 1..=4 {
        published_world
            .send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(n), "expires_in": 60 })))
            .await;
        published_world.send(Call::release("1", &id(n))).await;
    }
    published_world.send(Call::book("1", &json!({ "seat": "A1", "booking_id": id(7) }))).await;
    published_world.send(Call::cancel("1", &id(7))).await;
    published_world.publish_stream().await;
    let events = published_world.events();
    let sequence: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequence.len(), 10);
    assert!(sequence.is_sorted_by(|a, b| a < b), "{sequence:?}");
    assert!(events.iter().all(|event| event["occurred_at"].as_str().unwrap().ends_with(".000Z")
        || event["occurred_at"].as_str().unwrap() > "2026-11-22T18:00:00.000Z"));
}

#[tokio::test]
async fn expiry_is_published_promptly_without_the_ttl() {
    let mut published_world = PublishedWorld::new().await;
    published_world.send(Call::reserve("1", &json!({ "seat": "A1", "expires_in": 60 }))).await;
    published_world.publish_stream().await;
    let wake_up = published_world.wake_ups().remove(0);
    assert_eq!(wake_up["expires_at"], 1_795_370_460);
    published_world.world.at(59_999);
    assert_eq!(published_world.wake(&wake_up).await, json!({ "batchItemFailures": [] }));
    assert_eq!(
        (published_world.events().len(), published_world.wake_ups().len()),
        (1, 2),
        "too early: it sets the expiry timer again"
    );
    published_world.world.at(60_000);
    published_world.wake(&wake_up).await;
    let expired = published_world.events().split_off(1);
    assert_eq!(kinds(&expired), ["reservation.expired"]);
    assert_eq!(expired[0]["occurred_at"], "2026-11-22T18:01:00.000Z");
    // The same event from other sources has the same id: a repeated timer message, a takeover, and a deletion by the
    // TTL.
    published_world.wake(&wake_up).await;
    published_world.send(Call::book("1", &json!({ "seat": "A1" }))).await;
    published_world.publish_stream().await;
    let ids: BTreeSet<_> = published_world
        .events()
        .iter()
        .filter(|e| e["type"] == "reservation.expired")
        .map(|e| e["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    published_world.wake(&wake_up).await;
    assert_eq!(
        published_world.events().iter().filter(|e| e["type"] == "reservation.expired").count(),
        3,
        "no event, because the reservation is gone"
    );
}

#[tokio::test]
async fn publishing_is_free_and_an_expiry_costs_one_read() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() };
    let mut published_world = PublishedWorld::of(World::on(setup).await).await;
    published_world.send(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "expires_in": 60 }))).await;
    published_world.send(Call::book("1", &json!({ "seat": "B1" }))).await;
    proxy.take();
    assert_eq!(published_world.publish_stream().await.len(), 3);
    assert_eq!(proxy.take(), [], "the records have everything");
    published_world.world.at(60_000);
    for wake_up in published_world.wake_ups() {
        published_world.wake(&wake_up).await;
        let seen = proxy.take();
        let cost: Vec<_> = seen.iter().map(|call| (call.operation.as_str(), call.capacity)).collect();
        assert_eq!(cost, [("GetItem", 1.0)], "strongly consistent");
    }
    published_world.world.at(59_999);
    published_world.wake(&published_world.wake_ups()[0]).await;
    assert_eq!(proxy.take(), [], "too early by its own clock");
}

#[tokio::test]
async fn seat_changed_before_expiry_publishes_no_expiry() {
    let mut published_world = PublishedWorld::new().await;
    for (seat, n) in [("A1", 1), ("A2", 2), ("A3", 3)] {
        let body = json!({ "seat": seat, "reservation_id": id(n), "expires_in": 60 });
        published_world.send(Call::reserve("1", &body)).await;
    }
    published_world.send(Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    published_world.send(Call::release("1", &id(2))).await;
    published_world.send(Call::extend("1", &id(3), &json!({ "expires_in": 120 }))).await;
    published_world.publish_stream().await;
    published_world.world.at(60_000);
    let wake_ups = published_world.wake_ups();
    assert_eq!(wake_ups.len(), 4, "an extension has its own expiry timer");
    for wake_up in &wake_ups {
        published_world.wake(wake_up).await;
    }
    assert!(!kinds(&published_world.events()).contains(&"reservation.expired"));
    published_world.world.at(120_000);
    for wake_up in &wake_ups {
        published_world.wake(wake_up).await;
    }
    assert_eq!(kinds(&published_world.events()).iter().filter(|kind| **kind == "reservation.expired").count(), 1);
}

#[tokio::test]
async fn redelivered_records_publish_the_same_event_ids() {
    let mut published_world = PublishedWorld::new().await;
    for (seat, n) in [("A1", 1), ("A2", 1), ("B1", 2)] {
        published_world
            .send(Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(n), "expires_in": 60 })))
            .await;
    }
    published_world.send(Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }))).await;
    published_world.send(Call::cancel("1", &id(7))).await;
    published_world.world.at(60_000);
    published_world.send(Call::reserve("1", &json!({ "seat": "B1", "reservation_id": id(3) }))).await;
    let first = published_world.publish_stream().await;
    let by_id =
        |events: &[Value]| events.iter().map(|e| (e["id"].to_string(), e.to_string())).collect::<BTreeMap<_, _>>();
    let known = by_id(&first);
    assert_eq!(known.len(), first.len(), "each event once");
    for from in 0..published_world.records.len() {
        for to in from + 1..=published_world.records.len() {
            let before = published_world.events().len();
            handle(&published_world.publisher, json!({ "Records": published_world.records[from..to] })).await;
            for (id, event) in by_id(&published_world.events()[before..]) {
                assert_eq!(known.get(&id), Some(&event), "from {from} to {to}");
            }
        }
    }
}

#[tokio::test]
async fn failed_publishing_is_retried_without_loss() {
    let mut published_world = PublishedWorld::new().await;
    published_world.send(Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) }))).await;
    // A folder takes the place of the file.
    let nowhere = published_world.folder.path().join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let failing = PublishedWorld::publisher(&published_world.world, published_world.world.clock.clone(), nowhere).await;
    let tries = std::cell::Cell::new(0);
    let good = &published_world.publisher;
    let invoke = async |event: Value| {
        tries.set(tries.get() + 1);
        Ok(if tries.get() < 3 { handle(&failing, event).await } else { handle(good, event).await })
    };
    let delivered = drain(&mut published_world.reader, &published_world.mapping, &invoke).await.unwrap();
    assert_eq!((delivered.undelivered.len(), tries.get()), (0, 3));
    assert_eq!(kinds(&published_world.events()), ["seats.reserved", "seats.reserved"]);
}

#[tokio::test]
async fn unreadable_record_or_message_does_not_block_others() {
    let mut published_world = PublishedWorld::new().await;
    published_world.send(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    published_world.publish_stream().await;
    let mut spoilt = published_world.records[0].clone();
    spoilt["dynamodb"]["NewImage"]["status"] = json!({ "S": "sold" });
    let batch = json!({ "Records": [spoilt, {}, published_world.records[0]] });
    assert_eq!(handle(&published_world.publisher, batch).await, json!({ "batchItemFailures": [] }));
    assert_eq!(kinds(&published_world.events()), ["seats.reserved", "seats.reserved"]);
    assert_eq!(published_world.wake(&json!("nonsense")).await, json!({ "batchItemFailures": [] }));
    assert!(published_world.publisher.handle(LambdaEvent::new(json!([]), Context::default())).await.is_err());
}

#[test]
fn event_examples_cover_every_kind_and_match_the_schema() {
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
        "sale.changed",
        "seats.released",
        "seats.reserved",
        "show.changed",
        "theater.changed",
    ];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn change_of_staff_is_published_as_such() {
    let mut published_world = PublishedWorld::new().await;
    let reserve = |n: u128| Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(n), "expires_in": 60 }));
    let whole = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    for (call, published) in [
        (reserve(1), "seats.reserved"),
        (Call::extend("1", &id(1), &json!({ "expires_in": 120 })), "seats.reserved"),
        (whole, "booking.created"),
        (Call::cancel("1", &id(7)), "booking.cancelled"),
        (reserve(2), "seats.reserved"),
        (Call::release("1", &id(2)), "seats.released"),
        (reserve(3), "seats.reserved"),
    ] {
        published_world.send(call.staff().header("On-Behalf-Of", "anonymous")).await;
        let events = published_world.publish_stream().await;
        assert_eq!((kinds(&events), &events[0]["by"]), (vec![published], &json!("staff")));
    }
    published_world.world.at(60_000);
    published_world.send(reserve(4)).await;
    let taken_over = published_world.publish_stream().await;
    assert_eq!(kinds(&taken_over), ["reservation.expired", "seats.reserved"]);
    assert!(taken_over.iter().all(|event| event.get("by").is_none()), "neither is a change of staff: {taken_over:?}");
}
