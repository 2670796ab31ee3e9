//! Access rules. Everyone may read, only the owner may use a reservation or booking, and only administrators may change
//! theaters.

use boxoffice_local::gateway::needs_token;
use hyper::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::deployment::deployment;

#[tokio::test]
async fn public_reads_need_no_token_and_all_other_calls_do() {
    for route in boxoffice::http::router::ROUTES.iter().flat_map(boxoffice::http::router::Route::keys) {
        let (method, path) = route.split_once(' ').unwrap();
        let id = Uuid::now_v7().to_string();
        let path = path
            .replace("{theaterId}", "1")
            .replace("{showId}", "no-such-show")
            .replace("{reservationId}", &id)
            .replace("{bookingId}", &id)
            .replace("{code}", "internal");
        let answer = deployment().send("", method.parse().unwrap(), &path, &Value::Null).await;
        let is_public = method == "GET" && !route.contains("reservations") && !route.contains("bookings");
        let read = if path.contains("no-such-show") { 404 } else { 200 };
        assert_eq!(answer.status, if is_public { read } else { 401 }, "{route}");
        assert_eq!(needs_token(route), !is_public, "{route}");
    }
}

#[tokio::test]
async fn read_with_an_invalid_token_is_answered() {
    for authorization in ["Bearer x", "nonsense", ""] {
        let seat_map = deployment().send(authorization, Method::GET, "/theaters/1/seats", &Value::Null).await;
        assert_eq!(seat_map.status, 200, "{authorization}");
    }
}

#[tokio::test]
async fn token_is_accepted_with_or_without_the_bearer_prefix() {
    let deployment = deployment();
    for authorization in [
        deployment.token("alice"),
        format!("bearer {}", deployment.token("alice")),
        format!("Bearer {}", deployment.token_with(&json!({ "aud": ["else", "boxoffice"] }))),
    ] {
        let answer = deployment.send(&authorization, Method::POST, "/theaters/1/book", &json!({})).await;
        assert_eq!(answer.code(), (400, "malformed_request"), "{authorization}");
    }
}

#[tokio::test]
async fn another_callers_reservation_is_not_found() {
    let (deployment, id) = (deployment(), Uuid::now_v7().to_string());
    let body = json!({ "seat": "A1", "reservation_id": id });
    assert_eq!(deployment.send_as("alice", Method::POST, "/theaters/1/reserve", &body).await.status, 201);
    let own = format!("/theaters/1/reservations/{id}");
    for (method, path, body) in [
        (Method::GET, own.clone(), Value::Null),
        (Method::GET, format!("{own}?seats=A1"), Value::Null),
        (Method::POST, format!("{own}/extend"), json!({})),
        (Method::POST, "/theaters/1/book".to_owned(), json!({ "reservation_id": id })),
    ] {
        let answer = deployment.send_as("mallory", method.clone(), &path, &body).await;
        assert_eq!(answer.code(), (404, "reservation_not_found"), "{method} {path}");
    }
    // The response is the same as for a repeated release, and no seat is released.
    assert_eq!(deployment.send_as("mallory", Method::DELETE, &own, &Value::Null).await.status, 204);
    for (call, code) in [("reserve", "reservation_released"), ("book", "seat_unavailable")] {
        let answer = deployment.send_as("mallory", Method::POST, &format!("/theaters/1/{call}"), &body).await;
        assert_eq!(answer.code(), (409, code), "{call}");
    }
    let mine = deployment.send_as("alice", Method::GET, &own, &Value::Null).await;
    assert_eq!((mine.status, &mine.body["seats"]), (200, &json!(["A1"])));
    assert_eq!(deployment.send_as("alice", Method::DELETE, &own, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn another_callers_booking_is_not_found() {
    let (deployment, id) = (deployment(), Uuid::now_v7().to_string());
    let body = json!({ "seat": "A2", "booking_id": id });
    assert_eq!(deployment.send_as("alice", Method::POST, "/theaters/1/book", &body).await.status, 201);
    let own = format!("/theaters/1/bookings/{id}");
    for method in [Method::GET, Method::DELETE] {
        let answer = deployment.send_as("mallory", method.clone(), &own, &Value::Null).await;
        assert_eq!(answer.code(), (404, "booking_not_found"), "{method}");
    }
    let replay = deployment.send_as("mallory", Method::POST, "/theaters/1/book", &body).await;
    assert_eq!(replay.code(), (409, "seat_unavailable"), "it isn't replayed to others");
    assert_eq!(deployment.send_as("alice", Method::GET, &own, &Value::Null).await.body["status"], "booked");
    assert_eq!(deployment.send_as("alice", Method::DELETE, &own, &Value::Null).await.status, 204);
}

#[tokio::test]
async fn claims_written_by_the_caller_are_ignored() {
    let (deployment, id) = (deployment(), Uuid::now_v7().to_string());
    let body = json!({ "seat": "A3", "reservation_id": id });
    assert_eq!(deployment.send_as("alice", Method::POST, "/theaters/1/reserve", &body).await.status, 201);
    let claims = json!({ "jwt": { "claims": { "sub": "alice", "scope": "boxoffice/admin" } } }).to_string();
    let request = hyper::Request::get(format!("{}/theaters/1/reservations/{id}", deployment.url))
        .header("authorization", deployment.token("mallory"))
        .header("x-amzn-request-context", json!({ "authorizer": claims }).to_string())
        .header("requestcontext", &claims)
        .header("sub", "alice");
    let answer = boxoffice_tests::http::send(request.body("".into()).unwrap()).await;
    assert_eq!(answer.code(), (404, "reservation_not_found"));
}

#[tokio::test]
async fn lambda_invoke_path_is_not_reachable_through_the_gateway() {
    let invoke = deployment().url.replace("/v1", "/2015-03-31/functions/book/invocations");
    let request = hyper::Request::post(invoke).body("{}".into()).unwrap();
    let answer = boxoffice_tests::http::send(request).await;
    assert_eq!((answer.status, answer.body), (404, json!({ "message": "Not Found" })));
}

#[tokio::test]
async fn theaters_are_changed_by_tokens_with_the_scope_only() {
    let deployment = deployment();
    let layout = json!({ "name": "Studio", "seats": ["A1"] });
    for claims in [
        json!({}),
        json!({ "scope": "boxoffice/adm openid" }),
        json!({ "scope": "boxoffice/administrator" }),
        json!({ "scope": "[boxoffice/admin]" }),
        json!({ "scp": ["openid"] }),
        json!({ "scopes": "boxoffice/admin", "roles": ["boxoffice/admin"] }),
    ] {
        let bearer = format!("Bearer {}", deployment.token_with(&claims));
        for method in [Method::PUT, Method::DELETE] {
            let answer = deployment.send(&bearer, method, "/theaters/studio", &layout).await;
            assert_eq!(answer.code(), (403, "forbidden"), "{claims}");
        }
    }
    // Issuers differ: `scope` is a string, `scp` is a string or a list.
    for (n, claims) in [
        json!({ "scope": "openid boxoffice/admin" }),
        json!({ "scp": "boxoffice/admin" }),
        json!({ "scp": ["openid", "boxoffice/admin"] }),
        json!({ "scope": "openid", "scp": ["boxoffice/admin"] }),
    ]
    .into_iter()
    .enumerate()
    {
        let bearer = format!("Bearer {}", deployment.token_with(&claims));
        let answer = deployment.send(&bearer, Method::PUT, &format!("/theaters/studio-{n}"), &layout).await;
        assert_eq!(answer.status, 201, "{claims} {answer:?}");
    }
}

#[tokio::test]
async fn page_of_another_origin_cannot_read_responses() {
    for (method, path) in [("GET", "/theaters/1/seats"), ("OPTIONS", "/theaters/1/reserve")] {
        let request = hyper::Request::builder().method(method).uri(format!("{}{path}", deployment().url));
        let request = request.header("origin", "https://evil.example").header("access-control-request-method", "POST");
        let answer = boxoffice_tests::http::send(request.body("".into()).unwrap()).await;
        assert!(answer.headers.keys().all(|name| !name.starts_with("access-control-")), "{answer:?}");
    }
}

#[tokio::test]
async fn local_page_may_get_a_token_and_read_the_401_challenge() {
    let page = "http://localhost:5173";
    let token = hyper::Request::post(format!("{}/token", deployment().issuer)).header("origin", page);
    let token = boxoffice_tests::http::send(token.body("sub=alice".into()).unwrap()).await;
    assert_eq!((token.status, token.headers["access-control-allow-origin"].as_str()), (200, page));
    let book = hyper::Request::post(format!("{}/theaters/1/book", deployment().url)).header("origin", page);
    let book = boxoffice_tests::http::send(book.body("{}".into()).unwrap()).await;
    assert_eq!((book.status, book.headers["access-control-allow-origin"].as_str()), (401, page));
    assert!(book.headers["access-control-expose-headers"].contains("www-authenticate"));
    let preflight = hyper::Request::options(format!("{}/theaters/1/book", deployment().url)).header("origin", page);
    let preflight = preflight.header("access-control-request-method", "POST").body("".into()).unwrap();
    assert_eq!(boxoffice_tests::http::send(preflight).await.status, 204, "a preflight request needs no token");
}

#[tokio::test]
async fn head_needs_a_token_where_get_does() {
    for (path, status) in [("/theaters/1/seats", 200), ("/theaters/1/bookings/none", 401)] {
        let answer = deployment().send("", Method::HEAD, path, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_issuer_answers_to_this_machines_names_only() {
    let ask = |host: &'static str| {
        let request = hyper::Request::post(format!("{}/token", deployment().issuer)).header("host", host);
        boxoffice_tests::http::send(request.body("sub=alice".into()).unwrap())
    };
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8090"] {
        let answer = ask(host).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")), "{host}");
    }
    assert_eq!(ask("localhost:8090").await.body["token_type"], "Bearer");
}
