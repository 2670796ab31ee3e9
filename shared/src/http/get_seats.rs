//! `GET /theaters/{theaterId}/seats`

use std::convert::Infallible;

use lambda_http::{Request, Response};
use xxhash_rust::xxh3::xxh3_64;

use super::content::{Answer, Content};
use super::input;
use super::problem::Problem;
use super::seat_map::Shown;
use super::{X_CACHE, answer};
use crate::tally::Tally;
use crate::usecases::{BoxOffice, GetSeats, Source};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "GET /theaters/{theaterId}/seats";

/// Serves one request of the route.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 200 with the seats, or 304 when that is what the caller has already.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(request)?;
    let kept_by_nobody = ask.consistent || ask.reservation.is_some();
    let view = office.get_seats(&ask, tally).await?;
    let shown = Shown::of(&view.layout, wants_map(request)?, input::query(request, "section"))?;
    let body = shown.body(&view)?;
    let etag = format!("\"{:016x}\"", xxh3_64(body.as_bytes()));
    let unchanged = input::none_match(request).is_some_and(|wanted| input::matches(wanted, &etag));
    let response = Response::builder()
        .header("etag", &etag)
        // May be kept, but is asked for before each use: then a 304 costs next to nothing.
        .header("cache-control", if kept_by_nobody { "no-store" } else { "no-cache" })
        .header(X_CACHE, source(view.source));
    let response = if unchanged {
        response.status(304).body(Content::Nothing)
    } else {
        response.status(200).header("content-type", "application/json").body(body)
    };
    response.map_err(Problem::internal)
}

fn read(request: &Request) -> Result<GetSeats, Problem> {
    let theater = input::theater_id(request)?;
    let consistent = input::flag(request, "consistent")?;
    // Whose seats they are is told on the map only.
    let reservation = if wants_map(request)? { input::reservation_header(request)? } else { None };
    Ok(GetSeats { theater, consistent, reservation, caller: input::caller(request) })
}

fn wants_map(request: &Request) -> Result<bool, Problem> {
    match input::query(request, "view") {
        None | Some("seats") => Ok(false),
        Some("map") => Ok(true),
        Some(_) => Err(Problem::malformed("view", "expected map or seats")),
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Hit => "hit",
        Source::Miss => "miss",
        Source::Bypass => "bypass",
    }
}
