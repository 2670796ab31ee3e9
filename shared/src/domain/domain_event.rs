//! Domain events: changes in the life of seats, bookings, theaters, shows and sales.

use super::caller::Role;
use super::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use super::inventory::InventoryId;
use super::layout_version::LayoutVersion;
use super::lines::{FixedPrice, Lines};
use super::sale::SaleTerms;
use super::seat_request::Reference;
use super::show::Show;
use super::time::{EpochMillis, EpochSeconds};
use super::version::Version;

/// A domain event. It stays true in whatever order and however often it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    pub inventory: InventoryId,
    /// The role in which the change was made. Changes of buyers have none.
    pub by: Option<Role>,
    pub kind: DomainEventKind,
}

/// The kind of a domain event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEventKind {
    /// A seat was reserved, or its reservation was extended. A seat without a category has no price.
    Reserved { seat: SeatReservation, fixed_price: Option<FixedPrice>, extended: bool },
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
    /// A show was put, or its sale.
    ShowPut(Box<Show>),
    /// The show of this version was removed.
    ShowRemoved { theater: TheaterId, version: Version },
    /// The terms of a sale changed. The version is that of a theater's sale, or of the show.
    SaleChanged { terms: SaleTerms, version: Version },
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
    /// `None` if it was made without prices.
    pub lines: Option<Lines>,
    /// The client's own text.
    pub reference: Option<Reference>,
}

/// The facts about a layout that its own item shows without the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutSummary {
    pub name: String,
    pub version: LayoutVersion,
    /// Number of seats.
    pub seats: usize,
}
