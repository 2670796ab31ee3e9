//! `GET` and `DELETE /theaters/{theaterId}/bookings/{bookingId}`

use std::convert::Infallible;

use lambda_http::Request;
use lambda_http::http::Method;
use serde::Serialize;

use super::content::Answer;
use super::input;
use super::links::Links;
use super::problem::Problem;
use super::{answer, json_response, no_content};
use crate::rules::names::{BookingId, SeatLabel};
use crate::tally::Tally;
use crate::usecases::{BookingAsk, BoxOffice};

/// Looks a booking up.
pub const GET: &str = "GET /theaters/{theaterId}/bookings/{bookingId}";
/// Cancels it.
pub const DELETE: &str = "DELETE /theaters/{theaterId}/bookings/{bookingId}";

/// The answer.
#[derive(Serialize)]
struct BookingBody<'a> {
    booking_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    status: &'static str,
    booked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
}

/// Serves one request of one of the routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    match *request.method() {
        Method::DELETE => answer(office, DELETE, request, async |tally| cancel(office, request, tally).await).await,
        _ => answer(office, GET, request, async |tally| get(office, request, tally).await).await,
    }
}

/// Answers 200 with the booking, cancelled or not.
async fn get(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(request)?;
    office.admit(tally).await?;
    let booking = office.booking(&ask, tally).await?;
    let body = BookingBody {
        booking_id: ask.booking.to_string(),
        theater_id: ask.theater.as_str(),
        seats: booking.seats.iter().map(SeatLabel::as_str).collect(),
        status: if booking.cancelled_at.is_some() { "cancelled" } else { "booked" },
        booked_at: booking.booked_at.seconds().to_string(),
        cancelled_at: booking.cancelled_at.map(|at| at.seconds().to_string()),
    };
    let links = Links::of(request, &ask.theater);
    let links = if booking.cancelled_at.is_some() { links } else { links.with_booking(ask.booking) };
    Ok(links.put(json_response(200, &body, false)?, None))
}

/// Answers 204, whether this cancelled it or an earlier request.
async fn cancel(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let ask = read(request)?;
    office.admit(tally).await?;
    office.cancel(&ask, tally).await?;
    no_content()
}

fn read(request: &Request) -> Result<BookingAsk, Problem> {
    Ok(BookingAsk {
        theater: input::theater_id(request)?,
        booking: input::path_parameter(request, "bookingId", "a UUID (not nil)", BookingId::parse)?,
        caller: input::caller(request),
    })
}
