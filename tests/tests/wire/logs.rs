//! What the functions log: a line of JSON for each request, whatever is in it, and nobody's ids.

use boxoffice_local::lambda::Outcome;
use boxoffice_tests::Call;
use boxoffice_tests::dynamodb_proxy::Fault;
use serde_json::{Value, json};

use crate::site::{HALL, PATIENT, Site};

/// Texts that end a line of a log, or begin another, or play tricks on whoever reads it.
const HOSTILE: [&str; 5] = [
    "x\n{\"level\":\"INFO\",\"message\":\"request\",\"forged\":true}",
    "x\r\nforged",
    "x\u{2028}forged\u{0}\u{1b}[2Jforged",
    "\",\"forged\":\"",
    "x%0a%0dforged",
];

/// A call with the text in each place that a caller writes.
fn calls(text: &str) -> Vec<Call> {
    let visible: String = text.chars().filter(|c| !c.is_control()).collect();
    vec![
        Call::get_seats(text),
        Call::get_seats(HALL).query(&format!("section={text}&consistent=true")),
        Call::get_seats(HALL).header("if-none-match", &visible).header("user-agent", &visible),
        Call::reserve(HALL, &json!({ "seat": text })),
        Call::reserve(HALL, &json!({ text: "S1" })),
        Call::reserve(HALL, &json!({ "seat": "S1" })).header("idempotency-key", &visible),
        Call::book(HALL, &json!({ "seat": "S1", "booking_id": text })),
        Call::book(text, &json!({ "seat": "S1" })).signed_in(text),
        Call::book(HALL, &json!({})).raw_body(text).header("content-type", &visible),
    ]
}

#[tokio::test]
async fn whatever_a_request_holds_it_makes_one_line_of_the_log() {
    let site = Site::new().await;
    let mut answered = 0;
    for text in HOSTILE {
        for call in calls(text) {
            let reply = site.send(&call).await;
            assert!(reply.status < 500, "{call:?}: {}", reply.text);
            answered += 1;
        }
    }
    assert_eq!(summaries(&site), answered);
    for lambda in site.functions.all() {
        let log = lambda.log().unwrap();
        assert!(!log.contains("forged"), "{log}");
    }
}

#[tokio::test]
async fn an_event_that_is_none_makes_no_line_that_a_caller_has_written() {
    let site = Site::new().await;
    for text in HOSTILE {
        // HTTP has no such header. Should one come all the same, the runtime refuses it before any code of ours, and
        // quotes it, within a text of its own line.
        let call = Call::get_seats(HALL).header("x-odd", text);
        let outcome = site.functions.try_send(&call).await;
        assert!(matches!(outcome, Outcome::Failed(_) | Outcome::Answered(_)), "{outcome:?}");
    }
    summaries(&site);
}

#[tokio::test]
async fn no_id_no_key_no_token_and_no_caller_is_in_the_log() {
    let site = Site::new().await;
    let (reservation, booking) = ("5e7a1c42-0b1d-4c0e-9f5e-3d2c1b0a9f81", "7c3e9a5d-52a7-4f86-b1d0-0b9f3c1e2f64");
    let [key, subject, token] = ["a-key-that-is-long-enough", "somebody@example.com", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"];
    let sent = |call: Call| call.signed_in(subject).header("authorization", &format!("Bearer {token}"));
    let reserve = json!({ "seat": "S1", "reservation_id": reservation });
    let made = site.send(&sent(Call::reserve(HALL, &reserve))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let chosen = site.send(&sent(Call::reserve(HALL, &json!({ "seat": "S2" })).header("idempotency-key", key))).await;
    let look = Call::get_seats(HALL).query("view=map").header("reservation-id", reservation);
    assert_eq!(site.send(&sent(look)).await.status, 200);
    let book = json!({ "seat": "S1", "reservation_id": reservation, "booking_id": booking });
    for status in [201, 200] {
        assert_eq!(site.send(&sent(Call::book(HALL, &book))).await.status, status);
    }
    assert_eq!(site.send(&Call::book(HALL, &book).signed_in("another")).await.status, 409);
    assert_eq!(summaries(&site), 6);
    for lambda in site.functions.all() {
        let log = lambda.log().unwrap();
        for secret in [reservation, booking, key, subject, token, chosen.text("reservation_id")] {
            assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
        }
    }
}

#[tokio::test]
async fn a_failed_request_and_no_other_logs_its_release() {
    let limits = [("DYNAMODB_TOTAL_TIMEOUT_MS", "1500"), ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "300"), PATIENT];
    let site = Site::with(&[&limits[..], &[("RELEASE", "20261130T120000Z")]].concat()).await;
    let look = Call::get_seats(HALL).query("consistent=true");
    assert_eq!(site.insist(&look).await.status, 200);
    site.dynamodb.always(Some(Fault::error(500, "InternalServerError")));
    let reply = site.send(&look).await;
    assert!(reply.status >= 500, "{}", reply.text);
    let logs: String = site.functions.all().iter().map(|lambda| lambda.log().unwrap()).collect();
    let lines = logs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["status"].is_u64()).collect();
    assert!(lines.iter().any(|line| line["status"] == 200) && lines.iter().any(|line| line["status"] == reply.status));
    for line in lines {
        let failed = line["status"].as_u64().unwrap() >= 500;
        assert_eq!(line["release"].as_str(), failed.then_some("20261130T120000Z"), "{line}");
    }
}

/// Each line is JSON of ours; how many of them sum a request up.
fn summaries(site: &Site) -> usize {
    let mut requests = 0;
    for lambda in site.functions.all() {
        for line in lambda.log().unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            assert!(line["forged"].is_null() && line["level"].is_string(), "{line}");
            if line["message"] == "request" {
                let caller = line["caller"].as_str().unwrap_or_default();
                assert!(caller.len() == 16 && caller.bytes().all(|c| c.is_ascii_hexdigit()), "{line}");
                requests += 1;
            }
        }
    }
    requests
}
