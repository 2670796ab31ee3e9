//! `GET /theaters/{theaterId}/seats` and `GET /theaters/{theaterId}/map`

use std::convert::Infallible;

use lambda_http::{Request, Response};

use super::content::{Answer, Content};
use super::etag::{self, Tags};
use super::input;
use super::problem::Problem;
use super::routes::Operation;
use super::seat_map::{self, Shown};
use super::{Context, Outcome, X_CACHE, answer};
use crate::usecases::{BoxOffice, GetSeats, Looked, Source};

/// Serves one request of one of the routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, "get-seats", request, async |context| match context.route.operation {
        Operation::GetMap => seat_map::get(context).await,
        _ => get(context).await,
    })
    .await
}

/// The ways to show seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// The labels of the seats that are available.
    Labels,
    /// Every seat, with its place and status.
    Map,
}

/// Answers 200 with the seats, or 304 when the caller has them already.
async fn get(context: &Context<'_>) -> Result<Outcome, Problem> {
    let (ask, map) = read(context)?;
    let is_dear = ask.consistent || ask.reservation.is_some();
    if is_dear {
        let reading = if ask.consistent { "consistent=true" } else { "Reservation-Id" };
        input::signed_in_for(context.office, context.request, reading)?;
        context.tally.weigh(context.route.weight.dear);
    }
    let header = context.input().list_header("if-none-match");
    let wanted = input::none_match(header.as_deref());
    let section = ask.section.clone();
    let tags = Tags::of(&ask.theater, map, section.as_deref());
    let ask = GetSeats { seen: wanted.as_ref().and_then(|wanted| tags.read(wanted)), ..ask };
    let (etag, source, body) = match context.office.get_seats(&ask, context.tally).await? {
        Looked::Unchanged(seen) => (tags.write(seen), Source::Hit, None),
        Looked::Seats(view) => {
            let body = Shown::of(&view.layout, map, section.as_deref())?.body(&view)?;
            let (etag, hash) = tags.tag(body.as_bytes(), &view);
            let unchanged = wanted.is_some_and(|wanted| etag::names(&wanted, hash));
            (etag, view.source, (!unchanged).then_some(body))
        }
    };
    let response = Response::builder()
        .header("etag", etag)
        // May be kept, but has to be checked before each use: then a 304 costs next to nothing.
        .header("cache-control", if is_dear { "no-store" } else { "no-cache" })
        .header(X_CACHE, source.as_str());
    let response = match body {
        None => response.status(304).body(Content::Nothing),
        Some(body) => response.status(200).header("content-type", "application/json").body(body),
    };
    Ok(Outcome { source: Some(source), ..response.map_err(Problem::internal)?.into() })
}

/// Reads what to show, and whether as a map.
fn read(context: &Context<'_>) -> Result<(GetSeats, bool), Problem> {
    let input = context.input();
    let theater = input.theater_id();
    let consistent = input.flag("consistent");
    let view = input.parsed_query("view", "map or seats", |text| match text {
        "seats" => Some(View::Labels),
        "map" => Some(View::Map),
        _ => None,
    });
    let expected = "the name of a section";
    let section = input.parsed_query("section", expected, |name| (!name.is_empty()).then(|| name.to_owned()));
    let map = view == Some(View::Map);
    // Only the map marks the caller's own seats.
    let reservation = if map { input.reservation_header() } else { None };
    let caller = input::caller(context.request);
    input.finish(|| {
        let ask = GetSeats { theater: theater?, consistent, reservation, section, seen: None, caller };
        Some((ask, map))
    })
}
