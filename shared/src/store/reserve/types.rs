//! The requests to reserve seats, and their outcomes.

use crate::domain::caller::{Owner, Role};
use crate::domain::ids::WishId;
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::FixedPrice;
use crate::domain::offers::Offers;
use crate::domain::selection::{Conflict, OtherTicketType, Selection};
use crate::domain::time::EpochSeconds;
use crate::store::reservation_quota::ReservationQuota;
use crate::store::schema::reservation_record::{ChosenBefore, ReservedSeat};

/// A request to reserve seats.
#[derive(Clone, Copy, Debug)]
pub struct ReserveRequest<'a> {
    pub inventory: &'a InventoryId,
    /// The seats. Either all or none are reserved.
    pub seats: &'a Selection,
    /// The reservation. Seats that are already reserved under it keep their end.
    pub reservation: ReservationId,
    /// The reservation must exist already, because its id was made by the server.
    pub must_exist: bool,
    pub owner: Option<Owner>,
    /// The role of the caller, which is stored with the seats.
    pub by: Option<Role>,
    /// Seconds from now until the end of new seats.
    pub expires_in: u32,
    /// The quota of seats that the owner may have reserved at once.
    pub reservation_quota: Option<ReservationQuota>,
    /// The prices of the seats. `None` if they are sold without money.
    pub offers: Option<&'a Offers>,
}

/// A preference for the best available seats. A repeated request is recognized by it.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The id of the request.
    pub id: WishId,
    /// The request as text. Another text under the same id is another request.
    pub text: &'a str,
}

/// A seat of a reservation, with its end and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatExpiry {
    pub seat: SeatLabel,
    pub expires_at: EpochSeconds,
    /// The price at which it is reserved, if it has a price.
    pub fixed_price: Option<FixedPrice>,
}

impl From<ReservedSeat> for SeatExpiry {
    fn from(seat: ReservedSeat) -> Self {
        Self { seat: seat.seat, expires_at: seat.expires_at, fixed_price: seat.fixed_price }
    }
}

/// Seats of a reservation after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedSeats {
    /// The seats of the request, in layout order.
    pub seats: Vec<SeatExpiry>,
    /// The end of the whole reservation, which is the earliest end of its seats.
    pub expires_at: EpochSeconds,
}

/// The outcome of a request to reserve seats.
#[derive(Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// All the seats are reserved under the reservation now, and not all of them were before.
    Reserved(ReservedSeats),
    /// All the seats were reserved under the reservation before. Nothing changed.
    AlreadyReserved(ReservedSeats),
    /// Other callers have these seats. Nothing changed.
    Refused(Vec<Conflict>),
    /// The owner has this many seats reserved, and the request would exceed the quota. Nothing changed.
    LimitReached(usize),
    /// The reservation has this many seats, and the request would exceed its limit. Nothing changed.
    Full(usize),
    /// These seats of the reservation were released, or the whole reservation (empty list). Nothing changed.
    Released(Vec<SeatLabel>),
    /// These seats are in the reservation already, as other ticket types. Nothing changed.
    TypeFixed(Vec<OtherTicketType>),
    /// The reservation must exist and doesn't. Nothing changed.
    NotFound,
}

/// The outcome of a request to reserve seats that were chosen for a preference.
#[derive(Debug, PartialEq, Eq)]
pub enum ReserveChosenOutcome {
    /// The request is the first one for this preference.
    Decided(ReserveOutcome),
    /// Seats were chosen for this request before. Nothing changed.
    ChosenBefore(ChosenBefore),
}
