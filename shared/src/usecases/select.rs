//! Finding the seats that a request names, and refusing early what DynamoDB would refuse.

use std::sync::Arc;

use super::BoxOffice;
use crate::rules::availability::SeatState;
use crate::rules::layout::Layout;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::selection::{Conflict, Selection};
use crate::store::StoreError;
use crate::tally::Tally;

/// Why the seats that a request names weren't found.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// There is no such theater.
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has no such seats.
    #[error("no such seats")]
    SeatNotFound(Vec<SeatLabel>),
    /// The layout couldn't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
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

    /// The seats that the cache knows to be taken; none if it doesn't know.
    ///
    /// Only for a request that bears no id and no reservation: it can't be a repeated one, so what it would be told
    /// is that the seats are taken, and that costs nothing here.
    pub(super) async fn refuse_early(&self, layout: &Layout, selection: &Selection, tally: &Tally) -> Vec<Conflict> {
        let Some(cache) = &self.cache else { return Vec::new() };
        let positions: Vec<_> = selection.seats().iter().map(|seat| seat.position).collect();
        let Ok(Some(slots)) = cache.peek(&layout.theater, layout.version, &positions, tally).await else {
            return Vec::new();
        };
        let now = self.clock.now();
        let states = selection.labels().zip(slots).map(|(label, slot)| (label, slot.status(now)));
        states
            .filter(|(_, state)| *state != SeatState::Available)
            .map(|(label, state)| Conflict { seat: label.clone(), state, removed: false })
            .collect()
    }
}
