//! The record of each request for operators: a line of the log, and what is counted.

use std::sync::OnceLock;

use lambda_http::{Request, RequestExt};
use serde::Serialize;
use tokio::time::Instant;

use super::{Context, Outcome, input, limits};
use crate::config;
use crate::metrics::{self, Answered};
use crate::rules::names::TheaterId;
use crate::telemetry::{self, millis};
use crate::usecases::Source;

/// The request, its outcome and its costs. Holds no id that is a right, and no personal data.
#[derive(Serialize)]
struct Summary<'a> {
    route: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater: Option<&'a str>,
    /// A keyed hash of the caller, another one each day.
    caller: String,
    status: u16,
    code: &'a str,
    /// The name of the release, of a request that failed. The alarms of a release count these lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'static str>,
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

/// The span of a request's other lines.
#[derive(Serialize)]
pub(super) struct Span<'a> {
    pub(super) request_id: &'a str,
    pub(super) trace_id: &'a str,
    name: &'static str,
}

impl<'a> Span<'a> {
    /// Returns the span of a request.
    pub(super) fn of(request: &'a Request) -> Self {
        let context = request.lambda_context_ref();
        let request_id = context.map_or("", |context| context.request_id.as_str());
        let trace_id = context.and_then(|context| context.xray_trace_id.as_deref()).unwrap_or_default();
        Self { request_id, trace_id, name: "request" }
    }
}

/// The outcome of a request, for its summary.
pub(super) struct Done<'a> {
    pub(super) outcome: &'a Outcome,
    /// The problem's code, or nothing.
    pub(super) code: &'a str,
    pub(super) started: Instant,
}

/// Returns the name of the release that this process is of.
fn release() -> Option<&'static str> {
    static RELEASE: OnceLock<Option<String>> = OnceLock::new();
    RELEASE.get_or_init(config::release_from_env).as_deref()
}

/// Logs and counts a request.
pub(super) fn write(context: &Context<'_>, span: &Span<'_>, done: &Done<'_>) {
    let Done { outcome, code, started } = *done;
    let costs = context.tally.costs();
    let theater = TheaterId::parse(input::path_parameter(context.request, "theaterId")).ok();
    let (status, replayed) = (outcome.response.status().as_u16(), outcome.replayed);
    let cache = outcome.source.map_or("", Source::as_str);
    let summary = Summary {
        route: context.route.key,
        theater: theater.as_ref().map(TheaterId::as_str),
        caller: limits::pseudonym(context.office, context.request),
        status,
        code,
        release: if status >= 500 { release() } else { None },
        cache,
        replayed,
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
    metrics::request(Answered { makes: context.route.makes, status, code, cache, replayed }, &costs);
}
