//! The check of the rate limit, before anything is read from DynamoDB.
//!
//! The check is sent together with the first cache call of a request. A request that begins without a cache call sends
//! it separately. If the cache doesn't answer, no request is rejected.

use super::BoxOffice;
use crate::cache::{Cache, CacheError, Lookup, Revision};
use crate::context::Tally;
use crate::domain::availability::Slot;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::rate_limit::{Budget, Limits, Standing, Verdict};

/// The caller has used up the rate limit for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct TooManyRequests(pub Standing);

impl BoxOffice {
    /// Returns the rate limits of a caller.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    /// Returns the number of trusted proxies in front of the API.
    pub fn trusted_proxies(&self) -> usize {
        self.terms.trusted_proxies
    }

    /// Rejects a request that is over the caller's rate limit. Only the first check of a request counts. Later ones
    /// pass.
    pub async fn admit(&self, tally: &Tally) -> Result<(), TooManyRequests> {
        let Some(cache) = &self.cache else { return Ok(()) };
        match tally.take_budget() {
            Some(budget) => admitted(tally, &budget, cache.draw(tally, &budget).await),
            None => Ok(()),
        }
    }

    /// Reads a theater's string, and checks the rate limit in the same call as [`BoxOffice::admit`] does. If the string
    /// still has the revision `unless`, its slots aren't sent.
    pub(super) async fn read_admitted(
        tally: &Tally,
        cache: &Cache,
        theater: &TheaterId,
        unless: Option<Revision>,
    ) -> Result<Result<Lookup, CacheError>, TooManyRequests> {
        match (tally.take_budget(), unless) {
            (None, None) => Ok(cache.read(tally, theater).await),
            (None, Some(known)) => Ok(cache.read_unless(tally, theater, known).await),
            (Some(budget), _) => {
                let (lookup, drawn) = cache.read_and_draw(tally, theater, unless, &budget).await;
                admitted(tally, &budget, drawn).map(|()| lookup)
            }
        }
    }

    /// Reads the slots of a few seats, and checks the rate limit in the same call as [`BoxOffice::admit`] does.
    pub(super) async fn peek_admitted(
        tally: &Tally,
        cache: &Cache,
        layout: &Layout,
        positions: &[u32],
    ) -> Result<Result<Option<Vec<Slot>>, CacheError>, TooManyRequests> {
        let (theater, version) = (&layout.theater, layout.version);
        let Some(budget) = tally.take_budget() else {
            return Ok(cache.peek(tally, theater, version, positions).await);
        };
        let (slots, drawn) = cache.peek_and_draw(tally, theater, version, positions, &budget).await;
        admitted(tally, &budget, drawn).map(|()| slots)
    }
}

/// Decides by the outcome of a check. If the check failed, the request passes. The failure was logged and counted where
/// it occurred.
fn admitted(tally: &Tally, budget: &Budget, drawn: Result<Verdict, CacheError>) -> Result<(), TooManyRequests> {
    let Ok(verdict) = drawn else { return Ok(()) };
    let standing = budget.standing(verdict);
    tally.note(standing);
    if verdict.allowed { Ok(()) } else { Err(TooManyRequests(standing)) }
}
