//! Reading and cancelling a booking.

use super::{BoxOffice, StandingBooking};
use crate::rules::caller::Caller;
use crate::rules::names::{BookingId, TheaterId};
use crate::store::{BookingRef, StoreError};
use crate::tally::Tally;

/// A caller's reference to a booking.
#[derive(Debug)]
pub struct BookingAsk {
    pub theater: TheaterId,
    pub booking: BookingId,
    pub caller: Caller,
}

/// The reasons why a booking can't be shown or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    /// The booking doesn't exist, or belongs to another caller.
    #[error("no such booking")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Returns a booking, cancelled or not.
    pub async fn booking(&self, ask: &BookingAsk, tally: &Tally) -> Result<StandingBooking, BookingError> {
        self.store.booking(&ask.wanted(), tally).await?.ok_or(BookingError::NotFound)
    }

    /// Cancels a booking. The seats become available again, and the booking stays readable. Cancelling it again changes
    /// nothing.
    pub async fn cancel(&self, ask: &BookingAsk, tally: &Tally) -> Result<(), BookingError> {
        let cancelled = self.store.cancel(&ask.wanted(), tally).await;
        if let Err(StoreError::Undecided(_)) = &cancelled {
            self.forget(&ask.theater, tally).await;
        }
        let changed = cancelled?.ok_or(BookingError::NotFound)?;
        self.tell_cache_of(&ask.theater, &changed, tally).await;
        Ok(())
    }
}

impl BookingAsk {
    fn wanted(&self) -> BookingRef<'_> {
        BookingRef { theater: &self.theater, id: self.booking, owner: self.caller.owner() }
    }
}
