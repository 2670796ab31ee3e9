//! `GET /theaters`, `GET`, `PUT` and `DELETE /theaters/{theaterId}`

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::id;

fn list(seats: &[&str]) -> Value {
    json!({ "name": "Nine", "seats": seats })
}

async fn put(world: &World, document: &Value) -> Reply {
    Call::put_theater("9", document).send(&world.office).await
}

fn replace(document: &Value, version: &str) -> Call {
    Call::put_theater("9", document).header("If-Match", version)
}

#[tokio::test]
async fn a_theater_is_created_shown_and_sold() {
    let world = World::new().await;
    let document = json!({ "name": "Hall", "categories": [{ "category": "premium", "price": 8500, "currency": "EUR" }],
        "sections": [{ "section": "Stalls", "prefix": "S", "rows": [
            { "row": "A", "first": 1, "last": 2, "category": "premium" },
            { "row": "B", "seats": [{ "seat": "S-B-1", "x": 7, "y": 90, "accessible": true }] }] }] });
    let created = put(&world, &document).await;
    assert_eq!((created.status, created.header("location")), (201, "/v1/theaters/9"));
    let version = created.body["layout_version"].as_u64().unwrap();
    assert_eq!(created.header("etag"), format!("\"{version}\""));
    assert_eq!((&created.body["seats"], &created.body["message"]), (&json!(3), &json!("Theater created")));
    let shown = Call::theater("9").send(&world.office).await;
    assert_eq!((shown.status, shown.header("etag")), (200, created.header("etag")));
    insta::assert_json_snapshot!(shown.body, { ".layout_version" => "[version]" });
    let unchanged = Call::theater("9").header("If-None-Match", shown.header("etag")).send(&world.office).await;
    assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
    let map = Call::get_seats("9").query("view=map").send(&world.office).await;
    assert_eq!(
        map.body["seats"][2],
        json!({ "seat": "S-B-1", "section": "Stalls", "row": "B", "x": 7, "y": 90,
        "accessible": true, "status": "available" })
    );
    let wish = json!({ "quantity": 1, "category": "premium" });
    assert_eq!(Call::reserve("9", &wish).send(&world.office).await.status, 201);
    assert_eq!(Call::theater("8").send(&world.office).await.code(), "theater_not_found");
}

#[tokio::test]
async fn categories_have_prices_by_ticket_type() {
    let world = World::new().await;
    let categories = json!([{ "category": "premium", "prices": { "child": 4500, "standard": 8500 }, "currency": "EUR" },
        { "category": "box", "prices": { "under_26": 0 }, "currency": "EUR" },
        { "category": "cheap", "prices": { "standard": 10 }, "currency": "EUR" }]);
    let rows = json!([{ "row": "A", "first": 1, "last": 2, "category": "premium" }]);
    let mut document =
        json!({ "name": "Hall", "categories": categories, "sections": [{ "section": "", "rows": rows }] });
    assert_eq!(put(&world, &document).await.status, 201);
    let answered = json!([
        { "category": "premium", "price": 8500, "prices": { "child": 4500, "standard": 8500 }, "currency": "EUR" },
        { "category": "box", "prices": { "under_26": 0 }, "currency": "EUR" },
        { "category": "cheap", "price": 10, "currency": "EUR" }]);
    for call in [Call::theater("9"), Call::map("9"), Call::get_seats("9").query("view=map")] {
        let shown = call.send(&world.office).await;
        assert_eq!(shown.body["categories"], answered, "{}", shown.text);
    }
    document["categories"] = answered;
    assert_eq!(put(&world, &document).await.text("message"), "Theater unchanged");
    document["categories"][0]["price"] = json!(1);
    document["categories"][2]["currency"] = json!("USD");
    let refused = put(&world, &document).await;
    let fields: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!((refused.status, fields), (400, vec!["categories[0].price", "categories[2].currency"]));
}

#[tokio::test]
async fn putting_a_theater_unchanged_changes_nothing() {
    let world = World::new().await;
    let created = put(&world, &list(&["A1", "A2"])).await;
    let shown = Call::theater("9").send(&world.office).await;
    for document in [&shown.body, &list(&["A1", "A2"])] {
        let again = put(&world, document).await;
        assert_eq!(
            (again.status, again.text("message")),
            (200, "Theater unchanged"),
            "a repeat, whatever If-Match says"
        );
        assert_eq!(again.header("etag"), created.header("etag"));
        assert_eq!(replace(document, "\"1\"").send(&world.office).await.status, 200);
    }
    let elsewhere = Call::put_theater("8", &shown.body).send(&world.office).await;
    assert!(elsewhere.text("detail").starts_with("theater_id: "), "{}", elsewhere.text);
}

#[tokio::test]
async fn replacing_a_layout_needs_its_current_version() {
    let world = World::new().await;
    let first = put(&world, &list(&["A1"])).await;
    let next = list(&["A1", "A2"]);
    let unsaid = put(&world, &next).await;
    assert_eq!((unsaid.status, unsaid.code()), (428, "if_match_required"));
    for (call, status) in [
        (replace(&next, "\"7\""), 412),
        (Call::put_theater("9", &next).header("If-None-Match", "*"), 412),
        (Call::put_theater("8", &next).header("If-Match", "*"), 412),
        (Call::put_theater("8", &next).header("If-Match", "\"7\""), 412),
        (replace(&next, "7"), 400),
        (replace(&next, "W/\"7\""), 412),
        (replace(&next, "*").header("If-None-Match", "*"), 400),
        (replace(&next, first.header("etag")), 200),
    ] {
        let reply = call.send(&world.office).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if status == 412 {
            assert_eq!(reply.code(), "layout_changed");
        }
    }
    let stale = replace(&list(&["A1"]), first.header("etag")).send(&world.office).await;
    assert_eq!(stale.status, 412, "another caller was first");
    assert_eq!(replace(&list(&["A1", "A3"]), "*").send(&world.office).await.text("message"), "Theater changed");
    assert_eq!(Call::get_seats("9").send(&world.office).await.seats(), ["A1", "A3"]);
}

#[tokio::test]
async fn only_administrators_change_theaters() {
    let world = World::new().await;
    let document = list(&["A1"]);
    for call in [Call::put_theater("9", &document), Call::delete_theater("1")] {
        for call in [call.clone().scopes(&[]), call.clone().scopes(&["boxoffice/adm", "openid"]), call.signed_out()] {
            let reply = call.send(&world.office).await;
            assert_eq!((reply.status, reply.code()), (403, "forbidden"), "{call:?}");
        }
    }
    assert_eq!(Call::theater("9").send(&world.office).await.status, 404);
    assert_eq!(Call::theater("1").send(&world.office).await.status, 200);
}

#[tokio::test]
async fn seats_in_use_are_not_withdrawn_and_each_is_named() {
    let world = World::new().await;
    put(&world, &list(&["A1", "A2", "A3", "A4"])).await;
    Call::book("9", &json!({ "seat": "A1" })).send(&world.office).await;
    Call::reserve("9", &json!({ "seat": "A3", "expires_in": 60 })).send(&world.office).await;
    let refused = replace(&list(&["A2"]), "*").send(&world.office).await;
    assert_eq!((refused.status, refused.code()), (409, "seats_in_use"));
    assert_eq!(refused.seats(), ["A1", "A3"]);
    assert_eq!(refused.body["seats"][1]["expires_at"], "2026-11-22T18:01:00Z");
    assert_eq!(Call::get_seats("9").send(&world.office).await.seats(), ["A2", "A4"], "and nothing was changed");
    assert_eq!(Call::reserve("9", &json!({ "seat": "A4" })).send(&world.office).await.status, 201);
    world.at(600_000);
    assert_eq!(
        replace(&list(&["A1", "A2"]), "*").send(&world.office).await.status,
        200,
        "the reservations have expired"
    );
    let gone = Call::book("9", &json!({ "seat": "A3" })).send(&world.office).await;
    assert_eq!((gone.status, gone.code()), (404, "seat_not_found"));
}

#[tokio::test]
async fn instance_with_an_old_layout_sells_no_withdrawn_seat() {
    let world = World::new().await;
    put(&world, &list(&["A1", "A2", "A3"])).await;
    let behind = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("9").send(&behind).await.seats().len(), 3);
    assert_eq!(replace(&list(&["A1"]), "*").send(&world.office).await.status, 200);
    world.at(3_000);
    for call in [
        Call::book("9", &json!({ "seat": "A2", "booking_id": id(1) })),
        Call::reserve("9", &json!({ "seats": ["A1", "A3"], "reservation_id": id(1) })),
        Call::reserve("9", &json!({ "seat": "A3", "reservation_id": id(1) })),
    ] {
        let reply = call.send(&behind).await;
        assert!(reply.status == 409 || reply.status == 404, "{}", reply.text);
    }
    world.at(6_000);
    let reply = Call::book("9", &json!({ "seat": "A2", "booking_id": id(1) })).send(&behind).await;
    assert_eq!((reply.status, reply.code()), (404, "seat_not_found"), "it has read the layout again");
    world.at(59_000);
    assert_eq!(Call::reserve("9", &json!({ "quantity": 2 })).send(&behind).await.code(), "not_enough_seats");
}

#[tokio::test]
async fn restored_seats_are_available_at_once() {
    let world = World::new().await;
    put(&world, &list(&["A1", "A2"])).await;
    assert_eq!(replace(&list(&["A1"]), "*").send(&world.office).await.status, 200);
    assert_eq!(replace(&list(&["A1", "A2"]), "*").send(&world.office).await.status, 200);
    world.at(10_000);
    let book = Call::book("9", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert_eq!(book.status, 201, "{}", book.text);
}

#[tokio::test]
async fn theaters_are_listed_in_pages() {
    let world = World::new().await;
    for n in 0..5 {
        Call::put_theater(&format!("hall-{n}"), &list(&["A1", "A2"])).send(&world.office).await;
    }
    let all = Call::theaters().send(&world.office).await;
    let ids = |reply: &Reply| {
        let theaters = reply.body["theaters"].as_array().unwrap().iter();
        theaters.map(|theater| theater["theater_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&all), ["1", "2", "hall-0", "hall-1", "hall-2", "hall-3", "hall-4"]);
    assert_eq!((&all.body["next"], all.header("link")), (&Value::Null, ""));
    insta::assert_json_snapshot!(all.body["theaters"][0], { ".layout_version" => "[version]" });
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let page = Call::theaters().query(&query).send(&world.office).await;
        seen.extend(ids(&page));
        let Some(next) = page.body["next"].as_str() else { break };
        query = format!("limit=3&after={next}");
        assert_eq!(page.header("link"), format!("</v1/theaters?{query}>; rel=\"next\""));
    }
    assert_eq!(seen, ids(&all));
    for (query, field) in [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("after=a%20b", "after")]
    {
        let reply = Call::theaters().query(query).send(&world.office).await;
        assert!(reply.status == 400 && reply.text("detail").starts_with(field), "{}", reply.text);
    }
}

#[tokio::test]
async fn unused_theater_is_deleted_and_can_be_created_again() {
    let world = World::new().await;
    put(&world, &list(&["A1", "A2"])).await;
    let booked = Call::book("9", &json!({ "seat": "A1", "booking_id": id(1) })).send(&world.office).await;
    let delete = || Call::delete_theater("9");
    let refused = delete().send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "seats_in_use", vec!["A1"]));
    assert_eq!(delete().header("If-Match", "\"7\"").send(&world.office).await.status, 412);
    Call::cancel("9", booked.text("booking_id")).send(&world.office).await;
    for _ in 0..2 {
        assert_eq!(delete().send(&world.office).await.status, 204);
    }
    let fresh = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("9").send(&fresh).await.code(), "theater_not_found");
    let listed = Call::theaters().send(&world.office).await;
    assert_eq!(listed.body["theaters"].as_array().unwrap().len(), 2);
    let behind = Call::book("9", &json!({ "seat": "A2" })).send(&world.office).await;
    assert!(
        [404, 409].contains(&behind.status),
        "an instance that still believes in it sells nothing: {}",
        behind.text
    );
    world.at(1_000);
    assert_eq!(put(&world, &list(&["A2", "A1"])).await.status, 201);
    let reborn = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("9").send(&reborn).await.seats(), ["A2", "A1"]);
    assert_eq!(Call::book("9", &json!({ "seats": ["A1", "A2"] })).send(&reborn).await.status, 201);
    assert_eq!(
        Call::booking("9", &id(1)).send(&reborn).await.text("status"),
        "cancelled",
        "earlier bookings stay readable"
    );
}

#[tokio::test]
async fn wrong_document_fields_and_bounds_are_named() {
    let world = World::new().await;
    for (document, field) in [
        (json!({ "name": "x" }), "seats"),
        (json!({ "name": "x", "seats": ["A1", "A1"] }), "seats[1]"),
        (json!({ "name": "x", "seats": ["A1", 7] }), "seats[1]"),
        (json!({ "seats": ["A1"] }), "name"),
        (json!([{ "name": "x" }]), "body"),
        (json!({ "name": "x", "seats": ["A1"], "layout_version": null }), "layout_version"),
    ] {
        let reply = put(&world, &document).await;
        assert_eq!((reply.status, reply.code()), (400, "malformed_request"));
        assert!(reply.text("detail").starts_with(&format!("{field}: ")), "{}", reply.text);
    }
    let large = json!({ "name": "x".repeat(6_000_000), "seats": ["A1"] });
    assert_eq!(put(&world, &large).await.code(), "body_too_large");
    let many: Vec<_> = (0..5_002).map(|n| n.to_string()).collect();
    assert_eq!(put(&world, &json!({ "name": "Large", "seats": many })).await.status, 201);
    let drops = replace(&list(&["1"]), "*").send(&world.office).await;
    assert!(drops.status == 400 && drops.text("detail").contains("5001"), "{}", drops.text);
}

#[tokio::test]
async fn the_largest_hall_is_put_and_shown() {
    let world = World::new().await;
    let seat = |n: usize| json!({ "seat": format!("LONGEST-L-{n:05}X"), "x": n * 50 % 99_991, "y": n * 37 % 88_883, "category": "premium" });
    let seats = |row: usize| (0..100).map(|n| seat(row * 100 + n)).collect::<Vec<_>>();
    let rows: Vec<_> = (0..200).map(|row| json!({ "row": row.to_string(), "seats": seats(row) })).collect();
    let document = json!({ "name": "Arena", "categories": [{ "category": "premium", "price": 1, "currency": "USD" }],
        "sections": [{ "section": "All", "rows": rows }] });
    let created = put(&world, &document).await;
    assert_eq!((created.status, &created.body["seats"]), (201, &json!(20_000)), "{}", created.text);
    let shown = Call::theater("9").send(&world.office).await;
    let map = Call::get_seats("9").query("view=map").send(&world.office).await;
    println!("20,000 seats: {} bytes shown, {} bytes as a map", shown.text.len(), map.text.len());
    assert!(shown.text.len().max(map.text.len()) < 6_000_000, "Lambda's response limit");
    let again = put(&world, &shown.body).await;
    assert_eq!((again.status, again.text("message")), (200, "Theater unchanged"));
    assert_eq!(map.body["seats"].as_array().unwrap().len(), 20_000);
}
