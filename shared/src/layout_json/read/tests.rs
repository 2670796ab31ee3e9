//! Valid documents. The submodules have invalid ones, and layouts that are written and read again.

mod faults;
mod round_trips;

use serde_json::{Value, json};

use super::*;
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::prices::{MAX_PRICE, PriceList, PriceOverrides, TicketPrices, TicketType};
use crate::domain::seating_plan::{Point, ROW_PITCH};
use crate::json::{self as reader, Faults};
use crate::layout_json::size::escaped_bytes;
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
    read(document).unwrap().into_layout(TheaterId::parse("1").unwrap(), LayoutVersion::new(7)).unwrap()
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
            { "category": "cheap", "prices": { "child": 0, "under_26": 4500 }, "currency": "EUR" }],
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
fn map_has_details_and_lists_names_once() {
    let written: Value = serde_json::from_str(&map(&layout(&detailed()))).unwrap();
    assert_eq!(
        written["rows"],
        json!([{ "row": "A", "section": 0, "kind": "table", "first": 0, "prefix": "A", "labels": ["1", "2"],
            "numbers": ["1a", "2"], "line": { "x": 0, "y": 0, "dx": 50, "dy": 0 }, "category": 0, "seats": [
                { "at": 0, "restricted_view": true, "note": "Behind a pillar", "external_id": "Ряд 1",
                    "extra": { "z": 1, "a": 2 } }] }])
    );
    assert_eq!(written["bounds"], json!({ "min_x": 0, "min_y": 0, "max_x": 50, "max_y": 0 }));
    assert_eq!(written["stage"]["label"], "Stage");
    assert_eq!(written["sections"][0]["names"]["de"], "Parkett");
    assert_eq!(written["categories"][0]["names"]["de"], "Erste");
}

#[test]
fn categories_show_price_of_standard_and_prices_of_others() {
    let mut document = hall();
    document["categories"] = json!([{ "category": "premium", "price": 8500, "currency": "EUR" },
        { "category": "cheap", "prices": { "child": 0, "under_26": 4500 }, "currency": "EUR" },
        { "category": "box", "price": 9000, "prices": { "child": 10 }, "currency": "EUR" }]);
    let layout = layout(&document);
    document["categories"][2]["prices"]["standard"] = json!(9000);
    let written: Value = serde_json::from_str(&map(&layout)).unwrap();
    assert_eq!(
        (&written["categories"], &answered(&layout)["categories"]),
        (&document["categories"], &document["categories"])
    );
}

/// Returns overrides that add 19 ticket types with the longest names and prices to each category.
fn largest_overrides(layout: &Layout) -> PriceOverrides {
    let ticket_type = |n: u64| TicketType::parse(&format!("{n:036}")).unwrap();
    let prices = TicketPrices::new((0..19).map(|n| (ticket_type(n), MAX_PRICE)).collect()).unwrap();
    let categories = layout.plan().categories().iter();
    PriceOverrides::new(categories.map(|category| (category.name.clone(), prices.clone())).collect()).unwrap()
}

#[test]
fn map_of_a_show_has_its_own_prices_and_fits() {
    let category = |n: u64| json!({ "category": format!("c{n}"), "price": n, "currency": "EUR" });
    let mut document = hall();
    document["categories"] = (0..100).map(category).collect();
    document["sections"] =
        json!([{ "section": "S", "rows": [{ "row": "A", "first": 1, "last": 1, "category": "c7" }] }]);
    let layout = layout(&document);
    let limits = CallLimits { max_seats_per_call: 10, min_reservation_seconds: 1, max_reservation_seconds: 1_800 };
    let prices = PriceList::with_overrides(&layout, &largest_overrides(&layout)).unwrap();
    let own = serde_json::to_string(&MapBody::with_prices(&layout, limits, prices.as_ref())).unwrap();
    let read: Value = serde_json::from_str(&own).unwrap();
    assert_eq!((&read["categories"][7]["price"], &read["categories"][7]["prices"]["standard"]), (&json!(7), &json!(7)));
    assert_eq!(read["categories"][7]["prices"].as_object().map(serde_json::Map::len), Some(20));
    let added = escaped_bytes(own.as_bytes()) - escaped_bytes(map(&layout).as_bytes());
    println!("the ticket types of a show add {added} bytes");
    assert!(added <= 110_000, "{added}");
}

#[test]
fn a_map_of_20_000_seats_takes_at_most_400_kb() {
    let layout = layout(&curved(|row, n| format!("{row}-{n}")));
    let map = map(&layout);
    println!("20,000 seats: a map of {} bytes, as Lambda counts {}", map.len(), escaped_bytes(map.as_bytes()));
    assert!(map.len() <= 400_000, "{}", map.len());
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
