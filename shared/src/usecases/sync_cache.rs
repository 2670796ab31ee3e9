//! Repair: merge into the cache what the table's stream tells, for whatever a writer that was killed or cut off left out.

use std::collections::HashMap;

use super::BoxOffice;
use crate::cache::CacheError;
use crate::rules::availability::{LearnedSlot, Slot};
use crate::rules::layout::Layout;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::store::{SeatChange, StoreError};
use crate::tally::Tally;

/// Why a theater's changes didn't get to the cache: to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum SyncCacheError {
    /// The layout couldn't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The cache couldn't be told.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl BoxOffice {
    /// Tells the cache what became of a theater's seats, given in the order in which DynamoDB accepted it: one call to
    /// Redis, whatever their number.
    ///
    /// Repeating it, or beginning again from an earlier change, leaves what DynamoDB holds or nothing: slots merge by
    /// stamp. What a stamp can't tell, because it was deleted with its item, makes the key be dropped.
    pub async fn sync_cache(
        &self,
        theater: &TheaterId,
        changes: &[(SeatLabel, SeatChange)],
        tally: &Tally,
    ) -> Result<(), SyncCacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        if changes.iter().any(|(_, change)| *change == SeatChange::Deleted) {
            return Ok(cache.forget(theater, tally).await?);
        }
        let last = last_written(changes);
        let Some(layout) = self.layouts.get(theater, tally).await? else { return Ok(()) };
        let known = |layout: &Layout| last.keys().all(|seat| layout.position(seat.as_str()).is_some());
        let layout = match known(&layout) {
            true => layout,
            // A seat that was added lately, or one that the theater no longer has.
            false => self.layouts.get_newer(theater, tally).await?.unwrap_or(layout),
        };
        let learned = last.into_iter().filter_map(|(seat, slot)| {
            let position = layout.position(seat.as_str())?;
            Some(LearnedSlot { position, slot })
        });
        Ok(self.tell_cache(&layout, &learned.collect::<Vec<_>>(), tally).await?)
    }
}

/// What was last written of each seat. Not the largest stamp: the last one counts, should an item have been collected,
/// and made anew under a smaller one.
fn last_written(changes: &[(SeatLabel, SeatChange)]) -> HashMap<&SeatLabel, Slot> {
    let written = changes.iter().filter_map(|(seat, change)| match change {
        SeatChange::Written(slot) => Some((seat, *slot)),
        SeatChange::Collected | SeatChange::Deleted => None,
    });
    written.collect()
}
