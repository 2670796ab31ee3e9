//! `GET /theaters/{theaterId}/map`, and the seat states that belong to the map.

use boxoffice::layout_json::MAX_DOCUMENT;
use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::id;

/// Returns the document of a hall with two sections, prices and details.
fn document() -> Value {
    let triangle = json!([{ "x": -50, "y": -200 }, { "x": 50, "y": -200 }, { "x": 0, "y": -150 }]);
    json!({ "name": "Hall", "names": { "de": "Saal" }, "stage": { "label": "Stage", "outline": [triangle] },
        "extra": { "house": 7 },
        "categories": [{ "category": "premium", "price": 8500, "currency": "EUR", "extra": { "color": "#c00" } }],
        "sections": [
            { "section": "Stalls", "prefix": "S", "label": "STALLS", "names": { "de": "Parkett" }, "rows": [
                { "row": "A", "first": 1, "last": 3, "category": "premium" },
                { "row": "B", "kind": "table", "seats": ["S-B-1", { "seat": "S-B-2", "x": 77, "y": 95, "accessible": true,
                    "number": "2a", "note": "Behind a pillar", "restricted_view": true, "external_id": "Ряд 2" }] }] },
            { "section": "Boxes", "outline": [triangle, triangle], "rows": [{ "row": "X", "seats": ["VIP_X.1"] }] }] })
}

async fn put(world: &World, document: &Value) -> Reply {
    let reply = Call::put_theater("hall", document).header("If-Match", "*").send(&world.office).await;
    if reply.status == 412 { Call::put_theater("hall", document).send(&world.office).await } else { reply }
}

async fn map(world: &World, query: &str) -> Reply {
    Call::map("hall").query(query).send(&world.office).await
}

#[tokio::test]
async fn map_has_each_name_once_and_every_seat() {
    let world = World::new().await;
    put(&world, &document()).await;
    let shown = map(&world, "").await;
    assert_eq!(
        (shown.status, shown.header("cache-control"), shown.header("vary")),
        (200, "no-cache", "accept-encoding")
    );
    insta::assert_json_snapshot!(shown.body, { ".layout_version" => "[version]" });
    assert_eq!(Call::map("none").send(&world.office).await.code(), "theater_not_found");
}

#[tokio::test]
async fn theater_is_returned_as_put_and_can_be_put_again() {
    let world = World::new().await;
    put(&world, &document()).await;
    let shown = Call::theater("hall").send(&world.office).await;
    for path in
        ["/names", "/stage", "/extra", "/categories", "/sections/0/label", "/sections/0/names", "/sections/1/outline"]
    {
        assert_eq!(shown.body.pointer(path), document().pointer(path), "{path}");
    }
    let seat = "/sections/0/rows/1/seats/1";
    assert_eq!(shown.body.pointer(seat), document().pointer(seat));
    let again = put(&world, &shown.body).await;
    assert_eq!((again.status, again.text("message")), (200, "Theater unchanged"));
    let mut changed = document();
    *changed.pointer_mut("/sections/0/rows/1/seats/1/note").unwrap() = json!("In front of a pillar");
    assert_eq!(put(&world, &changed).await.text("message"), "Theater changed");
}

#[tokio::test]
async fn map_of_a_version_is_cacheable_forever() {
    let world = World::new().await;
    let created = put(&world, &document()).await;
    let version = created.body["layout_version"].as_u64().unwrap();
    let shown = map(&world, &format!("version={version}")).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "public, max-age=31536000, immutable"));
    assert_eq!(shown.text, map(&world, "").await.text);
    for query in ["", &format!("version={version}")] {
        let call = Call::map("hall").query(query).header("If-None-Match", &format!("W/{}", shown.header("etag")));
        let unchanged = call.send(&world.office).await;
        assert_eq!(
            (unchanged.status, unchanged.header("etag"), unchanged.text.as_str()),
            (304, shown.header("etag"), "")
        );
    }
    let mut changed = document();
    changed["name"] = json!("Great Hall");
    put(&world, &changed).await;
    world.at(61_000);
    let old = map(&world, &format!("version={version}")).await;
    assert_eq!((old.status, old.code()), (404, "layout_version_not_found"));
    let new = map(&world, "").await;
    assert_ne!(new.header("etag"), shown.header("etag"));
    assert_eq!(new.text("name"), "Great Hall");
    for wrong in ["version=", "version=x", "version=-1", "version=1.5", "version=99999999999999999999"] {
        let reply = map(&world, wrong).await;
        assert!(reply.status == 400 && reply.text("detail").starts_with("version: "), "{wrong} {}", reply.text);
    }
}

#[tokio::test]
async fn new_layout_version_is_found_within_a_minute() {
    let world = World::new().await;
    put(&world, &document()).await;
    let behind = world.instance(world.clock.clone()).await;
    Call::map("hall").send(&behind).await;
    world.at(5_000);
    let mut changed = document();
    changed["name"] = json!("Great Hall");
    let version = put(&world, &changed).await.body["layout_version"].as_u64().unwrap();
    let shown = Call::map("hall").query(&format!("version={version}")).send(&behind).await;
    assert_eq!((shown.status, shown.text("name")), (200, "Great Hall"));
}

#[tokio::test]
async fn states_are_a_letter_for_each_seat_of_the_map() {
    let world = World::new().await;
    let created = put(&world, &document()).await;
    Call::reserve("hall", &json!({ "seats": ["S-A-2", "VIP_X.1"], "expires_in": 60 })).send(&world.office).await;
    Call::book("hall", &json!({ "seat": "S-B-1", "booking_id": id(1) })).send(&world.office).await;
    let states = || Call::get_seats("hall").query("view=states");
    states().send(&world.office).await;
    let shown = states().send(&world.office).await;
    assert_eq!((shown.header("x-cache"), shown.header("cache-control")), ("hit", "no-cache"));
    assert_eq!(
        shown.body,
        json!({ "theater_id": "hall", "layout_version": created.body["layout_version"], "states": "arabar",
            "available": 3, "reserved": 2, "booked": 1 })
    );
    let consistent = states().query("view=states&consistent=true").send(&world.office).await;
    assert_eq!(consistent.body, shown.body);
    let again = |tag: &str, query: &str| Call::get_seats("hall").query(query).header("If-None-Match", tag);
    assert_eq!(again(shown.header("etag"), "view=states").send(&world.office).await.status, 304);
    let other = again(shown.header("etag"), "").send(&world.office).await;
    assert_eq!(other.status, 200, "an ETag of another view doesn't match");
    assert_eq!(again(other.header("etag"), "view=states").send(&world.office).await.status, 200);
    assert_eq!(other.body["layout_version"], created.body["layout_version"]);
    world.at(60_000);
    let later = again(shown.header("etag"), "view=states").send(&world.office).await;
    assert_eq!((later.status, later.text("states")), (200, "aaabaa"));
    let refused = states().query("view=states&section=Stalls").send(&world.office).await;
    assert!(refused.status == 400 && refused.text("detail").starts_with("section: "), "{}", refused.text);
}

/// Returns the document of a hall with 20,000 seats on curves, in 20 sections of 25 rows.
fn arena() -> Value {
    let seat = |row: i32, n: i32| json!({ "seat": format!("{row}-{n}"), "x": (n - 20) * 50, "y": row * 90 + (n - 20).pow(2) / 3, "category": "standard" });
    let row = |row: i32| json!({ "row": row.to_string(), "seats": (1..=40).map(|n| seat(row, n)).collect::<Vec<_>>() });
    let section =
        |s: i32| json!({ "section": format!("Block {s}"), "rows": (s * 25..s * 25 + 25).map(row).collect::<Vec<_>>() });
    json!({ "name": "Arena", "categories": [{ "category": "standard", "price": 5000, "currency": "EUR" }],
        "sections": (0..20).map(section).collect::<Vec<_>>() })
}

#[tokio::test]
async fn a_map_of_20_000_seats_takes_400_kb_and_states_take_21_kb() {
    let world = World::new().await;
    assert_eq!(put(&world, &arena()).await.status, 201);
    let (map, states) = (map(&world, "").await, Call::get_seats("hall").query("view=states").send(&world.office).await);
    println!("20,000 seats: a map of {} bytes, states of {}", map.text.len(), states.text.len());
    assert!(map.text.len() <= 400_000 && states.text.len() <= 21_000);
    assert_eq!(states.text("states").len(), 20_000);
}

#[tokio::test]
async fn large_responses_are_compressed_if_accepted() {
    let world = World::new().await;
    put(&world, &arena()).await;
    for call in [
        Call::map("hall"),
        Call::theater("hall"),
        Call::get_seats("hall"),
        Call::get_seats("hall").query("view=states"),
        Call::get_seats("hall").query("view=map"),
    ] {
        call.clone().send(&world.office).await;
        let plain = call.clone().send(&world.office).await;
        let small = call.clone().header("Accept-Encoding", "br, gzip;q=0.8").send(&world.office).await;
        assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"));
        assert_eq!(small.text, plain.text);
        assert_eq!((plain.header("vary"), small.header("vary")), ("accept-encoding", "accept-encoding"));
        let tag = small.header("etag").to_owned();
        assert_eq!(tag, plain.header("etag").replace("\"", "").to_owned().replacen("", "\"", 1) + "-gzip\"");
        for known in [&tag, &format!("W/{tag}"), &plain.header("etag").to_owned()] {
            let unchanged = call.clone().header("If-None-Match", known).send(&world.office).await;
            let shown = if known.contains("-gzip") { tag.as_str() } else { plain.header("etag") };
            assert_eq!((unchanged.status, unchanged.header("etag"), unchanged.text.as_str()), (304, shown, ""));
        }
        for refused in ["gzip;q=0", "identity", "gzip;q=0, *"] {
            let reply = call.clone().header("Accept-Encoding", refused).send(&world.office).await;
            assert_eq!(reply.header("content-encoding"), "", "{refused}");
        }
    }
    let few = Call::get_seats("1").header("Accept-Encoding", "gzip").send(&world.office).await;
    assert_eq!((few.header("content-encoding"), few.header("vary")), ("", "accept-encoding"));
}

/// Returns the document of a hall with 20,000 seats whose section, row and category have names of this many letters.
fn long_names(letter: &str, letters: usize) -> Value {
    let name = letter.repeat(letters);
    let row = |n: i32| {
        json!({ "row": format!("{n:04}{}", letter.repeat(letters - 4)), "category": name,
            "seats": (1..=100).map(|seat| format!("{n}-{seat}")).collect::<Vec<_>>() })
    };
    json!({ "name": "Halle", "categories": [{ "category": name, "price": 1, "currency": "JPY" }],
        "sections": [{ "section": name, "rows": (0..200).map(row).collect::<Vec<_>>() }] })
}

#[tokio::test]
async fn a_hall_with_long_names_is_shown_in_every_way_and_put_again() {
    for (letter, letters) in [("я", 50), ("席", 64)] {
        is_shown_in_every_way_and_put_again(letter, letters).await;
    }
}

async fn is_shown_in_every_way_and_put_again(letter: &str, letters: usize) {
    let world = World::new().await;
    let (document, name) = (long_names(letter, letters), letter.repeat(letters));
    assert!(document.to_string().len() < 1_000_000, "much smaller than with the names at each seat");
    assert!(3 * name.len() * 20_000 >= MAX_DOCUMENT);
    let created = put(&world, &document).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let shown = Call::theater("hall").send(&world.office).await;
    let seats = Call::get_seats("hall").query("view=map").send(&world.office).await;
    let map = map(&world, "").await;
    for reply in [&shown, &seats, &map] {
        let counted = serde_json::to_string(&reply.text).unwrap().len();
        assert!(counted < 6_000_000, "as Lambda counts: {counted} bytes");
    }
    assert_eq!(seats.body["seats"].as_array().unwrap().len(), 20_000);
    let (seat, sections) = (&seats.body["seats"][101], &seats.body["sections"]);
    assert_eq!(
        (&seat["section_index"], &seat["row_index"], &seat["category_index"]),
        (&json!(0), &json!(1), &json!(0))
    );
    assert_eq!(sections[0], name);
    assert!(shown.text.matches(&name).count() <= 202, "the category is named once in each row, and not at each seat");
    let again = put(&world, &shown.body).await;
    assert_eq!((again.status, again.text("message")), (200, "Theater unchanged"));
}

#[tokio::test]
async fn layout_too_large_for_a_response_is_rejected() {
    let world = World::new().await;
    let with_notes = |letters: usize| {
        let seats = (0..20_000).map(|n| json!({ "seat": format!("S{n}"), "note": "é".repeat(letters) }));
        let row = json!({ "row": "A", "seats": seats.collect::<Vec<_>>() });
        json!({ "name": "x", "sections": [{ "section": "S", "rows": [row] }] })
    };
    // The request is small enough. Its responses aren't, because they have coordinates for each seat.
    let large = with_notes(125);
    assert!(large.to_string().len() < MAX_DOCUMENT);
    let refused = put(&world, &large).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text("detail").starts_with("sections: expected a layout whose answers"), "{}", refused.text);
    let larger = with_notes(145);
    assert!(larger.to_string().len() > MAX_DOCUMENT);
    assert_eq!(put(&world, &larger).await.status, 413);
    assert_eq!(Call::theater("hall").send(&world.office).await.status, 404);
}

#[tokio::test]
async fn a_list_of_20_000_rows_can_be_put_again() {
    let world = World::new().await;
    let labels: Vec<_> = (0..20_000).map(|n| format!("{}{}", ["A", "B"][n % 2], n / 2)).collect();
    put(&world, &json!({ "name": "List", "seats": labels })).await;
    let shown = Call::theater("hall").send(&world.office).await;
    assert_eq!(put(&world, &shown.body).await.text("message"), "Theater unchanged");
}

#[tokio::test]
async fn seats_with_labels_of_36_characters_are_sold() {
    let world = World::new().await;
    let labels: Vec<_> = (0..20_000).map(|n| format!("0188c0de-0000-7000-8000-{n:012}")).collect();
    assert_eq!(put(&world, &json!({ "name": "List", "seats": labels })).await.status, 201);
    let all = Call::get_seats("hall").send(&world.office).await;
    assert_eq!(all.seats(), labels);
    let booked = Call::book("hall", &json!({ "seats": [labels[0], labels[19_999]], "booking_id": id(1) }));
    assert_eq!(booked.send(&world.office).await.status, 201);
    let listed = Call::theaters().send(&world.office).await;
    assert_eq!(listed.body["theaters"][2]["seats"], 20_000);
}
