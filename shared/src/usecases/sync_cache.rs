//! Repair: merge into the cache what the table's stream tells, for whatever a writer that was killed or cut off left out.

use std::collections::HashMap;
use std::sync::Arc;

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
    /// Tells the cache what became of a theater's seats, those of each seat in the order in which DynamoDB accepted it:
    /// one call to Redis, whatever their number.
    ///
    /// Repeating it, or beginning again from an earlier change, leaves what DynamoDB holds or nothing: slots merge by
    /// stamp. Where merging can't tell (made by hand, unreadable, a seat or a layout that isn't known here) the key is
    /// dropped, and the next look asks DynamoDB.
    pub async fn sync_cache(
        &self,
        theater: &TheaterId,
        changes: &[(SeatLabel, SeatChange)],
        tally: &Tally,
    ) -> Result<(), SyncCacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let Some(last) = last_written(changes) else { return Ok(cache.forget(theater, tally).await?) };
        if last.is_empty() {
            return Ok(());
        }
        let layout = match self.layout_of(theater, &last, tally).await {
            Ok(Some(layout)) => layout,
            Ok(None) => return Ok(()),
            // It would be no better the next time, and hold up what comes after it.
            Err(StoreError::Broken(_)) => return Ok(cache.forget(theater, tally).await?),
            Err(undecided) => return Err(undecided.into()),
        };
        let learned = last.into_iter().map(|(seat, slot)| {
            let position = layout.position(seat.as_str())?;
            Some(LearnedSlot { position, slot })
        });
        match learned.collect::<Option<Vec<_>>>() {
            Some(learned) => Ok(self.tell_cache(&layout, &learned, tally).await?),
            None => Ok(cache.forget(theater, tally).await?),
        }
    }

    /// The theater's layout; read again if a seat is missing from it, which may have been added lately.
    async fn layout_of(
        &self,
        theater: &TheaterId,
        seats: &HashMap<&SeatLabel, Slot>,
        tally: &Tally,
    ) -> Result<Option<Arc<Layout>>, StoreError> {
        let Some(layout) = self.layouts.get(theater, tally).await? else { return Ok(None) };
        if seats.keys().all(|seat| layout.position(seat.as_str()).is_some()) {
            return Ok(Some(layout));
        }
        self.layouts.get_newer(theater, tally).await
    }
}

/// What was last written of each seat, or `None` if stamps don't tell. Not the largest stamp: the last one counts, should
/// an item have been collected, and made anew under a smaller one.
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
