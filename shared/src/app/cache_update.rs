//! Updates of the cache after a write.
//!
//! Writers ignore a failed update and answer as usual. The Redis client has logged and counted it, the table's stream
//! delivers the change again, and the next fill reads it from DynamoDB.

use std::sync::Arc;

use super::BoxOffice;
use crate::cache::{CacheError, Merged, WhenBehind};
use crate::context::RequestContext;
use crate::domain::availability::SlotUpdate;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::seat_index::SeatIndex;
use crate::store::{ChangedSeats, SeatSlot};

impl BoxOffice {
    /// Merges what a write learned into the cache.
    pub(super) async fn update_cache(
        &self,
        ctx: &RequestContext,
        inventory: &Arc<Inventory>,
        learned: &[SlotUpdate],
    ) -> Result<(), CacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let (id, version) = (&inventory.id, inventory.version);
        if cache.merge(ctx, id, version, learned, WhenBehind::Keep).await? == Merged::Done {
            return Ok(());
        }
        let newer = self.inventories.get_newer(ctx, id).await.ok().flatten();
        let newer = newer.filter(|newer| newer.version > version);
        let remapped;
        let (version, learned) = match &newer {
            Some(newer) => {
                remapped = remap_to_layout(learned, inventory, newer);
                (newer.version, remapped.as_slice())
            }
            None => (version, learned),
        };
        cache.merge(ctx, id, version, learned, WhenBehind::Drop).await.map(drop)
    }

    /// Merges changed seats into the cache. If the outcome of a write is uncertain, drops the inventory from the cache
    /// instead, so that the next read goes to DynamoDB.
    pub(super) async fn update_cache_of_seats(&self, ctx: &RequestContext, id: &InventoryId, changed: &ChangedSeats) {
        if changed.uncertain {
            return self.forget(ctx, id).await;
        }
        if changed.slots.is_empty() {
            return;
        }
        match self.inventories.get(ctx, id).await {
            Ok(Some(inventory)) => {
                drop(self.update_cache(ctx, &inventory, &with_indices(&changed.slots, &inventory)).await)
            }
            Ok(None) => {}
            Err(_) => self.forget(ctx, id).await,
        }
    }

    /// Drops an inventory from the cache, so that the next read goes to DynamoDB. A failure is ignored, as for a merge.
    pub(super) async fn forget(&self, ctx: &RequestContext, inventory: &InventoryId) {
        if let Some(cache) = &self.cache {
            let _ = cache.forget(ctx, inventory).await;
        }
    }
}

/// Converts slots from labels to seat indices. Leaves out seats that the layout doesn't have.
fn with_indices(slots: &[SeatSlot], inventory: &Inventory) -> Vec<SlotUpdate> {
    let of = |known: &SeatSlot| {
        let seat_index = inventory.layout.seat_index(known.seat.as_str())?;
        Some(SlotUpdate { seat_index, slot: known.slot })
    };
    slots.iter().filter_map(of).collect()
}

/// Converts slots from the seat indices of one layout to those of another. Leaves out seats that the other one doesn't
/// have.
fn remap_to_layout(learned: &[SlotUpdate], from: &Inventory, to: &Inventory) -> Vec<SlotUpdate> {
    let label = |seat_index: SeatIndex| from.layout.seats().get(seat_index.as_usize());
    let of = |known: &SlotUpdate| {
        let seat_index = to.layout.seat_index(label(known.seat_index)?.as_str())?;
        Some(SlotUpdate { seat_index, slot: known.slot })
    };
    learned.iter().filter_map(of).collect()
}
