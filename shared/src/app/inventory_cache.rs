//! The inventories that an instance knows. Layouts rarely change, so most requests don't need to read them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::time::EpochMillis;
use crate::store::{Store, StoreError};

/// Time for which a theater's layout is used without reading it again.
const MAX_AGE: Duration = Duration::from_secs(60);
/// The age from which an inventory is read again because a seat or a section seems to be missing from it.
const MIN_AGE_TO_RELOAD: Duration = Duration::from_secs(5);
/// The number of inventories that an instance keeps. A large layout takes about 2 MB.
const MAX_INVENTORIES: usize = 32;

/// The inventories that this instance knows.
#[derive(Debug)]
pub struct InventoryCache {
    store: Store,
    clock: Clock,
    kept: Mutex<HashMap<InventoryId, Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    inventory: Arc<Inventory>,
    read_at: EpochMillis,
}

impl InventoryCache {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, kept: Mutex::default() }
    }

    /// Returns an inventory if this instance knows it, without a read.
    pub(super) fn known(&self, id: &InventoryId) -> Option<Arc<Inventory>> {
        self.find_fresh(MAX_AGE, id, self.clock.now())
    }

    /// Returns an inventory, at most a minute old, or `None` if there is no such theater or show.
    pub(super) async fn get(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        self.get_within(ctx, MAX_AGE, id).await
    }

    /// Returns the inventory for a caller that misses something in it. Reads it again, unless it was read less than 5
    /// seconds ago.
    pub(super) async fn get_newer(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        self.get_within(ctx, MIN_AGE_TO_RELOAD, id).await
    }

    async fn get_within(
        &self,
        ctx: &RequestContext,
        age: Duration,
        id: &InventoryId,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        let now = self.clock.now();
        if let Some(inventory) = self.find_fresh(age, id, now) {
            return Ok(Some(inventory));
        }
        // Boxed because the future is large and most requests don't need it.
        let inventory = Box::pin(self.read(ctx, id)).await?.map(Arc::new);
        let mut kept = self.kept();
        match &inventory {
            Some(inventory) => {
                if kept.len() >= MAX_INVENTORIES && !kept.contains_key(id) {
                    let oldest = kept.iter().min_by_key(|(_, kept)| kept.read_at).map(|(id, _)| id.clone());
                    oldest.and_then(|id| kept.remove(&id));
                }
                kept.insert(id.clone(), Kept { inventory: inventory.clone(), read_at: now });
            }
            None => drop(kept.remove(id)),
        }
        Ok(inventory)
    }

    async fn read(&self, ctx: &RequestContext, id: &InventoryId) -> Result<Option<Inventory>, StoreError> {
        match id {
            InventoryId::Theater(theater) => {
                Ok(self.store.layout(ctx, theater).await?.map(|layout| Inventory::of_theater(layout)))
            }
            InventoryId::Show(_) => Ok(None),
        }
    }

    fn find_fresh(&self, age: Duration, id: &InventoryId, now: EpochMillis) -> Option<Arc<Inventory>> {
        let kept = self.kept().get(id).cloned();
        // If the clock was set back, the inventory counts as old.
        kept.filter(|kept| now >= kept.read_at && now.since(kept.read_at) < age).map(|kept| kept.inventory)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<InventoryId, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
