//! The rate limit in Redis: whether one more request passes. Checked in a call of its own, or together with another
//! call.

use redis::{Cmd, Value};

use super::{Cache, CacheError, Lookup, Revision, decode_lookup, decode_peek, index_bytes, scripts};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::rate_limit::{RateLimitBudget, RateLimitDecision};
use crate::domain::seat_index::SeatIndex;

/// The answers to a call and to the rate-limit check that was sent with it. Either can fail without the other.
#[derive(Debug)]
pub struct CheckedRead<T> {
    pub answer: Result<T, CacheError>,
    pub decision: Result<RateLimitDecision, CacheError>,
}

impl Cache {
    /// Takes a request's units from a rate-limit budget.
    ///
    /// Unlike every other call to the cache, repeating it isn't harmless. If the answer is lost, the second attempt
    /// counts the request again.
    pub async fn draw(&self, ctx: &RequestContext, budget: &RateLimitBudget) -> Result<RateLimitDecision, CacheError> {
        decode_decision(self.client.send_one(ctx, &self.acquire_command(budget)).await)
    }

    /// Reads a theater's string as [`Cache::read`] or [`Cache::read_unless`] does, and takes units from a budget.
    pub async fn read_and_draw(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        unless: Option<Revision>,
        budget: &RateLimitBudget,
    ) -> CheckedRead<Lookup> {
        let (read, drawn) =
            self.client.send_both(ctx, &self.read_command(inventory, unless), &self.acquire_command(budget)).await;
        CheckedRead { answer: decode_lookup(read), decision: decode_decision(drawn) }
    }

    /// Reads the slots of a few seats as [`Cache::peek`] does, and takes units from a budget.
    pub async fn peek_and_draw(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        version: LayoutVersion,
        seat_indexes: &[SeatIndex],
        budget: &RateLimitBudget,
    ) -> CheckedRead<Option<Vec<Slot>>> {
        let peek_command = scripts::evalsha(&scripts::AVAILABILITY, &self.key(inventory), |call| {
            call.arg("peek").arg(version.as_u64()).arg(index_bytes(seat_indexes));
        });
        let (found, drawn) = self.client.send_both(ctx, &peek_command, &self.acquire_command(budget)).await;
        let answer = found.map(|value| decode_peek(&value, seat_indexes.len()));
        CheckedRead { answer, decision: decode_decision(drawn) }
    }

    fn acquire_command(&self, budget: &RateLimitBudget) -> Cmd {
        // The braces keep all keys of a caller on one node of a cluster. It is unrelated to a theater's node.
        let key = format!("{}:{{{}}}:{}", self.prefix, budget.key.as_uuid().simple(), budget.activity.as_str());
        scripts::evalsha(&scripts::RATE_LIMIT, &key, |call| {
            call.arg(budget.take()).arg(budget.limit.tolerance());
        })
    }
}

fn decode_decision(answer: Result<Value, CacheError>) -> Result<RateLimitDecision, CacheError> {
    let numbers = redis::from_redis_value::<(u8, u64, u64)>(answer?);
    let (allowed, full_at, now) = numbers.map_err(|_| CacheError::Unexpected("a rate-limit check"))?;
    Ok(RateLimitDecision { allowed: allowed == 1, full_at, now })
}
