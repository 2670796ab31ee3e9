//! Valid and invalid documents.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::seating_plan::{Point, ROW_PITCH};
use crate::json::{self as reader, Faults};
use crate::layout_json::size::{MAX_ANSWER, escaped_bytes};
use crate::layout_json::{CallLimits, LayoutBody, MapBody};

fn read(document: &Value) -> Result<NewLayout, Vec<String>> {
    read_text(&document.to_string())
}

fn read_text(text: &str) -> Result<NewLayout, Vec<String>> {
    let faults = Faults::default();
    let read = reader::read(text.as_bytes(), "body", &faults, Document::read);
    read.map(|document| document.layout).ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect())
}

fn layout(document: &Value) -> Layout {
    read(document).unwrap().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap()
}

fn answered(layout: &Layout) -> Value {
    serde_json::to_value(LayoutBody::of(layout)).unwrap()
}

fn map(layout: &Layout) -> String {
    let limits = CallLimits { max_seats_per_call: 10, min_reservation_seconds: 1, max_reservation_seconds: 1_800 };
    serde_json::to_string(&MapBody::of(layout, limits)).unwrap()
}

fn hall() -> Value {
    json!({ "name": "Hall", "focal_point": { "x": 5, "y": -300 },
        "categories": [{ "category": "premium", "price": 8500, "currency": "EUR" },
            { "category": "cheap", "price": 0, "currency": "JPY" }],
        "sections": [
            { "section": "Stalls", "prefix": "S", "rows": [
                { "row": "A", "first": 9, "last": 10, "category": "premium" },
                { "row": "B", "category": "cheap", "x": 100, "y": 90, "seats": [
                    "S-B-1", { "seat": "S-B-2", "y": 95, "category": "premium", "accessible": true }] }] },
            { "section": "Boxes", "rows": [{ "row": "X", "first": 1, "last": 1 }] }] })
}

/// A hall with every possible detail.
fn detailed() -> Value {
    let triangle = json!([{ "x": 0, "y": 0 }, { "x": 9, "y": 0 }, { "x": 0, "y": 9 }]);
    json!({ "name": "Hall", "names": { "de": "Saal", "pt-BR": "Salão" }, "extra": { "architect": null, "b": [1, 2.5] },
        "stage": { "label": "Stage", "outline": [triangle] },
        "categories": [{ "category": "premium", "price": 8500, "currency": "EUR", "names": { "de": "Erste" },
            "extra": { "color": "#f00" } }],
        "sections": [{ "section": "Stalls", "label": "STALLS", "names": { "de": "Parkett" }, "extra": { "gate": 4 },
            "outline": [triangle, triangle], "rows": [
            { "row": "A", "kind": "table", "seats": [
                { "seat": "A1", "x": 0, "y": 0, "number": "1a", "note": "Behind a pillar", "restricted_view": true,
                    "external_id": "Ряд 1", "category": "premium", "extra": { "z": 1, "a": 2 } },
                { "seat": "A2", "x": 50, "y": 0, "category": "premium" }] }] }] })
}

#[test]
fn sections_define_the_places_of_seats() {
    let layout = read(&hall()).unwrap();
    let labels: Vec<_> = layout.seats.iter().map(SeatLabel::as_str).collect();
    assert_eq!(labels, ["S-A-9", "S-A-10", "S-B-1", "S-B-2", "X-1"]);
    let places = layout.plan.places().iter();
    let places: Vec<_> = places.map(|p| (p.row, p.point.x, p.point.y, p.category, p.accessible)).collect();
    assert_eq!(
        places,
        [
            (0, -25, 0, Some(0), false),
            (0, 25, 0, Some(0), false),
            (1, 100, 90, Some(1), false),
            (1, 150, 95, Some(0), true),
            (2, 0, 2 * ROW_PITCH, None, false),
        ]
    );
    assert_eq!(layout.plan.focal_point(), Point { x: 5, y: -300 });
    assert_eq!(layout.plan.section_of(&layout.plan.places()[4]), 1);
}

#[test]
fn layout_in_a_response_survives_a_round_trip() {
    for document in [hall(), detailed(), json!({ "name": "List", "seats": ["A1", "A2", "B1"] })] {
        let layout = layout(&document);
        let answered = answered(&layout);
        let again = read(&answered).unwrap().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
        assert_eq!(again, layout, "{answered}");
    }
}

#[test]
fn every_detail_survives_a_round_trip() {
    let document = detailed();
    let answered = answered(&layout(&document));
    for path in
        ["/names", "/extra", "/stage", "/categories", "/sections/0/label", "/sections/0/names", "/sections/0/outline"]
    {
        assert_eq!(answered.pointer(path), document.pointer(path), "{path}");
    }
    assert_eq!(answered["sections"][0]["rows"][0], document["sections"][0]["rows"][0]);
}

#[test]
fn single_line_is_an_outline_and_empty_list_is_none() {
    let mut document = detailed();
    let lines = document["stage"]["outline"].clone();
    document["stage"]["outline"] = lines[0].clone();
    document["sections"][0]["outline"] = json!([]);
    let answered = answered(&layout(&document));
    assert_eq!(answered["stage"]["outline"], lines);
    assert_eq!(answered["sections"][0]["outline"], Value::Null);
}

#[test]
fn map_has_details_and_lists_names_once() {
    let told: Value = serde_json::from_str(&map(&layout(&detailed()))).unwrap();
    assert_eq!(
        told["rows"],
        json!([{ "row": "A", "section": 0, "kind": "table", "first": 0, "prefix": "A", "labels": ["1", "2"],
            "numbers": ["1a", "2"], "line": { "x": 0, "y": 0, "dx": 50, "dy": 0 }, "category": 0, "seats": [
                { "at": 0, "restricted_view": true, "note": "Behind a pillar", "external_id": "Ряд 1",
                    "extra": { "z": 1, "a": 2 } }] }])
    );
    assert_eq!(told["bounds"], json!({ "min_x": 0, "min_y": 0, "max_x": 50, "max_y": 0 }));
    assert_eq!(told["stage"]["label"], "Stage");
    assert_eq!(told["sections"][0]["names"]["de"], "Parkett");
    assert_eq!(told["categories"][0]["names"]["de"], "Erste");
}

#[test]
fn names_are_composed_and_trimmed() {
    let layout = read(&json!({ "name": " Cafe\u{301} ", "sections": [{ "section": " Stalls\u{a0}", "rows": [
        { "row": "A", "first": 1, "last": 1 }] }] }))
    .unwrap();
    assert_eq!((layout.name.as_str(), layout.plan.sections()), ("Café", &["Stalls".to_owned()][..]));
    let two = |a: &str, b: &str| {
        let section =
            |name: &str, row: &str| json!({ "section": name, "rows": [{ "row": row, "first": 1, "last": 1 }] });
        read(&json!({ "name": "x", "sections": [section(a, "A"), section(b, "B")] })).map(drop).unwrap_err()
    };
    for (a, b) in [("Café", "Cafe\u{301}"), ("Stalls", " Stalls"), ("", " ")] {
        assert_eq!(two(a, b), ["sections[1].section: expected another name than sections[0] has"]);
    }
    for hidden in ["\u{200b}", "a\u{202e}b", "a\u{2066}b", "a\u{ad}b", "\u{feff}a", "a\nb"] {
        assert_eq!(
            two("a", hidden),
            ["sections[1].section: expected a name of 0 to 64 visible characters"],
            "{hidden:?}"
        );
    }
    let decomposed = read(&json!({ "name": "x", "categories": [{ "category": "Café", "price": 1, "currency": "EUR" }],
        "sections": [{ "section": "S", "rows": [{ "row": "A", "first": 1, "last": 1, "category": "Cafe\u{301} " }] }] }));
    assert_eq!(decomposed.unwrap().plan.places()[0].category, Some(0));
}

#[test]
fn faults_are_named_by_their_path() {
    let spoilt = |path: &str, value: Value| {
        let mut document = hall();
        *document.pointer_mut(path).unwrap() = value;
        document
    };
    let with = |path: &str, field: &str, value: Value| {
        let mut document = detailed();
        document.pointer_mut(path).unwrap()[field] = value;
        document
    };
    let seat = "/sections/0/rows/0/seats/1";
    let seat_path = |field: &str| format!("sections[0].rows[0].seats[1].{field}");
    let line = |n: i32| Value::from((0..n).map(|x| json!({ "x": x, "y": 0 })).collect::<Vec<_>>());
    for (document, path, problem) in [
        (json!({ "name": "x", "seats": ["A"], "sections": [] }), "sections", "either seats or sections"),
        (json!({ "name": "x" }), "seats", "either seats or sections"),
        (json!({ "name": "x", "seats": ["A1", "A 2"] }), "seats[1]", "1 to 36"),
        (json!({ "name": "x", "seats": ["A1", null] }), "seats[1]", "1 to 36"),
        (json!({ "name": "x", "seats": ["A1", "A1"] }), "seats[1]", "another label than A1, which is also at seats[0]"),
        (json!({ "name": "x", "seats": [] }), "seats", "1 to 20000"),
        (json!({ "name": "x", "seats": ["A"], "categories": [] }), "categories", "sections"),
        (json!({ "name": "", "seats": ["A1"] }), "name", "1 to 200"),
        (json!({ "seats": ["A1"] }), "name", "1 to 200"),
        (json!({ "name": "x", "theater_id": "..", "seats": ["A1"] }), "theater_id", "1 to 64"),
        (json!([1]), "body", "a JSON object"),
        (spoilt("/focal_point", json!([5, -300])), "focal_point", "a JSON object"),
        (spoilt("/sections/0", json!(["Stalls", "S", []])), "sections[0]", "a JSON object"),
        (spoilt("/sections/0/rows/0/category", json!(null)), "sections[0].rows[0].category", "the name of a category"),
        (spoilt("/sections/0/rows/0/last", json!(8)), "sections[0].rows[0].last", "from 9 to"),
        (spoilt("/sections/0/rows/0/row", json!("a b")), "sections[0].rows[0]", "1 to 36"),
        (spoilt("/sections/0/rows/1/seats", json!([])), "sections[0].rows[1].seats", "1 to 20000 seats"),
        (spoilt("/sections/0/rows/1/seats/0", json!(7)), "sections[0].rows[1].seats[0]", "a seat label"),
        (spoilt("/sections/0/rows/1/seats/1/y", json!("7")), "sections[0].rows[1].seats[1].y", "a whole number"),
        (spoilt("/sections/0/rows/1/seats/1/y", json!(1.5)), "sections[0].rows[1].seats[1].y", "a whole number"),
        (spoilt("/sections/0/rows/1/category", json!("gold")), "sections[0].rows[1].category", "categories"),
        (spoilt("/sections/1/section", json!("Stalls")), "sections[1].section", "sections[0]"),
        (
            spoilt("/sections/1/rows/0", json!({ "row": "X", "seats": ["X-1", "S-B-2"] })),
            "sections[1].rows[0].seats[1]",
            "another label than S-B-2, which is also at sections[0].rows[1].seats[1]",
        ),
        (
            spoilt("/sections/1/rows/0", json!({ "row": "X", "seats": ["S-A-10"] })),
            "sections[1].rows[0].seats[0]",
            "S-A-10, which is also at sections[0].rows[0]",
        ),
        (spoilt("/categories/1/category", json!(" premium")), "categories[1]", "categories[0]"),
        (spoilt("/categories/0/currency", json!("EUE")), "categories[0].currency", "ISO 4217"),
        (spoilt("/categories/0/currency", json!("eur")), "categories[0].currency", "ISO 4217"),
        (spoilt("/categories/0/price", json!(-1)), "categories[0].price", "minor units"),
        (spoilt("/focal_point/x", json!(1_000_001)), "focal_point.x", "1000000"),
        (spoilt("/sections/0/rows/1/x", json!(2_000_000)), "sections[0].rows[1].x", "1000000"),
        (spoilt("/sections/0/rows/1/x", json!(999_999)), "sections[0].rows[1].seats[1]", "x of at most 1000000"),
        (with("/sections/0", "chairs", json!(1)), "sections[0].chairs", "one of the fields"),
        (with("", "names", json!({ "de_AT": "x" })), "names", "language tag"),
        (with("", "names", json!({ "de": "x", "DE": "y" })), "names", "language tag"),
        (with("", "names", json!({ "de": "" })), "names", "language tag"),
        (with("", "names", json!(["de"])), "names", "an object"),
        (with("", "extra", json!([])), "extra", "a JSON object"),
        (with("", "extra", json!({ "a": "x".repeat(2_048) })), "extra", "2048 bytes"),
        (with("", "stage", json!({ "label": "" })), "stage.label", "1 to 64"),
        (with("/sections/0", "outline", line(1)), "sections[0].outline", "3 to 200 points"),
        (with("/sections/0", "outline", line(201)), "sections[0].outline", "3 to 200 points"),
        (with("/sections/0", "outline", json!([line(3), line(2)])), "sections[0].outline[1]", "3 to 200 points"),
        (
            with("/sections/0", "outline", json!([{ "x": 1, "y": 1 }, { "x": 1, "y": 1 }, { "x": 1 }])),
            "sections[0].outline[2].y",
            "whole",
        ),
        (with("/sections/0/rows/0", "kind", json!("Big Table")), "sections[0].rows[0].kind", "a word"),
        (with(seat, "number", json!(2)), &seat_path("number"), "a text"),
        (with(seat, "note", json!("x".repeat(201))), &seat_path("note"), "1 to 200"),
        (with(seat, "restricted_view", json!("yes")), &seat_path("restricted_view"), "true or false"),
        (with(seat, "external_id", json!("a\u{200b}")), &seat_path("external_id"), "visible"),
        (
            with(seat, "external_id", json!("Ряд 1")),
            &seat_path("external_id"),
            "another id than ??? 1, which is also at sections[0].rows[0].seats[0]",
        ),
    ] {
        let faults = read(&document).map(drop).unwrap_err();
        let named = faults[0].starts_with(&format!("{path}: ")) && faults[0].contains(problem);
        assert!(faults.len() == 1 && named, "{faults:?} ({path}: {problem})");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let faults = read_text(
        r#"{"name":"","name":"x","sections":[{"section":"S","rows":[
            {"row":"A","first":1,"last":0},{"row":7,"seats":["B1",{"seat":"B2","x":"0","category":"none"}]}]}],
            "categories":[{"category":"a","price":1}]}"#,
    );
    assert_eq!(
        faults.map(drop).unwrap_err().iter().map(|fault| fault.split(':').next().unwrap()).collect::<Vec<_>>(),
        [
            "name",
            "name",
            "categories[0].currency",
            "sections[0].rows[0].last",
            "sections[0].rows[1].row",
            "sections[0].rows[1].seats[1].x",
        ]
    );
}

#[test]
fn too_many_seats_are_rejected_before_they_are_created() {
    let rows = |count: usize| vec![json!({ "row": "A", "first": 0, "last": 65_535 }); count];
    for rows in [rows(1), rows(20_000), vec![json!({ "row": "A", "first": 1, "last": 15_000 }); 2]] {
        let faults =
            read(&json!({ "name": "x", "sections": [{ "section": "S", "rows": rows }] })).map(drop).unwrap_err();
        assert!(faults.last().unwrap().starts_with("sections: expected 1 to 20000 seats"), "{:?}", faults.last());
    }
    let rows = vec![json!({ "row": "A", "seats": ["A"] }); 20_001];
    let faults = read(&json!({ "name": "x", "sections": [{ "section": "S", "rows": rows }] })).map(drop).unwrap_err();
    assert_eq!(faults, ["sections: expected at most 20000 rows, got 20001"]);
}

/// Checks that a hostile document costs about as much as a valid one of its size. The reader never searches a list
/// for each entry of another list.
#[test]
fn hostile_4_mb_documents_are_rejected_in_linear_time() {
    let category = |n: usize| json!({ "category": format!("c{n}"), "price": 1, "currency": "EUR" });
    let seat = |n: usize, category: &str| json!({ "seat": format!("S{n}"), "category": category });
    let row = |seats: Vec<Value>| json!([{ "section": "S", "rows": [{ "row": "A", "seats": seats }] }]);
    let sections: Vec<_> = (0..60_000).map(|n| json!({ "section": format!("s{n}"), "rows": [] })).collect();
    let categories: Vec<_> = (0..40_000).map(category).collect();
    let few: Vec<_> = (0..100).map(category).collect();
    let seats = |count, category| (0..count).map(|n| seat(n, category)).collect::<Vec<_>>();
    let names: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("a{n}"), json!("x"))).collect();
    let timed = |document: &Value| {
        let text = document.to_string();
        let started = std::time::Instant::now();
        let faults = read_text(&text).map(drop);
        (faults, started.elapsed().as_secs_f64() / text.len() as f64)
    };
    let (good, per_byte_of_good) = timed(&curved(|row, n| format!("{row}-{n}")));
    good.unwrap();
    for (what, document) in [
        (
            "40,000 categories and 60,000 seats",
            json!({ "categories": categories, "sections": row(seats(60_000, "c39999")) }),
        ),
        ("unknown categories", json!({ "categories": few, "sections": row(seats(20_000, "none")) })),
        ("the last of 100 categories", json!({ "categories": few, "sections": row(seats(20_000, "c99")) })),
        ("60,000 sections", json!({ "sections": sections })),
        ("one label 100,000 times", json!({ "seats": vec!["A"; 100_000] })),
        ("one label 20,000 times", json!({ "seats": vec!["A"; 20_000] })),
        ("100,000 languages", json!({ "names": names, "seats": ["A"] })),
    ] {
        let (faults, per_byte) = timed(&document);
        assert!(faults.unwrap_err().len() <= 20, "{what}");
        // Searching a list for each entry of another list would take thousands of times as long.
        let ratio = per_byte / per_byte_of_good;
        assert!(ratio < 50.0, "{what}: a byte takes {ratio:.0} times as long as one of a good document");
    }
}

/// A hall of 20,000 seats in rows of 40, all on curves.
fn curved(label: impl Fn(i32, i32) -> String) -> Value {
    let seat = |row: i32, n: i32| {
        let (x, y) = ((n - 20) * 50 + row % 7, row * 90 + (n - 20).pow(2) / 3);
        json!({ "seat": label(row, n), "x": x, "y": y, "category": "standard" })
    };
    let row = |row: i32| json!({ "row": row.to_string(), "seats": (1..=40).map(|n| seat(row, n)).collect::<Vec<_>>() });
    let rows = |section: i32| (section * 25..section * 25 + 25).map(row).collect::<Vec<_>>();
    let section = |section: i32| json!({ "section": format!("Block {section}"), "rows": rows(section) });
    json!({ "name": "Arena", "categories": [{ "category": "standard", "price": 5000, "currency": "EUR" }],
        "sections": (0..20).map(section).collect::<Vec<_>>() })
}

#[test]
fn a_map_of_20_000_seats_takes_at_most_400_kb() {
    let layout = layout(&curved(|row, n| format!("{row}-{n}")));
    let map = map(&layout);
    println!("20,000 seats: a map of {} bytes, as Lambda counts {}", map.len(), escaped_bytes(map.as_bytes()));
    assert!(map.len() <= 400_000, "{}", map.len());
}

#[test]
fn a_map_leads_back_to_every_seat() {
    for document in [hall(), detailed(), curved(|row, n| format!("{row}-{n}"))] {
        let layout = layout(&document);
        let told: Value = serde_json::from_str(&map(&layout)).unwrap();
        let mut seats = vec![None; layout.seats().len()];
        for row in told["rows"].as_array().unwrap() {
            for (at, rest) in row["labels"].as_array().unwrap().iter().enumerate() {
                let label = format!("{}{}", row["prefix"].as_str().unwrap(), rest.as_str().unwrap());
                let number = |name: &str, step: &str| {
                    let line = &row["line"];
                    let along = |line: &Value| {
                        line[name].as_i64().unwrap() + i64::try_from(at).unwrap() * line[step].as_i64().unwrap()
                    };
                    if line.is_object() { along(line) } else { row[name][at].as_i64().unwrap() }
                };
                let position = row["first"]
                    .as_u64()
                    .map_or_else(|| row["positions"][at].as_u64().unwrap(), |first| first + at as u64);
                let entry = row["seats"].as_array().into_iter().flatten().find(|seat| seat["at"] == at);
                let category =
                    entry.map(|entry| &entry["category"]).filter(|own| own.is_u64()).unwrap_or(&row["category"]);
                let accessible = entry.is_some_and(|entry| entry["accessible"] == true);
                let (section, x, y) = (row["section"].as_u64().unwrap(), number("x", "dx"), number("y", "dy"));
                seats[usize::try_from(position).unwrap()] = Some((label, section, x, y, category.as_u64(), accessible));
            }
        }
        for ((label, place), told) in layout.seats().iter().zip(layout.plan().places()).zip(seats) {
            let section = u64::from(layout.plan().section_of(place));
            let (x, y) = (i64::from(place.point.x), i64::from(place.point.y));
            let category = place.category.map(u64::from);
            assert_eq!(told, Some((label.to_string(), section, x, y, category, place.accessible)));
        }
    }
}

#[test]
fn hall_with_long_names_survives_a_round_trip() {
    let name = |text: &str| text.repeat(64);
    let rows: Vec<_> = (0..20)
        .map(|n| {
            json!({ "row": format!("{n:02}{}", "座".repeat(62)), "category": name("席"),
            "seats": (n * 1_000..n * 1_000 + 1_000).map(|n| format!("S{n}")).collect::<Vec<_>>() })
        })
        .collect();
    let document = json!({ "name": "x", "categories": [{ "category": name("席"), "price": 1, "currency": "JPY" }],
        "sections": [{ "section": name("階"), "rows": rows }] });
    let layout = layout(&document);
    let text = serde_json::to_string(&LayoutBody::of(&layout)).unwrap();
    println!("20,000 seats with long names: {} bytes read, {} written", document.to_string().len(), text.len());
    let again = read_text(&text).unwrap().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
    assert_eq!(again, layout);
}

#[test]
fn layout_with_too_large_responses_is_rejected() {
    let seat = |n: usize| json!({ "seat": format!("S{n}"), "note": "ä".repeat(160) });
    let seats: Vec<_> = (0..20_000).map(seat).collect();
    let document = json!({ "name": "x", "sections": [{ "section": "S", "rows": [{ "row": "A", "seats": seats }] }] });
    let faults = read(&document).map(drop).unwrap_err();
    assert!(faults.len() == 1 && faults[0].starts_with("sections: expected a layout whose answers"), "{faults:?}");
    // A document with so many values that its response, which has a place for each seat, couldn't be read again.
    let seat = |n: usize| json!({ "seat": format!("S{n}"), "extra": { "a": vec![0; 20] } });
    let seats: Vec<_> = (0..20_000).map(seat).collect();
    let document = json!({ "name": "x", "sections": [{ "section": "S", "rows": [{ "row": "A", "seats": seats }] }] });
    let faults = read(&document).map(drop).unwrap_err();
    assert!(faults.len() == 1 && faults[0].starts_with("sections: expected a layout whose answers"), "{faults:?}");
}

/// Generates any document of a hall, with names and details of all kinds.
fn document() -> impl Strategy<Value = Value> {
    let name = prop_oneof!["[a-zA-Z ]{1,8}", "[äé座席 \"\\\\]{1,64}", "[e\u{301}a ]{1,6}"];
    let extra = prop_oneof![Just(json!({})), Just(json!({ "a": [1, null, { "b": "\"" }] })), Just(json!({ "n": 1.5 }))];
    let point = (-1_000_000..=1_000_000, -1_000_000..=1_000_000).prop_map(|(x, y)| json!({ "x": x, "y": y }));
    let names = prop::collection::btree_map("[a-z]{2}", "[a-zé]{1,9}", 0..3).prop_map(|names| json!(names));
    let outline = prop::collection::vec(point.clone(), 3..6).prop_map(Value::from);
    let seat = (
        prop::option::of(-1_000_000..=900_000),
        prop::option::of(any::<bool>()),
        prop::option::of("[a-z0-9]{1,16}"),
        prop::option::of("[a-zé席]{1,200}"),
        prop::option::of(0..3_usize),
        prop::option::of(extra.clone()),
        any::<bool>(),
    );
    let row = (name.clone(), prop::option::of("[a-z]{1,32}"), prop::collection::vec(seat, 1..8), any::<bool>());
    let section = (prop::collection::vec(row, 0..4), names.clone(), prop::option::of(outline.clone()));
    let hall = (name.clone(), names, prop::option::of(point), prop::option::of(outline), prop::option::of(extra));
    (hall, prop::collection::vec(section, 1..4), prop::collection::vec(name, 3..4), "[A-Za-z0-9._-]{1,30}").prop_map(
        |((name, names, focal, outline, extra), sections, categories, prefix)| {
            let mut seats = 0;
            let mut said_once = std::collections::HashSet::new();
            let optional = |object: &mut Value, field: &str, value: Option<Value>| {
                if let Some(value) = value {
                    object[field] = value;
                }
            };
            let categories: Vec<_> = categories.into_iter().enumerate().map(|(n, name)| format!("{n}{name}")).collect();
            let sections: Vec<_> = sections
                .into_iter()
                .enumerate()
                .map(|(s, (rows, names, outline))| {
                    let rows: Vec<_> = rows
                        .into_iter()
                        .map(|(name, kind, entries, one)| {
                            let entries: Vec<_> = entries
                                .into_iter()
                                .map(|(x, accessible, number, note, category, extra, plain)| {
                                    seats += 1;
                                    let label = format!("{prefix}{seats}");
                                    if plain {
                                        return json!(label);
                                    }
                                    let mut seat = json!({ "seat": label });
                                    optional(&mut seat, "x", x.map(Value::from));
                                    optional(&mut seat, "accessible", accessible.map(Value::from));
                                    let id = number.clone().filter(|id| said_once.insert(id.clone()));
                                    optional(&mut seat, "external_id", id.map(Value::from));
                                    optional(&mut seat, "number", number.map(Value::from));
                                    optional(&mut seat, "note", note.map(Value::from));
                                    optional(&mut seat, "restricted_view", accessible.map(Value::from));
                                    optional(&mut seat, "category", category.map(|n| json!(categories[n])));
                                    optional(&mut seat, "extra", extra);
                                    seat
                                })
                                .collect();
                            let mut row = json!({ "row": name, "seats": entries });
                            optional(&mut row, "kind", kind.map(Value::from));
                            optional(&mut row, "category", one.then(|| json!(categories[0])));
                            row
                        })
                        .collect();
                    let mut section = json!({ "section": format!("{s}"), "names": names, "rows": rows });
                    optional(&mut section, "outline", outline);
                    section
                })
                .collect();
            let categories: Vec<_> =
                categories.iter().map(|name| json!({ "category": name, "price": 1, "currency": "EUR" })).collect();
            let mut hall = json!({ "name": name, "names": names, "categories": categories, "sections": sections });
            optional(&mut hall, "focal_point", focal);
            optional(&mut hall, "extra", extra);
            optional(&mut hall, "stage", outline.map(|outline| json!({ "outline": outline })));
            hall
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn accepted_layout_survives_a_round_trip(document in document()) {
        let Ok(read) = read(&document) else { return Ok(()) };
        let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
        let text = serde_json::to_string(&LayoutBody::of(&layout)).unwrap();
        for answer in [&text, &map(&layout)] {
            prop_assert!(escaped_bytes(answer.as_bytes()) <= MAX_ANSWER);
        }
        prop_assert_eq!(read_text(&text), Ok(read));
    }

    #[test]
    fn accepted_seat_list_survives_a_round_trip(labels in prop::collection::hash_set("[A-Za-z0-9._-]{1,36}", 1..60)) {
        let Ok(read) = read(&json!({ "name": "x", "seats": labels })) else { return Ok(()) };
        let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
        prop_assert_eq!(read_text(&serde_json::to_string(&LayoutBody::of(&layout)).unwrap()), Ok(read));
    }
}

#[test]
fn list_of_20_000_rows_survives_a_round_trip() {
    let labels: Vec<_> = (0..20_000).map(|n| format!("{}{}", ["A", "B"][n % 2], n / 2)).collect();
    let read = read(&json!({ "name": "x", "seats": labels })).unwrap();
    let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), 7).unwrap();
    assert_eq!(read_text(&serde_json::to_string(&LayoutBody::of(&layout)).unwrap()), Ok(read));
}

#[test]
fn integers_may_have_any_form_of_json_schema() {
    let with = |price: &str| hall().to_string().replace("8500", price);
    for price in ["8500.0", "85e2"] {
        assert_eq!(read_text(&with(price)), read(&hall()), "{price}");
    }
    let faults = read_text(&with("8500.5")).map(drop).unwrap_err();
    assert!(faults[0].starts_with("categories[0].price: expected ") && !faults[0].contains("u64"), "{faults:?}");
}

#[test]
fn a_byte_order_mark_before_a_document_is_skipped() {
    assert!(read_text(&format!("\u{feff}{}", hall())).is_ok());
}
