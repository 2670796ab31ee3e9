//! See whether the seats are still as the caller has seen them: from the cache, without fetching or showing any.

use super::BoxOffice;
use super::get_seats::{GetSeatsError, SeatsView};
use crate::cache::{Cache, Lookup, Revision};
use crate::rules::availability::Steady;
use crate::rules::names::TheaterId;
use crate::tally::Tally;

/// What a caller has seen of a theater, as the answer's tag tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What stands for the slots that were shown.
    pub revision: Revision,
    /// When these slots show just that.
    pub steady: Steady,
    /// A hash of what was shown.
    pub body: u64,
}

/// What there is to see.
#[derive(Debug)]
pub enum Looked {
    /// These seats.
    Seats(SeatsView),
    /// What the caller has seen: a hit in the cache.
    Unchanged(Seen),
}

impl BoxOffice {
    /// [`BoxOffice::seats_of`] unless the caller has seen that already. Judged by the instant before the cache is asked; a
    /// whole look is by the one after.
    ///
    /// The layout is held against the string all the same: a theater that was removed is not found, and one that was
    /// changed is shown anew.
    pub(super) async fn look_again(
        &self,
        cache: &Cache,
        theater: &TheaterId,
        seen: Seen,
        tally: &Tally,
    ) -> Result<Looked, GetSeatsError> {
        let known = seen.steady.holds(self.clock.now()).then_some(seen.revision);
        let (layout, lookup) = self.layout_and_string(cache, theater, known, tally).await?;
        let Ok(Lookup::Unchanged(string)) = lookup else {
            return self.seats_from(cache, layout, lookup, tally).await.map(Looked::Seats);
        };
        let layout = self.not_behind(layout, string.layout_version, tally).await?;
        if !string.is_of(&layout) {
            return Box::pin(self.fill(cache, layout, tally)).await.map(Looked::Seats);
        }
        let renewed = self.renewed(cache, &layout, string.ends_at, tally).await;
        Ok(renewed.map_or(Looked::Unchanged(seen), Looked::Seats))
    }
}
