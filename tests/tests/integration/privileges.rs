//! Least privilege. Each function's role allows exactly the calls to the table that the function was observed to make.
//!
//! The observed calls are also in infra/tests/calls.json. infra/checks/iam.py evaluates each of them against the
//! policies.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice::aws::Endpoints;
use boxoffice::clock::Clock;
use boxoffice::domain::time::EpochMillis;
use boxoffice::events::Event;
use boxoffice_publish::{EventSink, ExpiryTimer, Publisher};
use boxoffice_tests::delivery::send_batch;
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, RecordedCall};
use boxoffice_tests::setup::sdk;
use boxoffice_tests::{Call, Setup, World, engines};
use lambda_http::{Context, LambdaEvent};
use serde_json::{Value, json};

use crate::api::id;
use crate::consistency::table_actions;

const KEY: &str = "0123456789abcdef";
/// The calls to the stream that Lambda makes under a function's role.
const OF_THE_STREAM: [&str; 4] = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];

/// A world whose calls to DynamoDB are observed.
struct Watched {
    world: World,
    proxy: DynamoDbProxy,
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl Watched {
    async fn new() -> Self {
        let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let setup = Setup { dynamodb: proxy.endpoint.clone(), max_booked_per_caller: 10, ..Setup::shared() };
        let world = World::on(setup).await;
        Self { world, proxy, seen: BTreeMap::new() }
    }

    /// Sends a call to a cold instance.
    async fn cold(&mut self, call: Call, status: u16) {
        let office = self.world.instance(self.world.clock.clone()).await;
        self.proxy.take();
        let reply = call.send(&office).await;
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text.get(..2_000).unwrap_or(&reply.text));
        self.note(call.function());
    }

    fn note(&mut self, function: &str) {
        let actions = self.seen.entry(function.to_owned()).or_default();
        actions.extend(self.proxy.take().iter().flat_map(actions_of));
    }
}

/// Returns the IAM actions of a call. A transaction needs the actions of its items.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
fn actions_of(call: &RecordedCall) -> Vec<String> {
    if call.operation != "TransactWriteItems" {
        return vec![call.operation.clone()];
    }
    let items = call.request["TransactItems"].as_array().expect("items").iter();
    let kinds = items.flat_map(|item| item.as_object().expect("an item").keys());
    kinds
        .map(|kind| if kind == "ConditionCheck" { "ConditionCheckItem".to_owned() } else { format!("{kind}Item") })
        .collect()
}

fn label(row: usize, seat: usize) -> String {
    format!("ROW{row:03}-SEAT{seat:05}")
}

/// Returns the document of a hall that is so large and irregular that its layout takes several items. The first row has
/// `seats` seats.
fn arena(seats: usize) -> Value {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut row = |row: usize, seats: usize| {
        let seats: Vec<_> = (0..seats)
            .map(|n| json!({ "seat": label(row, n), "x": dice.i32(-99_999..99_999), "y": dice.i32(-99_999..99_999) }))
            .collect();
        json!({ "row": row.to_string(), "seats": seats })
    };
    let rows: Vec<_> = (0..199).map(|number| row(number, if number == 0 { seats } else { 100 })).collect();
    json!({ "name": "Arena", "sections": [{ "section": "All", "rows": rows }] })
}

/// Sends every kind of call, so that each function makes all of its calls.
async fn everything(watched: &mut Watched) {
    let seats = |first: usize, last: usize| (first..=last).map(|n| label(0, n)).collect::<Vec<_>>();
    let hall = "arena";
    watched.cold(Call::put_theater(hall, &arena(100)).administrator(), 201).await;
    watched.cold(Call::put_theater(hall, &arena(99)).administrator().header("If-Match", "*"), 200).await;
    watched.cold(Call::theater(hall), 200).await;
    watched.cold(Call::theaters(), 200).await;
    watched.cold(Call::put_theater("9", &json!({ "name": "Nine", "seats": ["A1"] })).administrator(), 201).await;
    let show = json!({ "theater_id": "9", "title": "Tosca", "starts_at": "2026-12-01T20:15:00Z", "timezone": "UTC" });
    watched.cold(Call::put_show("evening", &show).administrator(), 201).await;
    watched.cold(Call::put_sale("9", &json!({ "state": "paused" })).administrator(), 200).await;
    watched.cold(Call::delete_show("evening").administrator(), 204).await;
    watched.cold(Call::delete_theater("9").administrator(), 204).await;

    watched.cold(Call::get_seats(hall).query("consistent=true"), 200).await;

    let one = json!({ "seats": seats(1, 1), "reservation_id": id(1), "expires_in": 600 });
    watched.cold(Call::reserve(hall, &one), 201).await;
    let cart = json!({ "seats": seats(1, 3), "reservation_id": id(1), "expires_in": 600 });
    watched.cold(Call::reserve(hall, &cart), 201).await;
    watched.cold(Call::reserve(hall, &json!({ "quantity": 2 })).header("Idempotency-Key", KEY), 201).await;
    watched.cold(Call::reserve(hall, &json!({ "seats": seats(10, 11) })).signed_in("alice"), 201).await;

    let mine = Call::get_seats(hall).query("view=map").header("Reservation-Id", &id(1));
    watched.cold(mine, 200).await;

    watched.cold(Call::reservation(hall, &id(1)), 200).await;
    watched.cold(Call::reservation(hall, &id(1)).query(&format!("seats={}", label(0, 1))), 200).await;
    watched.cold(Call::extend(hall, &id(1), &json!({ "expires_in": 900 })), 200).await;
    watched.cold(Call::release(hall, &id(1)).query(&format!("seats={}", label(0, 3))), 204).await;

    watched.cold(Call::book(hall, &json!({ "reservation_id": id(1), "booking_id": id(7) })), 201).await;
    watched.cold(Call::book(hall, &json!({ "seats": seats(20, 20) })), 201).await;

    watched.cold(Call::booking(hall, &id(7)), 200).await;
    watched.cold(Call::cancel(hall, &id(7)), 204).await;
    let counted = json!({ "seats": seats(30, 30), "booking_id": id(9) });
    watched.cold(Call::book(hall, &counted).signed_in("alice"), 201).await;
    watched.cold(Call::cancel(hall, &id(9)).signed_in("alice"), 204).await;
}

/// Invokes the functions on the stream with a record of a reservation, and with the message of its expiry timer.
async fn on_the_stream(watched: &mut Watched) {
    let key = json!({ "pk": { "S": "THEATER#arena" }, "sk": { "S": format!("SEAT#{}", label(0, 30)) } });
    let image = json!({ "status": { "S": "booked" }, "booking_id": { "S": id(8) }, "changed_at": { "N": "5" } });
    let record =
        json!({ "eventName": "INSERT", "dynamodb": { "Keys": key, "NewImage": image, "SequenceNumber": "1" } });
    let office = watched.world.instance(watched.world.clock.clone()).await;
    watched.proxy.take();
    let done = json!({ "batchItemFailures": [] });
    assert_eq!(send_batch(&office, json!({ "Records": [record] })).await, done);
    watched.note("sync-cache");

    let folder = tempfile::tempdir().unwrap();
    let clock: Clock = watched.world.clock.clone();
    let store = watched.world.store(clock.clone()).await;
    let publisher = Publisher::new(store, clock, EventSink::files(&folder.path().join("events")));
    let body = json!({ "inventory": "arena", "seat": label(0, 10), "changed_at": 1, "expires_at": 1 }).to_string();
    let message = json!({ "eventSource": "aws:sqs", "messageId": "m", "body": body });
    for event in [json!({ "Records": [record] }), json!({ "Records": [message] })] {
        publisher.handle(LambdaEvent::new(event, Context::default())).await.expect("a batch");
    }
    watched.note("publish-events");
}

/// Returns the operations of EventBridge and SQS that publish-events calls.
///
/// Nothing here answers as EventBridge or SQS, so the calls fail. They are seen all the same.
async fn calls_to_bus_and_queue() -> BTreeSet<String> {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let there = Some(proxy.endpoint.clone());
    let clients = sdk(Endpoints { eventbridge: there.clone(), sqs: there, ..Endpoints::default() });
    let queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/expiries";
    let event_sink = EventSink::aws(&clients, "default".to_owned(), queue.to_owned(), None);
    let wake_up = ExpiryTimer { inventory: "1".to_owned(), seat: "A1".to_owned(), changed_at: 1, expires_at: 1 };
    event_sink.start_timers(&[wake_up], EpochMillis::new(1)).await.expect_err("no queue");
    let event = Event { kind: "seats.reserved", detail: json!({}) };
    event_sink.publish(&[event]).await.expect_err("no bus");
    proxy.take().into_iter().map(|call| call.operation).collect()
}

/// Compares the observed calls with infra/tests/calls.json.
fn is_recorded(on_the_table: &BTreeMap<String, BTreeSet<String>>, of_the_publisher: &BTreeSet<String>) {
    let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (function, actions) in on_the_table {
        calls.insert(function.as_str(), actions.iter().map(|action| format!("dynamodb:{action}")).collect());
    }
    let publisher = calls.get_mut("publish-events").expect("it was called");
    publisher.extend(of_the_publisher.iter().map(|operation| match operation.as_str() {
        "PutEvents" => "events:PutEvents".to_owned(),
        // IAM has no action for the batch.
        // https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
        "SendMessageBatch" => "sqs:SendMessage".to_owned(),
        other => panic!("{other}"),
    }));
    let file = boxoffice_local::checkout::root().unwrap().join("infra/tests/calls.json");
    let recorded = std::fs::read_to_string(&file).unwrap();
    let seen = serde_json::to_string_pretty(&calls).unwrap() + "\n";
    assert_eq!(recorded, seen, "write this into {}:\n{seen}", file.display());
}

#[tokio::test]
async fn each_role_allows_exactly_the_observed_table_calls() {
    let mut watched = Watched::new().await;
    everything(&mut watched).await;
    on_the_stream(&mut watched).await;
    let allowed: BTreeMap<_, _> = table_actions()
        .into_iter()
        .map(|(function, actions)| {
            let own = actions.into_iter().filter(|action| !OF_THE_STREAM.contains(&action.as_str()));
            (function, own.collect::<BTreeSet<_>>())
        })
        .collect();
    assert_eq!(watched.seen, allowed);
    let others = calls_to_bus_and_queue().await;
    is_recorded(&watched.seen, &others);
}
