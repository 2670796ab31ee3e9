//! `POST /theaters/{theaterId}/reserve`

use std::convert::Infallible;

use lambda_http::{Body, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::input::{self, SeatFields};
use super::links::Links;
use super::problem::Problem;
use super::{answer, json_response};
use crate::rules::idempotency;
use crate::rules::names::{ReservationId, SeatLabel};
use crate::tally::Tally;
use crate::usecases::{BoxOffice, Reserve};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "POST /theaters/{theaterId}/reserve";

/// The body as it comes; every field is judged by itself, so that each can be named when it is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct ReserveBody {
    seat: Option<Value>,
    seats: Option<Value>,
    expires_in: Option<Value>,
    reservation_id: Option<Value>,
}

/// The answer.
#[derive(Serialize)]
struct ReservedBody<'a> {
    message: &'static str,
    reservation_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    expires_at: String,
    expires_in: u64,
}

/// Serves one request of the route.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Response<Body>, Infallible> {
    answer(ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 201 when seats were reserved, 200 when the reservation held all of them before.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Response<Body>, Problem> {
    let ask = read(office, request)?;
    let reserved = office.reserve(&ask, tally).await?;
    let body = ReservedBody {
        message: match (reserved.replayed, reserved.seats.len()) {
            (true, _) => "Reservation already exists",
            (false, 1) => "Seat reserved",
            (false, _) => "Seats reserved",
        },
        reservation_id: reserved.reservation.to_string(),
        theater_id: ask.theater.as_str(),
        seats: reserved.seats.iter().map(SeatLabel::as_str).collect(),
        expires_at: reserved.expires_at.to_string(),
        expires_in: reserved.expires_in,
    };
    let response = json_response(if reserved.replayed { 200 } else { 201 }, &body, reserved.replayed)?;
    let links = Links::of(request, &ask.theater);
    let location = links.reservation(reserved.reservation);
    Ok(links.to_use(reserved.reservation, false).put(response, Some(location)))
}

fn read(office: &BoxOffice, request: &Request) -> Result<Reserve, Problem> {
    let theater = input::theater_id(request)?;
    let caller = input::caller(request);
    let key = input::idempotency_key(request)?;
    let body: ReserveBody = input::body(request)?;
    let seats = SeatFields { seat: body.seat, seats: body.seats }.labels(office.max_seats_per_call())?;
    let named = input::optional_id("reservation_id", body.reservation_id.as_ref(), ReservationId::parse)?;
    let keyed = || key.map(|key| idempotency::reservation_id(&theater, &caller, &key, &seats));
    let reservation = named.or_else(keyed);
    let expires_in = input::expires_in(office, body.expires_in.as_ref())?;
    Ok(Reserve { theater, seats, expires_in, reservation, caller })
}
