//! `GET` and `DELETE /theaters/{theaterId}/bookings/{bookingId}`

use serde::Serialize;

use crate::app::BookingRequest;
use crate::domain::ids::{BookingId, SeatLabel};
use crate::domain::lines::Lines;
use crate::domain::seat_request::Reference;
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input;
use crate::http::links::Links;
use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;

/// The function that shows and cancels bookings.
pub static FUNCTION: Function = Function {
    name: FunctionName::Bookings,
    handlers: &[
        Handler::new(Operation::GetBooking, |routed| read_and_reply(routed, read, get)),
        Handler::new(Operation::Cancel, |routed| read_and_reply(routed, read, cancel)),
    ],
};

/// The response body.
#[derive(Serialize)]
struct BookingBody<'a> {
    booking_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater_id: Option<&'a str>,
    seats: Vec<&'a str>,
    status: &'static str,
    booked_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
    #[serde(flatten)]
    lines: Option<&'a Lines>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
}

/// Answers 200 with the booking, cancelled or not.
async fn get(routed: &RoutedRequest<'_>, request: BookingRequest) -> Result<Reply, Problem> {
    let booking = routed.office.booking(routed.ctx, &request).await?;
    let place = Place::of(routed, &request.inventory).await;
    let body = BookingBody {
        booking_id: request.booking.to_string(),
        show_id: place.show_id(),
        theater_id: place.theater_id(),
        seats: booking.seats.iter().map(SeatLabel::as_str).collect(),
        status: if booking.cancelled_at.is_some() { "cancelled" } else { "booked" },
        booked_at: booking.booked_at.seconds().to_string(),
        cancelled_at: booking.cancelled_at.map(|at| at.seconds().to_string()),
        lines: booking.lines.as_ref(),
        reference: booking.reference.as_ref().map(Reference::as_str),
        by: input::shown_role(&request.caller, booking.by),
    };
    let links = Links::of(&routed.address, &request.inventory);
    let links = if booking.cancelled_at.is_some() { links } else { links.with_booking(request.booking) };
    Ok(links.put(Reply::json(200, &body)?))
}

/// Answers 204 if the booking is cancelled, by this request or an earlier one.
async fn cancel(routed: &RoutedRequest<'_>, request: BookingRequest) -> Result<Reply, Problem> {
    routed.office.cancel(routed.ctx, &request).await?;
    Reply::no_content()
}

fn read(routed: &RoutedRequest<'_>) -> Result<BookingRequest, Problem> {
    let input = routed.input();
    let caller = input.caller(routed.office)?;
    let (inventory, booking) = (input.inventory(), input.path_id("bookingId", BookingId::parse));
    input.finish(|| Some(BookingRequest { inventory: inventory?, booking: booking?, caller }))
}
