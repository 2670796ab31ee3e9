//! `GET /theaters/{theaterId}/seats` and `GET /theaters/{theaterId}/map`

use lambda_http::Response;

use super::{map, shows};
use crate::app::{GetSeats, Revalidated, Source};
use crate::domain::text;
use crate::http::etag::{self, Tags};
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input;
use crate::http::problem::Problem;
use crate::http::reply::{Reply, X_CACHE};
use crate::http::response_body::ResponseBody;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;
use crate::http::seat_map::{SeatsWriter, View};

/// The function that shows seats and maps, and lists shows.
pub static FUNCTION: Function = Function {
    name: FunctionName::GetSeats,
    handlers: &[
        Handler::new(Operation::GetSeats, |routed| read_and_reply(routed, read, get)),
        Handler::new(Operation::GetMap, |routed| read_and_reply(routed, map::read, map::get)),
        Handler::new(Operation::ListShows, |routed| read_and_reply(routed, shows::read_page, shows::list)),
        Handler::new(Operation::GetShow, |routed| read_and_reply(routed, shows::read, shows::get)),
    ],
};

/// A request to show the seats of a theater.
struct SeatsRequest {
    seats: GetSeats,
    view: View,
    /// `true` if it reads DynamoDB, or the caller's own reservation.
    is_expensive: bool,
}

/// Answers 200 with the seats, or 304 if the caller has them already.
async fn get(routed: &RoutedRequest<'_>, request: SeatsRequest) -> Result<Reply, Problem> {
    let SeatsRequest { seats: ask, view, is_expensive } = request;
    let header = routed.input().list_header("if-none-match");
    let wanted = input::parse_if_none_match(header.as_deref());
    let section = ask.section.clone();
    let tags = Tags::of(&ask.inventory, view, section.as_deref());
    // The prices of a show can change while its slots and its layout stay.
    let only_slots_change = ask.inventory.show().is_none() || view != View::Map;
    let seen = wanted.as_ref().filter(|_| only_slots_change).and_then(|wanted| tags.read(wanted));
    let ask = GetSeats { seen, ..ask };
    let (etag, source, body) = match routed.office.get_seats(routed.ctx, &ask).await? {
        Revalidated::Unchanged(seen) => (tags.write(seen), Source::Hit, None),
        Revalidated::Seats(seats) => {
            let body = SeatsWriter::of(&seats.inventory, view, section.as_deref())?.body(&seats)?;
            let (etag, hash) = tags.tag(body.as_bytes(), &seats);
            let unchanged = wanted.is_some_and(|wanted| etag::names(&wanted, hash));
            (etag, seats.source, (!unchanged).then_some(body))
        }
    };
    let response = Response::builder()
        .header("etag", etag)
        // May be stored, but has to be revalidated before each use. A 304 costs next to nothing.
        .header("cache-control", if is_expensive { "no-store" } else { "no-cache" })
        .header(X_CACHE, source.as_str());
    let response = match body {
        None => response.status(304).body(ResponseBody::Nothing),
        Some(body) => response.status(200).header("content-type", "application/json").body(body),
    };
    Ok(Reply { source: Some(source), ..response.map_err(Problem::internal)?.into() })
}

fn read(routed: &RoutedRequest<'_>) -> Result<SeatsRequest, Problem> {
    let input = routed.input();
    let caller = input.caller(routed.office)?;
    let inventory = input.inventory();
    let consistent = input.flag("consistent");
    let view = input.parsed_query("view", format_args!("one of {}", View::ALL.map(View::name).join(", ")), View::named);
    let view = view.unwrap_or(View::Seats);
    let section = input.parsed_query("section", "the name of a section", |name| {
        // In the form in which names are stored.
        text::normalize(name).filter(|name| !name.is_empty())
    });
    if view == View::States && input.query("section").is_some() {
        input.fault::<()>("section", "none with view=states, which has a letter for each seat of the hall");
    }
    // Only the map marks the caller's own seats.
    let reservation = input.reservation_header().filter(|_| view == View::Map);
    let is_expensive = consistent || reservation.is_some();
    let request = input.finish(|| {
        let seats = GetSeats { inventory: inventory?, consistent, reservation, section, seen: None, caller };
        Some(SeatsRequest { seats, view, is_expensive })
    })?;
    if is_expensive {
        let reading = if consistent { "consistent=true" } else { "Reservation-Id" };
        input::require_token(routed.office, routed.request, reading)?;
        routed.charge(routed.route.weight.expensive);
    }
    Ok(request)
}
