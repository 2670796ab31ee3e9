//! The access log: one line per request with the request, its outcome and its costs.

use std::sync::OnceLock;

use lambda_http::http::StatusCode;
use lambda_http::{Request, RequestExt};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Level;

use super::codes::Code;
use super::reply::Reply;
use super::routed_request::RoutedRequest;
use super::{input, rate_limit};
use crate::app::Source;
use crate::config;
use crate::context::RequestCosts;
use crate::domain::ids::{ShowId, TheaterId};
use crate::observability::log::{self, is_zero, millis};
use crate::observability::metrics::{Counts, Made};

/// The fields of an access log line. No field is an id that gives a right. The caller appears only as a hash and a
/// network.
///
/// Operators pay for each byte, so names are short, and zero or empty fields are left out. `docs/observability.md`
/// explains each field. `infra/log_lines.json` has the maximum length of a line that the costs are computed with.
#[derive(Serialize)]
struct AccessLogLine<'a> {
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    code: &'a str,
    /// The name of the release, if the request failed. The alarms of a release count these lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    cache: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    replay: bool,
    ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    dynamodb: u32,
    #[serde(skip_serializing_if = "is_zero")]
    dynamodb_ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    retries: u32,
    #[serde(skip_serializing_if = "is_zero")]
    units: f64,
    #[serde(skip_serializing_if = "is_zero")]
    redis: u32,
    #[serde(skip_serializing_if = "is_zero")]
    redis_ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    stale: u32,
    /// A keyed hash of the caller, which changes every day.
    caller: String,
    /// The caller is staff.
    #[serde(skip_serializing_if = "is_zero")]
    staff: bool,
    /// The network of the client, if networks are logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    net: Option<String>,
    request_id: &'a str,
    /// The trace, if X-Ray keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

/// The ids of a request, for its log lines.
pub(super) struct RequestIds<'a> {
    pub(super) request_id: &'a str,
    /// The header with which X-Ray follows the request.
    pub(super) trace_header: &'a str,
}

impl<'a> RequestIds<'a> {
    /// Returns the ids of a request.
    pub(super) fn of(request: &'a Request) -> Self {
        let routed = request.lambda_context_ref();
        let request_id = routed.map_or("", |routed| routed.request_id.as_str());
        let trace_header = routed.and_then(|routed| routed.xray_trace_id.as_deref()).unwrap_or_default();
        Self { request_id, trace_header }
    }

    /// Returns the trace, if X-Ray keeps it.
    pub(super) fn trace(&self) -> Option<&'a str> {
        crate::observability::trace::sampled_trace_id(self.trace_header)
    }
}

/// The reply to a request, for its access log.
pub(super) struct Completed<'a> {
    pub(super) reply: &'a Reply,
    /// The code of the problem, if the request was rejected.
    pub(super) code: Option<Code>,
    pub(super) started: Instant,
}

/// Returns the name of the release that this process belongs to.
fn release() -> Option<&'static str> {
    static RELEASE: OnceLock<Option<String>> = OnceLock::new();
    RELEASE.get_or_init(config::release_from_env).as_deref()
}

/// Writes the access log of a request. That of a failed request is an error, so it is written at every log level.
pub(super) fn log_request(routed: &RoutedRequest<'_>, span: &RequestIds<'_>, done: &Completed<'_>) {
    let Completed { reply, code, started } = *done;
    let costs = routed.ctx.costs();
    let theater = TheaterId::parse(input::path_parameter(routed.request, input::THEATER_ID)).ok();
    let show = ShowId::parse(input::path_parameter(routed.request, input::SHOW_ID)).ok();
    let caller = rate_limit::logged_caller(routed.office, routed.request);
    let status = reply.response.status();
    let failed = status.is_server_error();
    let summary = AccessLogLine {
        op: routed.route.operation.as_str(),
        theater: theater.as_ref().map(TheaterId::as_str),
        show: show.as_ref().map(ShowId::as_str),
        status: status.as_u16(),
        code: code.map_or("", Code::as_str),
        release: if failed { release() } else { None },
        cache: reply.source.map_or("", Source::as_str),
        replay: reply.replayed,
        ms: millis(started.elapsed()),
        dynamodb: costs.dynamodb_calls,
        dynamodb_ms: millis(costs.dynamodb_time),
        retries: costs.dynamodb_retries,
        units: costs.capacity_units,
        redis: costs.redis_calls,
        redis_ms: millis(costs.redis_time),
        stale: costs.stale_answers,
        caller: caller.pseudonym,
        staff: input::is_staff(routed.office, routed.request),
        net: caller.network,
        request_id: span.request_id,
        trace: span.trace(),
    };
    let level = if failed { Level::ERROR } else { Level::INFO };
    log::write_access_log_line(level, &summary, counts(routed.route.makes, done, &costs));
}

fn counts(makes: Option<Made>, done: &Completed<'_>, costs: &RequestCosts) -> Counts {
    let Completed { reply, code, .. } = done;
    let made = |kind| u32::from(reply.response.status() == StatusCode::CREATED && makes == Some(kind));
    Counts {
        bookings: made(Made::Booking),
        reservations: made(Made::Reservation),
        conflicts: u32::from(*code == Some(Code::SeatUnavailable)),
        cache_misses: u32::from(matches!(reply.source, Some(Source::Miss | Source::Bypass))),
        cache_errors: costs.redis_failures,
    }
}
