//! The check of the rate limit, before anything is read from DynamoDB.
//!
//! The check is sent together with the first cache call of a request. A request that begins without a cache call sends
//! it separately. If the cache doesn't answer, no request is rejected.

use super::BoxOffice;
use crate::cache::{Cache, CacheError, CheckedRead, Lookup, Revision};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::rate_limit::{RateLimitBudget, RateLimitDecision, RateLimitStatus};
use crate::domain::seat_index::SeatIndex;

/// The caller has used up the rate limit for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct TooManyRequests(pub RateLimitStatus);

/// The outcome of a read of the cache by a request that passed the rate limit.
#[derive(Debug)]
pub(super) enum CacheRead {
    Answer(Lookup),
    /// The cache gave no answer. The Redis client has logged and counted the reason.
    Unavailable,
}

impl BoxOffice {
    /// Rejects a request that is over the caller's rate limit. Only the first check of a request counts. Later ones
    /// pass.
    pub async fn admit(&self, ctx: &RequestContext) -> Result<(), TooManyRequests> {
        let Some(cache) = &self.cache else { return Ok(()) };
        match ctx.take_rate_limit_budget() {
            Some(budget) => apply_decision(ctx, &budget, cache.draw(ctx, &budget).await),
            None => Ok(()),
        }
    }

    /// Reads a theater's string, and checks the rate limit in the same call as [`BoxOffice::admit`] does. If the string
    /// still has the revision `unless`, its slots aren't sent.
    pub(super) async fn read_admitted(
        ctx: &RequestContext,
        cache: &Cache,
        inventory: &InventoryId,
        unless: Option<Revision>,
    ) -> Result<CacheRead, TooManyRequests> {
        let lookup = match (ctx.take_rate_limit_budget(), unless) {
            (None, None) => cache.read(ctx, inventory).await,
            (None, Some(known)) => cache.read_unless(ctx, inventory, known).await,
            (Some(budget), _) => {
                let CheckedRead { answer, decision } = cache.read_and_draw(ctx, inventory, unless, &budget).await;
                apply_decision(ctx, &budget, decision)?;
                answer
            }
        };
        Ok(lookup.map_or(CacheRead::Unavailable, CacheRead::Answer))
    }

    /// Reads the slots of a few seats, and checks the rate limit in the same call as [`BoxOffice::admit`] does. Returns
    /// `None` if the cache doesn't have the slots or gave no answer.
    pub(super) async fn peek_admitted(
        ctx: &RequestContext,
        cache: &Cache,
        inventory: &Inventory,
        seat_indexes: &[SeatIndex],
    ) -> Result<Option<Vec<Slot>>, TooManyRequests> {
        let (inventory, version) = (&inventory.id, inventory.version);
        let Some(budget) = ctx.take_rate_limit_budget() else {
            return Ok(cache.peek(ctx, inventory, version, seat_indexes).await.ok().flatten());
        };
        let CheckedRead { answer, decision } =
            cache.peek_and_draw(ctx, inventory, version, seat_indexes, &budget).await;
        apply_decision(ctx, &budget, decision)?;
        Ok(answer.ok().flatten())
    }
}

/// Decides by the outcome of a check. If the check failed, the request passes. The failure was logged and counted where
/// it occurred.
fn apply_decision(
    ctx: &RequestContext,
    budget: &RateLimitBudget,
    drawn: Result<RateLimitDecision, CacheError>,
) -> Result<(), TooManyRequests> {
    let Ok(verdict) = drawn else { return Ok(()) };
    let standing = budget.standing(verdict);
    ctx.record_rate_limit_status(standing);
    if verdict.allowed { Ok(()) } else { Err(TooManyRequests(standing)) }
}
