//! Reading seats from the cache, together with the layout that they belong to.

use std::sync::Arc;

use super::slots::Slots;
use super::view::{GetSeatsError, SeatsView, Source};
use crate::app::BoxOffice;
use crate::app::rate_limit::CacheRead;
use crate::cache::{Cache, Lookup, Revision};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;

/// A theater's layout, and the cache's answer about its seats.
pub(super) struct CachedSeats {
    pub(super) layout: Arc<Layout>,
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
        theater: &TheaterId,
        consistent: bool,
    ) -> Result<SeatsView, GetSeatsError> {
        let cache = self.cache.as_ref().filter(|_| !consistent);
        let Some(cache) = cache else {
            self.admit(ctx).await?;
            let layout = self.layouts.get(ctx, theater).await?.ok_or(GetSeatsError::TheaterNotFound)?;
            return Box::pin(self.bypass(ctx, layout)).await;
        };
        let cached = self.read_layout_and_string(ctx, cache, theater, None).await?;
        self.seats_from_cache(ctx, cache, cached).await
    }

    /// Reads a theater's layout and its string in the cache at the same time. If the string still has the `known`
    /// revision, the cache doesn't send its slots.
    pub(super) async fn read_layout_and_string(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        theater: &TheaterId,
        known: Option<Revision>,
    ) -> Result<CachedSeats, GetSeatsError> {
        let read = Self::read_admitted(ctx, cache, theater, known);
        let (layout, read) = if ctx.has_unchecked_rate_limit() {
            // A rejected request must cost DynamoDB nothing, so the layout isn't read until the rate limit has passed.
            let read = read.await?;
            (self.layouts.get(ctx, theater).await, read)
        } else {
            let (layout, read) = tokio::join!(self.layouts.get(ctx, theater), read);
            (layout, read?)
        };
        Ok(CachedSeats { layout: layout?.ok_or(GetSeatsError::TheaterNotFound)?, read })
    }

    /// Returns the seats from the cached string, or else from DynamoDB.
    pub(super) async fn seats_from_cache(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        cached: CachedSeats,
    ) -> Result<SeatsView, GetSeatsError> {
        let CachedSeats { layout, read } = cached;
        let packed = match read {
            CacheRead::Unavailable => return Box::pin(self.bypass(ctx, layout)).await,
            // `Unchanged` carries no slots, so this request needs the whole string. `fill` fetches it first.
            CacheRead::Answer(Lookup::Miss | Lookup::Unchanged(_)) => {
                return Box::pin(self.fill(ctx, cache, layout)).await;
            }
            CacheRead::Answer(Lookup::Complete(packed)) => packed,
        };
        let layout = self.reload_if_older(ctx, layout, packed.layout_version()).await?;
        if packed.layout_version() > layout.version {
            // This instance's layout is older than the cached one, so it must not fill.
            return Box::pin(self.bypass(ctx, layout)).await;
        }
        if !packed.fits(&layout) {
            return Box::pin(self.fill(ctx, cache, layout)).await;
        }
        let ends_at = packed.ends_at();
        let hit = self.view(layout, Slots::Cached(packed), Source::Hit);
        match self.renewed(ctx, cache, &hit.layout, ends_at).await {
            Some(renewed) => Ok(renewed),
            None => Ok(hit),
        }
    }

    /// Returns the layout, read again if the cache has a newer one. The result may still be older than the cached one.
    pub(super) async fn reload_if_older(
        &self,
        ctx: &RequestContext,
        layout: Arc<Layout>,
        cached: LayoutVersion,
    ) -> Result<Arc<Layout>, GetSeatsError> {
        if cached <= layout.version {
            return Ok(layout);
        }
        self.layouts.get_newer(ctx, &layout.theater).await?.ok_or(GetSeatsError::TheaterNotFound)
    }
}
