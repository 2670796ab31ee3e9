//! The store: seats, bookings and layouts in one DynamoDB table, which alone decides who owns a seat.
//!
//! Every write is conditional. If the caller names the seats, no read comes before the write, because a rejected write
//! returns the items that were in its way. One module handles retries, pauses and time limits.

mod book;
mod booking_limit;
mod bookings;
mod layout_snapshots;
mod layouts;
mod reservation_quota;
mod reservation_records;
mod reservations;
mod reserve;
mod sales;
mod schema;
mod seat_withdrawal;
mod seats;
mod show_list;
mod shows;
mod shows_added;
mod stream;
mod write;

use std::time::Duration;

use aws_sdk_dynamodb::Client;

pub use book::types::{
    BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, Booking, OtherBooking, WholeReservation,
};
pub use booking_limit::BookingLimit;
pub use bookings::{BookingRef, ExistingBooking};
pub use layouts::{ExistingLayout, KnownVersion, PutLayoutError, TheaterPage};
pub use reservation_quota::ReservationQuota;
pub use reservations::ChangedSeats;
pub use reservations::extend::{ExtendOutcome, Extension};
pub use reservations::read::{Remembered, Reservation};
pub use reservations::to_book::{EndedReservation, ReservationToBook, WholeBookingRejection};
pub use reserve::types::{ReserveChosenOutcome, ReserveOutcome, ReserveRequest, ReservedSeats, SeatExpiry, Wish};
pub use sales::{LayoutWithSale, PutSaleError};
pub use schema::layout::TheaterEntry;
pub use schema::reservation_record::{
    ChosenBefore, ExtensionMark, MAX_SEATS_PER_RESERVATION, ReservationRef, ReservedSeat,
};
pub use seat_withdrawal::{TOMBSTONE_SECONDS, Tombstone, WithdrawError};
pub use show_list::ShowPage;
pub use shows::PutShowError;
pub use shows_added::ShowsAdded;
pub use stream::{SeatChange, SeatRecord};

use crate::clock::Clock;
use crate::domain::availability::{Slot, SlotUpdate};
use crate::domain::ids::SeatLabel;

/// A DynamoDB table and the client for it.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    clock: Clock,
    patience: Duration,
}

/// A seat's slot by the seat's label, for callers without the layout that numbers the seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSlot {
    pub seat: SeatLabel,
    /// The slot as DynamoDB has it.
    pub slot: Slot,
}

/// The outcome of a request, and the slots that its write or the rejection of it revealed.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision<T> {
    pub outcome: T,
    /// The slots as DynamoDB has them. They are merged into the cache.
    pub observed: Vec<SlotUpdate>,
}

/// The reasons why the store couldn't answer. A *request* that is rejected is an outcome, not an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB stayed unreachable, overloaded or silent. A write may or may not have been carried out. Repeating the
    /// request with the same id is safe.
    #[error("the outcome in DynamoDB is unknown: {0}")]
    OutcomeUnknown(String),
    /// DynamoDB rejected the call for a reason that a retry won't fix, or an item can't be read.
    #[error("DynamoDB rejected the call, or an item can't be read: {0}")]
    Permanent(String),
}

impl Store {
    /// Opens the connection before the first request, by reading a key that never exists. A failure does no harm.
    pub async fn connect(&self) {
        let key = schema::nonexistent_key();
        let read = self.client.get_item().table_name(&self.table).set_key(Some(key)).send();
        if let Err(error) = read.await {
            let error = write::retry::describe(&error);
            tracing::warn!(error, "DynamoDB can't be reached yet, and the first request will try again");
        }
    }

    /// Creates a store on `table`. `patience` limits the time of each operation, including its retries.
    pub fn new(client: Client, table: String, clock: Clock, patience: Duration) -> Self {
        Self { client, table, clock, patience }
    }
}
