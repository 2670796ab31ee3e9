//! Bodies: unknown, repeated and null fields, other types, and bodies that aren't plain JSON.

use boxoffice::http::router::{Body, Operation, ROUTES};
use boxoffice_tests::{Call, World};
use serde_json::json;

use super::{ID, call_is_refused, world};

#[tokio::test]
async fn every_route_without_a_body_refuses_one() {
    let world = world().await;
    for route in ROUTES.iter().filter(|route| route.body == Body::Nothing) {
        for body in ["{}", r#"{"seats":["A1"]}"#, "x", " "] {
            call_is_refused(&world, Call::of(route.operation).raw_body(body), 400, "body").await;
            if route.is_safe() {
                let reply = Call::of(route.operation).raw_body(body).head().send(&world.office).await;
                assert_eq!((reply.status, reply.text.as_str()), (400, ""), "{}", route.key);
            }
        }
    }
}

#[tokio::test]
async fn body_has_only_known_fields_each_once_and_not_null() {
    let world = world().await;
    for route in ROUTES {
        for field in route.fields() {
            let null = Call::of(route.operation).raw_body(json!({ *field: null }).to_string());
            call_is_refused(&world, null, 400, field).await;
            let doubled = Call::of(route.operation).raw_body(format!(r#"{{"{field}":"A1","{field}":"A1"}}"#));
            call_is_refused(&world, doubled, 400, field).await;
            let other_case = field.to_uppercase();
            let unknown = Call::of(route.operation).raw_body(format!(r#"{{"seat":"A1","{other_case}":1}}"#));
            call_is_refused(&world, unknown, 400, &other_case).await;
        }
        if !route.fields().is_empty() {
            for body in ["[]", r#"["A1",null,null,null]"#, "[900,null]", "null", "\"A1\"", "1", "true"] {
                call_is_refused(&world, Call::of(route.operation).raw_body(body), 400, "body").await;
            }
        }
    }
}

#[tokio::test]
async fn every_body_is_plain_json() {
    let world = world().await;
    for route in ROUTES.iter().filter(|route| route.body != Body::Nothing) {
        let call = || Call::of(route.operation);
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""] {
            call_is_refused(&world, call().header("Content-Type", media_type), 415, "Content-Type").await;
        }
        let reply = call().header("Content-Type", "text/plain").send(&world.office).await;
        assert_eq!(reply.header("accept"), "application/json", "{}", route.key);
        for coding in ["gzip", "br", "identity, gzip", "GZIP"] {
            call_is_refused(&world, call().header("Content-Encoding", coding), 415, "Content-Encoding").await;
        }
        let reply = call().header("Content-Encoding", "gzip").send(&world.office).await;
        assert_eq!(reply.header("accept-encoding"), "identity", "{}", route.key);
        let plain = call().header("Content-Encoding", "identity").send(&world.office).await;
        assert_ne!(plain.status, 415, "{}", route.key);
    }
}

#[tokio::test]
async fn an_array_or_null_is_never_read_as_something_else() {
    let world = world().await;
    let raw = |call: Call, body: &str| call.raw_body(body);
    let book = || Call::of(Operation::Book);
    call_is_refused(&world, raw(book(), r#"["A1",null,null,null]"#), 400, "body").await;
    call_is_refused(&world, raw(Call::of(Operation::Extend), "[900,null]"), 400, "body").await;
    call_is_refused(&world, raw(book(), &format!(r#"{{"reservation_id":"{ID}","seats":null}}"#)), 400, "seats").await;
    let best = raw(Call::of(Operation::Reserve), r#"{"quantity":2,"reservation_id":null}"#);
    let reply = best.send(&world.office).await;
    assert_eq!(reply.text("detail"), "reservation_id: expected a UUID (not nil)");
    call_is_refused(&world, best, 400, "reservation_id").await;
}

#[tokio::test]
async fn integers_follow_json_schema_and_errors_name_no_rust_type() {
    let world = World::new().await;
    for body in [r#"{"quantity":2.0}"#, r#"{"quantity":1e0}"#, r#"{"quantity":1,"expires_in":60.0}"#] {
        let reply = Call::of(Operation::Reserve).raw_body(body).send(&world.office).await;
        assert_eq!(reply.status, 201, "{body}: {}", reply.text);
    }
    for body in
        [r#"{"quantity":2.5}"#, r#"{"quantity":"2"}"#, r#"{"quantity":18446744073709551616}"#, r#"{"quantity":-0.1}"#]
    {
        let reply = Call::of(Operation::Reserve).raw_body(body).send(&world.office).await;
        assert_eq!(reply.text("detail"), "quantity: expected a whole number from 1 to 10", "{body}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_skipped() {
    let world = World::new().await;
    let reply = Call::of(Operation::Reserve).raw_body("\u{feff}{\"seat\":\"A1\"}").send(&world.office).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}
