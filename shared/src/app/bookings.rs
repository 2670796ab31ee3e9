//! Reading and cancelling a booking.

use super::{BoxOffice, ExistingBooking};
use crate::context::RequestContext;
use crate::domain::caller::Caller;
use crate::domain::ids::BookingId;
use crate::domain::inventory::InventoryId;
use crate::store::{BookingRef, StoreError};

/// A caller's reference to a booking.
#[derive(Debug)]
pub struct BookingRequest {
    pub inventory: InventoryId,
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
    pub async fn booking(&self, ctx: &RequestContext, ask: &BookingRequest) -> Result<ExistingBooking, BookingError> {
        self.store.booking(ctx, &ask.wanted()).await?.ok_or(BookingError::NotFound)
    }

    /// Cancels a booking. The seats become available again, and the booking stays readable. Cancelling it again changes
    /// nothing.
    pub async fn cancel(&self, ctx: &RequestContext, ask: &BookingRequest) -> Result<(), BookingError> {
        let cancelled = self.store.cancel(ctx, &ask.wanted()).await;
        if let Err(StoreError::OutcomeUnknown(_)) = &cancelled {
            self.forget(ctx, &ask.inventory).await;
        }
        let changed = cancelled?.ok_or(BookingError::NotFound)?;
        self.update_cache_of_seats(ctx, &ask.inventory, &changed).await;
        Ok(())
    }
}

impl BookingRequest {
    fn wanted(&self) -> BookingRef<'_> {
        BookingRef { inventory: &self.inventory, id: self.booking, owner: self.caller.owner(), by: self.caller.role() }
    }
}
