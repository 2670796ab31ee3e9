//! The seats to choose from, and the choice.

use std::sync::Arc;

use super::{ReserveBest, ReserveBestError};
use crate::app::{BoxOffice, GetSeatsError, SeatsView, Source};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::best_available::{self, Steering};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::selection::{Conflict, Selection};
use crate::domain::time::EpochMillis;

/// The seats to choose from, as they were read.
pub(super) struct Snapshot {
    pub(super) inventory: Arc<Inventory>,
    slots: Vec<Slot>,
    pub(super) source: Source,
}

impl Snapshot {
    /// Updates the slots that were read with the conflicts of a rejected write.
    pub(super) fn mark_taken(&mut self, taken: &[Conflict], now: EpochMillis) {
        for conflict in taken {
            let seat_index = self.inventory.layout.seat_index(conflict.seat.as_str());
            if let Some(slot) = seat_index.and_then(|seat_index| self.slots.get_mut(seat_index.as_usize())) {
                *slot = Slot { changed_at: now, state: conflict.state };
            }
        }
    }
}

impl BoxOffice {
    /// Reads the seats with the stamps of their slots.
    pub(super) async fn snapshot(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        consistent: bool,
    ) -> Result<Snapshot, GetSeatsError> {
        let SeatsView { inventory, slots, source, .. } = self.read_seats(ctx, id, consistent).await?;
        let slots = slots.into_vec(&inventory);
        Ok(Snapshot { inventory, slots, source })
    }

    /// Chooses the best seats, or some of the best under contention. The more requests are choosing, and the more often
    /// this request lost a race, the wider the candidates are spread.
    pub(super) fn choose(
        &self,
        Snapshot { inventory, slots, .. }: &Snapshot,
        ask: &ReserveBest,
        seed: u64,
        attempt: usize,
    ) -> Result<Selection, ReserveBestError> {
        let now = self.clock.now();
        let wish = ask.wish(inventory, now)?;
        let available: Vec<_> = slots.iter().map(|slot| slot.is_available(now)).collect();
        let spread = best_available::spread(slots, now).max(if attempt == 0 { 0 } else { 8 << attempt });
        let steering = Steering { spread, seed: seed.wrapping_add(attempt as u64) };
        let seat_indexes =
            best_available::choose(inventory.layout.plan(), inventory.layout.neighbors(), &available, &wish, steering);
        Ok(Selection::at(&seat_indexes.map_err(ReserveBestError::NotEnough)?, &inventory.layout))
    }
}
