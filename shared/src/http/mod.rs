//! The HTTP layer: events become requests, and outcomes become responses.
//!
//! [`routes`] lists what each route reads and costs. Each function has its file. Errors become HTTP in [`problem`].

mod access_log;
pub mod api_gateway;
pub mod api_gateway_event;
mod codes;
mod compress;
mod conditional;
mod etag;
mod input;
mod links;
pub mod problem;
mod rate_limit;
pub mod response_body;
pub mod router;
pub mod routes;
mod seat_map;

use std::convert::Infallible;

use lambda_http::http::{HeaderMap, Method};
use lambda_http::{Request, Response};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::{BoxOffice, Source};
use crate::context::RequestContext;
use access_log::{Completed, RequestIds};
use input::Input;
use links::Address;
use problem::{Code, Problem};
use response_body::{Answer, ResponseBody};
use router::Route;

/// The header of a response to a repeated request.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// The header that names the source of the seats: `hit`, `miss` or `bypass`.
pub const X_CACHE: &str = "x-cache";

/// A request while its handler runs.
pub(crate) struct RoutedRequest<'r> {
    office: &'r BoxOffice,
    request: &'r Request,
    route: &'static Route,
    address: Address<'r>,
    ctx: &'r RequestContext,
}

impl<'r> RoutedRequest<'r> {
    /// Starts to read the request.
    fn input(&self) -> Input<'r> {
        Input::of(self.request, self.route)
    }
}

/// A response, and the facts that are counted about it.
pub(crate) struct Outcome {
    response: Answer,
    /// `true` if the request was a repeat and got the answer of the first one.
    replayed: bool,
    /// The source of the seats, if the response shows any.
    source: Option<Source>,
}

impl Outcome {
    /// Adds a header. Leaves out an invalid value, which can't occur, because no value comes from a caller.
    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.response.headers_mut().insert(name, value);
        }
        self
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.response.headers_mut()
    }
}

impl From<Answer> for Outcome {
    fn from(response: Answer) -> Self {
        Self { response, replayed: false, source: None }
    }
}

/// Runs the handler of a request, and writes its access log. Always returns a response.
///
/// `HEAD` gets the response of `GET` without the body.
async fn answer(
    office: &BoxOffice,
    function: &'static str,
    request: &Request,
    handler: impl AsyncFnOnce(&RoutedRequest<'_>) -> Result<Outcome, Problem>,
) -> Result<Answer, Infallible> {
    let told = &RequestIds::of(request);
    let span = tracing::info_span!("request", request_id = told.request_id, trace = told.trace());
    async {
        let started = Instant::now();
        let route = Route::find(function, request);
        let ctx = RequestContext::with_rate_limit(rate_limit::budget(office, route, request));
        let routed = RoutedRequest {
            office,
            request,
            route,
            address: Address::of(request, route, office.base_path()),
            ctx: &ctx,
        };
        // Boxed because its type is nested more deeply than the compiler can follow.
        let (mut outcome, code) = match Box::pin(handler(&routed)).await {
            Ok(outcome) => (outcome, None),
            Err(problem) => reject(problem, &routed, told.request_id),
        };
        if let Some(standing) = ctx.rate_limit_status() {
            rate_limit::put(outcome.headers_mut(), standing);
        }
        let done = Completed { outcome: &outcome, code: code.map_or("", Code::as_str), started };
        access_log::log_request(&routed, told, &done);
        crate::observability::trace::send(told.trace_header, &ctx.calls());
        let mut response = compress::for_client(routed.route.operation, request, outcome.response);
        if request.method() == Method::HEAD {
            *response.body_mut() = ResponseBody::Nothing;
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

fn reject(problem: Problem, routed: &RoutedRequest<'_>, request_id: &str) -> (Outcome, Option<Code>) {
    let problem = if routed.route.is_safe() { problem.worded_for_read() } else { problem };
    problem.log();
    let code = problem.code;
    (problem.into_response(&routed.address, request_id).into(), Some(code))
}

/// Creates a JSON response that no HTTP cache may store.
fn json_response(status: u16, body: &impl Serialize) -> Result<Outcome, Problem> {
    let body = serde_json::to_string(body).map_err(Problem::internal)?;
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(ResponseBody::Text(body));
    Ok(response.map_err(Problem::internal)?.into())
}

/// Marks a response as the response to a repeated request.
fn mark_replayed(outcome: Outcome) -> Outcome {
    Outcome { replayed: true, ..outcome.with_header(IDEMPOTENT_REPLAYED, "true") }
}

/// Creates the response to a deletion.
fn no_content() -> Result<Outcome, Problem> {
    let response = Response::builder().status(204).header("cache-control", "no-store").body(ResponseBody::Nothing);
    Ok(response.map_err(Problem::internal)?.into())
}
