//! The layout cache of an instance. Layouts rarely change, so most requests don't need to read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::time::EpochMillis;
use crate::store::{Store, StoreError};

/// Time for which a layout is used without reading it again.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The age from which a layout is read again because a seat or a section seems to be missing from it.
const MIN_AGE_TO_RELOAD: Duration = Duration::from_secs(5);
/// The number of layouts that an instance keeps. A large one takes about 2 MB.
const MAX_LAYOUTS: usize = 32;

/// The layouts that this instance knows.
#[derive(Debug)]
pub struct LayoutCache {
    store: Store,
    clock: Clock,
    kept: Mutex<HashMap<TheaterId, Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    layout: Arc<Layout>,
    read_at: EpochMillis,
}

impl LayoutCache {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, kept: Mutex::default() }
    }

    /// Returns a theater's layout if this instance knows it, without a read.
    pub(super) fn known(&self, theater: &TheaterId) -> Option<Arc<Layout>> {
        self.find_fresh(MAX_AGE, theater, self.clock.now())
    }

    /// Returns a theater's layout, at most a minute old, or `None` if there is no such theater.
    pub(super) async fn get(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
    ) -> Result<Option<Arc<Layout>>, StoreError> {
        self.get_within(ctx, MAX_AGE, theater).await
    }

    /// Returns the layout for a caller that misses something in it. Reads it again, unless it was read less than 5
    /// seconds ago.
    pub(super) async fn get_newer(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
    ) -> Result<Option<Arc<Layout>>, StoreError> {
        self.get_within(ctx, MIN_AGE_TO_RELOAD, theater).await
    }

    async fn get_within(
        &self,
        ctx: &RequestContext,
        age: Duration,
        theater: &TheaterId,
    ) -> Result<Option<Arc<Layout>>, StoreError> {
        let now = self.clock.now();
        if let Some(layout) = self.find_fresh(age, theater, now) {
            return Ok(Some(layout));
        }
        // Boxed because the future is large and most requests don't need it.
        let layout = Box::pin(self.store.layout(ctx, theater)).await?.map(Arc::new);
        let mut kept = self.kept();
        match &layout {
            Some(layout) => {
                if kept.len() >= MAX_LAYOUTS && !kept.contains_key(theater) {
                    let oldest = kept.iter().min_by_key(|(_, kept)| kept.read_at).map(|(theater, _)| theater.clone());
                    oldest.and_then(|theater| kept.remove(&theater));
                }
                kept.insert(theater.clone(), Kept { layout: layout.clone(), read_at: now });
            }
            None => drop(kept.remove(theater)),
        }
        Ok(layout)
    }

    fn find_fresh(&self, age: Duration, theater: &TheaterId, now: EpochMillis) -> Option<Arc<Layout>> {
        let kept = self.kept().get(theater).cloned();
        // If the clock was set back, the layout counts as old.
        kept.filter(|kept| now >= kept.read_at && now.since(kept.read_at) < age).map(|kept| kept.layout)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<TheaterId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
