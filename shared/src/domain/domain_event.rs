//! Domain events: changes in the life of seats, bookings and theaters.

use super::ids::{BookingId, ReservationId, SeatLabel};
use super::inventory::InventoryId;
use super::layout_version::LayoutVersion;
use super::time::{EpochMillis, EpochSeconds};

/// A domain event. It stays true in whatever order and however often it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    pub inventory: InventoryId,
    pub kind: DomainEventKind,
}

/// The kind of a domain event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEventKind {
    /// A seat was reserved, or its reservation was extended.
    Reserved { seat: SeatReservation, extended: bool },
    /// A seat was released before its reservation expired. The stamp of that write is the time.
    Released { seat: SeatReservation, at: EpochMillis },
    /// A seat's reservation expired.
    Expired(SeatReservation),
    /// Seats were booked.
    Booked(BookedSeats),
    /// A booking was cancelled.
    Cancelled { booked: BookedSeats, at: EpochMillis },
    /// A layout was put.
    LayoutPut(LayoutSummary),
    /// The layout of this version was removed, and the theater with it.
    LayoutRemoved { version: LayoutVersion },
}

/// A seat's reservation as one write made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatReservation {
    pub seat: SeatLabel,
    pub reservation: ReservationId,
    /// The stamp of the write.
    pub changed_at: EpochMillis,
    pub expires_at: EpochSeconds,
}

/// A booking's seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedSeats {
    pub booking: BookingId,
    pub seats: Vec<SeatLabel>,
    /// The reservation that it was made from.
    pub reservation: Option<ReservationId>,
    pub booked_at: EpochMillis,
    /// The stamp that the booking's last write put on the seats.
    pub changed_at: EpochMillis,
}

/// The facts about a layout that its own item shows without the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutSummary {
    pub name: String,
    pub version: LayoutVersion,
    /// Number of seats.
    pub seats: usize,
}
