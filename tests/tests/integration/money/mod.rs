//! Prices: reserving fixes them, bookings have them, and a repeat or a refusal never changes them.

mod book;
mod expect;
mod faults;
mod refusals;
mod repeats;
mod reserve;
mod whole;

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

/// Id of the hall with prices.
const HALL: &str = "hall";

/// Returns the document of a hall: row A is premium, row B is cheap and has no `child`, and row C has no category.
fn hall(standard: u64, child: u64) -> Value {
    let row = |name: &str, category: Option<&str>| {
        let seats: Vec<_> = (1..=4).map(|number| json!({ "seat": format!("{name}{number}") })).collect();
        let mut row = json!({ "row": name, "seats": seats });
        if let Some(category) = category {
            row["category"] = json!(category);
        }
        row
    };
    json!({
        "name": "Hall",
        "categories": [
            { "category": "premium", "prices": { "standard": standard, "child": child }, "currency": "EUR" },
            { "category": "cheap", "price": 3_000, "currency": "EUR" },
        ],
        "sections": [{ "section": "Stalls", "rows": [row("A", Some("premium")), row("B", Some("cheap")), row("C", None)] }],
    })
}

/// Returns a world with the hall at 85.00 and 45.00.
async fn world() -> World {
    with_hall(World::new().await).await
}

async fn with_hall(mut world: World) -> World {
    put(&mut world, &hall(8_500, 4_500)).await;
    world
}

/// Puts the hall. Replaces the world's instance by one that reads the new layout.
async fn put(world: &mut World, document: &Value) {
    let put = Call::put_theater(HALL, document).header("If-Match", "*").send(&world.office).await;
    let put = if put.status == 412 { Call::put_theater(HALL, document).send(&world.office).await } else { put };
    assert!([200, 201].contains(&put.status), "{}", put.text);
    world.office = world.instance(world.clock.clone()).await;
}

/// Sets the prices of `premium`.
async fn set_prices(world: &mut World, standard: u64, child: u64) {
    put(world, &hall(standard, child)).await;
}

fn child(seat: &str) -> Value {
    json!({ "seat": seat, "ticket_type": "child" })
}

async fn reserve(world: &World, body: Value) -> Reply {
    Call::reserve(HALL, &body).send(&world.office).await
}

async fn book(world: &World, body: Value) -> Reply {
    Call::book(HALL, &body).send(&world.office).await
}

/// Returns each line of an answer as `seat ticket_type price`, and checks that they follow `seats` and give `total`.
fn lines(reply: &Reply) -> Vec<String> {
    assert!([200, 201].contains(&reply.status), "{}", reply.text);
    let lines = reply.body["lines"].as_array().unwrap_or_else(|| panic!("no lines in {}", reply.text));
    let seats: Vec<_> = lines.iter().map(|line| line["seat"].as_str().unwrap()).collect();
    assert_eq!(seats, reply.seats());
    let total: u64 = lines.iter().filter_map(|line| line["price"].as_u64()).sum();
    assert_eq!((&reply.body["total"], &reply.body["currency"]), (&json!(total), &json!("EUR")));
    let text = |line: &Value| match line["price"].as_u64() {
        Some(price) => format!("{} {} {price}", line["seat"].as_str().unwrap(), line["ticket_type"].as_str().unwrap()),
        None => {
            assert!(line.get("ticket_type").is_none() && line.get("category").is_none(), "{line}");
            line["seat"].as_str().unwrap().to_owned()
        }
    };
    lines.iter().map(text).collect()
}
