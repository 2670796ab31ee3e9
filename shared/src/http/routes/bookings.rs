//! `GET` and `DELETE /theaters/{theaterId}/bookings/{bookingId}`

use std::convert::Infallible;

use lambda_http::Request;
use serde::Serialize;

use crate::app::{BookingAsk, BoxOffice};
use crate::domain::ids::{BookingId, SeatLabel};
use crate::http::links::Links;
use crate::http::problem::Problem;
use crate::http::response_body::Answer;
use crate::http::router::Operation;
use crate::http::{Outcome, RoutedRequest, answer, input, json_response, no_content};

/// The response body.
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

/// Serves a request of one of these routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, "bookings", request, async |routed| match routed.route.operation {
        Operation::Cancel => cancel(routed).await,
        _ => get(routed).await,
    })
    .await
}

/// Answers 200 with the booking, cancelled or not.
async fn get(routed: &RoutedRequest<'_>) -> Result<Outcome, Problem> {
    let ask = read(routed)?;
    routed.office.admit(routed.ctx).await?;
    let booking = routed.office.booking(routed.ctx, &ask).await?;
    let body = BookingBody {
        booking_id: ask.booking.to_string(),
        theater_id: ask.theater.as_str(),
        seats: booking.seats.iter().map(SeatLabel::as_str).collect(),
        status: if booking.cancelled_at.is_some() { "cancelled" } else { "booked" },
        booked_at: booking.booked_at.seconds().to_string(),
        cancelled_at: booking.cancelled_at.map(|at| at.seconds().to_string()),
    };
    let links = Links::of(&routed.address, &ask.theater);
    let links = if booking.cancelled_at.is_some() { links } else { links.with_booking(ask.booking) };
    Ok(links.put(json_response(200, &body)?, None))
}

/// Answers 204 if the booking is cancelled, by this request or an earlier one.
async fn cancel(routed: &RoutedRequest<'_>) -> Result<Outcome, Problem> {
    let ask = read(routed)?;
    routed.office.admit(routed.ctx).await?;
    routed.office.cancel(routed.ctx, &ask).await?;
    no_content()
}

fn read(routed: &RoutedRequest<'_>) -> Result<BookingAsk, Problem> {
    let input = routed.input();
    let (theater, booking) = (input.theater_id(), input.path_id("bookingId", BookingId::parse));
    let caller = input::caller(routed.request);
    input.finish(|| Some(BookingAsk { theater: theater?, booking: booking?, caller }))
}
