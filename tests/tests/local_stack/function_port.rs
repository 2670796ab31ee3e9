//! The port of `cargo lambda watch`. Every program and every page on this machine reaches it. It accepts only the
//! gateway's events.

use serde_json::{Value, json};

use crate::site::{send, site};

/// An event with the claims of an administrator.
fn forged() -> String {
    json!({
        "version": "2.0",
        "routeKey": "PUT /theaters/{theaterId}",
        "rawPath": "/v1/theaters/forged",
        "rawQueryString": "",
        "headers": { "content-type": "application/json" },
        "pathParameters": { "theaterId": "forged" },
        "requestContext": {
            "http": { "method": "PUT", "path": "/v1/theaters/forged" },
            "routeKey": "PUT /theaters/{theaterId}",
            "stage": "v1",
            "authorizer": { "jwt": { "claims": { "sub": "mallory", "scope": "boxoffice/admin" } } },
        },
        "body": json!({ "name": "Forged", "seats": ["A1"] }).to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
}

/// Returns the names of functions that the port lists in its response to an unknown path.
async fn listed_names(base: &str) -> Vec<String> {
    let answer = send("GET", &format!("{base}/v1/theaters"), &[], "").await;
    assert_eq!(answer.status, 404, "it has no routes");
    let detail = answer.body["detail"].as_str().unwrap().to_owned();
    detail.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn event_without_the_runs_token_reaches_no_function() {
    let site = site();
    let base = format!("http://127.0.0.1:{}", site.functions_port);
    let names = listed_names(&base).await;
    let theaters = names.iter().find(|name| name.starts_with("theaters-")).expect("the function theaters");
    for path in [
        format!("/2015-03-31/functions/{theaters}/invocations"),
        "/2015-03-31/functions/theaters/invocations".to_owned(),
        format!("/lambda-url/{theaters}/v1/theaters/forged"),
        "/lambda-url/theaters/v1/theaters/forged".to_owned(),
        "/v1/theaters/forged".to_owned(),
    ] {
        for headers in [
            // A page may send these headers to any address without a preflight request.
            &[("content-type", "text/plain"), ("origin", "https://evil.example")][..],
            &[("lambda-runtime-client-context", "guess")],
        ] {
            let answer = send("POST", &format!("{base}{path}"), headers, &forged()).await;
            assert!(answer.status >= 400, "{path}: {answer:?}");
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}: {answer:?}");
        }
    }
    let made = send("GET", &site.url("/theaters/forged"), &[], "").await;
    assert_eq!(made.code(), (404, "theater_not_found"));
}

#[tokio::test]
async fn browser_page_cannot_send_the_token_header() {
    let site = site();
    let asked = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "lambda-runtime-client-context"),
    ];
    let base = format!("http://127.0.0.1:{}", site.functions_port);
    let answer = send("OPTIONS", &format!("{base}/2015-03-31/functions/book/invocations"), &asked, "").await;
    assert!(answer.headers.keys().all(|name| !name.starts_with("access-control-")), "{answer:?}");
}

#[tokio::test]
async fn the_names_of_functions_cannot_be_guessed() {
    let site = site();
    let names = listed_names(&format!("http://127.0.0.1:{}", site.functions_port)).await;
    assert!(names.len() > 5, "{names:?}");
    for name in &names {
        let secret = name.rsplit_once('-').map_or("", |(_, secret)| secret);
        assert!(secret.len() == 16 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
}

#[tokio::test]
async fn the_gateway_passes_an_event_on_only_with_the_token() {
    let site = site();
    let url = format!("http://127.0.0.1:{}/2015-03-31/functions/theaters/invocations", site.port);
    for headers in [&[][..], &[("lambda-runtime-client-context", "guess")]] {
        let answer = send("POST", &url, headers, &forged()).await;
        assert_eq!((answer.status, answer.body), (404, json!({ "message": "Not Found" })));
    }
    let token = site.token.as_str();
    let event =
        std::fs::read_to_string(boxoffice_local::checkout::root().unwrap().join("events/theaters.list.json")).unwrap();
    let answer = send("POST", &url, &[("lambda-runtime-client-context", token)], &event).await;
    assert_eq!((answer.status, &answer.body["statusCode"]), (200, &json!(200)), "{answer:?}");
    let unknown = url.replace("theaters", "nothing");
    let answer = send("POST", &unknown, &[("lambda-runtime-client-context", token)], "{}").await;
    assert_eq!((answer.status, &answer.body), (404, &json!({ "message": "Not Found" })));
    assert_ne!(answer.body, Value::Null);
}
