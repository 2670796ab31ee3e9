//! `POST /theaters/{theaterId}/book`

use serde::Serialize;

use crate::app::{Book, RequestId};
use crate::domain::idempotency;
use crate::domain::ids::{BookingId, ReservationId, SeatLabel};
use crate::domain::lines::{Expect, Lines};
use crate::domain::seat_request::{Reference, SeatRequest};
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input;
use crate::http::links::Links;
use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;

/// The function that books seats.
pub static FUNCTION: Function = Function {
    name: FunctionName::Book,
    handlers: &[Handler::new(Operation::Book, |routed| read_and_reply(routed, read, book))],
};

/// The response body.
#[derive(Serialize)]
struct BookedBody<'a> {
    message: &'static str,
    booking_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater_id: Option<&'a str>,
    seats: Vec<&'a str>,
    booked_at: String,
    #[serde(flatten)]
    lines: Option<&'a Lines>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
}

/// Answers 201 if the seats were booked now, and 200 with the same body if they were booked before under this id.
async fn book(routed: &RoutedRequest<'_>, request: Book) -> Result<Reply, Problem> {
    let booked = routed.office.book(routed.ctx, &request).await?;
    let seats = &booked.booking.seats;
    let place = Place::of(routed, &request.inventory).await;
    let body = BookedBody {
        message: match (booked.replayed, seats.len()) {
            (true, _) => "Booking already exists",
            (false, 1) => "Seat booked",
            (false, _) => "Seats booked",
        },
        booking_id: booked.id.to_string(),
        show_id: place.show_id(),
        theater_id: place.theater_id(),
        seats: seats.iter().map(SeatLabel::as_str).collect(),
        booked_at: booked.booking.booked_at.seconds().to_string(),
        lines: booked.booking.lines.as_ref(),
        reference: booked.booking.reference.as_ref().map(Reference::as_str),
        by: input::shown_role(&request.caller, booked.booking.by),
    };
    let reply = Reply::json(if booked.replayed { 200 } else { 201 }, &body)?;
    let reply = if booked.replayed { reply.marked_as_replayed() } else { reply };
    let links = Links::of(&routed.address, &request.inventory);
    let location = links.booking(booked.id);
    Ok(links.with_booking(booked.id).put_with_location(reply, Some(location)))
}

/// The request body.
struct BookBody {
    /// The seats. `None` means all seats of the reservation.
    seats: Option<Vec<SeatRequest>>,
    booking: Option<BookingId>,
    reservation: Option<ReservationId>,
    expect: Option<Expect>,
    reference: Option<Reference>,
}

fn read(routed: &RoutedRequest<'_>) -> Result<Book, Problem> {
    let input = routed.input();
    let caller = input.caller(routed.office)?;
    let (inventory, key) = (input.inventory(), input.idempotency_key());
    let body = input.body(|body| {
        let booking = input::optional_id(body, "booking_id", BookingId::parse);
        let reservation = input::optional_id(body, "reservation_id", ReservationId::parse);
        let (expect, reference) = (input::expect(body), input::reference(body));
        let whole = body.has("reservation_id") && !body.has("seat") && !body.has("seats");
        let seats =
            if whole { None } else { Some(input::seat_requests(body, routed.office.max_seats_per_call(&caller))?) };
        Some(BookBody { seats, booking, reservation, expect, reference })
    })?;
    let request = input.finish(|| {
        let (inventory, BookBody { seats, booking, reservation, expect, reference }) = (inventory?, body?);
        let keyed = || key.map(|key| RequestId::Keyed(idempotency::booking_id(&inventory, &caller, &key)));
        let booking = booking.map(RequestId::Given).or_else(keyed);
        Some(Book { inventory, seats, booking, reservation, expect, reference, caller })
    })?;
    routed.charge(routed.route.weight.of_reserved(request.seats.as_deref()));
    Ok(request)
}
