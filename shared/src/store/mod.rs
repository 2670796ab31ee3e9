//! The store: seats, bookings and layouts in one DynamoDB table, which alone decides who owns a seat.
//!
//! Every write is conditional, and no read precedes one whose caller says what it is about: what stood there when a write was
//! refused comes back with the refusal (`refusal`). Repeating, pausing and giving up are in one place (`attempts`).

mod allowance;
mod attempts;
mod book;
mod bookings;
mod change;
mod facts;
mod items;
mod layouts;
mod record;
mod refusal;
mod removal;
mod reservations;
mod reserve;
mod seats;
mod stream;
mod transaction;

use std::time::Duration;

use aws_sdk_dynamodb::Client;

pub use allowance::Allowance;
pub use book::{BookOutcome, BookRequest, Booking, BookingLimit, From, WholeReservation};
pub use bookings::{BookingRef, StandingBooking};
pub use facts::{BookedSeats, Fact, SeatReservation, What};
pub use layouts::{PutLayoutError, Replaces, TheaterEntry};
pub use record::{ExtensionMark, MAX_SEATS_PER_RESERVATION, ReservationRef, ReservedSeat};
pub use removal::{Mark, REMOVED_FOR, RemoveError};
pub use reservations::{
    ChangedSeats, EndedReservation, ExtendOutcome, Extension, NotWhole, Remembered, Reservation, ToBook,
};
pub use reserve::{ChosenBefore, HeldSeat, Holding, ReserveOutcome, ReserveRequest, Wish};
pub use stream::{SeatChange, SeatRecord};

use crate::clock::Clock;
use crate::rules::availability::Slot;
use crate::rules::names::SeatLabel;

/// The table and the way to it.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
    clock: Clock,
    patience: Duration,
}

/// A seat and its slot, where the layout that numbers it isn't at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatSlot {
    /// Which seat.
    pub seat: SeatLabel,
    /// Its slot as DynamoDB has it.
    pub slot: Slot,
}

/// Why the store couldn't answer. What a *request* was refused for is an outcome, not an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB was out of reach, overloaded or silent, and kept being so: a write may or may not have happened.
    /// Repeating the request with the same id is safe.
    #[error("DynamoDB did not decide: {0}")]
    Undecided(String),
    /// DynamoDB refused for a reason that repeating won't mend, or holds something that can't be read.
    #[error("DynamoDB refused, or holds what can't be read: {0}")]
    Broken(String),
}

impl Store {
    /// Opens the connection ahead of the first request, by reading what isn't there. Failing is no harm.
    pub async fn connect(&self) {
        let key = items::nothing_key();
        let read = self.client.get_item().table_name(&self.table).set_key(Some(key)).send();
        if let Err(error) = read.await {
            let error = attempts::describe(&error);
            tracing::warn!(error, "DynamoDB isn't there yet; the first request tries again");
        }
    }

    /// A store on `table`. `patience` bounds each operation, its retries included.
    pub fn new(client: Client, table: String, clock: Clock, patience: Duration) -> Self {
        Self { client, table, clock, patience }
    }
}
