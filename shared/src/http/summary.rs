//! What is told of each request, to whoever runs this: a line of the log, and what is counted.

use lambda_http::{Request, RequestExt};
use serde::Serialize;
use tokio::time::Instant;

use super::content::Answer;
use super::{IDEMPOTENT_REPLAYED, X_CACHE, book, input, reserve};
use crate::metrics::{self, Answered, Made};
use crate::tally::Tally;
use crate::telemetry::{self, millis};

/// What was asked, what came of it, what it cost. Holds no id that is a right, and nobody's data.
#[derive(Serialize)]
struct Summary<'a> {
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater: Option<&'a str>,
    status: u16,
    code: &'a str,
    cache: &'a str,
    replayed: bool,
    dynamodb_calls: u32,
    dynamodb_retries: u32,
    dynamodb_ms: f64,
    capacity_units: f64,
    redis_calls: u32,
    redis_failures: u32,
    stale_answers: u32,
    redis_ms: f64,
    duration_ms: f64,
}

/// The span that a request's other lines are logged in.
#[derive(Serialize)]
pub(super) struct Span<'a> {
    pub(super) request_id: &'a str,
    pub(super) trace_id: &'a str,
    name: &'static str,
}

impl<'a> Span<'a> {
    /// Of this request.
    pub(super) fn of(request: &'a Request) -> Self {
        let context = request.lambda_context_ref();
        let request_id = context.map_or("", |context| context.request_id.as_str());
        let trace_id = context.and_then(|context| context.xray_trace_id.as_deref()).unwrap_or_default();
        Self { request_id, trace_id, name: "request" }
    }
}

/// Logs and counts a request.
pub(super) fn tell(
    route: &'static str,
    (request, span): (&Request, &Span<'_>),
    answer: &Answer,
    code: &str,
    tally: &Tally,
    started: Instant,
) {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let costs = tally.costs();
    let theater = input::theater_id(request).ok();
    let summary = Summary {
        route,
        theater: theater.as_ref().map(|theater| theater.as_str()),
        status: answer.status().as_u16(),
        code,
        cache: header(X_CACHE),
        replayed: !header(IDEMPOTENT_REPLAYED).is_empty(),
        dynamodb_calls: costs.dynamodb_calls,
        dynamodb_retries: costs.dynamodb_retries,
        dynamodb_ms: millis(costs.dynamodb_time),
        capacity_units: costs.capacity_units,
        redis_calls: costs.redis_calls,
        redis_failures: costs.redis_failures,
        stale_answers: costs.stale_answers,
        redis_ms: millis(costs.redis_time),
        duration_ms: millis(started.elapsed()),
    };
    telemetry::info("request", &summary, span);
    let Summary { status, cache, replayed, .. } = summary;
    metrics::request(Answered { makes: makes(route), status, code, cache, replayed }, &costs);
}

/// What is made by a route where it answers 201.
fn makes(route: &str) -> Option<Made> {
    match route {
        reserve::ROUTE => Some(Made::Reservation),
        book::ROUTE => Some(Made::Booking),
        _ => None,
    }
}
