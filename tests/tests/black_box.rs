//! A black-box test. It starts `make run`, sends HTTP requests as a user would, and stops it as a user would.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use boxoffice::clock::Clock;
use boxoffice::domain::local_time::LocalDate;
use boxoffice_local::checkout;
use boxoffice_tests::http::{self, Answer};
use boxoffice_tests::local_run::{PATIENCE, Run};
use futures_util::future::join_all;
use http_body_util::Full;
use hyper::{Method, Request};
use serde_json::{Value, json};

async fn send(method: Method, url: &str, headers: &[(String, String)], body: Option<String>) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    http::send(request.body(Full::from(body.unwrap_or_default())).unwrap()).await
}

async fn post(url: &str, body: &Value) -> Answer {
    let json = [("content-type".to_owned(), "application/json".to_owned())];
    send(Method::POST, url, &json, Some(body.to_string())).await
}

/// A curl command as the README writes it: `curl ... 'URL'`, `--request METHOD`, `--header 'NAME: VALUE'`,
/// `--data 'BODY'`.
struct Curl {
    url: String,
    /// Without it, `--data` decides.
    method: Option<Method>,
    headers: Vec<(String, String)>,
    data: Option<String>,
}

impl Curl {
    fn parse(text: &str) -> Self {
        let quoted: Vec<_> = text.split('\'').collect();
        let mut curl = Self { url: String::new(), method: None, headers: Vec::new(), data: None };
        for pair in quoted.chunks_exact(2) {
            let (before, word) = (pair[0].trim(), pair[1]);
            if before.ends_with("--header") {
                let (name, value) = word.split_once(": ").unwrap();
                curl.headers.push((name.to_owned(), value.to_owned()));
            } else if before.ends_with("--data") {
                curl.data = Some(word.to_owned());
            } else {
                curl.url = word.to_owned();
                let method = before.split_once("--request ").map(|(_, method)| method.trim());
                curl.method = method.map(|method| Method::from_bytes(method.as_bytes()).unwrap());
            }
        }
        curl
    }

    async fn send(&self, run: &Run, replace: &[(String, String)]) -> Answer {
        let swap = |text: &str| replace.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
        let url = swap(&self.url).replace("127.0.0.1:8000", &format!("127.0.0.1:{}", run.ports[0]));
        let implied = if self.data.is_some() { Method::POST } else { Method::GET };
        let method = self.method.clone().unwrap_or(implied);
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), swap(value))).collect();
        send(method, &url, &headers, self.data.as_deref().map(swap)).await
    }
}

/// The day of the README's shows.
const DAY_IN_README: &str = "2026-12-01";

/// Returns the day after today in UTC. In Zurich it is tomorrow, too, or today until midnight there.
fn tomorrow() -> String {
    LocalDate::in_utc(Clock::System.now()).plus_days(1).unwrap().to_string()
}

/// Returns the curl commands of the README in order, each with the status and the body that the README shows for it.
fn documented_curls() -> Vec<(Curl, u16, Value)> {
    let root = checkout::root().unwrap();
    let pages = ["README.md", "docs/local.md"].map(|page| std::fs::read_to_string(root.join(page)).unwrap());
    let mut curls = Vec::new();
    let mut blocks = pages.iter().flat_map(|page| page.split("```").skip(1).step_by(2)).peekable();
    while let Some(block) = blocks.next() {
        let Some(call) = block.strip_prefix("sh\ncurl ") else { continue };
        let answer = blocks.next_if(|block| block.starts_with("http\n")).expect("each curl has its answer");
        let (head, body) = answer.trim_start_matches("http\n").split_once("\n\n").unwrap();
        let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        curls.push((Curl::parse(call), status, serde_json::from_str(body).unwrap()));
    }
    curls
}

/// Returns the shape of a response body: field names, fixed values, and a placeholder for each value that varies
/// between runs.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let varies = [
                "reservation_id",
                "booking_id",
                "booked_at",
                "expires_at",
                "request_id",
                "expires_in",
                "layout_version",
                "starts_at",
                "age",
            ];
            let fields = fields.iter().map(|(name, value)| {
                (name.clone(), if varies.contains(&name.as_str()) { json!("varies") } else { shape(value) })
            });
            Value::Object(fields.collect())
        }
        Value::Array(values) => values.iter().map(shape).collect(),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn make_run_serves_requests_keeps_its_data_and_stops_cleanly() {
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    the_documented_curls_are_answered_as_shown(&run).await;
    original_curls_are_answered(&run).await;
    a_race_has_one_winner(&run).await;
    paths_and_bodies_arrive_as_they_were_sent(&run).await;
    the_events_can_be_invoked(&run, data.path()).await;
    the_examples_buy_seats(&run, data.path()).await;
    the_stream_is_followed(&run).await;
    every_line_of_the_log_is_json_and_holds_no_reservation(&run, data.path()).await;
    assert_eq!(run.end(), Some(0), "Ctrl-C is no failure");

    let again = Run::start(data.path());
    let seats = send(Method::GET, &again.url("/theaters/2/seats"), &[], None).await;
    assert_eq!(seats.body["booked"], 1, "a booking survives the restart");
    assert_eq!(again.end(), Some(0));
}

async fn the_documented_curls_are_answered_as_shown(run: &Run) {
    let curls = documented_curls();
    assert!(curls.len() >= 5, "{}", curls.len());
    // Maps the day in the README to tomorrow, whose shows haven't started, and ids to the ids that this run returns.
    let tomorrow = tomorrow();
    let mut replace = vec![(DAY_IN_README.to_owned(), tomorrow.clone())];
    for (curl, status, shown) in &curls {
        let mut answer = curl.send(run, &replace).await;
        // A pause takes up to ten seconds.
        let end = Instant::now() + Duration::from_secs(10);
        while *status == 403 && answer.status != 403 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(500)).await;
            answer = curl.send(run, &replace).await;
        }
        assert_eq!(answer.status, *status, "{}: {}", curl.url, answer.body);
        if let Some(seconds) = curl.data.as_ref().and_then(|data| data.split_once("\"expires_in\": ")) {
            // The README's next call comes when the reservation has run out.
            let seconds: u64 = seconds.1.trim_end_matches(['}', '\n']).trim().parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds + 1)).await;
        }
        let shown_here = shown.to_string().replace("127.0.0.1:8000", &format!("127.0.0.1:{}", run.ports[0]));
        let shown_here = shown_here.replace(DAY_IN_README, &tomorrow);
        assert_eq!(shape(&answer.body), shape(&serde_json::from_str(&shown_here).unwrap()), "{}", curl.url);
        if let (Some(shown), Some(real)) = (shown["reservation_id"].as_str(), answer.body["reservation_id"].as_str()) {
            replace.push((shown.to_owned(), real.to_owned()));
        }
    }
}

/// Sends the three curl commands of the original product request, word for word. The README's commands run before them.
async fn original_curls_are_answered(run: &Run) {
    let seat_map = Curl::parse("--location 'http://127.0.0.1:8000/v1/theaters/1/seats'").send(run, &[]).await;
    assert_eq!((seat_map.status, seat_map.body["name"].as_str()), (200, Some("Theater_A")));
    for call in ["reserve", "book"] {
        let curl = format!(
            "--location 'http://127.0.0.1:8000/v1/theaters/1/{call}' \\\n\
             --header 'Content-Type: application/json' \\\n--data '{{\n    \"seat\": \"A1\"\n}}'"
        );
        let answer = Curl::parse(&curl).send(run, &[]).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (409, Some("seat_unavailable")), "A1 is sold");
        let elsewhere = curl.replace("A1", if call == "reserve" { "B2" } else { "B3" });
        assert_eq!(Curl::parse(&elsewhere).send(run, &[]).await.status, 201);
    }
}

async fn a_race_has_one_winner(run: &Run) {
    let url = run.url("/theaters/2/book");
    let calls = (0..40).map(|n| {
        let body = json!({ "seat": "C1", "booking_id": format!("0188c0de-0000-7000-8000-0000000000{n:02}") });
        let url = url.clone();
        tokio::spawn(async move { post(&url, &body).await })
    });
    let answers: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let statuses: BTreeSet<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, BTreeSet::from([201, 409]));
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let seat_map = send(Method::GET, &run.url("/theaters/2/seats"), &[], None).await;
    assert_eq!((&seat_map.body["booked"], seat_map.headers["x-cache"].as_str()), (&json!(1), "miss"));
    let etag = ("if-none-match".to_owned(), seat_map.headers["etag"].clone());
    let unchanged = send(Method::GET, &run.url("/theaters/2/seats"), &[etag], None).await;
    assert_eq!((unchanged.status, unchanged.headers["x-cache"].as_str()), (304, "hit"));
}

async fn paths_and_bodies_arrive_as_they_were_sent(run: &Run) {
    let encoded = send(Method::GET, &run.url("/theaters/%67rand%2Dhall/seats"), &[], None).await;
    assert_eq!((encoded.status, encoded.body["theater_id"].as_str()), (200, Some("grand-hall")));
    let blank = send(Method::GET, &run.url("/theaters/a%20b/seats"), &[], None).await;
    assert_eq!(blank.status, 400);
    let consistent = send(Method::GET, &run.url("/theaters/2/seats?consistent=true"), &[], None).await;
    assert_eq!((consistent.status, consistent.headers["x-cache"].as_str()), (200, "bypass"));
    let plain = send(Method::POST, &run.url("/theaters/2/book"), &[], Some(r#"{"seat": 1}"#.to_owned())).await;
    assert_eq!(plain.status, 400, "without a content type any body is accepted");
    let form = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let form = send(Method::POST, &run.url("/theaters/2/book"), &form, Some("seat=C2".to_owned())).await;
    assert_eq!(form.status, 415);
}

/// Runs `cargo lambda invoke` with files of `events/`, as events/README.md describes.
async fn the_events_can_be_invoked(run: &Run, data: &Path) {
    let root = checkout::root().unwrap();
    let tool: PathBuf = checkout::tool("cargo-lambda", "BOXOFFICE_CARGO_LAMBDA").unwrap();
    for (file, field, expected) in [
        ("get-seats.success.json", "statusCode", json!(200)),
        ("reserve.malformed.json", "statusCode", json!(400)),
        ("book.malformed.json", "statusCode", json!(400)),
        ("sync-cache.expired.json", "batchItemFailures", json!([])),
    ] {
        let (function, _) = file.split_once('.').unwrap();
        let output = Command::new(&tool)
            .args(["lambda", "invoke", function, "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &run.ports[0].to_string(), "--client-context-file"])
            .arg(data.join("invoke-token"))
            .arg("--data-file")
            .arg(root.join("events").join(file))
            .current_dir(&root)
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer: Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output} {output:?}"));
        assert_eq!(answer[field], expected, "{file}: {output}");
    }
}

/// Runs the clients of `examples/`. The one in Python is killed between reserving and booking.
async fn the_examples_buy_seats(run: &Run, data: &Path) {
    let examples = checkout::root().unwrap().join("examples");
    let purchase = data.join("purchase.json");
    let python = |pay: &str| {
        let mut command = Command::new("python3");
        command.arg(examples.join("book.py")).args(["--url", &run.url(""), "--pay", pay]);
        command.arg("--purchase").arg(&purchase).stdout(Stdio::piped());
        command
    };
    let mut killed = python("600").spawn().unwrap();
    let mut reserved = String::new();
    BufReader::new(killed.stdout.take().unwrap()).read_line(&mut reserved).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let seats = reserved.strip_prefix("reserved ").unwrap_or_else(|| panic!("{reserved}")).trim();
    let again = [(); 2].map(|()| {
        let output = python("0").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    });
    assert_eq!(again[0], again[1], "the purchase was repeated");
    let booking = again[0].split_once(&format!("booked {seats} as ")).unwrap_or_else(|| panic!("{again:?}")).1.trim();
    let shown = send(Method::GET, &run.url(&format!("/theaters/grand-hall/bookings/{booking}")), &[], None).await;
    let shown: Vec<_> = shown.body["seats"].as_array().unwrap().iter().map(|seat| seat.as_str().unwrap()).collect();
    assert_eq!(shown.join(", "), seats);

    // A machine without curl can run all other tests.
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let output = Command::new(examples.join("curl.sh")).arg(run.url("")).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{answers}");
    let statuses: Vec<_> = answers.lines().filter(|line| line.len() == 3).collect();
    assert_eq!(statuses, ["200", "201", "200", "200", "201", "200", "204", "200"], "{answers}");
}

/// Checks that the table's stream is delivered. By then sync-cache has logged a batch, and publish-events has written a
/// booking to the file of events.
async fn the_stream_is_followed(run: &Run) {
    let told = run.output.iter().find_map(|line| line.strip_prefix("What happened, as events: ")).unwrap();
    let told = checkout::root().unwrap().join(told);
    let output = run.output.iter().find_map(|line| line.split_once(", and of those on the stream: ")).unwrap().1;
    let folder = checkout::root().unwrap().join(output.split(", ").next().unwrap());
    let lines = || -> String {
        let logs = std::fs::read_dir(&folder).unwrap();
        logs.map(|log| std::fs::read_to_string(log.unwrap().path()).unwrap()).collect()
    };
    let end = Instant::now() + PATIENCE;
    let is_merged = |line: &str| line.contains(r#""op":"syncCache""#) && !line.contains("inventories_failed");
    while !lines().lines().any(is_merged) {
        assert!(Instant::now() < end, "no line about a batch in {}: {}", folder.display(), lines());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let events = || std::fs::read_to_string(&told).unwrap_or_default();
    while !events().contains("booking.created") {
        assert!(Instant::now() < end, "no booking in {}: {}", told.display(), events());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn every_line_of_the_log_is_json_and_holds_no_reservation(run: &Run, data: &Path) {
    let reserved = post(&run.url("/theaters/2/reserve"), &json!({ "seat": "D1" })).await;
    let secret = reserved.body["reservation_id"].as_str().unwrap().to_owned();
    let log = run.output.iter().find_map(|line| line.strip_prefix("Logs of the functions: ")).unwrap();
    let (log, _) = log.split_once(", ").unwrap();
    let log = [data.join("functions.log"), PathBuf::from(log), checkout::root().unwrap().join(log)]
        .into_iter()
        .find(|path| path.is_file())
        .expect("the log");
    let of_reserve = |text: &str| -> Vec<Value> {
        let lines =
            text.lines().filter_map(|line| line.find('{').and_then(|at| serde_json::from_str(&line[at..]).ok()));
        lines.filter(|line: &Value| line["op"] == "reserve").collect()
    };
    let end = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(!text.contains(&secret), "a reservation id is in the log");
        if let Some(line) = of_reserve(&text).iter().find(|line| line["status"] == 201 && line["theater"] == "2") {
            for field in ["timestamp", "caller", "net", "dynamodb", "dynamodb_ms", "units", "ms"] {
                assert!(!line[field].is_null(), "{field} in {line}");
            }
            assert!(!line["request_id"].as_str().unwrap().is_empty(), "{line}");
            return;
        }
        assert!(Instant::now() < end, "no access log line in {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
