//! Tests of the reader, with examples and generated documents.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Fields of several kinds, as requests have them.
#[derive(Debug, PartialEq)]
struct Order {
    quantity: u32,
    seats: Option<Vec<String>>,
    accessible: Option<bool>,
    at: Option<(i32, i32)>,
}

const FIELDS: &[&str] = &["quantity", "seats", "accessible", "at"];

fn order(node: Node<'_, '_>) -> Option<Order> {
    node.object(FIELDS, |object| {
        let quantity = object.required("quantity", |node| node.whole(1..=10));
        let seats = object.optional("seats", |node| node.array(1..=3, "an array of 1 to 3 seat labels", label));
        let accessible = object.optional("accessible", |node| node.boolean());
        let at = object.optional("at", |node| {
            node.object(&["x", "y"], |point| {
                let x = point.required("x", |node| node.whole(-5..=5));
                let y = point.required("y", |node| node.whole(-5..=5));
                Some((x?, y?))
            })
        });
        Some(Order { quantity: quantity?, seats, accessible, at })
    })
}

fn label(node: Node<'_, '_>) -> Option<String> {
    node.parsed("a seat label", |text| if text.is_empty() { Err(()) } else { Ok(text.to_owned()) })
}

fn read_order(text: &str) -> Result<Order, Vec<String>> {
    let faults = Faults::default();
    let read = read(text.as_bytes(), "body", &faults, order);
    assert_eq!(read.is_none(), !faults.is_empty(), "{text}");
    read.ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect())
}

fn faults_of(text: &str) -> Vec<String> {
    read_order(text).unwrap_err()
}

#[test]
fn entries_have_any_name_but_each_once() {
    let read = |text: &str| {
        let faults = Faults::default();
        let numbers = |node: Node<'_, '_>| {
            node.entries(1..=3, "1 to 3 numbers", |name, node| Some((name.to_owned(), node.whole(0..=9)?)))
        };
        let read = read(text.as_bytes(), "body", &faults, numbers);
        read.ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(read(r#"{"b":2,"a":1}"#), Ok(vec![("b".to_owned(), 2), ("a".to_owned(), 1)]));
    for (text, faults) in [
        ("[]", vec!["body: expected 1 to 3 numbers"]),
        ("{}", vec!["body: expected 1 to 3 numbers, got 0"]),
        (r#"{"a":1,"b":2,"c":3,"d":"x"}"#, vec!["body: expected 1 to 3 numbers, got 4"]),
        (r#"{"a":1,"a":1}"#, vec!["a: expected this field once"]),
        (
            r#"{"a":10,"é":null}"#,
            vec!["a: expected a whole number from 0 to 9", "?: expected a whole number from 0 to 9"],
        ),
    ] {
        assert_eq!(read(text), Err(faults.into_iter().map(str::to_owned).collect()), "{text}");
    }
}

#[test]
fn integers_are_those_of_json_schema() {
    for text in ["2", "2.0", "2e0", "0.2e1", "20E-1", "2.000"] {
        assert_eq!(read_order(&format!("{{\"quantity\":{text}}}")).unwrap().quantity, 2, "{text}");
    }
    for text in ["0", "11", "-1", "2.5", "1e300", "18446744073709551616", "\"2\"", "true", "null", "[]", "{}", "-0"] {
        let faults = faults_of(&format!("{{\"quantity\":{text}}}"));
        assert_eq!(faults, ["quantity: expected a whole number from 1 to 10"], "{text}");
    }
    let one = |text: &str| read(text.as_bytes(), "n", &Faults::default(), |node| node.whole(0..=u64::MAX));
    assert_eq!(one("9007199254740993"), Some(9_007_199_254_740_993));
    assert_eq!(one("9223372036854775808"), None);
    assert_eq!(one("-0"), Some(0));
}

#[test]
fn every_fault_is_named_by_its_path() {
    let text = r#"{"seats":["A1",7,""],"quantity":11,"accessible":null,"at":{"x":9,"z":1},"seats":[],"Quantity":1}"#;
    assert_eq!(
        faults_of(text),
        [
            "seats: expected this field once",
            "Quantity: expected one of the fields quantity, seats, accessible, at",
            "quantity: expected a whole number from 1 to 10",
            "seats[1]: expected a seat label",
            "seats[2]: expected a seat label",
            "accessible: expected true or false",
            "at.z: expected one of the fields x, y",
            "at.x: expected a whole number from -5 to 5",
            "at.y: expected a whole number from -5 to 5",
        ]
    );
}

#[test]
fn an_array_or_another_value_is_no_object() {
    for text in ["[2]", "[2,null,null]", "null", "\"quantity\"", "2", "true"] {
        assert_eq!(faults_of(text), ["body: expected a JSON object"], "{text}");
    }
    assert_eq!(faults_of(r#"{"quantity":1,"at":[1,2]}"#), ["at: expected a JSON object"]);
    assert_eq!(faults_of(r#"{"quantity":1,"seats":"A1"}"#), ["seats: expected an array of 1 to 3 seat labels"]);
    assert_eq!(faults_of(r#"{"quantity":1,"seats":[]}"#), ["seats: expected an array of 1 to 3 seat labels, got 0"]);
}

#[test]
fn bytes_that_are_not_json_are_one_fault_of_the_whole() {
    for text in
        ["", " ", "{", "{\"quantity\":1}x", "{\"quantity\":1,}", "{'quantity':1}", "\u{1f}", "{\"quantity\":1e999}"]
    {
        let faults = faults_of(text);
        assert!(faults.len() == 1 && faults[0].starts_with("body: expected valid JSON ("), "{text}: {faults:?}");
    }
    let faults = Faults::default();
    assert!(read(b"{\"quantity\":1,\"\xff\":2}", "body", &faults, order).is_none());
    let deep = "[".repeat(100_000);
    assert!(faults_of(&deep)[0].contains("recursion limit"));
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    assert_eq!(read_order("\u{feff}{\"quantity\":1}").unwrap().quantity, 1);
    assert!(read_order("\u{feff}\u{feff}{\"quantity\":1}").is_err());
}

#[test]
fn caller_text_is_shortened_and_made_printable() {
    let name = format!("\u{202e}{}", "é\n".repeat(1_000));
    let faults = faults_of(&json!({ "quantity": 1, name: 2 }).to_string());
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("????") && faults[0].is_ascii() && faults[0].len() < 200, "{faults:?}");
}

#[test]
fn faults_beyond_the_bound_are_only_counted() {
    let fields: Vec<_> = (0..1_000).map(|n| format!("\"f{n}\":1")).collect();
    let faults = Faults::default();
    assert!(read(format!("{{{}}}", fields.join(",")).as_bytes(), "body", &faults, order).is_none());
    assert_eq!((faults.count(), faults.unlisted()), (1_001, 981));
    assert_eq!(faults.into_list().len(), MAX_LISTED_FAULTS);
}

#[test]
fn a_tree_of_too_many_values_is_refused() {
    let array = format!("[{}0]", "0,".repeat(MAX_JSON_VALUES as usize));
    let faults = Faults::default();
    assert!(read(array.as_bytes(), "body", &faults, |_| Some(())).is_none());
    assert!(faults.into_list()[0].expected.contains("more than 500000 values"));
}

/// Checks that time grows with the number of fields, and not with its square.
#[test]
fn an_object_of_many_fields_is_read_in_linear_time() {
    let unknown: String = (0..120_000).map(|n| format!("\"f{n}\":0,")).collect();
    let doubled = "\"quantity\":1,".repeat(120_000);
    let text = format!("{{{unknown}{doubled}\"quantity\":1}}");
    let faults = Faults::default();
    assert!(read(text.as_bytes(), "body", &faults, order).is_none());
    assert_eq!(faults.count(), 240_000);
}

#[test]
fn reader_that_fails_silently_gets_a_fault() {
    let faults = Faults::default();
    assert!(read(b"{}", "body", &faults, |_| None::<()>).is_none());
    assert_eq!(faults.count(), 1);
}

/// Generates any JSON. Some fields have names that an order knows.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..12_u64).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no such numbers", |x| x.is_finite()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![prop::sample::select(FIELDS).prop_map(str::to_owned), ".{0,4}"];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let faults = Faults::default();
        prop_assert_eq!(read(&bytes, "body", &faults, order).is_none(), !faults.is_empty());
    }

    #[test]
    fn any_json_is_rejected_or_kept_unchanged(value in any_json()) {
        let text = value.to_string();
        let faults = Faults::default();
        prop_assert_eq!(read(text.as_bytes(), "body", &faults, order).is_none(), !faults.is_empty());
        let tree = Json::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(serde_json::to_value(&tree).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    /// Makes each field valid, invalid or missing. Exactly the invalid and missing fields must be reported, in any
    /// order.
    #[test]
    fn exactly_the_invalid_fields_are_reported(
        right in prop::collection::vec(prop::option::of(any::<bool>()), 4..=4),
        order in Just((0..4_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let values = [("2", "\"2\""), ("[\"A1\"]", "[null]"), ("true", "0"), ("{\"x\":1,\"y\":2}", "{\"x\":1,\"y\":null}")];
        let paths = ["quantity", "seats[0]", "accessible", "at.y"];
        let there = order.iter().filter_map(|n| {
            let (good, bad) = values[*n];
            right[*n].map(|right| format!("\"{}\":{}", FIELDS[*n], if right { good } else { bad }))
        });
        let text = format!("{{{}}}", there.collect::<Vec<_>>().join(","));
        let wanted: Vec<_> = (0..4).filter(|n| right[*n] == Some(false) || (*n == 0 && right[*n].is_none())).collect();
        match read_order(&text) {
            Ok(_) => prop_assert!(wanted.is_empty(), "{}", text),
            Err(faults) => {
                let named: Vec<_> = faults.iter().filter_map(|fault| fault.split(':').next()).collect();
                prop_assert_eq!(named, wanted.iter().map(|n| paths[*n]).collect::<Vec<_>>(), "{}", text);
            }
        }
    }
}
