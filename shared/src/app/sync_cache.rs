//! Repair of the cache from the table's stream, for writers that died or lost their connection before they updated it.

use std::collections::HashMap;
use std::sync::Arc;

use super::BoxOffice;
use crate::cache::CacheError;
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::store::{SeatChange, StoreError};

/// The reasons why changes didn't reach the cache. They have to be delivered again.
#[derive(Debug, thiserror::Error)]
pub enum SyncCacheError {
    /// The layout couldn't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cache couldn't be updated.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl BoxOffice {
    /// Merges changes of an inventory's seats into the cache, in one call to Redis. The changes of each seat have to be
    /// in the order in which DynamoDB accepted them.
    ///
    /// Repeating this, or starting again from an earlier change, is safe, because slots merge by stamp. The cache then
    /// holds what DynamoDB holds, or nothing.
    ///
    /// Some changes can't be merged: an edit by hand, an unreadable item, or a seat or a layout that isn't known here.
    /// Then the key is dropped, and the next read goes to DynamoDB.
    ///
    /// If a seat of a show may be available again, a summary without available seats ends as well. That costs another
    /// call.
    pub async fn sync_cache(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        changes: &[(SeatLabel, SeatChange)],
    ) -> Result<(), SyncCacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let last = last_written(changes);
        if let InventoryId::Show(show) = id
            && may_free_a_seat(changes, last.as_ref())
        {
            cache.end_sold_out_summary(ctx, show).await?;
        }
        let Some(last) = last else { return Ok(cache.forget(ctx, id).await?) };
        if last.is_empty() {
            return Ok(());
        }
        let inventory = match self.inventory_with_seats(ctx, id, &last).await {
            Ok(Some(inventory)) => inventory,
            Ok(None) => return Ok(()),
            // A retry would fail in the same way, and block the changes after it.
            Err(StoreError::Permanent(_)) => return Ok(cache.forget(ctx, id).await?),
            Err(undecided) => return Err(undecided.into()),
        };
        let learned = last.into_iter().map(|(seat, slot)| {
            let seat_index = inventory.layout.seat_index(seat.as_str())?;
            Some(SlotUpdate { seat_index, slot })
        });
        match learned.collect::<Option<Vec<_>>>() {
            Some(learned) => Ok(self.update_cache(ctx, &inventory, &learned).await?),
            None => Ok(cache.forget(ctx, id).await?),
        }
    }

    /// Returns the inventory. Reads it again if a seat is missing from its layout, because the seat may be new.
    async fn inventory_with_seats(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        seats: &HashMap<&SeatLabel, Slot>,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        let Some(inventory) = self.inventories.get(ctx, id).await? else { return Ok(None) };
        if seats.keys().all(|seat| inventory.layout.seat_index(seat.as_str()).is_some()) {
            return Ok(Some(inventory));
        }
        self.inventories.get_newer(ctx, id).await
    }
}

/// Returns the last write of each seat, or `None` if stamps can't order the changes.
///
/// The last write counts and not the largest stamp. The TTL may have deleted an item, and then a new item can have a
/// smaller stamp.
fn last_written(changes: &[(SeatLabel, SeatChange)]) -> Option<HashMap<&SeatLabel, Slot>> {
    let mut last = HashMap::new();
    for (seat, change) in changes {
        match change {
            SeatChange::Written(slot) => drop(last.insert(seat, *slot)),
            SeatChange::Collected => {}
            SeatChange::ByHand | SeatChange::Unreadable(_) => return None,
        }
    }
    Some(last)
}

/// Returns `true` if a seat may be available after the changes that wasn't before. `last` has the last writes, or is
/// `None` if they aren't known.
///
/// A seat whose item the TTL deleted has been available since the end of its reservation, which was no write.
fn may_free_a_seat(changes: &[(SeatLabel, SeatChange)], last: Option<&HashMap<&SeatLabel, Slot>>) -> bool {
    let Some(last) = last else { return true };
    last.values().any(|slot| slot.state == SeatState::Available)
        || changes.iter().any(|(_, change)| *change == SeatChange::Collected)
}
