//! The whole life of seats on every DynamoDB engine. An expression that one engine accepts may be rejected by another.

use boxoffice_tests::{Call, Reply, Setup, World, engines};
use serde_json::{Value, json};

use crate::api::id;

async fn send(world: &World, engine: &str, call: Call, status: u16) -> Reply {
    let reply = call.send(&world.office).await;
    assert_eq!(reply.status, status, "{engine}: {}", reply.text);
    reply
}

fn reserve(seats: Value, n: u128) -> Call {
    Call::reserve("9", &json!({ "seats": seats, "reservation_id": id(n), "expires_in": 60 }))
}

#[tokio::test]
async fn every_engine_supports_the_whole_life_of_a_seat() {
    for (engine, endpoint) in engines::every_dynamodb() {
        let setup = Setup { dynamodb: endpoint.clone(), ..Setup::without_cache() };
        let world = &World::on_engine(setup, &endpoint).await;
        let labels: Vec<_> = (1..=30).map(|n| format!("A{n}")).collect();
        let hall = json!({ "name": "Nine", "sections": [{ "section": "All", "rows": [{ "row": "A", "y": 5, "seats": labels }] }] });
        send(world, engine, Call::put_theater("9", &hall), 201).await;
        // Reserve as a caller with a quota and as an anonymous caller. Extend and release.
        send(world, engine, reserve(json!(["A1", "A2"]), 1).signed_in("ann"), 201).await;
        send(world, engine, reserve(json!(["A3"]), 1).signed_in("ann"), 201).await;
        send(world, engine, reserve(json!(["A4"]), 2), 201).await;
        let extend =
            Call::extend("9", &id(1), &json!({ "expires_in": 600 })).header("Idempotency-Key", "0123456789abcdef");
        send(world, engine, extend.clone().signed_in("ann"), 200).await;
        let again = send(world, engine, extend.signed_in("ann"), 200).await;
        assert_eq!(again.header("idempotent-replayed"), "true", "{engine}");
        send(world, engine, Call::release("9", &id(1)).query("seats=A3").signed_in("ann"), 204).await;
        send(world, engine, Call::release("9", &id(2)), 204).await;
        let held = send(world, engine, Call::reservation("9", &id(1)).signed_in("ann"), 200).await;
        assert_eq!((held.seats(), &held.body["extended"]), (vec!["A1", "A2"], &json!(true)), "{engine}");
        // A caller reaches the quota, and has room again after a release.
        for (n, seats) in labels[4..22].chunks(9).enumerate() {
            send(world, engine, reserve(json!(seats), 10 + n as u128).signed_in("ann"), 201).await;
        }
        let full = send(world, engine, reserve(json!(["A25"]), 20).signed_in("ann"), 409).await;
        assert_eq!(full.code(), "reservation_limit", "{engine}");
        send(world, engine, Call::release("9", &id(10)).signed_in("ann"), 204).await;
        send(world, engine, reserve(json!(["A25"]), 20).signed_in("ann"), 201).await;
        // Book a whole reservation and cancel the booking. Another caller gets the seats.
        let book = Call::book("9", &json!({ "reservation_id": id(1), "booking_id": id(7) })).signed_in("ann");
        send(world, engine, book.clone(), 201).await;
        send(world, engine, book.clone(), 200).await;
        send(world, engine, Call::cancel("9", &id(7)).signed_in("ann"), 204).await;
        send(world, engine, book, 409).await;
        // Reserve the best available seats, and repeat the call.
        let best = Call::reserve("9", &json!({ "quantity": 2, "reservation_id": id(30) }));
        let first = send(world, engine, best.clone(), 201).await;
        let again = send(world, engine, best, 200).await;
        assert_eq!(first.body["seats"], again.body["seats"], "{engine}");
        send(world, engine, Call::release("9", &id(30)), 204).await;
        // Withdraw seats while they are in use, and when they are available.
        let small = json!({ "name": "Nine", "seats": ["A1"] });
        let drop = Call::put_theater("9", &small).header("If-Match", "*");
        assert_eq!(send(world, engine, drop.clone(), 409).await.seats().len(), 10, "{engine}");
        world.at(1_000_000);
        send(world, engine, drop, 200).await;
        send(world, engine, Call::put_theater("9", &hall).header("If-Match", "*"), 200).await;
        world.at(1_060_000);
        send(world, engine, reserve(json!(["A1", "A30"]), 40), 201).await;
        send(world, engine, Call::release("9", &id(40)), 204).await;
        let listed = send(world, engine, Call::theaters().query("limit=1&after=2"), 200).await;
        assert_eq!(listed.body["theaters"][0]["seats"], 30, "{engine}");
        send(world, engine, Call::delete_theater("9"), 204).await;
        send(world, engine, Call::theater("9"), 404).await;
    }
}

#[tokio::test]
async fn layout_of_several_items_is_replaced_and_deleted_whole() {
    for (engine, endpoint) in engines::every_dynamodb() {
        let setup = Setup { dynamodb: endpoint.clone(), ..Setup::without_cache() };
        let world = &World::on_engine(setup, &endpoint).await;
        // Random coordinates hardly compress.
        let mut rng = fastrand::Rng::with_seed(7);
        let mut seat = |n: usize| json!({ "seat": format!("{n:05}-LONG-LABEL"), "x": rng.i32(-900_000..900_000), "y": rng.i32(-900_000..900_000) });
        let seats: Vec<_> = (0..20_000).map(&mut seat).collect();
        let hall = |name: &str| json!({ "name": name, "sections": [{ "section": "All", "rows": [{ "row": "A", "seats": seats }] }] });
        send(world, engine, Call::put_theater("9", &hall("First")), 201).await;
        let items = async || {
            let items = world.items_of("THEATER#9").await;
            items.iter().map(|item| item["sk"].as_s().unwrap().clone()).collect::<Vec<_>>()
        };
        let first = items().await;
        assert!(first.len() > 1 && first.iter().all(|sk| sk.starts_with("LAYOUT")), "{engine}: {first:?}");
        send(world, engine, Call::put_theater("9", &hall("Second")).header("If-Match", "*"), 200).await;
        let second = items().await;
        assert!(second.len() == first.len() && second[1] != first[1], "{engine}: {second:?}");
        let shown = send(world, engine, Call::theater("9"), 200).await;
        assert_eq!(shown.body["sections"][0]["rows"][0]["seats"], json!(seats), "{engine}");
    }
}
