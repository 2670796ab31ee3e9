//! `GET` and `DELETE /theaters/{theaterId}/reservations/{reservationId}`, and `POST .../extend`

use std::convert::Infallible;

use lambda_http::Request;
use serde::Serialize;

use crate::app::{BoxOffice, HeldSeat, ReservationAsk, ReservationView};
use crate::domain::idempotency;
use crate::domain::ids::{ReservationId, TheaterId};
use crate::domain::time::EpochMillis;
use crate::http::input::{self, Input};
use crate::http::links::Links;
use crate::http::problem::Problem;
use crate::http::response_body::Answer;
use crate::http::router::Operation;
use crate::http::{Outcome, RoutedRequest, answer, json_response, mark_replayed, no_content};

/// The fields of the request body of an extension.
pub(in crate::http) const FIELDS: &[&str] = &["expires_in", "seats"];

/// The response body.
#[derive(Serialize)]
struct ReservationBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    reservation_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    /// The expiry of the whole reservation.
    expires_at: String,
    expires_in: u64,
    ends: Vec<SeatEnd<'a>>,
    extended: bool,
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
    pub(in crate::http) fn of(seats: &'a [HeldSeat], now: EpochMillis) -> Vec<Self> {
        let end = |held: &'a HeldSeat| Self {
            seat: held.seat.as_str(),
            expires_at: held.expires_at.to_string(),
            expires_in: held.expires_at.remaining(now),
        };
        seats.iter().map(end).collect()
    }
}

/// Serves a request of one of these routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, "reservations", request, async |routed| match routed.route.operation {
        Operation::Release => release(routed).await,
        Operation::Extend => extend(routed).await,
        _ => get(routed).await,
    })
    .await
}

/// Answers 200 with the seats of the reservation.
async fn get(routed: &RoutedRequest<'_>) -> Result<Outcome, Problem> {
    let ask = read(routed)?;
    admit(routed, &ask).await?;
    let view = routed.office.reservation(routed.ctx, &ask).await?;
    show(routed, &ask, &view, None)
}

/// Answers 204, even if there was nothing left to release.
async fn release(routed: &RoutedRequest<'_>) -> Result<Outcome, Problem> {
    let ask = read(routed)?;
    admit(routed, &ask).await?;
    routed.office.release(routed.ctx, &ask).await?;
    no_content()
}

/// Answers 200 with the seats of the reservation and its new expiry.
async fn extend(routed: &RoutedRequest<'_>) -> Result<Outcome, Problem> {
    let input = routed.input();
    let key = input.idempotency_key();
    let (theater, reservation) = path(&input);
    let body = input.body(|body| {
        let expires_in = input::expires_in(routed.office, body);
        let seats = body.optional("seats", |node| input::labels(node, input::MAX_SEATS_NAMED));
        Some((expires_in?, seats))
    })?;
    let caller = input::caller(routed.request);
    let (ask, expires_in) = input.finish(|| {
        let (expires_in, seats) = body?;
        Some((ReservationAsk { theater: theater?, reservation: reservation?, seats, caller }, expires_in))
    })?;
    let id = key.map(|key| idempotency::extension_id(&ask.theater, &ask.caller, &key, ask.reservation));
    admit(routed, &ask).await?;
    let extended = routed.office.extend(routed.ctx, &ask, id, expires_in).await?;
    let message = if extended.replayed { "Reservation already extended" } else { "Reservation extended" };
    let outcome = show(routed, &ask, &extended.view, Some(message))?;
    Ok(if extended.replayed { mark_replayed(outcome) } else { outcome })
}

fn show(
    routed: &RoutedRequest<'_>,
    ask: &ReservationAsk,
    view: &ReservationView,
    message: Option<&'static str>,
) -> Result<Outcome, Problem> {
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
    let links = Links::of(&routed.address, &ask.theater).with_reservation(ask.reservation, view.extended);
    Ok(links.put(json_response(200, &body)?, None))
}

/// Checks the rate limit. A request that names no seats takes more units, because the number of seats isn't known in
/// advance.
async fn admit(routed: &RoutedRequest<'_>, ask: &ReservationAsk) -> Result<(), Problem> {
    let weight = routed.route.weight;
    routed.ctx.set_rate_limit_cost(ask.seats.as_ref().map_or(weight.dear, |seats| weight.of_seats(seats.len())));
    Ok(routed.office.admit(routed.ctx).await?)
}

fn read(routed: &RoutedRequest<'_>) -> Result<ReservationAsk, Problem> {
    let input = routed.input();
    let ((theater, reservation), seats) = (path(&input), input.named_seats());
    let caller = input::caller(routed.request);
    input.finish(|| Some(ReservationAsk { theater: theater?, reservation: reservation?, seats, caller }))
}

fn path(input: &Input<'_>) -> (Option<TheaterId>, Option<ReservationId>) {
    (input.theater_id(), input.path_id("reservationId", ReservationId::parse))
}
