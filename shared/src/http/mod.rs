//! HTTP: events into requests, answers into responses. Each call has its file; errors become HTTP in [`problem`].

pub mod book;
pub mod bookings;
mod etag;
pub mod event;
pub mod get_seats;
mod input;
mod limits;
mod links;
pub mod problem;
pub mod reservations;
pub mod reserve;
mod seat_map;
pub mod theaters;

use std::convert::Infallible;

use lambda_http::{Body, Request, RequestExt, Response};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument;

use crate::metrics::{self, Answered, Made};
use crate::tally::Tally;
use crate::telemetry::millis;
use crate::usecases::BoxOffice;
use problem::Problem;

/// Every route of the API, and the function that serves it.
pub const ROUTES: &[(&str, &str)] = &[
    (get_seats::ROUTE, "get-seats"),
    (reserve::ROUTE, "reserve"),
    (book::ROUTE, "book"),
    (reservations::GET, "reservations"),
    (reservations::DELETE, "reservations"),
    (reservations::EXTEND, "reservations"),
    (bookings::GET, "bookings"),
    (bookings::DELETE, "bookings"),
    (theaters::LIST, "theaters"),
    (theaters::GET, "theaters"),
    (theaters::PUT, "theaters"),
    (theaters::DELETE, "theaters"),
];

/// Header that tells a repeated request's answer from the first one.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// Header that tells where an answer came from: `hit`, `miss` or `bypass`.
pub const X_CACHE: &str = "x-cache";

/// Answers one request by an operation, whatever happens, and writes its summary line.
async fn answer(
    office: &BoxOffice,
    route: &'static str,
    request: &Request,
    operation: impl AsyncFnOnce(&Tally) -> Result<Response<Body>, Problem>,
) -> Result<Response<Body>, Infallible> {
    let context = request.lambda_context_ref();
    let request_id = context.map_or("", |context| context.request_id.as_str());
    let trace_id = context.and_then(|context| context.xray_trace_id.as_deref()).unwrap_or_default();
    let span = tracing::info_span!("request", request_id, trace_id);
    async {
        let started = Instant::now();
        let tally = Tally::drawing_on(limits::budget(office, route, request));
        // Boxed: what it is made of is deep, and the compiler follows it only so far.
        let (mut response, code) = match Box::pin(operation(&tally)).await {
            Ok(response) => (response, ""),
            Err(problem) => {
                problem.log();
                let code = problem.code.as_str();
                (problem.into_response(request.raw_http_path(), request_id), code)
            }
        };
        if let Some(standing) = tally.standing() {
            limits::put(response.headers_mut(), standing);
        }
        summarize(route, request, &response, code, &tally, started);
        crate::xray::tell(trace_id, &tally.calls());
        Ok(response)
    }
    .instrument(span)
    .await
}

/// One line a request: what was asked, what came of it, what it cost. Holds no id that is a right, and nobody's data.
fn summarize(
    route: &'static str,
    request: &Request,
    response: &Response<Body>,
    code: &str,
    tally: &Tally,
    started: Instant,
) {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let costs = tally.costs();
    let answered = Answered {
        makes: makes(route),
        status: response.status().as_u16(),
        code,
        cache: header(X_CACHE),
        replayed: !header(IDEMPOTENT_REPLAYED).is_empty(),
    };
    tracing::info!(
        route,
        theater = input::theater_id(request).ok().map(|theater| theater.to_string()),
        status = answered.status,
        code,
        cache = answered.cache,
        replayed = answered.replayed,
        dynamodb_calls = costs.dynamodb_calls,
        dynamodb_retries = costs.dynamodb_retries,
        dynamodb_ms = millis(costs.dynamodb_time),
        capacity_units = costs.capacity_units,
        redis_calls = costs.redis_calls,
        redis_failures = costs.redis_failures,
        stale_answers = costs.stale_answers,
        redis_ms = millis(costs.redis_time),
        duration_ms = millis(started.elapsed()),
        "request"
    );
    metrics::request(answered, &costs);
}

/// What is made by a route where it answers 201.
fn makes(route: &str) -> Option<Made> {
    match route {
        reserve::ROUTE => Some(Made::Reservation),
        book::ROUTE => Some(Made::Booking),
        _ => None,
    }
}

/// A JSON answer that nobody may keep.
fn json_response(status: u16, body: &impl Serialize, replayed: bool) -> Result<Response<Body>, Problem> {
    let body = serde_json::to_vec(body).map_err(Problem::internal)?;
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store");
    if replayed {
        response = response.header(IDEMPOTENT_REPLAYED, "true");
    }
    response.body(Body::Text(String::from_utf8(body).map_err(Problem::internal)?)).map_err(Problem::internal)
}

/// The answer to what is done and has nothing to tell.
fn no_content() -> Result<Response<Body>, Problem> {
    let response = Response::builder().status(204).header("cache-control", "no-store");
    response.body(Body::Empty).map_err(Problem::internal)
}
