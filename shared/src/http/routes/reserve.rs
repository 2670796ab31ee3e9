//! `POST /theaters/{theaterId}/reserve`

use serde::Serialize;

use super::reservations::SeatEnd;
use crate::app::{AccessibleSeats, RequestId, Reserve, ReserveBest};
use crate::domain::idempotency;
use crate::domain::ids::ReservationId;
use crate::domain::ids::WishId;
use crate::domain::lines::Lines;
use crate::domain::prices::TicketType;
use crate::domain::seat_request::SeatRequest;
use crate::domain::seating_plan::MAX_PART_NAME;
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input;
use crate::http::links::Links;
use crate::http::place::Place;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;
use crate::json::{Json, Node, Object};

/// The function that reserves seats.
pub static FUNCTION: Function = Function {
    name: FunctionName::Reserve,
    handlers: &[Handler::new(Operation::Reserve, |routed| read_and_reply(routed, read, reserve))],
};

/// The seats that a caller asks for.
enum Choice {
    /// Named seats.
    Named(Vec<SeatRequest>),
    /// The best available seats for a preference.
    Best(Wish),
}

/// A seat preference.
struct Wish {
    quantity: usize,
    section: Option<String>,
    category: Option<String>,
    accessible: AccessibleSeats,
    ticket_types: Option<Vec<TicketType>>,
}

/// The request body.
struct ReserveBody {
    choice: Choice,
    expires_in: u32,
    reservation: Option<ReservationId>,
}

/// The operation that a request asks for.
enum Call {
    Named(Reserve),
    Best(ReserveBest),
}

/// The response body.
#[derive(Serialize)]
struct ReservedBody<'a> {
    message: &'static str,
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
    #[serde(flatten)]
    lines: Option<&'a Lines>,
}

/// Answers 201 if seats were reserved now, and 200 if all of them were in the reservation before.
async fn reserve(routed: &RoutedRequest<'_>, call: Call) -> Result<Reply, Problem> {
    let (office, ctx) = (routed.office, routed.ctx);
    let (inventory, reserved) = match call {
        Call::Named(call) => {
            let reserved = office.reserve(ctx, &call).await?;
            (call.inventory, reserved)
        }
        Call::Best(call) => {
            let reserved = office.reserve_best(ctx, &call).await?;
            (call.inventory, reserved)
        }
    };
    let place = Place::of(routed, &inventory).await;
    let body = ReservedBody {
        message: match (reserved.replayed, reserved.seats.len()) {
            (true, _) => "Reservation already exists",
            (false, 1) => "Seat reserved",
            (false, _) => "Seats reserved",
        },
        reservation_id: reserved.reservation.to_string(),
        show_id: place.show_id(),
        theater_id: place.theater_id(),
        seats: reserved.seats.iter().map(|seat| seat.seat.as_str()).collect(),
        expires_at: reserved.expires_at.to_string(),
        expires_in: reserved.expires_in,
        ends: SeatEnd::of(&reserved.seats, reserved.now),
        lines: reserved.lines.as_ref(),
    };
    let reply = Reply::json(if reserved.replayed { 200 } else { 201 }, &body)?;
    let reply = if reserved.replayed { reply.marked_as_replayed() } else { reply };
    let links = Links::of(&routed.address, &inventory);
    let location = links.reservation(reserved.reservation);
    Ok(links.with_reservation(reserved.reservation, false).put_with_location(reply, Some(location)))
}

fn read(routed: &RoutedRequest<'_>) -> Result<Call, Problem> {
    let (office, input) = (routed.office, routed.input());
    let caller = input.caller(office)?;
    let (inventory, key) = (input.inventory(), input.idempotency_key());
    let body = input.body(|body| {
        let reservation = input::optional_id(body, "reservation_id", ReservationId::parse);
        let expires_in = input::expires_in(office, body);
        let choice = read_choice(body, office.max_seats_per_call(&caller));
        Some(ReserveBody { choice: choice?, expires_in: expires_in?, reservation })
    })?;
    let call = input.finish(|| {
        let (inventory, ReserveBody { choice, expires_in, reservation }) = (inventory?, body?);
        let reservation = reservation.map(RequestId::Given);
        Some(match choice {
            Choice::Named(seats) => {
                let keyed = |key| RequestId::Keyed(idempotency::reservation_id(&inventory, &caller, &key, &seats));
                let reservation = reservation.or_else(|| key.map(keyed));
                Call::Named(Reserve { inventory, seats, expires_in, reservation, caller })
            }
            Choice::Best(Wish { quantity, section, category, accessible, ticket_types }) => {
                // The key identifies this request. Without a key the reservation's id does.
                let request = key.map(|key| idempotency::wish_id(&inventory, &caller, &key));
                let reservation = reservation.or(request.map(|id| RequestId::Keyed(ReservationId::new(id.as_uuid()))));
                let request = request.or(reservation.map(|reservation| WishId::new(reservation.id().as_uuid())));
                let best = ReserveBest {
                    inventory,
                    quantity,
                    section,
                    category,
                    accessible,
                    ticket_types,
                    expires_in,
                    reservation,
                    request,
                    caller,
                };
                Call::Best(best)
            }
        })
    })?;
    routed.charge(routed.route.weight.of_seats(match &call {
        Call::Named(call) => call.seats.len(),
        Call::Best(call) => call.quantity,
    }));
    Ok(call)
}

/// The fields that describe seats together with `quantity`.
const WISHES: [&str; 4] = ["section", "category", "accessible", "ticket_types"];

/// Reads either the seats, or `quantity` and the fields that belong to it.
fn read_choice(body: &Object<'_, '_, '_>, most: usize) -> Option<Choice> {
    let quantity = body.optional("quantity", |node| node.whole(1..=most));
    let section = optional_name(body, "section");
    let category = optional_name(body, "category");
    let accessible = body.optional("accessible", |node| accessible_seats(node, quantity.unwrap_or(most)));
    let accessible = accessible.unwrap_or(AccessibleSeats::None);
    if body.has("quantity") {
        if body.has("seat") || body.has("seats") {
            return body.fault("quantity", "either quantity or the seats, got both");
        }
        let ticket_types = input::ticket_types(body, quantity?);
        return Some(Choice::Best(Wish { quantity: quantity?, section, category, accessible, ticket_types }));
    }
    let wishes: Vec<_> = WISHES.into_iter().filter(|field| body.has(field)).collect();
    for field in &wishes {
        body.fault::<()>(field, "quantity beside it");
    }
    // A preference without seats lacks only its quantity, so no missing seats are reported.
    if wishes.is_empty() || body.has("seat") || body.has("seats") {
        return input::seat_requests(body, most).map(Choice::Named);
    }
    None
}

/// Reads `true`, `false` or the number of accessible seats.
fn accessible_seats(node: Node<'_, '_>, quantity: usize) -> Option<AccessibleSeats> {
    match node.json() {
        Json::Bool(true) => Some(AccessibleSeats::All),
        Json::Bool(false) => Some(AccessibleSeats::None),
        Json::Number(_) => node.whole(1..=quantity).map(AccessibleSeats::Some),
        _ => node.fault(format_args!("true, false, or a number of seats from 1 to {quantity}")),
    }
}

/// Reads the name of a section or a category.
fn optional_name(body: &Object<'_, '_, '_>, field: &str) -> Option<String> {
    let expected = format_args!("a name of 1 to {MAX_PART_NAME} characters");
    body.optional(field, |node| {
        node.parsed(expected, |text| match text.chars().count() {
            1..=MAX_PART_NAME => Ok(text.to_owned()),
            _ => Err(()),
        })
    })
}
