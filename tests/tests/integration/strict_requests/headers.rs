//! Headers: single-valued ones, conditions, and `HEAD`.

use boxoffice::http::router::{Body, Operation, ROUTES};
use boxoffice_tests::{Call, Reply, World};
use serde_json::json;

use super::{ID, call_is_refused, is_refused, named, send, world};

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
async fn single_valued_header_may_occur_once() {
    let world = world().await;
    for route in ROUTES {
        let single = route.headers.iter().filter(|name| !name.starts_with("If-"));
        let of_body: &[&str] = if route.body == Body::Nothing { &[] } else { &["Content-Type"] };
        for name in single.chain(of_body) {
            // Other callers may not send the header at all.
            let call = Call::of(route.operation);
            let mut event = if *name == "On-Behalf-Of" { call.staff() } else { call }.event();
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
