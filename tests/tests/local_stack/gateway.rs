//! The gateway's own responses, which equal those of API Gateway.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::site::{send, site};

#[tokio::test]
async fn an_unknown_path_or_method_is_not_found() {
    let site = site();
    for (method, path) in [
        ("GET", "/nothing"),
        ("PATCH", "/theaters"),
        ("POST", "/theaters/1/seats"),
        ("HEAD", "/theaters/1/book"),
        ("GET", "/theaters/"),
        ("GET", "/theaters/1/seats/"),
    ] {
        let answer = send(method, &site.url(path), &[], "").await;
        assert_eq!(answer.status, 404, "{method} {path}");
        if method != "HEAD" {
            assert_eq!(answer.body, json!({ "message": "Not Found" }), "{method} {path}");
        }
    }
    let root = send("GET", &site.url("/theaters").replace("/v1", ""), &[], "").await;
    assert_eq!((root.status, root.body), (404, json!({ "message": "Not Found" })));
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let site = site();
    for path in ["/theaters", "/theaters/1", "/theaters/1/seats"] {
        let (get, head) = (send("GET", &site.url(path), &[], "").await, send("HEAD", &site.url(path), &[], "").await);
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(head.headers.get("etag"), get.headers.get("etag"), "{path}");
    }
    let raw = exchange(site.port, "HEAD /v1/theaters/1/seats HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert!(raw.starts_with("HTTP/1.1 200 ") && raw.ends_with("\r\n\r\n"), "{raw}");
}

#[tokio::test]
async fn bearer_staff_is_staff_where_there_are_no_tokens() {
    let site = site();
    let url = site.url("/theaters/1/bookings/0188c0de-0000-7000-8000-00000000b0aa");
    let for_buyer = ("on-behalf-of", "anonymous");
    for (token, status, code) in [
        ("Bearer staff", 404, "booking_not_found"),
        ("Bearer staff2", 403, "forbidden"),
        (
            "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbC1zdGFmZiIsInNjb3BlIjoiYm94b2ZmaWNlL3N0YWZmIn0.",
            403,
            "forbidden",
        ),
    ] {
        let answer = send("GET", &url, &[("authorization", token), for_buyer], "").await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{token}");
    }
    let answer = send("GET", &url, &[for_buyer], "").await;
    assert_eq!(answer.status, 403, "without a token");
}

#[tokio::test]
async fn a_body_above_10_mb_is_too_large() {
    let site = site();
    let json = [("content-type", "application/json")];
    let answer = send("POST", &site.url("/theaters/1/book"), &json, &"x".repeat(10_000_001)).await;
    assert_eq!((answer.status, answer.body), (413, json!({ "message": "Request Entity Too Large" })));
}

#[tokio::test]
async fn headers_above_10240_bytes_are_too_large() {
    let site = site();
    let url = site.url("/theaters/1/seats");
    for (length, status) in [(9_000, 200), (10_240, 431)] {
        let answer = send("GET", &url, &[("x-long", &"x".repeat(length))], "").await;
        assert_eq!(answer.status, status, "{length}");
    }
    let answer = send("GET", &format!("{url}?section={}", "x".repeat(10_240)), &[], "").await;
    assert_eq!(answer.body, json!({ "message": "Request Header Fields Too Large" }));
}

#[tokio::test]
async fn a_host_name_of_another_machine_is_forbidden() {
    let site = site();
    let ask = |host: &str| {
        exchange(site.port, &format!("GET /v1/theaters HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"))
    };
    for host in ["evil.example", "127.0.0.1.evil.example:8000"] {
        let answer = ask(host);
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.ends_with(r#"{"message":"Forbidden"}"#), "{answer}");
    }
    assert!(ask("localhost:5173").starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn every_function_response_has_a_request_id() {
    let answer = send("GET", &site().url("/theaters/1/seats"), &[], "").await;
    assert_eq!(answer.headers["apigw-requestid"].len(), 16);
}

/// Sends bytes and reads until the server closes the connection.
fn exchange(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
