//! Who calls too often is told so, before anything is asked of DynamoDB.
//!
//! The budget rides on the call to the cache that a request begins with; where it begins with none it is asked for by
//! itself. A cache that doesn't answer limits nobody.

use super::BoxOffice;
use crate::cache::{Cache, CacheError, Lookup, Revision};
use crate::rules::availability::Slot;
use crate::rules::layout::Layout;
use crate::rules::limits::{Budget, Limits, Standing, Verdict};
use crate::rules::names::TheaterId;
use crate::tally::Tally;

/// The caller has used up what there is for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests")]
pub struct TooManyRequests(pub Standing);

impl BoxOffice {
    /// How often callers may call.
    pub fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    /// How many proxies stand before the API whose word on an address counts.
    pub fn trusted_proxies(&self) -> usize {
        self.terms.trusted_proxies
    }

    /// Lets a request through or doesn't. Asks once a request: whatever comes after that passes.
    pub async fn admit(&self, tally: &Tally) -> Result<(), TooManyRequests> {
        let Some(cache) = &self.cache else { return Ok(()) };
        match tally.take_budget() {
            Some(budget) => admitted(&budget, cache.draw(&budget, tally).await, tally),
            None => Ok(()),
        }
    }

    /// [`BoxOffice::admit`] on the way of reading a theater's string, unless it has the revision that is known.
    pub(super) async fn read_admitted(
        cache: &Cache,
        theater: &TheaterId,
        unless: Option<Revision>,
        tally: &Tally,
    ) -> Result<Result<Lookup, CacheError>, TooManyRequests> {
        match (tally.take_budget(), unless) {
            (None, None) => Ok(cache.read(theater, tally).await),
            (None, Some(known)) => Ok(cache.read_unless(theater, known, tally).await),
            (Some(budget), _) => {
                let (lookup, drawn) = cache.read_and_draw(theater, unless, &budget, tally).await;
                admitted(&budget, drawn, tally).map(|()| lookup)
            }
        }
    }

    /// [`BoxOffice::admit`] on the way of peeking at a few seats.
    pub(super) async fn peek_admitted(
        cache: &Cache,
        layout: &Layout,
        positions: &[u32],
        tally: &Tally,
    ) -> Result<Result<Option<Vec<Slot>>, CacheError>, TooManyRequests> {
        let (theater, version) = (&layout.theater, layout.version);
        let Some(budget) = tally.take_budget() else {
            return Ok(cache.peek(theater, version, positions, tally).await);
        };
        let (slots, drawn) = cache.peek_and_draw(theater, version, positions, &budget, tally).await;
        admitted(&budget, drawn, tally).map(|()| slots)
    }
}

/// What a draw means. That it failed was logged and counted where it did.
fn admitted(budget: &Budget, drawn: Result<Verdict, CacheError>, tally: &Tally) -> Result<(), TooManyRequests> {
    let Ok(verdict) = drawn else { return Ok(()) };
    let standing = budget.standing(verdict);
    tally.note(standing);
    if verdict.allowed { Ok(()) } else { Err(TooManyRequests(standing)) }
}
