//! The inventories that an instance knows. Layouts rarely change, so most requests don't need to read them.

mod kept;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::sale::{NotOnSale, Sale, Selling};
use crate::domain::show::Show;
use crate::domain::time::EpochMillis;
use crate::store::{LayoutWithSale, Store, StoreError};
use kept::Kept;

/// Time for which a theater's layout is used without reading it again.
const MAX_LAYOUT_AGE: Duration = Duration::from_secs(60);
/// Time for which a show, or the sale of a theater, is used without reading it again. So a paused sale ends everywhere
/// within this time.
const MAX_SALE_AGE: Duration = Duration::from_secs(10);
/// The age from which an inventory is read again because a seat or a section seems to be missing from it.
const MIN_AGE_TO_RELOAD: Duration = Duration::from_secs(5);
/// The number of inventories that an instance keeps. A large layout takes about 2 MB.
const MAX_INVENTORIES: usize = 32;

/// The inventories that this instance knows.
#[derive(Debug)]
pub struct InventoryCache {
    store: Store,
    clock: Clock,
    inventories: Kept<InventoryId, Arc<Inventory>>,
    /// Sales of theaters. A show's is a part of its inventory.
    sales: Kept<TheaterId, Sale>,
    /// Layouts that shows are pinned to. They never change.
    pinned: Kept<(TheaterId, LayoutVersion), Arc<Layout>>,
}

/// An inventory with its sale, which is at most 10 seconds old.
#[derive(Clone, Debug)]
pub(super) struct InventoryOnSale {
    pub(super) inventory: Arc<Inventory>,
    pub(super) sale: Sale,
}

impl InventoryOnSale {
    /// Checks whether an operation may sell now.
    pub(super) fn check(&self, selling: Selling, now: EpochMillis) -> Result<(), NotOnSale> {
        let starts_at = self.inventory.show.as_ref().map(|show| show.starts_at.instant());
        self.sale.terms.check(selling, now, starts_at)
    }
}

impl InventoryCache {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            inventories: Kept::new(MAX_INVENTORIES),
            sales: Kept::new(MAX_INVENTORIES),
            pinned: Kept::new(MAX_INVENTORIES),
        }
    }

    /// Returns an inventory if this instance knows it, without a read.
    pub(super) fn known(&self, id: &InventoryId) -> Option<Arc<Inventory>> {
        self.inventories.find(id, max_age(id), self.clock.now())
    }

    /// Returns an inventory with its sale if this instance knows both, without a read.
    pub(super) fn known_on_sale(&self, id: &InventoryId) -> Option<InventoryOnSale> {
        let inventory = self.known(id)?;
        let sale = match (&inventory.show, id) {
            (Some(show), _) => show.sale,
            (None, InventoryId::Theater(theater)) => self.sales.find(theater, MAX_SALE_AGE, self.clock.now())?,
            (None, InventoryId::Show(_)) => return None,
        };
        Some(InventoryOnSale { inventory, sale })
    }

    /// Returns an inventory, or `None` if there is no such theater or show. A theater's is at most a minute old, a
    /// show's 10 seconds.
    pub(super) async fn get(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        self.get_within(ctx, max_age(id), id).await
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

    /// Returns an inventory with its sale. If both have to be read, one call reads both.
    pub(super) async fn get_on_sale(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
    ) -> Result<Option<InventoryOnSale>, StoreError> {
        if let Some(known) = self.known_on_sale(id) {
            return Ok(Some(known));
        }
        // Boxed because the future is large and most requests don't need it.
        Box::pin(self.read_on_sale(ctx, id)).await
    }

    async fn read_on_sale(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
    ) -> Result<Option<InventoryOnSale>, StoreError> {
        let now = self.clock.now();
        let theater = match id {
            InventoryId::Theater(theater) => theater,
            InventoryId::Show(_) => {
                let inventory = self.get(ctx, id).await?;
                return Ok(inventory.and_then(|inventory| {
                    let sale = inventory.show.as_ref()?.sale;
                    Some(InventoryOnSale { inventory, sale })
                }));
            }
        };
        let (inventory, sale) = match self.known(id) {
            Some(inventory) => (inventory, self.store.theater_sale(ctx, theater).await?),
            None => {
                let Some(LayoutWithSale { layout, sale }) = self.store.layout_with_sale(ctx, theater).await? else {
                    self.inventories.remove(id);
                    return Ok(None);
                };
                let inventory = Arc::new(Inventory::of_theater(layout));
                self.inventories.put(id.clone(), inventory.clone(), now);
                (inventory, sale)
            }
        };
        // A theater without a sale is always open.
        let sale = sale.map(|stored| stored.sale).unwrap_or_default();
        self.sales.put(theater.clone(), sale, now);
        Ok(Some(InventoryOnSale { inventory, sale }))
    }

    async fn get_within(
        &self,
        ctx: &RequestContext,
        age: Duration,
        id: &InventoryId,
    ) -> Result<Option<Arc<Inventory>>, StoreError> {
        let now = self.clock.now();
        if let Some(inventory) = self.inventories.find(id, age, now) {
            return Ok(Some(inventory));
        }
        // Boxed because the future is large and most requests don't need it.
        let inventory = Box::pin(self.read(ctx, id)).await?.map(Arc::new);
        match &inventory {
            Some(inventory) => self.inventories.put(id.clone(), inventory.clone(), now),
            None => self.inventories.remove(id),
        }
        Ok(inventory)
    }

    async fn read(&self, ctx: &RequestContext, id: &InventoryId) -> Result<Option<Inventory>, StoreError> {
        match id {
            InventoryId::Theater(theater) => Ok(self.store.layout(ctx, theater).await?.map(Inventory::of_theater)),
            InventoryId::Show(show) => self.read_show(ctx, show).await,
        }
    }

    async fn read_show(&self, ctx: &RequestContext, id: &ShowId) -> Result<Option<Inventory>, StoreError> {
        let Some(show) = self.store.show(ctx, id).await? else { return Ok(None) };
        let layout = self.layout_of(ctx, &show).await?;
        let inventory = Inventory::of_show(show, layout);
        inventory.map(Some).map_err(|error| StoreError::Permanent(format!("the prices of show {id}: {error}")))
    }

    /// Returns the layout of a show, from memory if it was read before.
    ///
    /// A missing layout is an error. It is written before a show that is pinned to it, and never deleted.
    pub(super) async fn layout_of(&self, ctx: &RequestContext, show: &Show) -> Result<Arc<Layout>, StoreError> {
        let layout = self.pinned_layout(ctx, &show.theater, show.layout_version).await?;
        layout.ok_or_else(|| {
            let Show { id, theater, layout_version, .. } = show;
            StoreError::Permanent(format!(
                "show {id} needs layout {layout_version} of theater {theater}, which is missing"
            ))
        })
    }

    /// Drops what this instance knows of an inventory that it has changed.
    pub(super) fn forget(&self, id: &InventoryId) {
        self.inventories.remove(id);
        if let InventoryId::Theater(theater) = id {
            self.sales.remove(theater);
        }
    }

    /// Returns a version of a layout that shows are pinned to, from memory if it was read before.
    pub(super) async fn pinned_layout(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        version: LayoutVersion,
    ) -> Result<Option<Arc<Layout>>, StoreError> {
        let (key, now) = ((theater.clone(), version), self.clock.now());
        if let Some(layout) = self.pinned.find(&key, Duration::MAX, now) {
            return Ok(Some(layout));
        }
        let layout = self.store.layout_snapshot(ctx, theater, version).await?.map(Arc::new);
        if let Some(layout) = &layout {
            self.pinned.put(key, layout.clone(), now);
        }
        Ok(layout)
    }

    /// Keeps a layout whose snapshot was put a moment ago.
    pub(super) fn keep_pinned(&self, layout: Layout) -> Arc<Layout> {
        let (key, layout) = ((layout.theater.clone(), layout.version), Arc::new(layout));
        self.pinned.put(key, layout.clone(), self.clock.now());
        layout
    }
}

fn max_age(id: &InventoryId) -> Duration {
    match id {
        InventoryId::Theater(_) => MAX_LAYOUT_AGE,
        InventoryId::Show(_) => MAX_SALE_AGE,
    }
}
