//! Error responses: every row of the table, with the field named and the expected value described.

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::engines;
use boxoffice_tests::{Call, Reply, Setup, World};
use serde_json::{Value, json};

use super::id;

fn is_problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.text);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.body["status"], status);
    assert_eq!(reply.text("type"), format!("https://api.example/v1/errors/{code}"));
    assert_eq!(reply.text("request_id"), "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
    assert!(!reply.text("title").is_empty() && !reply.text("detail").is_empty());
    assert!(reply.text("instance").starts_with("/v1/theaters/"));
}

async fn malformed(world: &World, call: Call, field: &str, expected: &str) {
    let before = world.item_count().await;
    let reply = call.send(&world.office).await;
    is_problem(&reply, 400, "malformed_request");
    let detail = reply.text("detail");
    assert!(detail.starts_with(&format!("{field}: ")) && detail.contains(expected), "{detail}");
    assert_eq!(world.item_count().await, before);
}

#[tokio::test]
async fn wrong_body_fields_are_named() {
    let world = World::new().await;
    let long = "x".repeat(37);
    let eleven: Vec<_> = (0..11).map(|n| format!("A{n}")).collect();
    let both = [
        (json!({}), "seat", "seat (a label) or seats"),
        (json!({ "seat": null }), "seat", "a seat label"),
        (json!({ "seat": "A1", "seats": ["A2"] }), "seats", "either seat or seats"),
        (json!({ "seat": 1 }), "seat", "a seat label"),
        (json!({ "seat": "" }), "seat", "a seat label"),
        (json!({ "seat": long }), "seat", "a seat label"),
        (json!({ "seat": "A1\u{202e}" }), "seat", "a seat label"),
        (json!({ "seat": ["A1"] }), "seat", "a seat label"),
        (json!({ "seats": "A1" }), "seats", "an array"),
        (json!({ "seats": [] }), "seats", "1 to 10"),
        (json!({ "seats": eleven }), "seats", "1 to 10 seats, got 11"),
        (json!({ "seats": ["A1", "A1"] }), "seats[1]", "twice"),
        (json!({ "seats": ["A1", 2] }), "seats[1]", "a seat label"),
        (json!({ "seat": "A1", "reservation_id": "mine" }), "reservation_id", "UUID"),
        (json!({ "seat": "A1", "reservation_id": 7 }), "reservation_id", "UUID"),
        (
            json!({ "seat": "A1", "reservation_id": "00000000-0000-0000-0000-000000000000" }),
            "reservation_id",
            "not nil",
        ),
        (json!({ "seat": "A1", "colour": "red" }), "colour", "one of the fields"),
        (json!([]), "body", "a JSON object"),
        (json!("A1"), "body", "a JSON object"),
        (Value::Null, "body", "a JSON object"),
    ];
    for (body, field, expected) in both {
        malformed(&world, Call::reserve("1", &body), field, expected).await;
        malformed(&world, Call::book("1", &body), field, expected).await;
    }
    for expires_in in [json!(0), json!(1801), json!(-1), json!(1.5), json!("60"), json!(1e300), json!([])] {
        let body = json!({ "seat": "A1", "expires_in": expires_in });
        malformed(&world, Call::reserve("1", &body), "expires_in", "from 1 to 1800").await;
    }
    let body = json!({ "seat": "A1", "booking_id": "mine" });
    malformed(&world, Call::book("1", &body), "booking_id", "UUID").await;
    malformed(&world, Call::book("1", &json!({ "seat": "A1", "expires_in": 5 })), "expires_in", "one of the fields")
        .await;
}

#[tokio::test]
async fn invalid_json_is_reported_with_its_position() {
    let world = World::new().await;
    let deep = "[".repeat(5_000);
    for (body, expected) in [
        ("", "got nothing"),
        ("seat=A1", "line 1 column 1"),
        (r#"{"seat": "A1""#, "line 1"),
        (r#"{"seat": NaN}"#, "line 1"),
        (deep.as_str(), "line 1"),
    ] {
        malformed(&world, Call::book("1", &json!({})).raw_body(body), "body", expected).await;
    }
    malformed(&world, Call::book("1", &json!({})).raw_body([0xff, 0xfe, 0x00]), "body", "line 1").await;
}

#[tokio::test]
async fn a_wrong_parameter_or_header_is_named() {
    let world = World::new().await;
    for theater in ["a b", "", &"x".repeat(65), "a%2Fb", "%ff", "a{b}"] {
        malformed(&world, Call::get_seats(theater), "theaterId", "1 to 64").await;
    }
    malformed(&world, Call::get_seats("1").query("consistent=maybe"), "consistent", "true or false").await;
    for key in ["short", &"x".repeat(256), "has a blank in it", "\"\""] {
        let call = Call::book("1", &json!({ "seat": "A1" })).header("Idempotency-Key", key);
        malformed(&world, call, "Idempotency-Key", "16 to 255 visible ASCII").await;
    }
    let mut event = Call::book("1", &json!({ "seat": "A1" })).event();
    event["headers"]["idempotency-key"] = json!(["0123456789abcdef", "fedcba9876543210"]);
    let route = event["routeKey"].as_str().unwrap();
    let twice = boxoffice_tests::delivery::send_event(&world.office, route, &event.to_string()).await;
    is_problem(&twice, 400, "malformed_request");
}

#[tokio::test]
async fn odd_events_are_answered_without_a_panic() {
    let world = World::new().await;
    let long = "x".repeat(100_000);
    for (name, value) in [
        ("x-forwarded-proto", "::"),
        ("x-forwarded-proto", "http, https"),
        ("host", "\"><script>"),
        ("host", "x:99999"),
        ("host", "%zz"),
        ("host", "["),
        ("x-odd", long.as_str()),
    ] {
        let reply = Call::get_seats("1").header(name, value).send(&world.office).await;
        assert_eq!(reply.status, 200, "{name}: {value:.20}");
    }
    for query in ["a=é", "a b", "\u{0}", "<>^`#{}", "consistent=false&consistent=false", long.as_str()] {
        assert_eq!(Call::get_seats("1").query(query).send(&world.office).await.status, 400, "{query:.20}");
    }
    let send = async |event: &Value| {
        let route = event["routeKey"].as_str().unwrap();
        boxoffice_tests::delivery::send_event(&world.office, route, &event.to_string()).await
    };
    for path in ["", "no/slash", "//[", "/é \n", long.as_str()] {
        let mut event = Call::get_seats("1").event();
        event["rawPath"] = json!(path);
        assert_eq!(send(&event).await.status, 200, "{path:.20}");
    }
    // Each part has an acceptable length as it is sent. Together they are too long for an address after encoding.
    let mut event = Call::get_seats("1").query(&" ".repeat(16_000)).event();
    event["rawPath"] = json!(format!("/{}", "{".repeat(16_000)));
    assert_eq!(send(&event).await.status, 400);
    event["rawQueryString"] = json!("");
    event["requestContext"]["stage"] = json!(long);
    assert_eq!(send(&event).await.status, 200);
    let mut event = Call::book("1", &json!({})).event();
    event["isBase64Encoded"] = json!(true);
    event["body"] = json!("%%%");
    is_problem(&send(&event).await, 400, "malformed_request");
}

#[tokio::test]
async fn callers_input_is_quoted_in_part_and_in_plain_characters() {
    let world = World::new().await;
    let body = json!({ "seat": "A1", (format!("\u{202e}\u{7}{}", "x".repeat(3_000))): 1 });
    let reply = Call::book("1", &body).send(&world.office).await;
    let detail = reply.text("detail");
    assert!(detail.len() < 300 && detail.bytes().all(|c| c == b' ' || c.is_ascii_graphic()), "{detail}");
}

#[tokio::test]
async fn unknown_theater_or_seat_is_404() {
    let world = World::new().await;
    for call in [
        Call::get_seats("nowhere"),
        Call::reserve("nowhere", &json!({ "seat": "A1" })),
        Call::book("nowhere", &json!({ "seat": "A1" })),
    ] {
        is_problem(&call.send(&world.office).await, 404, "theater_not_found");
    }
    for call in [
        Call::reserve("1", &json!({ "seats": ["Z9", "A1", "C1"] })),
        Call::book("1", &json!({ "seats": ["Z9", "A1", "C1"] })),
    ] {
        let reply = call.send(&world.office).await;
        is_problem(&reply, 404, "seat_not_found");
        assert_eq!(reply.seats(), ["Z9", "C1"], "every one of them is named");
    }
    insta::assert_json_snapshot!(Call::book("1", &json!({ "seat": "Z9" })).send(&world.office).await.body);
    insta::assert_json_snapshot!(Call::get_seats("nowhere").send(&world.office).await.body);
}

#[tokio::test]
async fn a_body_over_16_kib_is_413_and_16_kib_is_not() {
    let world = World::new().await;
    let padded = |length: usize| {
        let start = r#"{"seat": "A1""#;
        format!("{start}{}}}", " ".repeat(length - start.len() - 1))
    };
    let call = Call::book("1", &json!({}));
    is_problem(&call.clone().raw_body(padded(16 * 1024 + 1)).send(&world.office).await, 413, "body_too_large");
    assert_eq!(call.raw_body(padded(16 * 1024)).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn a_content_type_other_than_json_is_415() {
    let world = World::new().await;
    let call = |content_type| Call::book("1", &json!({ "seat": "A1" })).header("Content-Type", content_type);
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        is_problem(&call(wrong).send(&world.office).await, 415, "unsupported_media_type");
    }
    let booking = Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }));
    let statuses = ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"];
    for (place, right) in statuses.into_iter().enumerate() {
        let expected = if place == 0 { 201 } else { 200 };
        assert_eq!(booking.clone().header("Content-Type", right).send(&world.office).await.status, expected, "{right}");
    }
}

#[tokio::test]
async fn an_internal_error_reveals_nothing() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    proxy.always(Some(Fault::error(400, "AccessDeniedException")));
    for call in
        [Call::get_seats("1"), Call::reserve("1", &json!({ "seat": "A1" })), Call::book("1", &json!({ "seat": "A1" }))]
    {
        let reply = call.send(&world.office).await;
        is_problem(&reply, 500, "internal");
        for inner in ["AccessDenied", "staged", "dynamodb", &world.table] {
            assert!(!reply.text.to_lowercase().contains(&inner.to_lowercase()), "{inner} in {}", reply.text);
        }
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_503_with_retry_after() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup =
        Setup { dynamodb: proxy.endpoint.clone(), total: std::time::Duration::from_millis(300), ..Setup::shared() };
    let world = World::on(setup).await;
    crate::request_costs::reserve_nothing("1").send(&world.office).await;
    let seat_map = Call::get_seats("1").query("consistent=true");
    let reserve = Call::reserve("1", &json!({ "seats": ["A1", "A2"] }));
    let book = Call::book("1", &json!({ "seats": ["A1", "A2"] }));
    let every = vec![&seat_map, &reserve, &book];
    for (fault, calls) in [
        (Fault::error(400, "ThrottlingException"), every.clone()),
        (Fault::error(400, "ProvisionedThroughputExceededException"), every.clone()),
        (Fault::error(500, "InternalServerError"), every.clone()),
        (Fault::CutBefore, every),
        (Fault::cancelled(&["TransactionConflict", "None"]), vec![&reserve]),
        (Fault::cancelled(&["None", "TransactionConflict", "None"]), vec![&book]),
        (Fault::cancelled(&["TransactionConflict", "None", "None"]), vec![&book]),
        (Fault::cancelled(&["ThrottlingError", "None", "None"]), vec![&book]),
    ] {
        proxy.always(Some(fault.clone()));
        for call in calls {
            let reply = call.send(&world.office).await;
            is_problem(&reply, 503, "try_again");
            assert_eq!(reply.header("retry-after"), "1", "{fault:?}");
        }
    }
    proxy.always(None);
    assert_eq!(world.item_count().await, 2, "nothing was written");
}
