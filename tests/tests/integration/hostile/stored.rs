//! Malformed items in the table. Their seats aren't sold, and all others are.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_tests::{Call, World, corpus};
use serde_json::{Value, json};

type Item = HashMap<String, AttributeValue>;

/// The id of the reservation and the booking in the corpus.
const OWN: &str = "0188c0de-0000-7000-8000-00000000b001";

/// Returns an item of the corpus, if the table accepts it in A1's place.
fn of_seat_a1(bytes: &[u8]) -> Option<Item> {
    let parsed: Value = serde_json::from_slice(bytes).unwrap();
    (parsed["sk"]["S"] == "SEAT#A1").then(|| {
        let fields = parsed.as_object().unwrap().iter();
        fields.map(|(name, value)| (name.clone(), attribute_value(value))).collect()
    })
}

fn attribute_value(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => AttributeValue::S(text.clone()),
        ("N", Value::String(number)) => AttributeValue::N(number.clone()),
        ("B", Value::String(text)) => AttributeValue::B(text.clone().into_bytes().into()),
        ("NULL", _) => AttributeValue::Null(true),
        other => panic!("a seat of {other:?}"),
    }
}

/// The seats of the corpus that are readable.
const READABLE: [&str; 2] = ["seat-booked.json", "seat-reserved.json"];

#[tokio::test]
async fn seat_with_an_unreadable_item_is_not_sold_but_others_are() {
    let world = World::new().await;
    let mut tried = 0;
    for seed in corpus::items() {
        let Some(item) = of_seat_a1(&seed.bytes) else { continue };
        let put = world.client.put_item().table_name(&world.table).set_item(Some(item));
        put.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", seed.name));
        let standing = world.seat_item("1", "A1").await;
        let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
        assert!(
            !seat_map.seats().contains(&"A1") && seat_map.seats().contains(&"B3"),
            "{}: {}",
            seed.name,
            seat_map.text
        );
        for call in [
            Call::reserve("1", &json!({ "seat": "A1", "reservation_id": OWN })),
            Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": OWN })),
            Call::book("1", &json!({ "seats": ["A1", "A3"] })),
        ] {
            let reply = call.send(&world.office).await;
            // A 500 is correct here, because it makes the operator aware of the item.
            let readable = READABLE.contains(&seed.name.as_str());
            let expected: &[u16] = if readable { &[200, 201, 409] } else { &[500] };
            assert!(expected.contains(&reply.status), "{}: {}", seed.name, reply.text);
            assert!(readable || world.seat_item("1", "A1").await == standing, "{}", seed.name);
        }
        let other = Call::reserve("1", &json!({ "seat": "B1", "reservation_id": OWN })).send(&world.office).await;
        assert!([200, 201].contains(&other.status), "{}: {}", seed.name, other.text);
        tried += 1;
    }
    assert!(tried >= 10, "{tried}");
}
