//! Reading seats from DynamoDB, and filling the cache with them after a miss or before the cached string expires.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::slots::Slots;
use super::view::{GetSeatsError, SeatsView, Source};
use crate::app::BoxOffice;
use crate::cache::{Begun, Cache, FillReason, FillToken, RENEWAL, Summary};
use crate::context::RequestContext;
use crate::domain::availability_level::SeatCounts;
use crate::domain::inventory::Inventory;
use crate::domain::time::EpochMillis;
use crate::random;

/// The first and the longest pause between two reads of the cache while another request fills it. Jitter makes each
/// pause up to twice as long.
///
/// Most fills take about as long as the first pause. The pauses double, so that many requests that wait for a slow fill
/// don't load Redis.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

impl BoxOffice {
    /// Fills the cache, or waits for the request that is filling it. Each wait ends with that request's lease. All
    /// waits together take at most `fill_wait`.
    pub(super) async fn fill(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        inventory: Arc<Inventory>,
    ) -> Result<SeatsView, GetSeatsError> {
        let deadline = Instant::now() + self.policy.fill_wait;
        let mut reason = FillReason::Missing;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < deadline {
            match cache.begin(ctx, &inventory, reason, FillToken::new()).await {
                Err(_) | Ok(Begun::NotDue | Begun::Behind) => break,
                Ok(Begun::Fill(token)) => return self.read_and_fill(ctx, cache, inventory, token).await,
                Ok(Begun::Complete(packed)) if packed.fits(&inventory) => {
                    return Ok(self.view(inventory, Slots::Cached(packed), Source::Hit));
                }
                // The string is complete and of this layout, and it is corrupt.
                Ok(Begun::Complete(_)) => reason = FillReason::Unreadable,
                Ok(Begun::Leased(left)) => {
                    let next = Instant::now() + left.min(pause + random::jitter(pause));
                    tokio::time::sleep_until(next.min(deadline)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        self.bypass(ctx, inventory).await
    }

    /// Renews a cached string that expires soon, so that the cache of a theater that is being read never becomes empty.
    ///
    /// Returns `None` if the renewal isn't due, another request is making it, or it failed. Then the cached string is
    /// the answer.
    pub(super) async fn renewed(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        inventory: &Arc<Inventory>,
        ends_at: EpochMillis,
    ) -> Option<SeatsView> {
        if ends_at.since(self.clock.now()) > RENEWAL {
            return None;
        }
        Box::pin(self.renew(ctx, cache, inventory)).await
    }

    async fn renew(&self, ctx: &RequestContext, cache: &Cache, inventory: &Arc<Inventory>) -> Option<SeatsView> {
        let begun = cache.begin(ctx, inventory, FillReason::Renewal, FillToken::new()).await;
        let Ok(Begun::Fill(token)) = begun else { return None };
        match tokio::time::timeout(self.policy.fill_wait, self.read_and_fill(ctx, cache, inventory.clone(), token))
            .await
        {
            Ok(Ok(renewed)) => Some(renewed),
            failed => {
                tracing::warn!(failed = ?failed.map(|result| result.map(drop)), "the renewal failed; the hit serves");
                None
            }
        }
    }

    async fn read_and_fill(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        inventory: Arc<Inventory>,
        token: FillToken,
    ) -> Result<SeatsView, GetSeatsError> {
        // Before the read, so that a summary never looks newer than the seats that it counts.
        let counted_at = self.clock.now();
        let slots = self.store.slots(ctx, &inventory).await?;
        // The answer is what DynamoDB returned, whether or not the cache accepts the fill.
        let _ = cache.end(ctx, &inventory, token, &slots).await;
        if let Some(show) = inventory.id.show() {
            self.put_summary(ctx, show, &Summary { counts: SeatCounts::of(&slots, counted_at), counted_at }).await;
        }
        Ok(self.view(inventory, Slots::Read(slots), Source::Miss))
    }

    pub(super) async fn bypass(
        &self,
        ctx: &RequestContext,
        inventory: Arc<Inventory>,
    ) -> Result<SeatsView, GetSeatsError> {
        let slots = self.store.slots(ctx, &inventory).await?;
        Ok(self.view(inventory, Slots::Read(slots), Source::Bypass))
    }
}
