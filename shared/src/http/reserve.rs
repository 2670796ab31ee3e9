//! `POST /theaters/{theaterId}/reserve`

use std::convert::Infallible;

use lambda_http::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::content::Answer;
use super::input::{self, SeatFields};
use super::links::Links;
use super::problem::Problem;
use super::reservations::SeatEnd;
use super::{answer, json_response};
use crate::rules::idempotency;
use crate::rules::names::ReservationId;
use crate::rules::plan::MAX_PART_NAME;
use crate::tally::Tally;
use crate::usecases::{BoxOffice, RequestId, Reserve, ReserveBest};

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "POST /theaters/{theaterId}/reserve";

/// The body as it comes; every field is judged by itself, so that each can be named when it is wrong.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
struct ReserveBody {
    seat: Option<Value>,
    seats: Option<Value>,
    quantity: Option<Value>,
    section: Option<Value>,
    category: Option<Value>,
    accessible: Option<Value>,
    expires_in: Option<Value>,
    reservation_id: Option<Value>,
}

/// What is asked for.
enum Ask {
    /// These seats.
    Seats(Reserve),
    /// The best for a wish.
    Best(ReserveBest),
}

/// The answer.
#[derive(Serialize)]
struct ReservedBody<'a> {
    message: &'static str,
    reservation_id: String,
    theater_id: &'a str,
    seats: Vec<&'a str>,
    /// The end of the whole reservation.
    expires_at: String,
    expires_in: u64,
    ends: Vec<SeatEnd<'a>>,
}

/// Serves one request of the route.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    answer(office, ROUTE, request, async |tally| handle(office, request, tally).await).await
}

/// Answers 201 when seats were reserved, 200 when the reservation held all of them before.
async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let (theater, reserved) = match read(office, request)? {
        Ask::Seats(ask) => {
            let reserved = office.reserve(&ask, tally).await?;
            (ask.theater, reserved)
        }
        Ask::Best(ask) => {
            let reserved = office.reserve_best(&ask, tally).await?;
            (ask.theater, reserved)
        }
    };
    let body = ReservedBody {
        message: match (reserved.replayed, reserved.seats.len()) {
            (true, _) => "Reservation already exists",
            (false, 1) => "Seat reserved",
            (false, _) => "Seats reserved",
        },
        reservation_id: reserved.reservation.to_string(),
        theater_id: theater.as_str(),
        seats: reserved.seats.iter().map(|held| held.seat.as_str()).collect(),
        expires_at: reserved.expires_at.to_string(),
        expires_in: reserved.expires_in,
        ends: SeatEnd::of(&reserved.seats, reserved.now),
    };
    let response = json_response(if reserved.replayed { 200 } else { 201 }, &body, reserved.replayed)?;
    let links = Links::of(request, &theater);
    let location = links.reservation(reserved.reservation);
    Ok(links.with_reservation(reserved.reservation, false).put(response, Some(location)))
}

fn read(office: &BoxOffice, request: &Request) -> Result<Ask, Problem> {
    let theater = input::theater_id(request)?;
    let caller = input::caller(request);
    let key = input::idempotency_key(request)?;
    let body: ReserveBody = input::body(request)?;
    let reservation = input::optional_id("reservation_id", body.reservation_id.as_ref(), ReservationId::parse)?;
    let reservation = reservation.map(RequestId::Given);
    let expires_in = input::expires_in(office, body.expires_in.as_ref())?;
    let fields = SeatFields { seat: body.seat, seats: body.seats };
    let Some(quantity) = body.quantity else {
        let wishes = [("section", body.section), ("category", body.category), ("accessible", body.accessible)];
        if let Some((field, _)) = wishes.iter().find(|(_, value)| value.is_some()) {
            return Err(Problem::malformed(field, "goes with quantity only"));
        }
        let seats = fields.labels(office.max_seats_per_call())?;
        let keyed = || key.map(|key| RequestId::Keyed(idempotency::reservation_id(&theater, &caller, &key, &seats)));
        let reservation = reservation.or_else(keyed);
        return Ok(Ask::Seats(Reserve { theater, seats, expires_in, reservation, caller }));
    };
    if !fields.is_empty() {
        return Err(Problem::malformed("quantity", "expected either quantity or the seats, got both"));
    }
    // A key stands for this request. Without one the reservation does.
    let request = key.map(|key| idempotency::wish_id(&theater, &caller, &key));
    let reservation = reservation.or(request.map(|id| RequestId::Keyed(ReservationId(id))));
    Ok(Ask::Best(ReserveBest {
        quantity: quantity_of(&quantity, office.max_seats_per_call())?,
        section: input::optional_text("section", body.section.as_ref(), MAX_PART_NAME)?,
        category: input::optional_text("category", body.category.as_ref(), MAX_PART_NAME)?,
        accessible: match body.accessible {
            None => false,
            Some(Value::Bool(accessible)) => accessible,
            Some(_) => return Err(Problem::malformed("accessible", "expected true or false")),
        },
        request: request.or(reservation.map(|reservation| reservation.id().0)),
        theater,
        expires_in,
        reservation,
        caller,
    }))
}

fn quantity_of(value: &Value, most: usize) -> Result<usize, Problem> {
    let quantity = value.as_u64().and_then(|quantity| usize::try_from(quantity).ok());
    quantity
        .filter(|quantity| (1..=most).contains(quantity))
        .ok_or_else(|| Problem::malformed("quantity", format!("expected a whole number from 1 to {most}")))
}
