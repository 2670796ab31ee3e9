//! Checking whether seats have changed since the caller's last read. The cache answers without sending the slots.

use super::read::CachedSeats;
use super::view::{GetSeatsError, SeatsView};
use crate::app::BoxOffice;
use crate::app::rate_limit::CacheRead;
use crate::cache::{Cache, Lookup, Revision};
use crate::context::RequestContext;
use crate::domain::availability::ValidityWindow;
use crate::domain::inventory::InventoryId;

/// An answer that the caller has, as its entity tag describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownAnswer {
    /// The revision of the slots that were shown.
    pub revision: Revision,
    /// The validity window of the answer: the seconds in which these slots show the same states.
    pub validity: ValidityWindow,
    /// A hash of the body.
    pub body: u64,
}

/// The outcome of a read.
#[derive(Debug)]
pub enum Revalidated {
    Seats(SeatsView),
    /// The answer that the caller has is still right. This counts as a cache hit.
    Unchanged(KnownAnswer),
}

impl BoxOffice {
    /// Reads a theater's seats as [`BoxOffice::read_seats`] does, unless the caller's answer is still right.
    ///
    /// The validity window is checked at the instant before the cache is asked. A whole read uses the instant after
    /// that.
    ///
    /// The layout is compared with the cached string in either case. If the theater was deleted, the answer is that it
    /// doesn't exist. If its layout changed, the seats are shown.
    pub(super) async fn revalidate(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        inventory: &InventoryId,
        seen: KnownAnswer,
    ) -> Result<Revalidated, GetSeatsError> {
        let known = seen.validity.holds(self.clock.now()).then_some(seen.revision);
        let cached = self.read_layout_and_string(ctx, cache, inventory, known).await?;
        let CachedSeats { inventory, read: CacheRead::Answer(Lookup::Unchanged(string)) } = cached else {
            return self.seats_from_cache(ctx, cache, cached).await.map(Revalidated::Seats);
        };
        let inventory = self.reload_if_older(ctx, inventory, string.layout_version).await?;
        if !string.is_of(&inventory) {
            return Box::pin(self.fill(ctx, cache, inventory)).await.map(Revalidated::Seats);
        }
        let renewed = self.renewed(ctx, cache, &inventory, string.ends_at).await;
        Ok(renewed.map_or(Revalidated::Unchanged(seen), Revalidated::Seats))
    }
}
