//! Invalid documents, and the faults that name what is wrong.

use serde_json::{Value, json};

use super::{curved, detailed, hall, read, read_text};

#[test]
fn faults_are_named_by_their_path() {
    let broken = |path: &str, value: Value| {
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
        (broken("/focal_point", json!([5, -300])), "focal_point", "a JSON object"),
        (broken("/sections/0", json!(["Stalls", "S", []])), "sections[0]", "a JSON object"),
        (broken("/sections/0/rows/0/category", json!(null)), "sections[0].rows[0].category", "the name of a category"),
        (broken("/sections/0/rows/0/last", json!(8)), "sections[0].rows[0].last", "from 9 to"),
        (broken("/sections/0/rows/0/row", json!("a b")), "sections[0].rows[0]", "1 to 36"),
        (broken("/sections/0/rows/1/seats", json!([])), "sections[0].rows[1].seats", "1 to 20000 seats"),
        (broken("/sections/0/rows/1/seats/0", json!(7)), "sections[0].rows[1].seats[0]", "a seat label"),
        (broken("/sections/0/rows/1/seats/1/y", json!("7")), "sections[0].rows[1].seats[1].y", "a whole number"),
        (broken("/sections/0/rows/1/seats/1/y", json!(1.5)), "sections[0].rows[1].seats[1].y", "a whole number"),
        (broken("/sections/0/rows/1/category", json!("gold")), "sections[0].rows[1].category", "categories"),
        (broken("/sections/1/section", json!("Stalls")), "sections[1].section", "sections[0]"),
        (
            broken("/sections/1/rows/0", json!({ "row": "X", "seats": ["X-1", "S-B-2"] })),
            "sections[1].rows[0].seats[1]",
            "another label than S-B-2, which is also at sections[0].rows[1].seats[1]",
        ),
        (
            broken("/sections/1/rows/0", json!({ "row": "X", "seats": ["S-A-10"] })),
            "sections[1].rows[0].seats[0]",
            "S-A-10, which is also at sections[0].rows[0]",
        ),
        (broken("/categories/1/category", json!(" premium")), "categories[1]", "categories[0]"),
        (broken("/categories/0/currency", json!("EUE")), "categories[0].currency", "ISO 4217"),
        (broken("/categories/0/currency", json!("eur")), "categories[0].currency", "ISO 4217"),
        (broken("/categories/1/currency", json!("JPY")), "categories[1].currency", "EUR, as categories[0] has"),
        (broken("/categories/0/price", json!(-1)), "categories[0].price", "minor units"),
        (
            broken("/categories/1/prices", json!({})),
            "categories[1].price",
            "minor units from 0 to 1000000000, or prices",
        ),
        (broken("/categories/1/prices/child", json!(-1)), "categories[1].prices.child", "minor units"),
        (broken("/focal_point/x", json!(1_000_001)), "focal_point.x", "1000000"),
        (broken("/sections/0/rows/1/x", json!(2_000_000)), "sections[0].rows[1].x", "1000000"),
        (broken("/sections/0/rows/1/x", json!(999_999)), "sections[0].rows[1].seats[1]", "x of at most 1000000"),
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
