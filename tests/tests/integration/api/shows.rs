//! `GET`, `PUT` and `DELETE /shows/{showId}`

mod conditions;
mod copies;
mod deletions;
mod faults;
mod life;
mod moves;
mod prices;
mod removed_theaters;

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

/// Returns the document of a show at an instant in Vienna.
pub(super) fn document(theater: &str, starts_at: &str) -> Value {
    json!({ "theater_id": theater, "title": "Tosca", "starts_at": starts_at, "timezone": "Europe/Vienna" })
}

/// Returns the document of a show nine days after the start of the tests' clock.
pub(crate) fn evening(theater: &str) -> Value {
    document(theater, "2026-12-01T20:15:00+01:00")
}

/// Creates a show.
pub(super) async fn create(world: &World, show: &str, document: &Value) -> Reply {
    let reply = Call::put_show(show, document).send(&world.office).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply
}

/// Returns the call that replaces any version of a show.
fn replace(show: &str, document: &Value) -> Call {
    Call::put_show(show, document).header("If-Match", "*")
}

/// Returns the document with some members replaced.
fn with(document: &Value, changes: &Value) -> Value {
    let mut document = document.clone();
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// Returns the fields that a problem names.
fn named(reply: &Reply) -> Vec<&str> {
    let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_show_is_created_and_shown() {
    let world = World::new().await;
    let document = with(
        &evening("1"),
        &json!({ "title": " Tosca ", "extra": { "stream": [1, "x"] },
        "sale": { "state": "open", "closes_at": "2026-12-01T20:00:00+01:00" } }),
    );
    let created = create(&world, "evening", &document).await;
    let version = created.body["version"].as_u64().unwrap();
    let expected = json!({ "show_id": "evening", "theater_id": "1", "title": "Tosca",
        "starts_at": "2026-12-01T20:15:00+01:00", "timezone": "Europe/Vienna", "local_date": "2026-12-01",
        "local_time": "20:15", "layout_version": created.body["layout_version"], "version": version,
        "sale": { "state": "open", "closes_at": "2026-12-01T19:00:00Z", "on_sale": true },
        "extra": { "stream": [1, "x"] } });
    assert_eq!((&created.body, created.header("location")), (&expected, "/v1/shows/evening"));
    assert_eq!((created.header("etag"), created.header("cache-control")), (&*format!("\"{version}\""), "no-store"));
    assert!(created.header("link").contains("</v1/shows/evening/seats>; rel=\"urn:rel:boxoffice:seats\""));

    Call::reserve("evening", &json!({ "seats": ["A1", "A2"] })).of_show().send(&world.office).await;
    Call::book("evening", &json!({ "seat": "B1" })).of_show().send(&world.office).await;
    let shown = Call::show("evening").send(&world.office).await;
    let counts = json!({ "level": "many", "age": 0, "seats": 6, "available": 3, "reserved": 2, "booked": 1 });
    assert_eq!((shown.status, &shown.body), (200, &with(&expected, &json!({ "availability": counts }))));
    assert_eq!((shown.header("etag"), shown.header("cache-control")), (created.header("etag"), "no-store"));
    let head = Call::show("evening").head().send(&world.office).await;
    assert_eq!((head.status, head.text.as_str(), head.header("etag")), (200, "", created.header("etag")));
    let known = Call::show("evening").header("If-None-Match", shown.header("etag")).send(&world.office).await;
    assert_eq!(known.status, 200, "the availability changes under the same tag");
}

#[tokio::test]
async fn a_missing_show_is_not_found() {
    let world = World::new().await;
    let id = super::id(1);
    for call in [
        Call::get_seats("1"),
        Call::get_seats("1").query("view=map&consistent=true").signed_in("ann"),
        Call::map("1"),
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::reserve("1", &json!({ "quantity": 2 })),
        Call::book("1", &json!({ "seat": "A1", "booking_id": id })),
        Call::book("1", &json!({ "reservation_id": id })),
        Call::put_sale("1", &json!({ "state": "paused" })),
    ] {
        let reply = call.of_show().send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (404, "show_not_found"), "{}", reply.text);
        assert_eq!(named(&reply), ["showId"], "{}", reply.text);
    }
    let shown = Call::show("1").send(&world.office).await;
    assert_eq!((shown.status, shown.code(), named(&shown)), (404, "show_not_found", vec!["showId"]));
    assert_eq!(Call::delete_show("1").send(&world.office).await.status, 204);
    assert_eq!(world.item_count().await, 2, "nothing was written");
}

#[tokio::test]
async fn only_administrators_change_shows_and_sales() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let before = world.items().await;
    for call in [
        Call::put_show("other", &evening("1")),
        Call::delete_show("evening"),
        Call::put_sale("1", &json!({ "state": "paused" })),
        Call::put_sale("evening", &json!({ "state": "paused" })).of_show(),
    ] {
        let reply = call.signed_in("ann").scopes(&["openid"]).send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (403, "forbidden"), "{}", reply.text);
    }
    assert_eq!(world.items().await, before);
}

#[tokio::test]
async fn all_wrong_members_are_named_at_once() {
    let world = World::new().await;
    let good = evening("1");
    let put = async |changes: Value| Call::put_show("evening", &with(&good, &changes)).send(&world.office).await;
    for (changes, fields) in [
        (json!({ "theater_id": "a/b" }), vec!["theater_id"]),
        (json!({ "title": " " }), vec!["title"]),
        (json!({ "title": "x".repeat(201) }), vec!["title"]),
        (json!({ "title": "a\u{202e}b" }), vec!["title"]),
        (json!({ "starts_at": "2026-12-01T20:15:00" }), vec!["starts_at"]),
        (json!({ "starts_at": "2026-02-30T20:15:00Z" }), vec!["starts_at"]),
        (json!({ "starts_at": 1_795_370_400 }), vec!["starts_at"]),
        (json!({ "timezone": "Europe/Gotham" }), vec!["timezone"]),
        (json!({ "timezone": "+01:00" }), vec!["timezone"]),
        (json!({ "layout_version": -1 }), vec!["layout_version"]),
        (json!({ "layout_version": 1.5 }), vec!["layout_version"]),
        (json!({ "prices": { "premium": { "standard": 1 } } }), vec!["prices.premium"]),
        (json!({ "prices": [] }), vec!["prices"]),
        (json!({ "extra": [] }), vec!["extra"]),
        (json!({ "extra": { "x": "x".repeat(2_048) } }), vec!["extra"]),
        (json!({ "sale": { "state": "shut" } }), vec!["sale.state"]),
        (json!({ "sale": {} }), vec!["sale.state"]),
        (json!({ "sale": { "state": "open", "opens_at": "soon" } }), vec!["sale.opens_at"]),
        (
            json!({ "sale": { "state": "open", "opens_at": "2026-12-01T10:00:00Z", "closes_at": "2026-12-01T10:00:00Z" } }),
            vec!["sale.closes_at"],
        ),
        (json!({ "sale": { "state": "open", "on_sale": true } }), vec!["sale.on_sale"]),
        (json!({ "show_id": "evening" }), vec!["show_id"]),
        (
            json!({ "title": "", "starts_at": "x", "timezone": "x", "layout_version": "1", "extra": 1,
                "sale": { "state": "x", "closes_at": "x" } }),
            vec!["title", "starts_at", "timezone", "layout_version", "sale.state", "sale.closes_at", "extra"],
        ),
    ] {
        let reply = put(changes.clone()).await;
        assert_eq!((reply.status, named(&reply)), (400, fields), "{changes}: {}", reply.text);
    }
    let empty = Call::put_show("evening", &json!({})).send(&world.office).await;
    assert_eq!(named(&empty), ["theater_id", "title", "starts_at", "timezone"]);
    let nowhere = put(json!({ "theater_id": "9" })).await;
    assert_eq!((nowhere.status, nowhere.code(), named(&nowhere)), (404, "theater_not_found", vec!["theater_id"]));
    let version = put(json!({ "layout_version": 7 })).await;
    assert_eq!((version.status, version.code()), (404, "layout_version_not_found"));
    let current = Call::map("1").send(&world.office).await.body["layout_version"].clone();
    assert_eq!(version.body["layout_version"], current);
    assert_eq!(world.items_of("SHOW#evening").await.len(), 0);
}

#[tokio::test]
async fn a_start_that_no_clock_shows_is_an_instant_all_the_same() {
    let world = World::new().await;
    // 02:30 doesn't exist in Vienna on this day, and the offset says which instant is meant.
    let skipped = create(&world, "skipped", &document("1", "2027-03-28T02:30:00+01:00")).await;
    assert_eq!((skipped.text("local_date"), skipped.text("local_time")), ("2027-03-28", "03:30"));
    // 02:30 comes twice on this day.
    for (show, starts_at) in [("first", "2026-10-25T02:30:00+02:00"), ("second", "2026-10-25T02:30:00+01:00")] {
        let twice = create(&world, show, &document("1", starts_at)).await;
        assert_eq!((twice.text("local_date"), twice.text("local_time")), ("2026-10-25", "02:30"));
    }
    let listed = Call::shows("from=2026-10-25").send(&world.office).await;
    let ids: Vec<_> = listed.body["shows"].as_array().unwrap().iter().map(|show| show["show_id"].clone()).collect();
    assert_eq!(ids, ["first", "second"], "by instant");
    let elsewhere = with(&document("1", "2026-12-01T23:30:00Z"), &json!({ "timezone": "Asia/Tokyo" }));
    let elsewhere = create(&world, "tokyo", &elsewhere).await;
    assert_eq!((elsewhere.text("local_date"), elsewhere.text("local_time")), ("2026-12-02", "08:30"));
    assert_eq!(elsewhere.text("starts_at"), "2026-12-01T23:30:00Z");
}
