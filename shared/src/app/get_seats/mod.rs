//! Reading which seats are available. The cache answers. After a miss, DynamoDB answers and the cache is filled.
//!
//! | module | contents |
//! | --- | --- |
//! | [`revalidate`] | the check whether the seats have changed since the caller's last read |
//! | [`read`] | a read from the cache |
//! | [`fill`] | a read from DynamoDB, which fills the cache |
//! | [`view`], [`slots`] | the seats as they are shown |

mod fill;
mod read;
mod revalidate;
mod slots;
mod view;

use super::BoxOffice;
use crate::context::RequestContext;
use crate::domain::availability::SeatStatus;
use crate::domain::caller::Caller;
use crate::domain::ids::ReservationId;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::seat_index::SeatIndex;
use crate::store::{Reservation, ReservationRef, ReservedSeat};
pub use revalidate::{KnownAnswer, Revalidated};
pub use slots::Slots;
pub use view::{GetSeatsError, SeatsView, Source};

/// A request to read the seats of a theater.
#[derive(Debug)]
pub struct GetSeats {
    pub inventory: InventoryId,
    /// Read DynamoDB and never the cache.
    pub consistent: bool,
    /// The reservation whose seats are marked as the caller's own.
    pub reservation: Option<ReservationId>,
    /// The name of the only section to show.
    pub section: Option<String>,
    /// The answer that the caller already has.
    pub seen: Option<KnownAnswer>,
    pub caller: Caller,
}

impl BoxOffice {
    /// Reads a theater's seats, or finds that they haven't changed since the caller's last read.
    pub async fn get_seats(&self, ctx: &RequestContext, ask: &GetSeats) -> Result<Revalidated, GetSeatsError> {
        let inventory = &ask.inventory;
        if let Some(section) = &ask.section {
            self.check_section(ctx, inventory, section).await?;
        }
        if let Some(reservation) = ask.reservation {
            return Box::pin(self.read_with_own_seats(ctx, ask, reservation)).await.map(Revalidated::Seats);
        }
        if let (false, Some(cache), Some(seen)) = (ask.consistent, &self.cache, ask.seen) {
            return self.revalidate(ctx, cache, inventory, seen).await;
        }
        self.read_seats(ctx, inventory, ask.consistent).await.map(Revalidated::Seats)
    }

    /// Rejects a section that the theater doesn't have, before anything else is read.
    ///
    /// A rejection costs nothing of the caller's rate limit if this instance knows the layout. Otherwise the layout has
    /// to be read, and the rate limit is checked first.
    async fn check_section(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        section: &str,
    ) -> Result<(), GetSeatsError> {
        let has = |inventory: &Inventory| inventory.layout.plan().sections().iter().any(|name| name == section);
        let known = self.inventories.known(inventory);
        if known.as_deref().is_some_and(has) {
            return Ok(());
        }
        if known.is_none() {
            self.admit(ctx).await?;
        }
        // The section may be new, so the layout is read again.
        let inventory = self.inventories.get_newer(ctx, inventory).await?.ok_or(GetSeatsError::TheaterNotFound)?;
        if has(&inventory) {
            Ok(())
        } else {
            Err(GetSeatsError::UnknownSection(inventory.layout.plan().sections().to_vec()))
        }
    }

    /// Reads the seats, and marks those of the caller's own reservation. This takes a few more reads, which don't
    /// depend on the size of the theater.
    async fn read_with_own_seats(
        &self,
        ctx: &RequestContext,
        ask: &GetSeats,
        reservation: ReservationId,
    ) -> Result<SeatsView, GetSeatsError> {
        let mut view = self.read_seats(ctx, &ask.inventory, ask.consistent).await?;
        let owner = ask.caller.owner();
        let wanted = ReservationRef { inventory: &ask.inventory, id: reservation, owner, seats: None, by: None };
        if let Reservation::Running(seats) = self.store.reservation(ctx, &wanted).await? {
            let statuses = view.slots.statuses(view.now);
            let seat_index = |seat: &ReservedSeat| view.inventory.layout.seat_index(seat.seat.as_str());
            let taken = |seat_index: &SeatIndex| statuses.get(seat_index.as_usize()) != Some(&SeatStatus::Available);
            view.yours = seats.iter().filter_map(seat_index).filter(taken).collect();
        }
        Ok(view)
    }
}
