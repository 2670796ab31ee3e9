//! `copy_of` of `PUT /shows/{showId}`

use boxoffice_tests::{Call, World};
use serde_json::json;

use super::{create, evening, named, replace, with};

#[tokio::test]
async fn copying_a_show_never_copies_its_closed_sale() {
    let world = World::new().await;
    let hall = json!({ "name": "Hall", "categories": [{ "category": "premium", "price": 8500, "currency": "EUR" }],
        "sections": [{ "section": "", "rows": [{ "row": "A", "first": 1, "last": 4, "category": "premium" }] }] });
    assert_eq!(Call::put_theater("hall", &hall).send(&world.office).await.status, 201);
    let prices = json!({ "premium": { "child": 4000, "standard": 8000 } });
    let source = with(
        &evening("hall"),
        &json!({ "extra": { "a": 1 }, "prices": prices, "sale": { "state": "closed", "closes_at": "2026-11-30T10:00:00Z" } }),
    );
    let source = create(&world, "evening", &source).await;
    let starts_at = "2026-12-02T20:15:00+01:00";
    let copy = create(&world, "copy", &json!({ "copy_of": "evening", "starts_at": starts_at })).await;
    for member in ["theater_id", "title", "timezone", "layout_version", "prices", "currency", "extra"] {
        assert_eq!(copy.body[member], source.body[member], "{member}");
        assert!(!copy.body[member].is_null(), "{member}");
    }
    assert_eq!((copy.text("starts_at"), copy.text("local_date")), (starts_at, "2026-12-02"));
    assert_eq!(copy.body["sale"], json!({ "state": "open", "on_sale": true }));
    let reserved = Call::reserve("copy", &json!({ "seat": "A-1" })).of_show().send(&world.office).await;
    assert_eq!(reserved.status, 201, "{}", reserved.text);

    // Generated clients send empty objects for members that aren't set.
    let empty = json!({ "copy_of": "evening", "starts_at": starts_at, "prices": {}, "extra": {}, "title": "Aida" });
    let empty = create(&world, "empty", &empty).await;
    assert_eq!((&empty.body["prices"], &empty.body["extra"]), (&prices, &json!({ "a": 1 })));
    assert_eq!(empty.text("title"), "Aida");
}

#[tokio::test]
async fn a_copy_may_be_in_another_theater() {
    let world = World::new().await;
    let source = create(&world, "evening", &evening("1")).await;
    let copy = json!({ "copy_of": "evening", "starts_at": "2026-12-02T20:15:00+01:00", "theater_id": "2" });
    let copy = create(&world, "copy", &copy).await;
    let layout = Call::map("2").send(&world.office).await.body["layout_version"].clone();
    assert_eq!((&copy.body["theater_id"], &copy.body["layout_version"]), (&json!("2"), &layout));
    assert_eq!(copy.body["title"], source.body["title"]);
}

#[tokio::test]
async fn a_copy_of_a_missing_show_is_refused() {
    let world = World::new().await;
    let copy = json!({ "copy_of": "evening", "starts_at": "2026-12-02T20:15:00+01:00" });
    let reply = Call::put_show("copy", &copy).send(&world.office).await;
    assert_eq!((reply.status, reply.code(), named(&reply)), (404, "show_not_found", vec!["copy_of"]));
    let without = Call::put_show("copy", &json!({ "copy_of": "evening" })).send(&world.office).await;
    assert_eq!((without.status, named(&without)), (400, vec!["starts_at"]));
}

#[tokio::test]
async fn a_show_that_becomes_a_copy_keeps_its_own_sale() {
    let world = World::new().await;
    create(&world, "source", &with(&evening("1"), &json!({ "title": "Aida", "sale": { "state": "closed" } }))).await;
    create(&world, "evening", &with(&evening("1"), &json!({ "sale": { "state": "paused" } }))).await;
    let copy = json!({ "copy_of": "source", "starts_at": "2026-12-01T20:15:00+01:00" });
    let changed = replace("evening", &copy).send(&world.office).await;
    assert_eq!((changed.status, changed.text("title")), (200, "Aida"));
    assert_eq!(changed.body["sale"], json!({ "state": "paused", "on_sale": false }));
    let repeated = Call::put_show("evening", &copy).send(&world.office).await;
    assert_eq!((repeated.status, &repeated.body), (200, &changed.body));
}
