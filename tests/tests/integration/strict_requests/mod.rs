//! Strict requests. Input that a route doesn't read is rejected by name, and nothing changes.

mod addresses;
mod authorization;
mod body;
mod durations;
mod headers;
mod query;
mod units;

use boxoffice::http::router::{Body, Operation, ROUTES, Route};
use boxoffice_tests::delivery::send_event;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use serde_json::{Value, json};

/// The id of reservations and bookings in [`Call::of`].
const ID: &str = "0188c0de-0000-7000-8000-00000000b001";

/// Returns a world in which every call of [`Call::of`] would change something.
async fn world() -> World {
    world_on(Setup::shared()).await
}

async fn world_on(setup: Setup) -> World {
    let world = World::on(setup).await;
    assert_eq!(Call::of(Operation::PutShow).send(&world.office).await.status, 201);
    let reserve = Call::reserve("1", &json!({ "seats": ["A2", "A3"], "reservation_id": ID }));
    assert_eq!(reserve.send(&world.office).await.status, 201);
    let book = Call::book("1", &json!({ "seats": ["B1", "B2"], "booking_id": ID }));
    assert_eq!(book.send(&world.office).await.status, 201);
    world
}

async fn send(world: &World, event: &Value) -> Reply {
    send_event(&world.office, event["routeKey"].as_str().unwrap(), &event.to_string()).await
}

/// Returns the fields that a problem names.
fn named(reply: &Reply) -> Vec<&str> {
    let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Sends an event, and expects a rejection that names the field and changes nothing.
async fn is_refused(world: &World, event: &Value, status: u16, field: &str) {
    let before = world.items().await;
    let reply = send(world, event).await;
    assert_eq!(reply.status, status, "{event}: {}", reply.text);
    assert!(named(&reply).contains(&field), "{field} of {event}: {}", reply.text);
    assert_eq!(world.items().await, before, "{event}");
}

async fn call_is_refused(world: &World, call: Call, status: u16, field: &str) {
    is_refused(world, &call.event(), status, field).await;
}

#[tokio::test]
async fn failed_read_does_not_report_an_unknown_outcome() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let total = std::time::Duration::from_millis(300);
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), total, ..Setup::shared() }).await;
    Call::get_seats("1").send(&world.office).await;
    proxy.always(Some(boxoffice_tests::dynamodb_proxy::Fault::error(500, "InternalServerError")));
    let read = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((read.status, read.code(), &read.body["retry_after"]), (503, "try_again", &json!(1)));
    assert!(!read.text("detail").contains("carried out"), "{}", read.text);
    let write = Call::book("1", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert!(write.text("detail").contains("not known whether the request was carried out"), "{}", write.text);
}

#[test]
fn route_table_lists_the_accepted_input() {
    // One table lists the accepted input. A route that reads a body names its fields, or has a document.
    for route in ROUTES {
        assert_eq!(matches!(route.body, Body::Fields(..) | Body::OptionalFields(..)), !route.fields().is_empty());
    }
    assert_eq!(Route::of(Operation::GetSeats).query, ["view", "section", "consistent"]);
}
