//! `GET /theaters/{theaterId}/seats`

use std::convert::Infallible;

use lambda_http::{Request, Response};

use super::content::{Answer, Content};
use super::etag::{self, Tags};
use super::input;
use super::problem::Problem;
use super::seat_map::Shown;
use super::{X_CACHE, answer};
use crate::tally::Tally;
use crate::usecases::{BoxOffice, GetSeats, Looked, Source};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "GET /theaters/{theaterId}/seats";

/// Serves one request of the route.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 200 with the seats, or 304 when that is what the caller has already.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let (map, section, wanted) = (wants_map(request)?, input::query(request, "section"), input::none_match(request));
    let ask = read(request, map)?;
    let tags = Tags::of(&ask.theater, map, section);
    let ask = GetSeats { seen: wanted.and_then(|wanted| tags.read(wanted)), ..ask };
    let (etag, source, body) = match office.get_seats(&ask, tally).await? {
        Looked::Unchanged(seen) => (tags.write(seen), Source::Hit, None),
        Looked::Seats(view) => {
            let body = Shown::of(&view.layout, map, section)?.body(&view)?;
            let (etag, hash) = tags.tag(body.as_bytes(), &view);
            let unchanged = wanted.is_some_and(|wanted| etag::names(wanted, hash));
            (etag, view.source, (!unchanged).then_some(body))
        }
    };
    let kept_by_nobody = ask.consistent || ask.reservation.is_some();
    let response = Response::builder()
        .header("etag", etag)
        // May be kept, but is asked for before each use: then a 304 costs next to nothing.
        .header("cache-control", if kept_by_nobody { "no-store" } else { "no-cache" })
        .header(X_CACHE, named(source));
    let response = match body {
        None => response.status(304).body(Content::Nothing),
        Some(body) => response.status(200).header("content-type", "application/json").body(body),
    };
    response.map_err(Problem::internal)
}

fn read(request: &Request, map: bool) -> Result<GetSeats, Problem> {
    let theater = input::theater_id(request)?;
    let consistent = input::flag(request, "consistent")?;
    // Whose seats they are is told on the map only.
    let reservation = if map { input::reservation_header(request)? } else { None };
    Ok(GetSeats { theater, consistent, reservation, seen: None, caller: input::caller(request) })
}

fn wants_map(request: &Request) -> Result<bool, Problem> {
    match input::query(request, "view") {
        None | Some("seats") => Ok(false),
        Some("map") => Ok(true),
        Some(_) => Err(Problem::malformed("view", "expected map or seats")),
    }
}

fn named(source: Source) -> &'static str {
    match source {
        Source::Hit => "hit",
        Source::Miss => "miss",
        Source::Bypass => "bypass",
    }
}
