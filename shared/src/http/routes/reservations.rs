//! `GET` and `DELETE /theaters/{theaterId}/reservations/{reservationId}`, and `POST .../extend`

use crate::app::{ReservationRequest, ReservationView, SeatExpiry};
use crate::domain::idempotency;
use crate::domain::ids::ExtensionId;
use crate::domain::ids::ReservationId;
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Lines;
use crate::domain::time::EpochMillis;
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input::{self, Input};
use crate::http::links::Links;
use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;
use serde::Serialize;

/// The function that shows, releases and extends reservations.
pub static FUNCTION: Function = Function {
    name: FunctionName::Reservations,
    handlers: &[
        Handler::new(Operation::GetReservation, |routed| read_and_reply(routed, read, get)),
        Handler::new(Operation::Release, |routed| read_and_reply(routed, read, release)),
        Handler::new(Operation::Extend, |routed| read_and_reply(routed, read_extension, extend)),
    ],
};

/// A request to extend a reservation.
struct ExtendRequest {
    reservation: ReservationRequest,
    /// The id of the request, if the caller sent a key.
    id: Option<ExtensionId>,
    expires_in: u32,
}

/// The response body.
#[derive(Serialize)]
struct ReservationBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    reservation_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theater_id: Option<&'a str>,
    seats: Vec<&'a str>,
    /// The expiry of the whole reservation.
    expires_at: String,
    expires_in: u64,
    ends: Vec<SeatEnd<'a>>,
    extended: bool,
    #[serde(flatten)]
    lines: Option<&'a Lines>,
}

/// A seat of a reservation with its own expiry.
#[derive(Serialize)]
pub(in crate::http) struct SeatEnd<'a> {
    seat: &'a str,
    expires_at: String,
    expires_in: u64,
}

impl<'a> SeatEnd<'a> {
    /// Lists seats with the seconds that each has left at an instant.
    pub(in crate::http) fn of(seats: &'a [SeatExpiry], now: EpochMillis) -> Vec<Self> {
        let end = |seat: &'a SeatExpiry| Self {
            seat: seat.seat.as_str(),
            expires_at: seat.expires_at.to_string(),
            expires_in: seat.expires_at.remaining(now),
        };
        seats.iter().map(end).collect()
    }
}

/// Answers 200 with the seats of the reservation.
async fn get(routed: &RoutedRequest<'_>, request: ReservationRequest) -> Result<Reply, Problem> {
    let view = routed.office.reservation(routed.ctx, &request).await?;
    show(routed, &request, &view, None).await
}

/// Answers 204, even if there was nothing left to release.
async fn release(routed: &RoutedRequest<'_>, request: ReservationRequest) -> Result<Reply, Problem> {
    routed.office.release(routed.ctx, &request).await?;
    Reply::no_content()
}

/// Answers 200 with the seats of the reservation and its new expiry.
async fn extend(routed: &RoutedRequest<'_>, request: ExtendRequest) -> Result<Reply, Problem> {
    let ExtendRequest { reservation, id, expires_in } = request;
    let extended = routed.office.extend(routed.ctx, &reservation, id, expires_in).await?;
    let message = if extended.replayed { "Reservation already extended" } else { "Reservation extended" };
    let reply = show(routed, &reservation, &extended.view, Some(message)).await?;
    Ok(if extended.replayed { reply.marked_as_replayed() } else { reply })
}

async fn show(
    routed: &RoutedRequest<'_>,
    request: &ReservationRequest,
    view: &ReservationView,
    message: Option<&'static str>,
) -> Result<Reply, Problem> {
    let place = Place::of(routed, &request.inventory).await;
    let body = ReservationBody {
        message,
        reservation_id: request.reservation.to_string(),
        show_id: place.show_id(),
        theater_id: place.theater_id(),
        seats: view.seats.iter().map(|seat| seat.seat.as_str()).collect(),
        expires_at: view.expires_at.to_string(),
        expires_in: view.expires_at.remaining(view.now),
        ends: SeatEnd::of(&view.seats, view.now),
        extended: view.extended,
        lines: view.lines.as_ref(),
    };
    let links = Links::of(&routed.address, &request.inventory).with_reservation(request.reservation, view.extended);
    Ok(links.put(Reply::json(200, &body)?))
}

fn read(routed: &RoutedRequest<'_>) -> Result<ReservationRequest, Problem> {
    let input = routed.input();
    let caller = input.caller(routed.office)?;
    let ((inventory, reservation), seats) = (path(&input), input.named_seats());
    let request = input
        .finish(|| Some(ReservationRequest { inventory: inventory?, reservation: reservation?, seats, caller }))?;
    charge(routed, &request);
    Ok(request)
}

fn read_extension(routed: &RoutedRequest<'_>) -> Result<ExtendRequest, Problem> {
    let input = routed.input();
    let caller = input.caller(routed.office)?;
    let key = input.idempotency_key();
    let (inventory, reservation) = path(&input);
    let body = input.body(|body| {
        let expires_in = input::expires_in(routed.office, body);
        let seats = body.optional("seats", |node| input::labels(node, input::MAX_SEATS_NAMED));
        Some((expires_in?, seats))
    })?;
    let request = input.finish(|| {
        let ((inventory, id), (expires_in, seats)) = ((inventory?, reservation?), body?);
        let extension = key.map(|key| idempotency::extension_id(&inventory, &caller, &key, id));
        let reservation = ReservationRequest { inventory, reservation: id, seats, caller };
        Some(ExtendRequest { reservation, id: extension, expires_in })
    })?;
    charge(routed, &request.reservation);
    Ok(request)
}

fn charge(routed: &RoutedRequest<'_>, request: &ReservationRequest) {
    routed.charge(routed.route.weight.of_reserved(request.seats.as_deref()));
}

fn path(input: &Input<'_>) -> (Option<InventoryId>, Option<ReservationId>) {
    (input.inventory(), input.path_id("reservationId", ReservationId::parse))
}
