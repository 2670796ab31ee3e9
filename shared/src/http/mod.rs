//! HTTP: events into requests, answers into responses. Each call has its file; errors become HTTP in [`problem`].

pub mod book;
pub mod bookings;
mod compress;
pub mod content;
pub mod delivered;
mod etag;
pub mod event;
pub mod get_seats;
mod input;
mod limits;
mod links;
pub mod map;
pub mod problem;
pub mod reservations;
pub mod reserve;
mod seat_map;
mod summary;
pub mod theaters;

use std::convert::Infallible;

use lambda_http::{Request, RequestExt, Response};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument;

use crate::tally::Tally;
use crate::usecases::BoxOffice;
use content::{Answer, Content};
use problem::Problem;
use summary::Span;

/// Every route of the API, and the function that serves it.
pub const ROUTES: &[(&str, &str)] = &[
    (get_seats::ROUTE, "get-seats"),
    (map::ROUTE, "get-seats"),
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
    operation: impl AsyncFnOnce(&Tally) -> Result<Answer, Problem>,
) -> Result<Answer, Infallible> {
    let told = &Span::of(request);
    let span = tracing::info_span!("request", request_id = told.request_id, trace_id = told.trace_id);
    async {
        let started = Instant::now();
        let tally = Tally::drawing_on(limits::budget(office, route, request));
        // Boxed: what it is made of is deep, and the compiler follows it only so far.
        let (mut response, code) = match Box::pin(operation(&tally)).await {
            Ok(response) => (response, ""),
            Err(problem) => {
                problem.log();
                let code = problem.code.as_str();
                (problem.into_response(request.raw_http_path(), told.request_id), code)
            }
        };
        if let Some(standing) = tally.standing() {
            limits::put(response.headers_mut(), standing);
        }
        summary::tell(route, (request, told), &response, code, &tally, started);
        crate::xray::tell(told.trace_id, &tally.calls());
        Ok(compress::for_client(request, response))
    }
    .instrument(span)
    .await
}

/// A JSON answer that nobody may keep.
fn json_response(status: u16, body: &impl Serialize, replayed: bool) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(body).map_err(Problem::internal)?;
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("cache-control", "no-store");
    if replayed {
        response = response.header(IDEMPOTENT_REPLAYED, "true");
    }
    response.body(Content::Text(String::from_utf8(body).map_err(Problem::internal)?)).map_err(Problem::internal)
}

/// The answer to what is done and has nothing to tell.
fn no_content() -> Result<Answer, Problem> {
    let response = Response::builder().status(204).header("cache-control", "no-store");
    response.body(Content::Nothing).map_err(Problem::internal)
}
