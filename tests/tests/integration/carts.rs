//! A cart that grows in two writes. The seats in the response are held, also if they changed between the writes.

use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::engines;
use boxoffice_tests::gate::{Gate, HoldPoint};
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use crate::api::id;
use crate::request_costs::reserve_nothing;

async fn proxied() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    reserve_nothing("1").send(&world.office).await;
    (world, proxy)
}

/// Makes the next transaction of two seats report A1 as reserved under id 1, regardless of the table.
fn stage_a1_as_reserved(proxy: &DynamoDbProxy) {
    let end = (START.seconds().as_secs() + 600).to_string();
    let item = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" }, "status": { "S": "reserved" },
        "reservation_id": { "S": id(1) }, "expires_at": { "N": end }, "changed_at": { "N": START.as_millis().to_string() } });
    let refused = json!({ "Code": "ConditionalCheckFailed", "Message": "staged", "Item": item });
    // The items are the reservation record, A1 and A2.
    let reasons = json!([{ "Code": "None" }, refused, { "Code": "None" }]);
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let fault = Fault::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }));
    proxy.next("TransactWriteItems", fault);
    proxy.take();
}

#[tokio::test]
async fn seat_taken_between_attempts_is_rejected() {
    let (world, proxy) = proxied().await;
    let stranger = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(2) }));
    assert_eq!(stranger.send(&world.office).await.status, 201);
    stage_a1_as_reserved(&proxy);
    let cart = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) }));
    let reply = cart.send(&world.office).await;
    assert_eq!((reply.status, reply.seats()), (409, vec!["A1"]), "{}", reply.text);
    assert_eq!(proxy.take().len(), 2, "the rejection returned the stored item");
    assert!(world.seat_item("1", "A2").await.is_none(), "all or nothing");
}

#[tokio::test]
async fn seat_freed_between_attempts_is_reserved_again() {
    let (world, proxy) = proxied().await;
    stage_a1_as_reserved(&proxy);
    let cart = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) }));
    let reply = cart.send(&world.office).await;
    assert_eq!((reply.status, reply.seats()), (201, vec!["A1", "A2"]), "{}", reply.text);
    for seat in ["A1", "A2"] {
        assert_eq!(world.seat_item("1", seat).await.unwrap()["reservation_id"].as_s().unwrap(), &id(1));
    }
    let tokens: std::collections::BTreeSet<_> =
        proxy.take().iter().map(|call| call.request["ClientRequestToken"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tokens.len(), 3, "each attempt was another transaction");
}

#[tokio::test]
async fn cart_with_a_renewed_seat_returns_the_new_expiry() {
    let gate = Gate::default();
    let proxy = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    let one = Call::reserve("1", &json!({ "seat": "A1", "expires_in": 2, "reservation_id": id(1) }));
    let cart = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "expires_in": 100, "reservation_id": id(1) }));
    assert_eq!(one.send(&world.office).await.status, 201);
    // The first write finds A1 in the cart. The second write, which adds A2, is delayed.
    gate.hold(2, HoldPoint::Before);
    let anew = async {
        gate.holds().await;
        // By this clock A1 has expired. It is reserved again.
        let ahead = Clock::manual(START + Duration::from_secs(3));
        let ahead = world.instance_at(&Setup::shared(), ahead).await;
        let anew = one.send(&ahead).await;
        assert_eq!(anew.status, 201);
        gate.open();
        anew.body["expires_at"].clone()
    };
    let (grown, expires_at) = tokio::join!(cart.send(&world.office), anew);
    assert_eq!((grown.status, &grown.body["expires_at"]), (201, &expires_at), "{}", grown.text);
}
