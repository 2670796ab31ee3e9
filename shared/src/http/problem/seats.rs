//! Problems about seats: each names the seats with their status, and with what the caller can do about them.

use serde::Serialize;

use super::{Code, Members, Problem};
use crate::app::OtherBooking;
use crate::domain::availability::SeatStatus;
use crate::domain::ids::SeatLabel;
use crate::domain::lines::{Expect, Totals};
use crate::domain::offers::UnknownTicketType;
use crate::domain::prices::TicketType;
use crate::domain::selection::{Conflict, OtherTicketType};

/// A seat that caused the problem.
#[derive(Clone, Debug, Serialize)]
pub(super) struct SeatProblem {
    seat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// `true` if the caller has it by another request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yours: bool,
    /// The requested ticket type if it doesn't exist, and otherwise the one as which the seat is reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_type: Option<TicketType>,
    /// The ticket types that the seat is sold as.
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket_types: Option<Vec<TicketType>>,
}

impl SeatProblem {
    /// Describes a seat with its status.
    pub(super) fn of(conflict: &Conflict) -> Self {
        Self {
            status: Some(SeatStatus::from(conflict.state).as_str()),
            expires_at: conflict.state.end().map(|end| end.to_string()),
            yours: conflict.yours,
            ..Self::named(&conflict.seat)
        }
    }

    /// Describes a seat without its status.
    fn named(seat: &SeatLabel) -> Self {
        let seat = seat.to_string();
        Self { seat, status: None, expires_at: None, yours: false, ticket_type: None, ticket_types: None }
    }

    fn of_other_type(seat: &OtherTicketType) -> Self {
        Self { ticket_type: Some(seat.reserved_as.clone()), ..Self::of(&seat.conflict) }
    }
}

impl Problem {
    pub(super) fn seats_not_found(unknown: &[SeatLabel]) -> Self {
        let named: Vec<_> = unknown.iter().map(SeatLabel::as_str).collect();
        let detail = format!("The theater has no seat {}.", named.join(", "));
        Self::with(Code::SeatNotFound, detail, Members { seats: named_seats(unknown), ..Members::default() })
    }

    pub(super) fn seats_unavailable(conflicts: &[Conflict]) -> Self {
        let named: Vec<_> = conflicts.iter().map(|conflict| conflict.seat.as_str()).collect();
        let detail = format!("Taken: {}. Nothing was changed.", named.join(", "));
        let seats = conflicts.iter().map(SeatProblem::of).collect();
        Self::with(Code::SeatUnavailable, detail, Members { seats, ..Members::default() })
    }

    pub(super) fn reservation_expired(seats: &[SeatLabel]) -> Self {
        let detail = "The seats of the reservation have run out. Read which seats are available, or name seats to book those \
            that still are.";
        Self::with(Code::ReservationExpired, detail, Members { seats: named_seats(seats), ..Members::default() })
    }

    /// Creates the problem of seats that aren't sold as the requested ticket types.
    pub(super) fn ticket_types_not_found(unknown: Vec<UnknownTicketType>) -> Self {
        let text = |unknown: &UnknownTicketType| {
            let known: Vec<_> = unknown.known.iter().map(TicketType::as_str).collect();
            let sold = if known.is_empty() { "standard".to_owned() } else { known.join(" or ") };
            format!("{} is sold as {sold}", unknown.seat.seat)
        };
        let detail = unknown.iter().map(text).collect::<Vec<_>>().join(", ");
        let seat = |unknown: UnknownTicketType| SeatProblem {
            ticket_type: Some(unknown.seat.ticket_type.unwrap_or_default()),
            ticket_types: Some(unknown.known),
            ..SeatProblem::named(&unknown.seat.seat)
        };
        let members = Members { seats: unknown.into_iter().map(seat).collect(), ..Members::default() };
        Self::with(Code::TicketTypeNotFound, format!("{detail}. Nothing was changed."), members)
    }

    /// Creates the problem of seats that are in the reservation already, as other ticket types.
    pub(super) fn ticket_types_fixed(seats: &[OtherTicketType]) -> Self {
        let detail = format!("{}. Nothing was changed.", reserved_as(seats));
        let seats = seats.iter().map(SeatProblem::of_other_type).collect();
        Self::with(Code::TicketTypeFixed, detail, Members { seats, ..Members::default() })
    }

    /// Creates the problem of a booking that wouldn't be the expected one.
    pub(super) fn other_booking(other: OtherBooking) -> Self {
        let OtherBooking { seats, expected, actual } = other;
        let detail = if seats.is_empty() { differences(&expected, &actual) } else { reserved_as(&seats) };
        let members = Members {
            seats: seats.iter().map(SeatProblem::of_other_type).collect(),
            expected: Some(expected),
            actual: Some(actual),
            ..Members::default()
        };
        Self::with(Code::ReservationChanged, format!("{detail}. Nothing was changed."), members)
    }
}

/// Writes which totals differ.
fn differences(expected: &Expect, actual: &Totals) -> String {
    let only = [
        (Expect { seats: expected.seats, ..Expect::default() }, "another number of seats"),
        (Expect { total: expected.total, ..Expect::default() }, "another total"),
        (Expect { currency: expected.currency, ..Expect::default() }, "another currency"),
    ];
    let other: Vec<_> = only.iter().filter(|(only, _)| !only.is_met_by(actual)).map(|(_, text)| *text).collect();
    format!("The booking would have {} than expected", other.join(" and "))
}

fn reserved_as(seats: &[OtherTicketType]) -> String {
    let text = |seat: &OtherTicketType| format!("{} is reserved as {}", seat.conflict.seat, seat.reserved_as);
    seats.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Writes the detail about seats that aren't in the reservation.
pub(super) fn not_reserved<'a>(seats: impl Iterator<Item = &'a SeatLabel>) -> String {
    let seats: Vec<_> = seats.map(SeatLabel::as_str).collect();
    format!("Not reserved under the reservation: {}. Nothing was changed.", seats.join(", "))
}

/// Lists seats without their status.
pub(super) fn named_seats(seats: &[SeatLabel]) -> Vec<SeatProblem> {
    seats.iter().map(SeatProblem::named).collect()
}
