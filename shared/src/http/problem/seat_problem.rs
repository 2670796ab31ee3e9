//! Seats as members of a problem.

use serde::Serialize;

use crate::domain::availability::SeatStatus;
use crate::domain::ids::SeatLabel;
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

    /// Describes a seat that isn't sold as the requested ticket type.
    pub(super) fn of_unknown_type(unknown: UnknownTicketType) -> Self {
        Self {
            ticket_type: Some(unknown.seat.ticket_type.unwrap_or_default()),
            ticket_types: Some(unknown.known),
            ..Self::named(&unknown.seat.seat)
        }
    }

    pub(super) fn of_other_type(seat: &OtherTicketType) -> Self {
        Self { ticket_type: Some(seat.reserved_as.clone()), ..Self::of(&seat.conflict) }
    }
}

/// Lists seats without their status.
pub(super) fn named_seats(seats: &[SeatLabel]) -> Vec<SeatProblem> {
    seats.iter().map(SeatProblem::named).collect()
}
