//! Problems about seats: each names the seats with their status, and with what the caller can do about them.

use super::seat_problem::{SeatProblem, named_seats};
use super::{Code, Members, Problem};
use crate::app::OtherBooking;
use crate::domain::ids::SeatLabel;
use crate::domain::lines::{Expect, Totals};
use crate::domain::offers::UnknownTicketType;
use crate::domain::prices::TicketType;
use crate::domain::selection::{Conflict, OtherTicketType};

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
        let members =
            Members { seats: unknown.into_iter().map(SeatProblem::of_unknown_type).collect(), ..Members::default() };
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
