//! Finding the seats that a request names, and refusing early what DynamoDB would refuse.

use std::sync::Arc;

use super::{BoxOffice, TooManyRequests};
use crate::rules::availability::{LearnedSlot, SeatState, Slot};
use crate::rules::layout::Layout;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::selection::{Conflict, Selection};
use crate::store::StoreError;
use crate::tally::Tally;

/// How old, in milliseconds, a write is that the cache should know of: longer than it takes whoever wrote it to tell, and than
/// clocks differ as a rule.
const BEHIND: u64 = 2_000;

/// Why the seats that a request names weren't found.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// There is no such theater.
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has no such seats.
    #[error("no such seats")]
    SeatNotFound(Vec<SeatLabel>),
    /// The caller writes too often.
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
    /// The layout couldn't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SelectError {
    /// Returns true if the theater or a seat of it is missing, which a change of the layout can cause.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::TheaterNotFound | Self::SeatNotFound(_))
    }
}

/// Seats that were found, and those of them that the cache knows to be taken; `None` if it wasn't asked, or doesn't know.
pub(super) type Selected = (Arc<Layout>, Selection, Option<Vec<Conflict>>);

impl BoxOffice {
    /// Finds seats for a caller who is let through, and looks whether the cache knows them to be taken, unless the request
    /// could be a `repeatable` one: it is to be told what happened the first time.
    ///
    /// The caller's budget rides on that look. Where there is none, or the layout would have to be read first, it is asked
    /// for ahead of everything; then there is no look either, so that a write stays at two calls to Redis.
    pub(super) async fn select_admitted(
        &self,
        theater: &TheaterId,
        seats: &[SeatLabel],
        repeatable: bool,
        tally: &Tally,
    ) -> Result<Selected, SelectError> {
        let known = self.layouts.known(theater);
        let known = known.and_then(|layout| Some((layout.clone(), Selection::of(seats, &layout).ok()?)));
        let peeks = !repeatable && (!tally.has_to_draw() || known.is_some());
        if !peeks {
            self.admit(tally).await?;
        }
        let (layout, selection) = match known {
            Some(found) => found,
            None => self.select(theater, seats, tally).await?,
        };
        let taken = if peeks { self.refuse_early(&layout, &selection, tally).await? } else { None };
        Ok((layout, selection, taken))
    }

    /// Finds seats in a theater's layout. A seat that isn't there may be new: then the layout is read again.
    pub(super) async fn select(
        &self,
        theater: &TheaterId,
        seats: &[SeatLabel],
        tally: &Tally,
    ) -> Result<(Arc<Layout>, Selection), SelectError> {
        let layout = self.layouts.get(theater, tally).await?.ok_or(SelectError::TheaterNotFound)?;
        if let Ok(selection) = Selection::of(seats, &layout) {
            return Ok((layout, selection));
        }
        let layout = self.layouts.get_newer(theater, tally).await?.ok_or(SelectError::TheaterNotFound)?;
        match Selection::of(seats, &layout) {
            Ok(selection) => Ok((layout, selection)),
            Err(unknown) => Err(SelectError::SeatNotFound(unknown.0)),
        }
    }

    /// What a refusal means for the one who asked: of seats that were taken out of the layout, that they aren't there.
    pub(super) async fn not_found_after_all(
        &self,
        theater: &TheaterId,
        conflicts: &[Conflict],
        tally: &Tally,
    ) -> Option<SelectError> {
        let removed: Vec<_> = conflicts.iter().filter(|conflict| conflict.removed).map(|c| c.seat.clone()).collect();
        if removed.is_empty() {
            return None;
        }
        let layout = match self.layouts.get_newer(theater, tally).await {
            Ok(Some(layout)) => layout,
            Ok(None) => return Some(SelectError::TheaterNotFound),
            Err(error) => return Some(error.into()),
        };
        // As long as the layout has them, they may come back.
        Selection::of(&removed, &layout).err().map(|unknown| SelectError::SeatNotFound(unknown.0))
    }

    /// The seats that the cache knows to be taken; `None` if it doesn't know.
    ///
    /// Only for a request that bears no id and no reservation: it can't be a repeated one, so what it would be told
    /// is that the seats are taken, and that costs nothing here.
    async fn refuse_early(
        &self,
        layout: &Layout,
        selection: &Selection,
        tally: &Tally,
    ) -> Result<Option<Vec<Conflict>>, TooManyRequests> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let positions: Vec<_> = selection.seats().iter().map(|seat| seat.position).collect();
        let Ok(Some(slots)) = Self::peek_admitted(cache, layout, &positions, tally).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        let states = selection.labels().zip(slots).map(|(label, slot)| (label, slot.status(now)));
        let taken = states.filter(|(_, state)| *state != SeatState::Available);
        Ok(Some(
            taken.map(|(label, state)| Conflict { seat: label.clone(), state, removed: false, yours: false }).collect(),
        ))
    }

    /// Counts the seats that the cache had shown as available, and that a refusal shows to have been taken for a while by
    /// then: the cache was behind, and nobody merely faster.
    pub(super) fn count_stale(&self, learned: &[LearnedSlot], tally: &Tally) {
        let now = self.clock.now();
        let taken = |slot: &Slot| slot.status(now) != SeatState::Available;
        let long_ago = |slot: &Slot| slot.changed_at.0 + BEHIND < now.0;
        let stale = learned.iter().filter(|known| taken(&known.slot) && long_ago(&known.slot)).count();
        tally.add(|costs| costs.stale_answers += u32::try_from(stale).unwrap_or(u32::MAX));
    }
}
