//! Pages of other origins: preflight requests, and the responses that such pages may read.

use boxoffice_local::gateway::cors;
use boxoffice_tests::local_run::Run;

use crate::site::{send, site};

const PAGE: &str = "http://localhost:5173";
const STRANGER: &str = "https://evil.example";

#[tokio::test]
async fn a_page_of_this_machine_may_call_and_read_everything_it_needs() {
    let site = site();
    let asked = [
        ("origin", PAGE),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    let preflight = send("OPTIONS", &site.url("/theaters/1/reserve"), &asked, "").await;
    assert_eq!((preflight.status, preflight.headers["access-control-allow-origin"].as_str()), (204, PAGE));
    assert_eq!(preflight.headers["access-control-allow-methods"], cors::ALLOWED_METHODS);
    assert_eq!(preflight.headers["access-control-allow-headers"], cors::ALLOWED_HEADERS);
    for (method, path, status) in
        [("GET", "/theaters/1/seats", 200), ("POST", "/theaters/1/book", 400), ("GET", "/nothing", 404)]
    {
        let json = [("origin", PAGE), ("content-type", "application/json")];
        let answer = send(method, &site.url(path), &json, if method == "POST" { "{}" } else { "" }).await;
        assert_eq!((answer.status, answer.headers["access-control-allow-origin"].as_str()), (status, PAGE), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
        let exposed: Vec<_> = answer.headers["access-control-expose-headers"].split(',').collect();
        let not_exposed = answer.headers.keys().filter(|name| !is_readable(name) && !exposed.contains(&name.as_str()));
        assert_eq!(not_exposed.collect::<Vec<_>>(), Vec::<&String>::new(), "{path}");
    }
}

/// Returns `true` for headers that every page may read, and for headers of CORS itself.
fn is_readable(name: &str) -> bool {
    let safe = ["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified"];
    safe.contains(&name) || name.starts_with("access-control-")
}

#[tokio::test]
async fn page_of_another_origin_gets_no_cors_headers() {
    let site = site();
    let asked = [("origin", STRANGER), ("access-control-request-method", "PUT")];
    for (method, headers) in [("OPTIONS", &asked[..]), ("GET", &asked[..1])] {
        let answer = send(method, &site.url("/theaters/1/seats"), headers, "").await;
        let told = answer.headers.keys().filter(|name| name.starts_with("access-control-"));
        assert_eq!(told.collect::<Vec<_>>(), Vec::<&String>::new(), "{method}");
    }
}

#[tokio::test]
async fn cors_option_sets_the_allowed_origins() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start_with(data.path(), &["--cors", "https://tickets.example.com"]);
    let url = run.url("/theaters/1/seats");
    let mine = send("GET", &url, &[("origin", "https://tickets.example.com")], "").await;
    assert_eq!(mine.headers["access-control-allow-origin"], "https://tickets.example.com");
    let others = send("GET", &url, &[("origin", PAGE)], "").await;
    assert!(!others.headers.contains_key("access-control-allow-origin"));
}

#[test]
fn template_has_the_same_cors_lists() {
    let template =
        std::fs::read_to_string(boxoffice_local::checkout::root().unwrap().join("infra/template.yaml")).unwrap();
    let list = |name: &str| {
        let line = template.lines().find_map(|line| line.trim().strip_prefix(name)).expect(name);
        line.trim().trim_matches(['[', ']']).replace(", ", ",")
    };
    assert_eq!(list("allowMethods:"), cors::ALLOWED_METHODS);
    assert_eq!(list("allowHeaders:"), cors::ALLOWED_HEADERS);
    assert_eq!(list("exposeHeaders:"), cors::EXPOSED_HEADERS);
    assert_eq!(list("maxAge:"), cors::MAX_AGE);
    assert!(!template.contains("allowCredentials"));
}

#[test]
fn every_header_of_the_contract_is_exposed() {
    let document =
        std::fs::read_to_string(boxoffice_local::checkout::root().unwrap().join("docs/openapi.yaml")).unwrap();
    let document: serde_json::Value = serde_saphyr::from_str(&document).unwrap();
    let mut names = Vec::new();
    collect_response_headers(&document["paths"], &mut names);
    collect_response_headers(&document["components"]["responses"], &mut names);
    assert!(names.len() > 5, "{names:?}");
    let exposed: Vec<_> = cors::EXPOSED_HEADERS.split(',').collect();
    for name in names.into_iter().map(|name| name.to_ascii_lowercase()) {
        assert!(is_readable(&name) || exposed.contains(&name.as_str()), "{name} is not exposed");
    }
}

/// Collects the names of all headers of all responses in an OpenAPI document.
fn collect_response_headers(part: &serde_json::Value, names: &mut Vec<String>) {
    let Some(fields) = part.as_object() else {
        return part.as_array().into_iter().flatten().for_each(|part| collect_response_headers(part, names));
    };
    for (name, part) in fields {
        match (name.as_str(), part.as_object()) {
            ("headers", Some(headers)) => names.extend(headers.keys().cloned()),
            _ => collect_response_headers(part, names),
        }
    }
}
