//! Accessible seats, their companion seats, and the policy that protects them.

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

/// Puts a hall of one row: an accessible seat, its two companion seats, and two other seats.
async fn put_hall(world: &World, fields: Value) -> Reply {
    let row = json!([{ "seat": "W1", "accessible": true }, { "seat": "C1", "companion_of": "W1" },
        { "seat": "C2", "companion_of": "W1" }, "A1", "A2"]);
    put_row(world, fields, row).await
}

async fn put_row(world: &World, fields: Value, row: Value) -> Reply {
    let rows = json!([{ "row": "1", "seats": row }]);
    let mut hall = json!({ "name": "Hall", "sections": [{ "section": "Stalls", "rows": rows }] });
    hall.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Call::put_theater("hall", &hall).send(&world.office).await
}

async fn choose(world: &World, body: Value) -> Reply {
    Call::reserve("hall", &body).send(&world.office).await
}

#[tokio::test]
async fn party_with_a_wheelchair_gets_an_accessible_seat_and_its_companions() {
    let world = World::new().await;
    assert_eq!(put_hall(&world, json!({})).await.status, 201);
    let id = "7b0c7e4e-6a57-4e86-9a57-0f2a0a8f7d11";
    let party = json!({ "quantity": 3, "accessible": 1, "reservation_id": id });
    let first = choose(&world, party.clone()).await;
    assert_eq!((first.status, first.seats()), (201, vec!["W1", "C1", "C2"]));
    let repeat = choose(&world, party).await;
    assert_eq!((repeat.status, repeat.seats()), (200, vec!["W1", "C1", "C2"]));
    let other = choose(&world, json!({ "quantity": 3, "accessible": 2, "reservation_id": id })).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    let next = choose(&world, json!({ "quantity": 2, "accessible": 1 })).await;
    assert_eq!(
        (next.code(), &next.body["available"], &next.body["largest_block"]),
        ("not_enough_seats", &json!(2), &json!(0))
    );
}

#[tokio::test]
async fn protected_seats_are_given_by_name_only() {
    let world = World::new().await;
    put_hall(&world, json!({})).await;
    assert_eq!(choose(&world, json!({ "quantity": 2 })).await.seats(), ["A1", "A2"]);
    let refused = choose(&world, json!({ "quantity": 1 })).await;
    assert_eq!((refused.code(), &refused.body["available"]), ("not_enough_seats", &json!(0)));
    assert_eq!(choose(&world, json!({ "seats": ["W1", "C2"] })).await.status, 201);
}

#[tokio::test]
async fn seats_are_released_to_the_second() {
    let world = World::new().await;
    let policy = json!({ "accessible_policy": "release", "accessible_release_at": "2026-11-22T18:33:20Z" });
    assert_eq!(put_hall(&world, policy).await.status, 201);
    let sold = Call::book("hall", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert_eq!(sold.status, 201, "{}", sold.text);
    world.at(1_999_999);
    assert_eq!(choose(&world, json!({ "quantity": 2 })).await.code(), "not_enough_seats");
    world.at(2_000_000);
    let released = choose(&world, json!({ "quantity": 2 })).await;
    assert_eq!((released.status, released.seats().len()), (201, 2), "{}", released.text);
}

#[tokio::test]
async fn seats_of_a_show_are_released_before_its_start() {
    let world = World::new().await;
    put_hall(&world, json!({ "accessible_policy": "release", "accessible_release_before_start": 600 })).await;
    let show = json!({ "theater_id": "hall", "title": "Play", "starts_at": "2026-11-22T19:00:00Z", "timezone": "UTC" });
    assert_eq!(Call::put_show("play", &show).send(&world.office).await.status, 201);
    let choose = async |quantity| {
        let body = json!({ "quantity": quantity });
        Call::reserve("play", &body).of_show().send(&world.office).await
    };
    let sold = Call::book("play", &json!({ "seats": ["A1", "A2"] })).of_show().send(&world.office).await;
    assert_eq!(sold.status, 201, "{}", sold.text);
    world.at(2_999_000);
    assert_eq!(choose(1).await.code(), "not_enough_seats");
    world.at(3_000_000);
    assert_eq!(choose(1).await.status, 201);
}

#[tokio::test]
async fn document_names_faults_of_accessible_seats() {
    let world = World::new().await;
    let seat = |more: Value| {
        let mut seat = json!({ "seat": "C1" });
        seat.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([{ "seat": "W1", "accessible": true }, seat, "A1"])
    };
    for companion in [
        json!({ "companion_of": "A1" }),
        json!({ "companion_of": "Z1" }),
        json!({ "companion_of": "C1" }),
        json!({ "companion_of": "W1", "accessible": true }),
    ] {
        let refused = put_row(&world, json!({}), seat(companion.clone())).await;
        let field = &refused.body["errors"][0]["field"];
        assert_eq!((refused.status, field), (400, &json!("sections[0].rows[0].seats[1].companion_of")), "{companion}");
    }
    for (fields, field) in [
        (json!({ "accessible_policy": "closed" }), "accessible_policy"),
        (json!({ "accessible_policy": "release" }), "accessible_release_at"),
        (json!({ "accessible_release_at": "2026-12-01T20:15:00Z" }), "accessible_release_at"),
        (
            json!({ "accessible_policy": "open", "accessible_release_before_start": 60 }),
            "accessible_release_before_start",
        ),
        (json!({ "accessible_policy": "release", "accessible_release_at": "soon" }), "accessible_release_at"),
        (
            json!({ "accessible_policy": "release", "accessible_release_before_start": -1 }),
            "accessible_release_before_start",
        ),
    ] {
        let refused = put_hall(&world, fields.clone()).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (400, &json!(field)), "{fields}");
    }
}

/// A stored document can be put again as it was answered.
#[tokio::test]
async fn document_keeps_companions_and_policy() {
    let world = World::new().await;
    let policy = json!({ "accessible_policy": "release", "accessible_release_at": "2026-12-01T19:15:00Z",
        "accessible_release_before_start": 3_600 });
    assert_eq!(put_hall(&world, policy.clone()).await.status, 201);
    let stored = Call::theater("hall").send(&world.office).await;
    for (field, value) in policy.as_object().unwrap() {
        assert_eq!(&stored.body[field], value);
    }
    let seats = &stored.body["sections"][0]["rows"][0]["seats"];
    assert_eq!((&seats[1]["companion_of"], &seats[3]["companion_of"]), (&json!("W1"), &Value::Null));
    let version = stored.header("etag").to_owned();
    let again = Call::put_theater("hall", &stored.body).header("if-match", &version).send(&world.office).await;
    assert_eq!((again.status, &again.body["layout_version"]), (200, &stored.body["layout_version"]), "{}", again.text);
    let map = Call::map("hall").send(&world.office).await;
    assert!(map.text.contains(r#""companion_of":"W1""#), "{}", map.text);
    let states = Call::get_seats("hall").query("view=map").send(&world.office).await;
    assert!(states.text.contains(r#""companion_of":"W1""#), "{}", states.text);
}
