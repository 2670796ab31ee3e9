//! Reading seats from the cache, together with the layout that they belong to.

use std::sync::Arc;

use super::slots::Slots;
use super::view::{GetSeatsError, SeatsView, Source};
use crate::app::BoxOffice;
use crate::app::rate_limit::CacheRead;
use crate::cache::{Cache, Lookup, Revision};
use crate::context::RequestContext;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;

/// A theater's layout, and the cache's answer about its seats.
pub(super) struct CachedSeats {
    pub(super) inventory: Arc<Inventory>,
    pub(super) read: CacheRead,
}

impl BoxOffice {
    /// Reads a theater's seats without marking any as the caller's own. `consistent` reads DynamoDB and never the
    /// cache.
    ///
    /// The futures that read DynamoDB are boxed. They are large, and a cache hit would have to reserve space for them
    /// without using them.
    pub(in crate::app) async fn read_seats(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        consistent: bool,
    ) -> Result<SeatsView, GetSeatsError> {
        let cache = self.cache.as_ref().filter(|_| !consistent);
        let Some(cache) = cache else {
            self.admit(ctx).await?;
            let inventory = self.inventories.get(ctx, inventory).await?.ok_or(GetSeatsError::TheaterNotFound)?;
            return Box::pin(self.bypass(ctx, inventory)).await;
        };
        let cached = self.read_layout_and_string(ctx, cache, inventory, None).await?;
        self.seats_from_cache(ctx, cache, cached).await
    }

    /// Reads a theater's layout and its string in the cache at the same time. If the string still has the `known`
    /// revision, the cache doesn't send its slots.
    pub(super) async fn read_layout_and_string(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        inventory: &InventoryId,
        known: Option<Revision>,
    ) -> Result<CachedSeats, GetSeatsError> {
        let read = Self::read_admitted(ctx, cache, inventory, known);
        let (inventory, read) = if ctx.has_unchecked_rate_limit() {
            // A rejected request must cost DynamoDB nothing, so the layout isn't read until the rate limit has passed.
            let read = read.await?;
            (self.inventories.get(ctx, inventory).await, read)
        } else {
            let (inventory, read) = tokio::join!(self.inventories.get(ctx, inventory), read);
            (inventory, read?)
        };
        Ok(CachedSeats { inventory: inventory?.ok_or(GetSeatsError::TheaterNotFound)?, read })
    }

    /// Returns the seats from the cached string, or else from DynamoDB.
    pub(super) async fn seats_from_cache(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        cached: CachedSeats,
    ) -> Result<SeatsView, GetSeatsError> {
        let CachedSeats { inventory, read } = cached;
        let packed = match read {
            CacheRead::Unavailable => return Box::pin(self.bypass(ctx, inventory)).await,
            // `Unchanged` carries no slots, so this request needs the whole string. `fill` fetches it first.
            CacheRead::Answer(Lookup::Miss | Lookup::Unchanged(_)) => {
                return Box::pin(self.fill(ctx, cache, inventory)).await;
            }
            CacheRead::Answer(Lookup::Complete(packed)) => packed,
        };
        let inventory = self.reload_if_older(ctx, inventory, packed.layout_version()).await?;
        if packed.layout_version() > inventory.version {
            // This instance's layout is older than the cached one, so it must not fill.
            return Box::pin(self.bypass(ctx, inventory)).await;
        }
        if !packed.fits(&inventory) {
            return Box::pin(self.fill(ctx, cache, inventory)).await;
        }
        let ends_at = packed.ends_at();
        let hit = self.view(inventory, Slots::Cached(packed), Source::Hit);
        match self.renewed(ctx, cache, &hit.inventory, ends_at).await {
            Some(renewed) => Ok(renewed),
            None => Ok(hit),
        }
    }

    /// Returns the layout, read again if the cache has a newer one. The result may still be older than the cached one.
    pub(super) async fn reload_if_older(
        &self,
        ctx: &RequestContext,
        inventory: Arc<Inventory>,
        cached: LayoutVersion,
    ) -> Result<Arc<Inventory>, GetSeatsError> {
        if cached <= inventory.version {
            return Ok(inventory);
        }
        self.inventories.get_newer(ctx, &inventory.id).await?.ok_or(GetSeatsError::TheaterNotFound)
    }
}
