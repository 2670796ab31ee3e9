//! The logs of the functions: one line of JSON per request, whatever it contains, and no ids.

use std::collections::BTreeMap;

use boxoffice_local::lambda_host::{Function, Lambda, Outcome};
use boxoffice_local::stream::{self, EventSourceMapping};
use boxoffice_tests::dynamodb_proxy::Fault;
use boxoffice_tests::{Call, Setup, engines};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::deployment::{Deployment, HALL, LONG_CACHE_DEADLINE, book, reserve, seat_map, seats};

/// Texts that end a log line, begin another one, or mislead a human reader.
const HOSTILE: [&str; 5] = [
    "x\n{\"level\":\"INFO\",\"message\":\"request\",\"forged\":true}",
    "x\r\nforged",
    "x\u{2028}forged\u{0}\u{1b}[2Jforged",
    "\",\"forged\":\"",
    "x%0a%0dforged",
];

/// Returns calls with the text in each place that a caller controls.
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
async fn every_request_makes_exactly_one_log_line() {
    let deployment = Deployment::new().await;
    let mut answered = 0;
    for text in HOSTILE {
        for call in calls(text) {
            let reply = deployment.send(&call).await;
            assert!(reply.status < 500, "{call:?}: {}", reply.text);
            answered += 1;
        }
    }
    assert_eq!(summaries(&deployment), answered);
    for lambda in deployment.functions.all() {
        let log = lambda.log().unwrap();
        assert!(!log.contains("forged"), "{log}");
    }
}

#[tokio::test]
async fn invalid_event_cannot_forge_a_log_line() {
    let deployment = Deployment::new().await;
    for text in HOSTILE {
        // HTTP has no such header. If one arrives nevertheless, the runtime rejects it before our code, and quotes it
        // inside a line of its own.
        let call = Call::get_seats(HALL).header("x-odd", text);
        let outcome = deployment.functions.try_send(&call).await;
        assert!(matches!(outcome, Outcome::Failed(_) | Outcome::Answered(_)), "{outcome:?}");
    }
    summaries(&deployment);
}

#[tokio::test]
async fn log_has_no_ids_keys_tokens_or_callers() {
    let deployment = Deployment::new().await;
    let (reservation, booking) = ("5e7a1c42-0b1d-4c0e-9f5e-3d2c1b0a9f81", "7c3e9a5d-52a7-4f86-b1d0-0b9f3c1e2f64");
    let [key, subject, token] = ["a-key-that-is-long-enough", "somebody@example.com", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"];
    let sent = |call: Call| call.signed_in(subject).header("authorization", &format!("Bearer {token}"));
    let reserve = json!({ "seat": "S1", "reservation_id": reservation });
    let made = deployment.send(&sent(Call::reserve(HALL, &reserve))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let chosen =
        deployment.send(&sent(Call::reserve(HALL, &json!({ "seat": "S2" })).header("idempotency-key", key))).await;
    let seat_map = Call::get_seats(HALL).query("view=map").header("reservation-id", reservation);
    assert_eq!(deployment.send(&sent(seat_map)).await.status, 200);
    let book = json!({ "seat": "S1", "reservation_id": reservation, "booking_id": booking });
    for status in [201, 200] {
        assert_eq!(deployment.send(&sent(Call::book(HALL, &book))).await.status, status);
    }
    assert_eq!(deployment.send(&Call::book(HALL, &book).signed_in("another")).await.status, 409);
    assert_eq!(summaries(&deployment), 6);
    for lambda in deployment.functions.all() {
        let log = lambda.log().unwrap();
        for secret in [reservation, booking, key, subject, token, chosen.text("reservation_id")] {
            assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
        }
    }
}

#[tokio::test]
async fn only_failed_requests_log_the_release() {
    let limits = [("DYNAMODB_TOTAL_TIMEOUT_MS", "1500"), ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "300"), LONG_CACHE_DEADLINE];
    let deployment = Deployment::with(&[&limits[..], &[("RELEASE", "20261130T120000Z")]].concat()).await;
    let seat_map = Call::get_seats(HALL).query("consistent=true");
    assert_eq!(deployment.insist(&seat_map).await.status, 200);
    deployment.dynamodb.always(Some(Fault::error(500, "InternalServerError")));
    let reply = deployment.send(&seat_map).await;
    assert!(reply.status >= 500, "{}", reply.text);
    let logs: String = deployment.functions.all().iter().map(|lambda| lambda.log().unwrap()).collect();
    let lines = logs.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["status"].is_u64()).collect();
    assert!(lines.iter().any(|line| line["status"] == 200) && lines.iter().any(|line| line["status"] == reply.status));
    for line in lines {
        let failed = line["status"].as_u64().unwrap() >= 500;
        assert_eq!(line["release"].as_str(), failed.then_some("20261130T120000Z"), "{line}");
    }
}

/// Checks that each line is our JSON. Returns the number of access log lines.
fn summaries(deployment: &Deployment) -> usize {
    let mut requests = 0;
    for lambda in deployment.functions.all() {
        for line in lambda.log().unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
            assert!(line["forged"].is_null() && line["level"].is_string(), "{line}");
            if line["op"].is_string() {
                let caller = line["caller"].as_str().unwrap_or_default();
                assert!(caller.len() == 16 && caller.bytes().all(|c| c.is_ascii_hexdigit()), "{line}");
                assert!(line["net"].as_str().is_some_and(|net| net.ends_with("/24") || net.ends_with("/48")), "{line}");
                requests += 1;
            }
        }
    }
    requests
}

/// Returns the last access log line of a function.
fn last_line(lambda: &Lambda) -> String {
    let log = lambda.log().unwrap();
    log.lines().rfind(|line| line.contains("\"op\":")).expect("an access log line").to_owned()
}

/// Returns the bytes of a line as most lines are on AWS. They have a line end. They don't have a trace, which X-Ray
/// samples rarely, or the fields of an instance's first line.
fn usual_bytes(line: &str) -> usize {
    let parsed: Value = serde_json::from_str(line).unwrap();
    let field = |name: &str| parsed.get(name).map_or(0, |value| format!(",\"{name}\":{value}").len());
    line.len() + 1 - field("trace") - field("init_ms")
}

/// Makes each kind of call and returns the length of its line.
async fn bytes_of_lines() -> BTreeMap<&'static str, usize> {
    let deployment =
        Deployment::with(&[LONG_CACHE_DEADLINE, ("METRICS_NAMESPACE", "boxoffice"), ("METRICS_SERVICE", "boxoffice")])
            .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events").display().to_string();
    let readers =
        [("sync-cache", vec![]), ("publish-events", vec![("EVENTS_FILE", file.as_str())])].map(|(name, variables)| {
            (name, variables, engines::shared().dynamodb.stream(&deployment.world.table).unwrap())
        });
    let mine = seats(1, 2);
    let calls = [
        ("get-seats, miss", seat_map().query("consistent=true"), 200),
        ("get-seats, hit", seat_map(), 200),
        ("reserve", reserve(&mine, Uuid::now_v7()), 201),
        ("reserve, refused", reserve(&mine, Uuid::now_v7()), 409),
        ("book", book(&seats(3, 4), Uuid::now_v7(), None), 201),
    ];
    // This read fills the cache.
    deployment.send(&seat_map()).await;
    let mut bytes = BTreeMap::new();
    for (name, call, status) in calls {
        let reply = deployment.send(&call).await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
        bytes.insert(name, usual_bytes(&last_line(deployment.functions.of(&call))));
    }
    for (name, variables, mut reader) in readers {
        let mut environment = deployment.world.environment(&Setup::with_cache(&deployment.valkey.url()));
        environment.extend(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        let lambda = Lambda::start(&Function::from_checkout(name, environment).unwrap()).await.unwrap();
        let invoke = async |event: Value| Ok(lambda.invoke(&event).await?.body()?.clone());
        stream::drain(&mut reader, &EventSourceMapping::from_checkout(name).unwrap(), &invoke).await.unwrap();
        bytes.insert(name, usual_bytes(&last_line(&lambda)));
    }
    bytes
}

#[tokio::test]
async fn access_log_lines_match_the_budgeted_lengths() {
    let file = boxoffice_local::checkout::root().unwrap().join("infra/log_lines.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let budgets: BTreeMap<&str, u64> = file["bytes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_u64().unwrap()))
        .collect();
    let bytes = bytes_of_lines().await;
    assert_eq!(bytes.keys().collect::<Vec<_>>(), budgets.keys().collect::<Vec<_>>());
    // The number of digits in durations varies from run to run. An additional field takes at least ten bytes.
    let is_close = |name: &str, bytes: usize| bytes.abs_diff(usize::try_from(budgets[name]).unwrap()) <= 9;
    assert!(
        bytes.iter().all(|(name, bytes)| is_close(name, *bytes)),
        "infra/log_lines.json has {budgets:?}, measured {bytes:?}"
    );
}

#[tokio::test]
async fn a_summary_line_has_only_documented_fields() {
    let deployment = Deployment::with(&[LONG_CACHE_DEADLINE, ("METRICS_NAMESPACE", "boxoffice")]).await;
    let mine = seats(1, 2);
    let calls = [
        seat_map(),
        seat_map(),
        reserve(&mine, Uuid::now_v7()),
        reserve(&mine, Uuid::now_v7()),
        book(&seats(3, 4), Uuid::now_v7(), None),
    ];
    for call in calls {
        deployment.send(&call).await;
    }
    let page = boxoffice_local::checkout::root().unwrap().join("docs/observability.md");
    let page = std::fs::read_to_string(page).unwrap();
    let documented: Vec<_> = page.split('`').skip(1).step_by(2).collect();
    for lambda in deployment.functions.all() {
        let line: BTreeMap<String, Value> = serde_json::from_str(&last_line(lambda)).unwrap();
        let unknown: Vec<_> = line.keys().filter(|field| !documented.contains(&field.as_str())).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "not in docs/observability.md");
    }
}

#[tokio::test]
async fn network_is_not_logged_if_disabled() {
    let deployment = Deployment::with(&[LONG_CACHE_DEADLINE, ("LOG_ADDRESSES", "none")]).await;
    deployment.send(&seat_map()).await;
    let line: Value = serde_json::from_str(&last_line(&deployment.functions.get_seats)).unwrap();
    assert!(line["net"].is_null() && line["caller"].is_string(), "{line}");
}

#[tokio::test]
async fn access_log_omits_zeros_and_repeats_no_id() {
    let deployment = Deployment::new().await;
    for _ in 0..2 {
        deployment.send(&seat_map()).await;
    }
    let lines: Vec<Value> =
        deployment.functions.get_seats.log().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let hit = [
        "cache",
        "caller",
        "level",
        "ms",
        "net",
        "op",
        "redis",
        "redis_ms",
        "request_id",
        "status",
        "theater",
        "timestamp",
        "trace",
    ];
    let [first, second] = &lines[..] else { panic!("{lines:?}") };
    assert!(first["init_ms"].as_f64() > Some(0.0) && first["dynamodb"].as_u64() > Some(0), "{first}");
    let without_times = |line: &Value| fields(line).into_iter().filter(|field| field != "redis_ms").collect::<Vec<_>>();
    assert_eq!(
        without_times(second),
        hit.iter().filter(|field| **field != "redis_ms").map(|field| (*field).to_owned()).collect::<Vec<_>>()
    );
    assert_eq!(second["op"], "getSeats");
}
