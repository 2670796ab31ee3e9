//! Updates of the cache after a write.
//!
//! Writers ignore a failed update and answer as usual. The Redis client has logged and counted it, the table's stream
//! delivers the change again, and the next fill reads it from DynamoDB.

use std::sync::Arc;

use super::BoxOffice;
use crate::cache::{CacheError, Merged, WhenBehind};
use crate::context::RequestContext;
use crate::domain::availability::SlotUpdate;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::seat_index::SeatIndex;
use crate::store::{ChangedSeats, SeatSlot};

impl BoxOffice {
    /// Merges what a write learned into the cache.
    pub(super) async fn update_cache(
        &self,
        ctx: &RequestContext,
        layout: &Arc<Layout>,
        learned: &[SlotUpdate],
    ) -> Result<(), CacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let (theater, version) = (&layout.theater, layout.version);
        if cache.merge(ctx, theater, version, learned, WhenBehind::Keep).await? == Merged::Done {
            return Ok(());
        }
        let newer = self.layouts.get_newer(ctx, theater).await.ok().flatten();
        let newer = newer.filter(|newer| newer.version > version);
        let remapped;
        let (version, learned) = match &newer {
            Some(newer) => {
                remapped = remap_to_layout(learned, layout, newer);
                (newer.version, remapped.as_slice())
            }
            None => (version, learned),
        };
        cache.merge(ctx, theater, version, learned, WhenBehind::Drop).await.map(drop)
    }

    /// Merges changed seats into the cache. If the outcome of a write is uncertain, drops the theater from the cache
    /// instead, so that the next read goes to DynamoDB.
    pub(super) async fn update_cache_of_seats(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        changed: &ChangedSeats,
    ) {
        if changed.uncertain {
            return self.forget(ctx, theater).await;
        }
        if changed.slots.is_empty() {
            return;
        }
        match self.layouts.get(ctx, theater).await {
            Ok(Some(layout)) => drop(self.update_cache(ctx, &layout, &with_indices(&changed.slots, &layout)).await),
            Ok(None) => {}
            Err(_) => self.forget(ctx, theater).await,
        }
    }

    /// Drops a theater from the cache, so that the next read goes to DynamoDB. A failure is ignored, as for a merge.
    pub(super) async fn forget(&self, ctx: &RequestContext, theater: &TheaterId) {
        if let Some(cache) = &self.cache {
            let _ = cache.forget(ctx, theater).await;
        }
    }
}

/// Converts slots from labels to seat indices. Leaves out seats that the layout doesn't have.
fn with_indices(slots: &[SeatSlot], layout: &Layout) -> Vec<SlotUpdate> {
    let of = |known: &SeatSlot| {
        let seat_index = layout.seat_index(known.seat.as_str())?;
        Some(SlotUpdate { seat_index, slot: known.slot })
    };
    slots.iter().filter_map(of).collect()
}

/// Converts slots from the seat indices of one layout to those of another. Leaves out seats that the other one doesn't
/// have.
fn remap_to_layout(learned: &[SlotUpdate], from: &Layout, to: &Layout) -> Vec<SlotUpdate> {
    let label = |seat_index: SeatIndex| from.seats().get(seat_index.as_usize());
    let of = |known: &SlotUpdate| {
        let seat_index = to.seat_index(label(known.seat_index)?.as_str())?;
        Some(SlotUpdate { seat_index, slot: known.slot })
    };
    learned.iter().filter_map(of).collect()
}
