//! Strict requests. Input that a route doesn't read is rejected by name, and nothing changes.

use boxoffice::domain::rate_limit::{RateLimit, RateLimits};
use boxoffice::http::router::{Body, Operation, ROUTES, Route};
use boxoffice_tests::delivery::send_event;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::engines;
use boxoffice_tests::{Call, Reply, Setup, World};
use serde_json::{Value, json};

use crate::api::id;

/// The id of reservations and bookings in [`Call::of`].
const ID: &str = "0188c0de-0000-7000-8000-00000000b001";

/// Returns a world in which every call of [`Call::of`] would change something.
async fn world() -> World {
    world_on(Setup::shared()).await
}

async fn world_on(setup: Setup) -> World {
    let world = World::on(setup).await;
    let reserve = Call::reserve("1", &json!({ "seats": ["A2", "A3"], "reservation_id": ID }));
    assert_eq!(reserve.send(&world.office).await.status, 201);
    let book = Call::book("1", &json!({ "seats": ["B1", "B2"], "booking_id": ID }));
    assert_eq!(book.send(&world.office).await.status, 201);
    world
}

async fn send(world: &World, event: &Value) -> Reply {
    send_event(&world.office, event["routeKey"].as_str().unwrap(), &event.to_string()).await
}

/// Returns the fields that a problem names.
fn named(reply: &Reply) -> Vec<&str> {
    let errors = reply.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
}

/// Sends an event, and expects a rejection that names the field and changes nothing.
async fn is_refused(world: &World, event: &Value, status: u16, field: &str) {
    let before = world.items().await;
    let reply = send(world, event).await;
    assert_eq!(reply.status, status, "{event}: {}", reply.text);
    assert!(named(&reply).contains(&field), "{field} of {event}: {}", reply.text);
    assert_eq!(world.items().await, before, "{event}");
}

async fn call_is_refused(world: &World, call: Call, status: u16, field: &str) {
    is_refused(world, &call.event(), status, field).await;
}

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
async fn unsupported_conditional_header_is_rejected() {
    let world = world().await;
    for route in ROUTES.iter().filter(|route| !route.is_safe()) {
        let conditions = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];
        for name in conditions.into_iter().filter(|name| !route.headers.contains(name)) {
            call_is_refused(&world, Call::of(route.operation).header(name, "\"x\""), 400, name).await;
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
async fn single_valued_header_may_occur_once() {
    let world = world().await;
    for route in ROUTES {
        let single = route.headers.iter().filter(|name| !name.starts_with("If-"));
        let of_body: &[&str] = if route.body == Body::Nothing { &[] } else { &["Content-Type"] };
        for name in single.chain(of_body) {
            let mut event = Call::of(route.operation).event();
            let value = if *name == "Content-Type" { "application/json" } else { ID };
            event["headers"][name.to_lowercase()] = json!([value, value]);
            is_refused(&world, &event, 400, name).await;
        }
        if route.headers.contains(&"Idempotency-Key") {
            // API Gateway joins two of these headers this way.
            let joined = format!("{ID},{ID}");
            call_is_refused(
                &world,
                Call::of(route.operation).header("Idempotency-Key", &joined),
                400,
                "Idempotency-Key",
            )
            .await;
        }
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

#[tokio::test]
async fn every_get_has_a_head_with_the_same_headers_and_no_body() {
    let world = world().await;
    for route in ROUTES.iter().filter(|route| route.is_safe()) {
        let get = Call::of(route.operation).send(&world.office).await;
        let head = Call::of(route.operation).head().send(&world.office).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{}", route.key);
        let kept = |reply: &Reply| {
            let mut headers = reply.headers.clone();
            headers.remove("x-cache");
            headers
        };
        if route.operation == Operation::GetSeats {
            // The ETag of a hit differs from the ETag of a miss.
            assert_eq!(head.header("content-type"), get.header("content-type"));
        } else {
            assert_eq!(kept(&head), kept(&get), "{}", route.key);
        }
    }
    let missing = Call::get_seats("nowhere").head().send(&world.office).await;
    assert_eq!((missing.status, missing.text.as_str()), (404, ""));
    let etag = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let known = Call::get_seats("1").head().header("If-None-Match", &etag).send(&world.office).await;
    assert_eq!(known.status, 304);
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

/// Returns a theater's world, the version of its layout, a PUT of that layout, and a PUT of the same layout with
/// another name.
async fn theater() -> (World, String, Call, Call) {
    let world = World::new().await;
    let put = |name: &str| Call::put_theater("9", &json!({ "name": name, "seats": ["A1", "A2"] }));
    let made = put("Old").send(&world.office).await;
    assert_eq!(made.status, 201, "{}", made.text);
    (world, made.body["layout_version"].to_string(), put("Old"), put("New"))
}

#[tokio::test]
async fn if_match_is_a_list_compared_strongly() {
    let (world, version, same, other) = theater().await;
    let put = async |call: &Call, tags: &str| call.clone().header("If-Match", tags).send(&world.office).await;
    for tags in [
        format!("\"+{version}\""),
        format!("\"0{version}\""),
        format!("\"{version}.0\""),
        format!("\" {version}\"").replace(' ', "_"),
        format!("W/\"{version}\""),
        format!("W/\"{version}\", \"x\""),
        "\"x\"".to_owned(),
        "\"\"".to_owned(),
    ] {
        for call in [&same, &other] {
            let reply = put(call, &tags).await;
            assert_eq!((reply.status, reply.code()), (412, "layout_changed"), "{tags}: {}", reply.text);
            assert_eq!(reply.body["layout_version"].to_string(), version);
            assert_eq!(named(&reply), ["If-Match"]);
        }
    }
    for tags in ["", "x", version.as_str(), "\"1\" \"2\"", "\"1", "*, \"1\""] {
        let reply = put(&other, tags).await;
        assert_eq!((reply.status, named(&reply)), (400, vec!["If-Match"]), "{tags}: {}", reply.text);
    }
    let reply = put(&other, "\"1\"").await;
    assert_eq!(reply.status, 412, "an older version");
    let repeat = put(&same, "\"1\"").await;
    assert_eq!((repeat.status, repeat.text("message")), (200, "Theater unchanged"), "its first request has put it");
    let changed = put(&other, &format!("\"1\", W/\"2\" ,\"{version}\"")).await;
    assert_eq!((changed.status, changed.text("message")), (200, "Theater changed"));
    let gone = Call::delete_theater("9").header("If-Match", &format!("\"{version}\"")).send(&world.office).await;
    assert_eq!(gone.status, 412);
    let any = Call::delete_theater("9").header("If-Match", "*").send(&world.office).await;
    assert_eq!(any.status, 204);
}

#[tokio::test]
async fn if_match_on_two_lines_is_one_list() {
    let (world, version, _, other) = theater().await;
    let mut event = other.event();
    event["headers"]["if-match"] = json!(["\"1\"", format!("\"{version}\"")]);
    assert_eq!(send(&world, &event).await.status, 200);
}

#[tokio::test]
async fn if_none_match_star_rejects_an_identical_theater() {
    let (world, version, same, other) = theater().await;
    for call in [same, other] {
        let reply = call.header("If-None-Match", "*").send(&world.office).await;
        assert_eq!((reply.status, named(&reply)), (412, vec!["If-None-Match"]), "{}", reply.text);
        assert_eq!(reply.body["layout_version"].to_string(), version);
    }
    let fresh = Call::put_theater("10", &json!({ "name": "New", "seats": ["A1"] })).header("If-None-Match", "*");
    assert_eq!(fresh.send(&world.office).await.status, 201);
}

#[tokio::test]
async fn if_none_match_of_a_read_is_a_list_that_compares_weakly() {
    let (world, version, ..) = theater().await;
    for (tags, status) in [
        (format!("\"{version}\""), 304),
        (format!("W/\"{version}\""), 304),
        (format!("\"a,b\", \"{version}\""), 304),
        ("*".to_owned(), 304),
        (format!("\"0{version}\""), 200),
        (version.clone(), 200),
    ] {
        let reply = Call::theater("9").header("If-None-Match", &tags).send(&world.office).await;
        assert_eq!(reply.status, status, "{tags}");
    }
}

#[tokio::test]
async fn any_path_gives_a_problem_whose_addresses_are_valid() {
    let world = World::new().await;
    for (path, instance) in [
        ("/v1/theaters/Saal 50%/seats", "/v1/theaters/Saal%2050%25/seats"),
        ("/v1/theaters/[a]|b/seats", "/v1/theaters/%5Ba%5D%7Cb/seats"),
        ("//v1/theaters/1/seats", "/v1/theaters/1/seats"),
        ("//v1/nowhere", "/.//v1/nowhere"),
    ] {
        let mut event = Call::get_seats("no such").event();
        event["rawPath"] = json!(path);
        let reply = send(&world, &event).await;
        assert_eq!((reply.status, reply.text("instance")), (400, instance));
    }
}

#[tokio::test]
async fn problem_type_links_use_the_gateways_address() {
    let world = World::new().await;
    let of = async |change: &dyn Fn(&mut Value)| {
        let mut event = Call::get_seats("nowhere").event();
        change(&mut event);
        send(&world, &event).await.text("type").to_owned()
    };
    assert_eq!(of(&|_| ()).await, "https://api.example/v1/errors/theater_not_found");
    assert_eq!(
        of(&|event| {
            event["headers"]["x-forwarded-proto"] = json!("http");
            event["requestContext"]["domainName"] = json!("127.0.0.1:8000");
        })
        .await,
        "http://127.0.0.1:8000/v1/errors/theater_not_found"
    );
    // The caller chooses the host, so no address is made of it.
    assert_eq!(
        of(&|event| {
            event["headers"]["host"] = json!("evil.example");
            event["headers"]["x-forwarded-proto"] = json!("javascript");
            event["requestContext"]["domainName"] = Value::Null;
        })
        .await,
        "/v1/errors/theater_not_found"
    );
    assert_eq!(
        of(&|event| event["requestContext"]["domainName"] = json!("a\"b")).await,
        "/v1/errors/theater_not_found"
    );
    let page = Call::error_page("theater_not_found").send(&world.office).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "public, max-age=3600");
    assert!(page.text.starts_with("# theater_not_found"), "{}", page.text);
    let none = Call::error_page("nonsense").send(&world.office).await;
    assert_eq!((none.status, none.code()), (404, "error_code_not_found"));
}

#[tokio::test]
async fn a_path_parameter_is_decoded_once() {
    let world = World::new().await;
    // API Gateway has decoded %2531 to this.
    let reply = Call::get_seats("%31").send(&world.office).await;
    assert_eq!((reply.status, named(&reply)), (400, vec!["theaterId"]));
}

/// Returns a box office behind an authorizer, and the proxy before its database.
async fn with_authorizer() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { has_authorizer: true, dynamodb: proxy.endpoint.clone(), ..Setup::shared() };
    (world_on(setup).await, proxy)
}

#[tokio::test]
async fn consistent_read_needs_a_token_behind_an_authorizer() {
    let (world, proxy) = with_authorizer().await;
    let consistent = || Call::get_seats("1").query("consistent=true");
    let own = || Call::get_seats("1").query("view=map").header("Reservation-Id", ID);
    let known = Call::get_seats("1").send(&world.office).await.header("etag").to_owned();
    let unchanged = || consistent().header("If-None-Match", &known);
    for (dear, answered) in
        [(consistent(), 200), (own(), 200), (unchanged(), 304), (consistent().head(), 200), (unchanged().head(), 304)]
    {
        proxy.take();
        let reply = dear.clone().send(&world.office).await;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"), "{dear:?}");
        if !reply.text.is_empty() {
            assert_eq!((reply.code(), named(&reply)), ("unauthorized", vec!["Authorization"]));
        }
        assert_eq!(proxy.take().len(), 0, "nothing was read");
        assert_eq!(dear.clone().signed_in("ann").send(&world.office).await.status, answered, "{dear:?}");
    }
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200, "an ordinary read is open");
    let without = World::new().await;
    assert_eq!(consistent().send(&without.office).await.status, 200);
}

#[tokio::test]
async fn an_unknown_section_is_refused_before_any_seat_is_read() {
    let (world, proxy) = with_authorizer().await;
    let before = proxy.count("Query");
    let map = Call::get_seats("1").query("view=map&section=zzz").header("Reservation-Id", ID).signed_in("ann");
    let consistent = Call::get_seats("1").query("consistent=true&section=zzz").signed_in("ann");
    for call in [consistent, map, Call::get_seats("1").query("section=zzz")] {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, named(&reply)), (400, vec!["section"]), "{}", reply.text);
    }
    assert_eq!(proxy.count("Query"), before);
}

/// Returns a limit of this many units at once and per minute.
fn limits(units: u32) -> RateLimits {
    RateLimits { reads: RateLimit::new(units, units), writes: RateLimit::new(units, units) }
}

#[tokio::test]
async fn call_draws_units_by_its_cost() {
    let world = World::on(Setup { limits: limits(100), ..Setup::shared() }).await;
    let mut left = std::collections::BTreeMap::from([("looks", 100), ("writes", 100)]);
    for (call, activity, units) in [
        (Call::get_seats("1"), "looks", 1),
        (Call::get_seats("1").query("consistent=true"), "looks", 20),
        (Call::get_seats("1").query("view=map").header("Reservation-Id", ID), "looks", 20),
        (Call::theater("1"), "looks", 10),
        (Call::map("1"), "looks", 2),
        (Call::theaters(), "looks", 1),
        (Call::reserve("1", &json!({ "seats": ["A1", "A2", "A3", "B1", "B2"], "reservation_id": ID })), "writes", 1),
        (Call::book("1", &json!({ "seat": "B3", "booking_id": ID })), "writes", 1),
        (Call::reservation("1", ID), "looks", 2),
        (Call::reservation("1", ID).query("seats=A1"), "looks", 1),
        (Call::extend("1", ID, &json!({ "expires_in": 900, "seats": ["A1"] })), "writes", 1),
        (Call::release("1", ID), "writes", 2),
        (Call::reserve("2", &json!({ "quantity": 6 })), "writes", 2),
        (Call::put_theater("9", &json!({ "name": "New", "seats": ["A1"] })).signed_out(), "writes", 0),
    ] {
        let reply = call.clone().send(&world.office).await;
        let stands = left.get_mut(activity).unwrap();
        *stands -= units;
        let header = reply.header("ratelimit");
        if units == 0 {
            assert_eq!((reply.status, header), (403, ""));
            continue;
        }
        // The budget refills with time, so on a busy machine it may have one unit more.
        let remaining: i32 = header.split(";r=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        assert!((*stands..=*stands + 10).contains(&remaining), "{call:?}: {header}, expected {stands}");
        *stands = remaining;
    }
}

#[tokio::test]
async fn malformed_requests_draw_no_units() {
    let world = World::on(Setup { limits: limits(2), ..Setup::shared() }).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    for query in ["section=zzz", "section=zzz&consistent=true", "consistant=true", "view=plan", "section="] {
        let reply = Call::get_seats("1").query(query).send(&world.office).await;
        assert_eq!((reply.status, reply.header("ratelimit")), (400, ""), "{query}");
    }
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200, "there is one left");
    let refused = Call::get_seats("1").send(&world.office).await;
    assert_eq!((refused.status, &refused.body["limit"], &refused.body["activity"]), (429, &json!(2), &json!("looks")));
    assert_eq!(refused.body["retry_after"].to_string(), refused.header("retry-after"));
}

#[tokio::test]
async fn a_scope_in_brackets_is_another_scope() {
    let world = World::new().await;
    let put = |claim: &str, value: &str| {
        let mut event = Call::of(Operation::PutTheater).event();
        event["requestContext"]["authorizer"]["jwt"] =
            json!({ "claims": { "sub": "ann", claim: value }, "scopes": null });
        event["headers"]["if-match"] = json!("*");
        event
    };
    for (claim, scope) in [
        ("scope", "[boxoffice/admin]"),
        ("scope", "[boxoffice/admin openid]"),
        ("scope", "boxoffice/admins"),
        ("scope", "openid,boxoffice/admin"),
        ("scp", "[[boxoffice/admin]]"),
        ("scopes", "boxoffice/admin"),
    ] {
        is_refused(&world, &put(claim, scope), 403, "Authorization").await;
    }
    for (claim, scope) in
        [("scope", "openid boxoffice/admin"), ("scp", "[openid boxoffice/admin]"), ("scp", "boxoffice/admin")]
    {
        assert!(send(&world, &put(claim, scope)).await.status < 300, "{claim} {scope}");
    }
}

#[tokio::test]
async fn reservation_is_no_shorter_than_the_configured_minimum() {
    let world = World::on(Setup { shortest_reservation: 10, ..Setup::shared() }).await;
    for seconds in [1, 9] {
        let reply = Call::reserve("1", &json!({ "seat": "A1", "expires_in": seconds })).send(&world.office).await;
        assert_eq!(reply.text("detail"), "expires_in: expected a whole number of seconds from 10 to 1800");
    }
    let reply = Call::reserve("1", &json!({ "seat": "A1", "expires_in": 10, "reservation_id": id(7) }))
        .send(&world.office)
        .await;
    assert_eq!(reply.status, 201);
    let reply = Call::extend("1", &id(7), &json!({ "expires_in": 9 })).send(&world.office).await;
    assert_eq!((reply.status, named(&reply)), (400, vec!["expires_in"]));
}

/// Reserves the same seat repeatedly. After each reservation, others read the hall.
/// Returns the number of cache hits.
async fn cached_reads_beside_reservations_of(seconds: u32) -> usize {
    let world = World::on(Setup { shortest_reservation: seconds, ..Setup::shared() }).await;
    let read = async || Call::get_seats("1").send(&world.office).await.header("x-cache").to_owned();
    read().await;
    let mut hits = 0;
    for round in 1..=10 {
        let body = json!({ "seat": "A1", "expires_in": seconds, "reservation_id": id(round) });
        assert_eq!(Call::reserve("1", &body).send(&world.office).await.status, 201);
        hits += usize::from(read().await == "hit");
        assert_eq!(Call::release("1", &id(round)).send(&world.office).await.status, 204);
        hits += usize::from(read().await == "hit");
        world.at(1_000 * u64::try_from(round).unwrap());
    }
    hits
}

#[tokio::test]
async fn shortest_permitted_reservations_keep_the_cache_usable() {
    assert_eq!(cached_reads_beside_reservations_of(10).await, 20);
    assert!(cached_reads_beside_reservations_of(5).await < 20, "shorter ones make readers read the table");
}

#[tokio::test]
async fn failed_read_does_not_report_an_unknown_outcome() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let total = std::time::Duration::from_millis(300);
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), total, ..Setup::shared() }).await;
    Call::get_seats("1").send(&world.office).await;
    proxy.always(Some(boxoffice_tests::dynamodb_proxy::Fault::error(500, "InternalServerError")));
    let read = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((read.status, read.code(), &read.body["retry_after"]), (503, "try_again", &json!(1)));
    assert!(!read.text("detail").contains("carried out"), "{}", read.text);
    let write = Call::book("1", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert!(write.text("detail").contains("not known whether the request was carried out"), "{}", write.text);
}

#[test]
fn route_table_lists_the_accepted_input() {
    // One table lists the accepted input. A route that reads a body names its fields, or has a document.
    for route in ROUTES {
        assert_eq!(matches!(route.body, Body::Fields(..) | Body::OptionalFields(..)), !route.fields().is_empty());
    }
    assert_eq!(Route::of(Operation::GetSeats).query, ["view", "section", "consistent"]);
}
