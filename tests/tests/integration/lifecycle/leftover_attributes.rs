//! Leftover attributes. A seat's item keeps nothing of its past in any later state.

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_tests::{Call, World};
use serde_json::json;

use crate::api::id;

/// Returns a world in which the item of A1 has every attribute that a seat can have, all of them expired.
async fn with_a_past(status: &str) -> World {
    let world = World::new().await;
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let mut put = world.client.put_item().table_name(&world.table);
    for (name, value) in [
        ("pk", text("THEATER#1")),
        ("sk", text("SEAT#A1")),
        ("status", text(status)),
        ("reservation_id", text(&id(1))),
        ("request_token", text(&id(2))),
        ("owner_id", text(&id(5))),
        ("layout_version", number(6)),
        ("by", text("staff")),
        ("changed_at", number(7)),
        ("expires_at", number(8)),
    ] {
        put = put.item(name, value);
    }
    put.send().await.unwrap();
    world
}

/// Returns the attribute names of A1's item, without the key.
async fn left(world: &World) -> Vec<String> {
    let item = world.seat_item("1", "A1").await.expect("an item");
    let mut names: Vec<_> = item.into_keys().filter(|name| name != "pk" && name != "sk").collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn every_transition_removes_the_seats_old_attributes() {
    let reserved = ["changed_at", "expires_at", "request_token", "reservation_id", "status"];
    let owned = ["changed_at", "expires_at", "owner_id", "request_token", "reservation_id", "status"];
    let booked = ["booking_id", "changed_at", "status"];
    let available = ["changed_at", "expires_at", "status"];
    for status in ["reserved", "removed"] {
        let body = json!({ "seat": "A1", "reservation_id": id(9), "booking_id": id(9) });
        let reserve = json!({ "seat": "A1", "reservation_id": id(9) });
        for (calls, expected) in [
            (vec![Call::reserve("1", &reserve)], &reserved[..]),
            (vec![Call::reserve("1", &reserve).signed_in("alice")], &owned),
            (vec![Call::book("1", &body)], &booked),
            (vec![Call::book("1", &body), Call::cancel("1", &id(9))], &available),
            (vec![Call::reserve("1", &reserve), Call::release("1", &id(9))], &available),
            (vec![Call::reserve("1", &reserve), Call::book("1", &body)], &booked),
        ] {
            let world = with_a_past(status).await;
            for call in &calls {
                let reply = call.send(&world.office).await;
                assert!(reply.status < 300, "{call:?}: {}", reply.text);
            }
            assert_eq!(left(&world).await, expected, "{status}: {calls:?}");
        }
    }
}

#[tokio::test]
async fn extension_keeps_the_other_attributes() {
    let world = World::new().await;
    let reserve = json!({ "seat": "A1", "reservation_id": id(1) });
    assert_eq!(Call::reserve("1", &reserve).send(&world.office).await.status, 201);
    assert_eq!(Call::extend("1", &id(1), &json!({ "expires_in": 900 })).send(&world.office).await.status, 200);
    let names = ["changed_at", "expires_at", "request_token", "reservation_id", "status"];
    assert_eq!(left(&world).await, names);
}
