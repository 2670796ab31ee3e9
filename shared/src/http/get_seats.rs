//! `GET /theaters/{theaterId}/seats`, and the map beside it, which the same function serves.

use std::convert::Infallible;

use lambda_http::{Request, RequestExt, Response};

use super::content::{Answer, Content};
use super::etag::{self, Tags};
use super::input;
use super::problem::Problem;
use super::seat_map::{Shown, View};
use super::{X_CACHE, answer, map};
use crate::tally::Tally;
use crate::usecases::{BoxOffice, GetSeats, Looked, Source};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "GET /theaters/{theaterId}/seats";

/// Serves one request of one of the routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    // No id has a slash.
    if request.raw_http_path().ends_with("/map") {
        return answer(office, map::ROUTE, request, async |tally| map::handle(office, request, tally).await).await;
    }
    answer(office, ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 200 with the seats, or 304 when that is what the caller has already.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let (view, section, wanted) = (view(request)?, input::query(request, "section"), input::none_match(request));
    if view == View::States && section.is_some() {
        return Err(Problem::malformed("section", "expected none: states are those of all seats, in layout order"));
    }
    let ask = read(request, view)?;
    let tags = Tags::of(&ask.theater, view, section);
    let ask = GetSeats { seen: wanted.and_then(|wanted| tags.read(wanted)), ..ask };
    let (etag, source, body) = match office.get_seats(&ask, tally).await? {
        Looked::Unchanged(seen) => (tags.write(seen), Source::Hit, None),
        Looked::Seats(seats) => {
            let body = Shown::of(&seats.layout, view, section)?.body(&seats)?;
            let (etag, hash) = tags.tag(body.as_bytes(), &seats);
            let unchanged = wanted.is_some_and(|wanted| etag::names(wanted, hash));
            (etag, seats.source, (!unchanged).then_some(body))
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

fn read(request: &Request, view: View) -> Result<GetSeats, Problem> {
    let theater = input::theater_id(request)?;
    let consistent = input::flag(request, "consistent")?;
    // Only the map says whose seats they are.
    let reservation = if view == View::Map { input::reservation_header(request)? } else { None };
    Ok(GetSeats { theater, consistent, reservation, seen: None, caller: input::caller(request) })
}

fn view(request: &Request) -> Result<View, Problem> {
    let Some(name) = input::query(request, "view") else { return Ok(View::Seats) };
    View::named(name).ok_or_else(|| {
        let names = View::ALL.map(View::name).join(", ");
        Problem::malformed("view", format!("expected one of {names}"))
    })
}

fn named(source: Source) -> &'static str {
    match source {
        Source::Hit => "hit",
        Source::Miss => "miss",
        Source::Bypass => "bypass",
    }
}
