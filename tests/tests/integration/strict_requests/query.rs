//! The query string: unknown, repeated and empty parameters.

use boxoffice::http::router::ROUTES;
use boxoffice_tests::Call;
use serde_json::json;

use super::{ID, call_is_refused, named, send, world};

#[tokio::test]
async fn every_route_refuses_parameters_that_it_does_not_read() {
    let world = world().await;
    for route in ROUTES {
        for name in ["unknown", "seats[]", "seat", "Limit", "View", "consistant", "sections"] {
            let call = Call::of(route.operation).query(&format!("{name}=1"));
            call_is_refused(&world, call, 400, name).await;
        }
        for name in route.query {
            let doubled = Call::of(route.operation).query(&format!("{name}=1&{name}=1"));
            // A list may be sent item by item. The problem then names the second item.
            let field = if *name == "seats" { "seats[1]" } else { name };
            call_is_refused(&world, doubled, 400, field).await;
            let nothing = Call::of(route.operation).query(&format!("{name}="));
            if *name != "version" {
                call_is_refused(&world, nothing, 400, name).await;
            }
            let other_case = Call::of(route.operation).query(&format!("{}=true", name.to_uppercase()));
            call_is_refused(&world, other_case, 400, &name.to_uppercase()).await;
        }
        let long = Call::of(route.operation).query(&format!("section={}", "x".repeat(40_000)));
        call_is_refused(&world, long, 400, "query").await;
    }
}

#[tokio::test]
async fn misspelt_cancellation_parameter_cancels_nothing() {
    let world = world().await;
    call_is_refused(&world, Call::cancel("1", ID).query("seats=B1"), 400, "seats").await;
    for query in ["seat=A2", "seats[]=A2", "seats%5B%5D=A2"] {
        let field = query.split('=').next().unwrap().replace("%5B%5D", "[]");
        call_is_refused(&world, Call::release("1", ID).query(query), 400, &field).await;
    }
    call_is_refused(&world, Call::release("1", ID).raw_body(r#"{"seats":["A2"]}"#), 400, "body").await;
    let call = Call::book("1", &json!({ "reservation_id": ID })).query(&format!("seats=A2&booking_id={ID}"));
    call_is_refused(&world, call.clone(), 400, "seats").await;
    call_is_refused(&world, call, 400, "booking_id").await;
}

/// Generated clients repeat a parameter for each item of a list, and API Gateway joins the items by commas.
#[tokio::test]
async fn seats_named_one_by_one_are_one_list() {
    let world = world().await;
    for query in ["seats=A3,A2", "seats=A2&seats=A3"] {
        let reply = Call::reservation("1", ID).query(query).send(&world.office).await;
        assert_eq!(reply.seats(), ["A2", "A3"], "{query}");
    }
}

#[tokio::test]
async fn all_faults_of_a_request_are_named_at_once() {
    let world = world().await;
    let body = json!({ "seats": ["A1", 2, ""], "expires_in": 0, "reservation_id": null, "colour": 1 });
    let mut event = Call::reserve("1", &body).header("Idempotency-Key", "short").query("a=1&b=2").event();
    event["pathParameters"]["theaterId"] = json!("a b");
    let reply = send(&world, &event).await;
    let mut fields = named(&reply);
    fields.sort_unstable();
    let all =
        ["Idempotency-Key", "a", "b", "colour", "expires_in", "reservation_id", "seats[1]", "seats[2]", "theaterId"];
    assert_eq!((reply.status, fields.as_slice()), (400, all.as_slice()));
    let many: Vec<_> = (0..100).map(|n| format!("x{n}=1")).collect();
    let reply = Call::get_seats("1").query(&many.join("&")).send(&world.office).await;
    assert_eq!(named(&reply).len(), 20);
    assert!(reply.text("detail").ends_with("more"), "{}", reply.text);
}
