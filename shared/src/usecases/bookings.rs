//! A booking after it was made: look it up, cancel it.

use super::{BoxOffice, StandingBooking};
use crate::rules::caller::Caller;
use crate::rules::names::{BookingId, TheaterId};
use crate::store::{BookingRef, StoreError};
use crate::tally::Tally;

/// Which booking a caller means.
#[derive(Debug)]
pub struct BookingAsk {
    /// Where.
    pub theater: TheaterId,
    /// Which.
    pub booking: BookingId,
    /// Who asks.
    pub caller: Caller,
}

/// Why a booking can't be shown or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum BookingError {
    /// There is none, or it isn't theirs.
    #[error("no such booking")]
    NotFound,
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Shows a booking.
    pub async fn booking(&self, ask: &BookingAsk, tally: &Tally) -> Result<StandingBooking, BookingError> {
        self.store.booking(&ask.wanted(), tally).await?.ok_or(BookingError::NotFound)
    }

    /// Cancels a booking, which may be cancelled already: its seats can be had again, and it stays readable.
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
