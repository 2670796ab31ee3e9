//! `GET` and `DELETE /theaters/{theaterId}/reservations/{reservationId}`, and `POST .../extend`

use std::convert::Infallible;

use lambda_http::Request;
use lambda_http::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::Answer;
use super::input;
use super::links::Links;
use super::problem::Problem;
use super::{answer, json_response, no_content};
use crate::rules::idempotency;
use crate::rules::names::ReservationId;
use crate::rules::time::EpochMillis;
use crate::tally::Tally;
use crate::usecases::{BoxOffice, HeldSeat, ReservationAsk, ReservationView};

/// Looks a reservation up.
pub const GET: &str = "GET /theaters/{theaterId}/reservations/{reservationId}";
/// Gives its seats back.
pub const DELETE: &str = "DELETE /theaters/{theaterId}/reservations/{reservationId}";
/// Lets it end later.
pub const EXTEND: &str = "POST /theaters/{theaterId}/reservations/{reservationId}/extend";

/// The body of an extension as it comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct ExtendBody {
    expires_in: Option<Value>,
    seats: Option<Value>,
}

/// The answer.
#[derive(Serialize)]
struct ReservationBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    reservation_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    /// The end of the whole reservation.
    expires_at: String,
    expires_in: u64,
    ends: Vec<SeatEnd<'a>>,
    extended: bool,
}

/// A seat of a reservation, with its own end.
#[derive(Serialize)]
pub(super) struct SeatEnd<'a> {
    seat: &'a str,
    expires_at: String,
    expires_in: u64,
}

impl<'a> SeatEnd<'a> {
    /// Lists seats with the seconds that each has left at an instant.
    pub(super) fn of(seats: &'a [HeldSeat], now: EpochMillis) -> Vec<Self> {
        let end = |held: &'a HeldSeat| Self {
            seat: held.seat.as_str(),
            expires_at: held.expires_at.to_string(),
            expires_in: held.expires_at.remaining(now),
        };
        seats.iter().map(end).collect()
    }
}

/// Serves one request of one of the routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    match *request.method() {
        Method::DELETE => answer(office, DELETE, request, async |tally| release(office, request, tally).await).await,
        Method::POST => answer(office, EXTEND, request, async |tally| extend(office, request, tally).await).await,
        _ => answer(office, GET, request, async |tally| get(office, request, tally).await).await,
    }
}

/// Answers 200 with what the reservation holds.
async fn get(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(request)?;
    office.admit(tally).await?;
    let view = office.reservation(&ask, tally).await?;
    show(request, &ask, &view, None, false)
}

/// Answers 204, whether there was something left to give back or not.
async fn release(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(request)?;
    office.admit(tally).await?;
    office.release(&ask, tally).await?;
    no_content()
}

/// Answers 200 with what the reservation holds, and until when now.
async fn extend(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let mut ask = read(request)?;
    let key = input::idempotency_key(request)?;
    let body: ExtendBody = match request.body().is_empty() {
        // Nothing has to be said.
        true => ExtendBody { expires_in: None, seats: None },
        false => input::body(request)?,
    };
    if let Some(seats) = body.seats {
        ask.seats = Some(input::SeatFields { seat: None, seats: Some(seats) }.labels(input::MOST_NAMED)?);
    }
    let id = key.map(|key| idempotency::extension_id(&ask.theater, &ask.caller, &key, ask.reservation));
    let expires_in = input::expires_in(office, body.expires_in.as_ref())?;
    office.admit(tally).await?;
    let extended = office.extend(&ask, id, expires_in, tally).await?;
    let message = if extended.replayed { "Reservation already extended" } else { "Reservation extended" };
    show(request, &ask, &extended.view, Some(message), extended.replayed)
}

fn show(
    request: &Request,
    ask: &ReservationAsk,
    view: &ReservationView,
    message: Option<&'static str>,
    replayed: bool,
) -> Result<Answer, Problem> {
    let body = ReservationBody {
        message,
        reservation_id: ask.reservation.to_string(),
        theater_id: ask.theater.as_str(),
        seats: view.seats.iter().map(|held| held.seat.as_str()).collect(),
        expires_at: view.expires_at.to_string(),
        expires_in: view.expires_at.remaining(view.now),
        ends: SeatEnd::of(&view.seats, view.now),
        extended: view.extended,
    };
    let links = Links::of(request, &ask.theater).with_reservation(ask.reservation, view.extended);
    Ok(links.put(json_response(200, &body, replayed)?, None))
}

fn read(request: &Request) -> Result<ReservationAsk, Problem> {
    let expected = "a UUID (not nil)";
    Ok(ReservationAsk {
        theater: input::theater_id(request)?,
        reservation: input::path_parameter(request, "reservationId", expected, ReservationId::parse)?,
        seats: input::named_seats(request)?,
        caller: input::caller(request),
    })
}
