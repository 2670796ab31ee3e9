//! Each kind of hostile input by name, with the expected response.

use boxoffice_tests::delivery::deliver;
use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use crate::api::id;

/// Characters that are invisible, reverse text or end it.
const INVISIBLE: [&str; 8] =
    ["\u{202e}", "\u{2066}", "\u{200b}", "\u{200d}", "\u{feff}", "\u{0}", "\u{7f}", "\u{1b}[31m"];

fn route(event: &Value) -> &'static str {
    let named = |route: &&str| Some(*route) == event["routeKey"].as_str();
    boxoffice_tests::delivery::routes().into_iter().find(named).unwrap()
}

async fn send(world: &World, event: &Value) -> Reply {
    deliver(&world.office, route(event), event.to_string().as_bytes()).await.expect("an event").reply
}

async fn is_answered(world: &World, event: &Value, status: u16, detail: &str) {
    let reply = send(world, event).await;
    assert_eq!(reply.status, status, "{:.300} for {:.300}", reply.text, event.to_string());
    if status >= 400 {
        let told = reply.text("detail");
        assert!(told.starts_with(detail), "{told:?}, expected {detail:?}");
        assert!(reply.text.bytes().all(|c| c == b' ' || c.is_ascii_graphic()), "{:?}", reply.text);
    }
}

/// Returns a booking and a reservation with this text as their body.
fn bodies(text: &str) -> [Value; 2] {
    [Call::book("1", &json!({})), Call::reserve("1", &json!({}))].map(|call| call.raw_body(text).event())
}

fn with(mut event: Value, pointer: &str, value: Value) -> Value {
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[tokio::test]
async fn a_body_of_6_mb_is_413_plain_or_in_base64() {
    let world = World::new().await;
    for event in bodies(&"x".repeat(6 << 20)) {
        is_answered(&world, &event, 413, "body: expected at most 16384 bytes, got 6291456").await;
        let coded = with(with(event, "/isBase64Encoded", json!(true)), "/body", json!("AAAA".repeat(3 << 19)));
        is_answered(&world, &coded, 413, "body: expected at most 16384 bytes, got 4718592").await;
    }
}

#[tokio::test]
async fn a_layouts_unknown_field_is_named_in_plain_letters() {
    let world = World::new().await;
    let layout = |field: &str| Call::put_theater("9", &json!({ field: "Studio", "seats": ["A1"] })).event();
    is_answered(&world, &layout("\u{e9}\u{202e}ame"), 400, "??ame: expected").await;
    is_answered(&world, &layout(&"n".repeat(10_000)), 400, "nnn").await;
}

#[tokio::test]
async fn deeply_nested_json_is_too_large_or_malformed() {
    let world = World::new().await;
    for (open, depth, status, detail) in [
        ("[", 100_000, 413, "body: expected at most 16384 bytes, got 100000"),
        ("[", 16_000, 400, "body: "),
        ("{\"seat\":", 2_000, 400, "body: expected valid JSON (recursion limit exceeded"),
        ("{\"seats\":[", 1_500, 400, "body: expected valid JSON (recursion limit exceeded"),
    ] {
        for event in bodies(&open.repeat(depth)) {
            is_answered(&world, &event, status, detail).await;
        }
    }
}

#[tokio::test]
async fn a_time_that_is_no_whole_number_of_seconds_is_400() {
    let world = World::new().await;
    for (number, detail) in [
        ("NaN", "body: expected valid JSON (expected value"),
        ("Infinity", "body: expected valid JSON (expected value"),
        ("-Infinity", "body: "),
        ("1e999", "body: expected valid JSON (number out of range"),
        ("+1", "body: expected valid JSON (expected value"),
        ("0x10", "body: "),
        ("-0", "expires_in: expected a whole number of seconds from 1 to 1800"),
        ("1.5", "expires_in: expected a whole number"),
        ("1e5", "expires_in: expected a whole number"),
        ("18446744073709551616", "expires_in: expected a whole number"),
        ("18446744073709551615", "expires_in: expected a whole number"),
        ("4294967897", "expires_in: expected a whole number"),
    ] {
        let body = format!(r#"{{"seat":"A1","expires_in":{number}}}"#);
        is_answered(&world, &Call::reserve("1", &json!({})).raw_body(body).event(), 400, detail).await;
    }
    assert_eq!(world.item_count().await, 2, "nothing was reserved");
}

#[tokio::test]
async fn invisible_characters_are_rejected_in_names() {
    let world = World::new().await;
    for odd in INVISIBLE {
        for text in [format!("{odd}A1"), format!("A1{odd}"), format!("A{odd}1")] {
            for (field, body) in [
                ("seat", json!({ "seat": text })),
                ("seats[1]", json!({ "seats": ["A2", text] })),
                ("reservation_id", json!({ "seat": "A1", "reservation_id": format!("{}{text}", id(1)) })),
            ] {
                is_answered(&world, &Call::book("1", &body).event(), 400, &format!("{field}: expected")).await;
                is_answered(&world, &Call::reserve("1", &body).event(), 400, &format!("{field}: expected")).await;
            }
            let body = json!({ "seat": "A1", "booking_id": format!("{odd}{}", id(1)) });
            is_answered(&world, &Call::book("1", &body).event(), 400, "booking_id: expected a UUID").await;
            is_answered(&world, &Call::get_seats(&text).event(), 400, "theaterId: expected").await;
        }
    }
    for coded in ["1%00", "%e2%80%ae1", "%ed%a0%80", "1%", "%EF%BB%BF1"] {
        is_answered(&world, &Call::get_seats(coded).event(), 400, "theaterId: expected").await;
    }
    assert_eq!(world.item_count().await, 2);
}

#[tokio::test]
async fn invisible_characters_are_rejected_in_idempotency_keys() {
    let world = World::new().await;
    for odd in INVISIBLE {
        let call =
            Call::book("1", &json!({ "seat": "A1" })).header("idempotency-key", &format!("0123456789abcdef{odd}"));
        if odd.contains(|c: char| c.is_control()) {
            // HTTP has no such headers. If one arrives nevertheless, it isn't an event, and nothing is done.
            assert!(deliver(&world.office, route(&call.event()), call.event().to_string().as_bytes()).await.is_none());
        } else {
            is_answered(&world, &call.event(), 400, "Idempotency-Key: expected 16 to 255 visible ASCII").await;
        }
    }
    assert_eq!(world.item_count().await, 2);
}

#[tokio::test]
async fn half_a_surrogate_pair_is_malformed() {
    let world = World::new().await;
    for text in [r"\ud800", r"\udc00", r"A1\ud800", r"\ud800\ud800", r"\ud800A1", r"\u{41}"] {
        for body in [
            format!(r#"{{"seat":"{text}"}}"#),
            format!(r#"{{"seats":["A1","{text}"]}}"#),
            format!(r#"{{"{text}":1}}"#),
            format!(r#"{{"seat":"A1","reservation_id":"{text}"}}"#),
        ] {
            for event in bodies(&body) {
                is_answered(&world, &event, 400, "body: ").await;
            }
        }
    }
}

#[tokio::test]
async fn duplicate_field_is_named() {
    let world = World::new().await;
    for (body, detail) in [
        (r#"{"seat":"A1","seat":"A2"}"#, "seat: expected this field once"),
        (r#"{"seat":"A1","seat":"A1"}"#, "seat: expected this field once"),
        (r#"{"seat":null,"seat":"A1"}"#, "seat: expected this field once"),
        (r#"{"seats":["A1"],"seats":["A2"]}"#, "seats: expected this field once"),
        (r#"{"seat":"A1","seats":["A1"]}"#, "seats: expected either seat or seats, got both"),
        (r#"{"seats":["A1"],"seat":"A1"}"#, "seats: expected either seat or seats, got both"),
        (r#"{"seat":"A1","\u0073eat":"A2"}"#, "seat: expected this field once"),
        (r#"{"seat":"A1","reservation_id":null,"reservation_id":null}"#, "reservation_id: expected this field once"),
        (r#"{"seat":"A1","Seat":"A2"}"#, "Seat: expected one of the fields"),
    ] {
        for event in bodies(body) {
            is_answered(&world, &event, 400, detail).await;
        }
    }
    assert_eq!(world.item_count().await, 2);
}

#[tokio::test]
async fn ten_thousand_headers_and_a_1_mb_header_are_ignored() {
    let world = World::new().await;
    let many = (0..10_000).fold(Call::get_seats("1"), |call, n| call.header(&format!("x-odd-{n}"), "y"));
    is_answered(&world, &many.event(), 200, "").await;
    let long = "x".repeat(1 << 20);
    is_answered(&world, &Call::get_seats("1").header("x-odd", &long).event(), 200, "").await;
    is_answered(&world, &Call::get_seats("1").header("if-none-match", &long).event(), 200, "").await;
    is_answered(&world, &Call::get_seats("1").header("if-none-match", &",\"".repeat(1 << 19)).event(), 200, "").await;
    let book = Call::book("1", &json!({ "seat": "A1" }));
    is_answered(&world, &book.clone().header("content-type", &long).event(), 415, "Content-Type").await;
    is_answered(&world, &book.header("idempotency-key", &long).event(), 400, "Idempotency-Key").await;
}

#[tokio::test]
async fn header_names_ignore_case_and_a_key_may_come_once() {
    let world = World::new().await;
    let with_header = |name: &str, value: Value| {
        let mut event = Call::book("1", &json!({ "seat": "A1" })).without_header("content-type").event();
        event["headers"][name] = value;
        event
    };
    is_answered(&world, &with_header("IDEMPOTENCY-key", json!("0123456789abcdef")), 201, "").await;
    let again = send(&world, &with_header("idempotency-KEY", json!("0123456789abcdef"))).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    is_answered(&world, &with_header("CONTENT-TYPE", json!("text/plain")), 415, "Content-Type").await;
    // The header is sent twice, as a list and joined as API Gateway joins it.
    for twice in [json!(["0123456789abcdef", "fedcba9876543210"]), json!("0123456789abcdef, fedcba9876543210")] {
        is_answered(&world, &with_header("idempotency-key", twice), 400, "Idempotency-Key: expected").await;
    }
    assert_eq!(world.item_count().await, 4, "one booking");
}

#[tokio::test]
async fn huge_query_and_path_that_grows_by_encoding_are_answered() {
    let world = World::new().await;
    for query in ["a=b&".repeat(1 << 18), "%".repeat(1 << 20), "\u{202e}".repeat(5_000), " ".repeat(16_000)] {
        is_answered(&world, &Call::get_seats("1").query(&query).event(), 400, "").await;
        for path in ["/é".repeat(5_000), format!("/{}", "{".repeat(16_000)), format!("/{}", "\u{0}".repeat(16_000))] {
            let event = with(Call::get_seats("1").query(&query).event(), "/rawPath", json!(path));
            is_answered(&world, &event, 400, "").await;
            is_answered(&world, &with(Call::get_seats("1").event(), "/rawPath", json!(path)), 200, "").await;
        }
    }
    is_answered(&world, &Call::get_seats("1").query("consistent=true&consistent=maybe").event(), 400, "consistent: ")
        .await;
    is_answered(&world, &Call::get_seats("1").query("consistent=%74rue%00").event(), 400, "consistent: ").await;
}

#[tokio::test]
async fn stage_that_is_no_valid_path_is_ignored() {
    let world = World::new().await;
    for stage in ["", " ", "//", "\u{202e}", "[", &"x".repeat(100_000)] {
        let event = with(Call::get_seats("1").event(), "/requestContext/stage", json!(stage));
        is_answered(&world, &event, 200, "").await;
    }
}

#[tokio::test]
async fn missing_and_additional_path_parameters_are_tolerated() {
    let world = World::new().await;
    for missing in [json!({}), Value::Null, json!({ "theaterid": "1" }), json!({ "theaterId": "" })] {
        let event = with(Call::get_seats("1").event(), "/pathParameters", missing);
        is_answered(&world, &event, 400, "theaterId: expected").await;
    }
    let mut event = Call::get_seats("1").event();
    event.as_object_mut().unwrap().remove("pathParameters");
    is_answered(&world, &event, 400, "theaterId: expected").await;
    let extra = json!({ "theaterId": "1", "proxy": "../../2", "theaterID": "2", "": "" });
    is_answered(&world, &with(Call::get_seats("1").event(), "/pathParameters", extra), 200, "").await;
}

#[tokio::test]
async fn broken_base64_is_a_malformed_body() {
    let world = World::new().await;
    for text in ["%%%", "e30", "e30=e30=", "====", "e 30=", "é", "eyJzZWF0IjoiQTEifQ=\u{0}"] {
        for event in bodies(text) {
            is_answered(&world, &with(event, "/isBase64Encoded", json!(true)), 400, "body: ").await;
        }
    }
}
