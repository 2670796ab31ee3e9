//! `POST /theaters/{theaterId}/book`

use std::convert::Infallible;

use lambda_http::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::Answer;
use super::input::{self, SeatFields};
use super::links::Links;
use super::problem::Problem;
use super::{answer, json_response};
use crate::rules::idempotency;
use crate::rules::names::{BookingId, ReservationId, SeatLabel};
use crate::tally::Tally;
use crate::usecases::{Book, BoxOffice, RequestId};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "POST /theaters/{theaterId}/book";

/// The body as it comes; every field is judged by itself, so that each can be named when it is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct BookBody {
    seat: Option<Value>,
    seats: Option<Value>,
    booking_id: Option<Value>,
    reservation_id: Option<Value>,
}

/// The answer.
#[derive(Serialize)]
struct BookedBody<'a> {
    message: &'static str,
    booking_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    booked_at: String,
}

/// Serves one request of the route.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 201 when the seats were booked, 200 with the same body when they had been before under this id.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(office, request)?;
    let booked = office.book(&ask, tally).await?;
    let seats = &booked.booking.seats;
    let body = BookedBody {
        message: match (booked.replayed, seats.len()) {
            (true, _) => "Booking already exists",
            (false, 1) => "Seat booked",
            (false, _) => "Seats booked",
        },
        booking_id: booked.id.to_string(),
        theater_id: ask.theater.as_str(),
        seats: seats.iter().map(SeatLabel::as_str).collect(),
        booked_at: booked.booking.booked_at.seconds().to_string(),
    };
    let response = json_response(if booked.replayed { 200 } else { 201 }, &body, booked.replayed)?;
    let links = Links::of(request, &ask.theater);
    let location = links.booking(booked.id);
    Ok(links.with_booking(booked.id).put(response, Some(location)))
}

fn read(office: &BoxOffice, request: &Request) -> Result<Book, Problem> {
    let theater = input::theater_id(request)?;
    let caller = input::caller(request);
    let key = input::idempotency_key(request)?;
    let body: BookBody = input::body(request)?;
    let named = input::optional_id("booking_id", body.booking_id.as_ref(), BookingId::parse)?;
    let keyed = || key.map(|key| RequestId::Keyed(idempotency::booking_id(&theater, &caller, &key)));
    let booking = named.map(RequestId::Given).or_else(keyed);
    let reservation = input::optional_id("reservation_id", body.reservation_id.as_ref(), ReservationId::parse)?;
    let fields = SeatFields { seat: body.seat, seats: body.seats };
    let seats = match (reservation, fields.is_empty()) {
        (Some(_), true) => None,
        _ => Some(fields.labels(office.max_seats_per_call())?),
    };
    Ok(Book { theater, seats, booking, reservation, caller })
}
