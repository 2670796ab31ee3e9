//! The prices that a show has in place of those of its layout, on its maps.

use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{create, evening, named, replace, with};

/// Creates a theater with two categories.
async fn hall(world: &World) {
    assert_eq!(Call::put_theater("hall", &hall_in("EUR")).send(&world.office).await.status, 201);
}

fn hall_in(currency: &str) -> Value {
    json!({ "name": "Hall", "categories": [
        { "category": "premium", "prices": { "standard": 8500, "child": 4500 }, "currency": currency },
        { "category": "cheap", "price": 2000, "currency": currency }], "sections": [{ "section": "", "rows": [
        { "row": "A", "first": 1, "last": 2, "category": "premium" }, { "row": "B", "first": 1, "last": 2, "category": "cheap" }] }] })
}

fn priced(prices: &Value) -> Value {
    with(&evening("hall"), &json!({ "prices": prices }))
}

fn categories(price: u32) -> Value {
    json!([{ "category": "premium", "price": price, "prices": { "standard": price, "child": 4500, "senior": 7000 },
        "currency": "EUR" }, { "category": "cheap", "price": 2000, "currency": "EUR" }])
}

#[tokio::test]
async fn maps_of_a_show_have_its_own_prices() {
    let world = World::new().await;
    hall(&world).await;
    let prices = json!({ "premium": { "standard": 9500, "senior": 7000 } });
    let created = create(&world, "evening", &priced(&prices)).await;
    assert_eq!((&created.body["prices"], &created.body["currency"]), (&prices, &json!("EUR")));
    create(&world, "plain", &evening("hall")).await;
    for call in [Call::map("evening"), Call::get_seats("evening").query("view=map")] {
        let map = call.of_show().send(&world.office).await;
        assert_eq!(map.body["categories"], categories(9500), "{}", map.text);
    }
    let theater = Call::map("hall").send(&world.office).await;
    let plain = Call::map("plain").of_show().send(&world.office).await;
    assert_eq!(plain.body["categories"], theater.body["categories"]);
    assert_eq!(theater.body["categories"][0]["prices"], json!({ "standard": 8500, "child": 4500 }));
    assert_eq!(Call::show("plain").send(&world.office).await.body["currency"], "EUR");
}

#[tokio::test]
async fn a_changed_price_changes_the_tags_of_both_maps() {
    let world = World::new().await;
    hall(&world).await;
    // The layout and the show get different versions.
    world.at(500);
    create(&world, "evening", &priced(&json!({ "premium": { "standard": 9500, "senior": 7000 } }))).await;
    let version = Call::map("evening").of_show().send(&world.office).await.body["layout_version"].clone();
    let calls = || {
        let map = Call::map("evening").of_show();
        [map.clone(), map.query(&format!("version={version}")), Call::get_seats("evening").query("view=map").of_show()]
    };
    let mut tags = Vec::new();
    for call in calls() {
        call.send(&world.office).await;
        let first = call.send(&world.office).await;
        assert_eq!(first.header("cache-control"), "no-cache", "a show's map is never immutable");
        let unchanged = call.clone().header("If-None-Match", first.header("etag")).send(&world.office).await;
        assert_eq!((unchanged.status, unchanged.text.as_str()), (304, ""));
        tags.push(first.header("etag").to_owned());
    }
    world.at(1_000);
    let cheaper = priced(&json!({ "premium": { "standard": 9000, "senior": 7000 } }));
    assert_eq!(replace("evening", &cheaper).send(&world.office).await.status, 200);
    for (call, tag) in calls().into_iter().zip(&tags) {
        let changed = call.clone().header("If-None-Match", tag).send(&world.office).await;
        assert_eq!((changed.status, &changed.body["categories"]), (200, &categories(9000)), "{}", changed.text);
        assert_ne!(changed.header("etag"), tag);
    }
    // The available seats have no prices, so their tags stay.
    let seats = Call::get_seats("evening").of_show().send(&world.office).await;
    replace("evening", &evening("hall")).send(&world.office).await;
    let known = Call::get_seats("evening").header("If-None-Match", seats.header("etag")).of_show();
    assert_eq!(known.send(&world.office).await.status, 304);
}

#[tokio::test]
async fn prices_have_to_fit_the_layout() {
    let world = World::new().await;
    hall(&world).await;
    for (prices, fields) in [
        (json!({ "balcony": { "standard": 1 } }), vec!["prices.balcony"]),
        (json!({ "premium": { "Standard": 1 } }), vec!["prices.premium.Standard"]),
        (json!({ "premium": { "standard": -1 } }), vec!["prices.premium.standard"]),
        (json!({ "premium": {} }), vec!["prices.premium"]),
        (json!({ "premium": 1 }), vec!["prices.premium"]),
    ] {
        let refused = Call::put_show("evening", &priced(&prices)).send(&world.office).await;
        assert_eq!((refused.status, named(&refused)), (400, fields), "{prices}: {}", refused.text);
    }
    create(&world, "evening", &priced(&json!({ "premium": { "standard": 0 } }))).await;
    let refused = replace("evening", &priced(&json!({ "balcony": { "standard": 1 } }))).send(&world.office).await;
    assert_eq!((refused.status, named(&refused)), (400, vec!["prices.balcony"]));
    // A layout without the category can't become the show's.
    let bare = json!({ "name": "Hall", "seats": ["A-1", "A-2", "B-1", "B-2"] });
    let bare = Call::put_theater("hall", &bare).header("If-Match", "*").send(&world.office).await;
    let version = &bare.body["layout_version"];
    let moved = with(&priced(&json!({ "premium": { "standard": 0 } })), &json!({ "layout_version": version }));
    let refused = replace("evening", &moved).send(&world.office).await;
    assert_eq!((refused.status, named(&refused)), (400, vec!["prices.premium"]));
    let moved = with(&evening("hall"), &json!({ "layout_version": version }));
    let moved = replace("evening", &moved).send(&world.office).await;
    assert_eq!((moved.status, &moved.body["currency"]), (200, &json!(null)), "{}", moved.text);
}

#[tokio::test]
async fn a_theater_keeps_its_currency() {
    let world = World::new().await;
    hall(&world).await;
    let version = Call::theater("hall").send(&world.office).await.header("etag").to_owned();
    let put = |currency| Call::put_theater("hall", &hall_in(currency)).header("If-Match", &version);
    let refused = put("JPY").send(&world.office).await;
    assert_eq!(refused.code(), "malformed_request");
    assert_eq!(refused.body["errors"][0]["field"], "categories[0].currency", "{}", refused.text);
    assert_eq!(put("EUR").send(&world.office).await.status, 200);
}
