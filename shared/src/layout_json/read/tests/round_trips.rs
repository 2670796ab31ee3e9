//! Layouts that are written and read again.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::layout_version::LayoutVersion;
use crate::layout_json::size::MAX_ANSWER;

#[test]
fn layout_in_a_response_survives_a_round_trip() {
    for document in [hall(), detailed(), json!({ "name": "List", "seats": ["A1", "A2", "B1"] })] {
        let layout = layout(&document);
        let answered = answered(&layout);
        let again =
            read(&answered).unwrap().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap();
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
fn a_map_leads_back_to_every_seat() {
    for document in [hall(), detailed(), curved(|row, n| format!("{row}-{n}"))] {
        let layout = layout(&document);
        let written: Value = serde_json::from_str(&map(&layout)).unwrap();
        let mut seats = vec![None; layout.seats().len()];
        for row in written["rows"].as_array().unwrap() {
            for (at, rest) in row["labels"].as_array().unwrap().iter().enumerate() {
                let label = format!("{}{}", row["prefix"].as_str().unwrap(), rest.as_str().unwrap());
                let number = |name: &str, step: &str| {
                    let line = &row["line"];
                    let along = |line: &Value| {
                        line[name].as_i64().unwrap() + i64::try_from(at).unwrap() * line[step].as_i64().unwrap()
                    };
                    if line.is_object() { along(line) } else { row[name][at].as_i64().unwrap() }
                };
                let index = row["first"]
                    .as_u64()
                    .map_or_else(|| row["positions"][at].as_u64().unwrap(), |first| first + at as u64);
                let entry = row["seats"].as_array().into_iter().flatten().find(|seat| seat["at"] == at);
                let category =
                    entry.map(|entry| &entry["category"]).filter(|own| own.is_u64()).unwrap_or(&row["category"]);
                let accessible = entry.is_some_and(|entry| entry["accessible"] == true);
                let (section, x, y) = (row["section"].as_u64().unwrap(), number("x", "dx"), number("y", "dy"));
                seats[usize::try_from(index).unwrap()] = Some((label, section, x, y, category.as_u64(), accessible));
            }
        }
        for ((label, place), written) in layout.seats().iter().zip(layout.plan().places()).zip(seats) {
            let section = u64::from(layout.plan().section_of(place));
            let (x, y) = (i64::from(place.point.x), i64::from(place.point.y));
            let category = place.category.map(u64::from);
            assert_eq!(written, Some((label.to_string(), section, x, y, category, place.accessible)));
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
    let again = read_text(&text).unwrap().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap();
    assert_eq!(again, layout);
}

#[test]
fn list_of_20_000_rows_survives_a_round_trip() {
    let labels: Vec<_> = (0..20_000).map(|n| format!("{}{}", ["A", "B"][n % 2], n / 2)).collect();
    let read = read(&json!({ "name": "x", "seats": labels })).unwrap();
    let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap();
    assert_eq!(read_text(&serde_json::to_string(&LayoutBody::of(&layout)).unwrap()), Ok(read));
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
            let category = |(n, name): (usize, &String)| match n % 3 {
                0 => json!({ "category": name, "price": 1, "currency": "EUR" }),
                1 => json!({ "category": name, "prices": { "standard": 2, "child": 1 }, "currency": "EUR" }),
                _ => json!({ "category": name, "prices": { "under_26": 0 }, "currency": "EUR" }),
            };
            let categories: Vec<_> = categories.iter().enumerate().map(category).collect();
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
        let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap();
        let text = serde_json::to_string(&LayoutBody::of(&layout)).unwrap();
        for answer in [&text, &map(&layout)] {
            prop_assert!(escaped_bytes(answer.as_bytes()) <= MAX_ANSWER);
        }
        prop_assert_eq!(read_text(&text), Ok(read));
    }

    #[test]
    fn accepted_seat_list_survives_a_round_trip(labels in prop::collection::hash_set("[A-Za-z0-9._-]{1,36}", 1..60)) {
        let Ok(read) = read(&json!({ "name": "x", "seats": labels })) else { return Ok(()) };
        let layout = read.clone().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap();
        prop_assert_eq!(read_text(&serde_json::to_string(&LayoutBody::of(&layout)).unwrap()), Ok(read));
    }
}
