//! The requests to book seats, and their outcomes.

use crate::domain::caller::{Owner, Role};
use crate::domain::ids::{BookingId, ReservationId, SeatLabel};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::lines::{Expect, Lines, Totals};
use crate::domain::offers::Offers;
use crate::domain::seat_request::Reference;
use crate::domain::selection::{Conflict, OtherTicketType, Selection};
use crate::domain::time::EpochMillis;
use crate::store::booking_limit::BookingLimit;
use crate::store::reservation_records::FoundRecord;

/// A request to book seats under an id.
#[derive(Clone, Copy, Debug)]
pub struct BookRequest<'a> {
    pub inventory: &'a InventoryId,
    /// The seats. Either all or none are booked.
    pub seats: &'a Selection,
    /// The id by which a repeated request is recognized.
    pub booking: BookingId,
    /// The caller, who will own the booking. Reservations of other callers don't count as theirs.
    pub owner: Option<Owner>,
    /// The role of the caller, which is stored with the booking.
    pub by: Option<Role>,
    /// The limit of seats that the owner may have booked in this theater, if there is one.
    pub limit: Option<BookingLimit>,
    /// The inventory as the instance knows it.
    pub known: &'a Inventory,
    /// The prices of seats that the request names. `None` if they are sold without money, and for a whole reservation.
    pub offers: Option<&'a Offers>,
    /// The totals that the caller expects.
    pub expect: Option<&'a Expect>,
    /// The caller's own reference, which is stored with the booking.
    pub reference: Option<&'a Reference>,
}

/// The states that a seat may be booked from.
#[derive(Clone, Copy, Debug)]
pub enum BookableFrom {
    /// Seats that are available, or reserved under the reservation if there is one.
    Anywhere(Option<ReservationId>),
    /// Only seats that are reserved under the reservation and have not expired.
    Reservation(ReservationId),
}

/// A reservation that is to be booked as a whole, as it was read.
#[derive(Clone, Debug)]
pub struct WholeReservation {
    pub(in crate::store) id: ReservationId,
    pub(in crate::store) found: FoundRecord,
    pub seats: Vec<SeatLabel>,
    /// A stamp above those of its seats, as far as the record knows.
    pub(in crate::store) stamp: EpochMillis,
}

/// The seats of a request, and the states that they may be booked from.
#[derive(Clone, Copy)]
pub(in crate::store) enum Source<'a> {
    /// Seats that the caller named.
    Named(BookableFrom),
    /// All seats of the reservation, as it was read. The caller named only the reservation.
    Whole(&'a WholeReservation),
}

impl<'a> Source<'a> {
    pub(in crate::store) fn whole(self) -> Option<&'a WholeReservation> {
        match self {
            Self::Whole(whole) => Some(whole),
            Self::Named(_) => None,
        }
    }

    pub(in crate::store) fn reservation(self) -> Option<ReservationId> {
        match self {
            Self::Named(BookableFrom::Anywhere(reservation)) => reservation,
            Self::Named(BookableFrom::Reservation(reservation)) => Some(reservation),
            Self::Whole(whole) => Some(whole.id),
        }
    }
}

/// A booking as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its seats, in layout order.
    pub seats: Vec<SeatLabel>,
    /// The time of the booking, by the clock of the instance that made it.
    pub booked_at: EpochMillis,
    /// The seats with their prices. `None` if they were sold without money.
    pub lines: Option<Lines>,
    /// The caller's own reference.
    pub reference: Option<Reference>,
    /// The role in which it was made.
    pub by: Option<Role>,
}

/// The difference between the booking that a request expects, and the one that it would make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherBooking {
    /// Seats that are reserved as other ticket types than the request names.
    pub seats: Vec<OtherTicketType>,
    pub expected: Expect,
    pub actual: Totals,
}

/// The outcome of a request to book seats.
#[derive(Debug, PartialEq, Eq)]
pub enum BookOutcome {
    /// Booked by this request.
    Booked(Booking),
    /// Booked before under this id. Nothing changed.
    Replayed(Booking),
    /// Other seats were booked before under this id. Nothing changed.
    IdReused,
    /// The booking under this id was cancelled. Nothing changed.
    Cancelled,
    /// Seats must be reserved under the reservation, and these aren't. Nothing changed.
    NotReserved(Vec<Conflict>),
    /// The owner has this many seats booked, and the request would exceed the limit. Nothing changed.
    LimitReached(usize),
    /// Other callers have these seats. Nothing changed.
    Refused(Vec<Conflict>),
    /// The booking wouldn't be the one that the request expects. Nothing changed.
    Unexpected(OtherBooking),
    /// These seats aren't sold as the requested ticket types, and aren't reserved as them. Nothing changed.
    UnknownTicketTypes(Vec<SeatLabel>),
}

/// The outcome of a request to book a whole reservation.
#[derive(Debug, PartialEq, Eq)]
pub enum BookWholeOutcome {
    /// The reservation is still as it was read, or a booking exists under the id.
    Decided(BookOutcome),
    /// The reservation has changed since it was read. Nothing changed.
    ReservationChanged,
}
