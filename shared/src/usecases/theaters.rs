//! Theaters: put a layout, remove one, show one, list them all.

use std::collections::HashSet;

use super::{BoxOffice, StoreError};
use crate::document::NewLayout;
use crate::rules::layout::{InvalidLayout, Layout};
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::selection::Conflict;
use crate::rules::time::EpochMillis;
use crate::store::{Mark, PutLayoutError, REMOVED_FOR, RemoveError, Replaces, Store, TheaterEntry};
use crate::tally::Tally;

/// How often a layout that somebody else keeps changing is tried.
const TRIES: u32 = 3;
/// Seats that one call may drop at the most. Each is marked by a write of its own, a partition of DynamoDB takes 1,000 of these a
/// second, and the answer has to be there within 12.
pub const MOST_DROPPED: usize = 5_000;
/// What putting the layout may take after the first mark, in seconds: the marks have to outlast every instance that still
/// believes the old one.
const LONGEST_PUT: u64 = REMOVED_FOR as u64 - 180;

/// Phrase for a layout that the table takes.
pub const STORABLE: &str = "a layout that is stored in at most 1.5 MB, packed";

/// The condition on the layout that is to be replaced, as the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing was said.
    Unsaid,
    /// Whatever is there, if anything is: for operators' commands.
    Whatever,
    /// Whichever there is, but one.
    Any,
    /// One of these versions. None of them is a condition that nothing meets.
    OneOf(Vec<u64>),
    /// None.
    Nothing,
}

/// What became of a layout that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// There was none.
    Created,
    /// There was another.
    Changed,
    /// It was there as it is.
    Unchanged,
}

/// Why a layout wasn't put or removed.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// It isn't one.
    #[error(transparent)]
    Invalid(#[from] InvalidLayout),
    /// It is larger than the table takes.
    #[error("the layout is too large to be stored")]
    TooLarge,
    /// Replacing needs to be said.
    #[error("there is a layout already, of version {0}")]
    ReplaceUnsaid(u64),
    /// What is there isn't what the caller expects: its version, if there is anything.
    #[error("the theater's layout is another by now")]
    Unexpected(Option<u64>),
    /// Seats that would be gone, and that somebody has.
    #[error("somebody has these seats: {}", list(.0))]
    InUse(Vec<Conflict>),
    /// So many seats would be gone that they can't be at once.
    #[error("{0} seats would be gone; at most {MOST_DROPPED} can be at once")]
    DropsTooMany(usize),
    /// Somebody else keeps changing it.
    #[error("somebody else is changing the theater's layout; try again")]
    Contended,
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// A theater's layout as it is now: not one that this instance knows from before.
    pub async fn theater(&self, theater: &TheaterId, tally: &Tally) -> Result<Option<Layout>, StoreError> {
        self.store.layout(theater, tally).await
    }

    /// Theaters in the order of their ids, from the one after `after` on, and whether there are more.
    pub async fn theaters(
        &self,
        after: Option<&TheaterId>,
        most: usize,
        tally: &Tally,
    ) -> Result<(Vec<TheaterEntry>, bool), StoreError> {
        self.store.theaters(after, most, tally).await
    }

    /// Puts a layout under a version above the one there, and above every one there ever was: versions follow the clock, so
    /// that a theater made anew never meets its old positions in the cache. Gives its version.
    ///
    /// Repeating it is safe: a layout that is there already is unchanged, if this can be the repeat of the request that put it.
    /// Seats that are dropped are marked before, so that no instance sells them by the old layout. See [`crate::store`].
    pub async fn put_theater(
        &self,
        theater: &TheaterId,
        wanted: &NewLayout,
        expected: Expected,
        tally: &Tally,
    ) -> Result<(Put, u64), PutError> {
        for _ in 0..TRIES {
            let old = self.store.layout_to_replace(theater, tally).await?;
            if let Some((old, _)) = &old
                && (&old.name, old.seats(), old.plan(), old.details())
                    == (&wanted.name, &wanted.seats[..], &wanted.plan, &wanted.details)
            {
                expect_repeat(&expected, old.version)?;
                return Ok((Put::Unchanged, old.version));
            }
            let version = old.as_ref().map(|(old, _)| old.version);
            expect(&expected, version)?;
            let next = self.clock.now().0.max(version.map_or(1, |version| version + 1));
            let new = wanted.clone().into_layout(theater.clone(), next)?;
            // Before seats are marked, so that nothing is changed.
            if !Store::fits(&new) {
                return Err(PutError::TooLarge);
            }
            let dropped = old.as_ref().map(|(old, _)| old.dropped_by(&new)).unwrap_or_default();
            let removal = self.remove(theater, old.as_ref().map(|(old, _)| old), &dropped, tally).await?;
            let replaces = old.as_ref().map(|(_, replaces)| *replaces);
            match self.put_or_take_back(&new, replaces, removal, tally).await {
                Ok(()) => {
                    self.restore(old.as_ref().map(|(old, _)| old), &new, tally).await;
                    return Ok((if old.is_some() { Put::Changed } else { Put::Created }, next));
                }
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    /// Removes a theater that nobody has a seat of. Whether there was one. Repeating it is safe.
    pub async fn remove_theater(
        &self,
        theater: &TheaterId,
        expected: Expected,
        tally: &Tally,
    ) -> Result<bool, PutError> {
        for _ in 0..TRIES {
            let Some((old, replaces)) = self.store.layout_to_replace(theater, tally).await? else { return Ok(false) };
            if expected != Expected::Unsaid {
                expect(&expected, Some(old.version))?;
            }
            let all: Vec<_> = old.seats().iter().collect();
            let removal = self.remove(theater, Some(&old), &all, tally).await?;
            match self.remove_or_take_back(theater, replaces, removal, tally).await {
                Ok(()) => return Ok(true),
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    /// Marks seats that are to be dropped. Refused early where it can be seen that somebody has them, so that all are named.
    async fn remove(
        &self,
        theater: &TheaterId,
        old: Option<&Layout>,
        dropped: &[&SeatLabel],
        tally: &Tally,
    ) -> Result<Removal, PutError> {
        let began = self.clock.now();
        let Some(old) = old.filter(|_| !dropped.is_empty()) else { return Ok(Removal { began, marks: Vec::new() }) };
        if dropped.len() > MOST_DROPPED {
            return Err(PutError::DropsTooMany(dropped.len()));
        }
        let slots = self.store.slots(old, tally).await?;
        let wanted: HashSet<_> = dropped.iter().collect();
        let taken =
            old.seats().iter().zip(slots).filter(|(seat, slot)| wanted.contains(seat) && !slot.is_available(began));
        let removed = self.store.removed_seats(theater, tally);
        let mut in_use: Vec<_> = taken
            .map(|(seat, slot)| Conflict { seat: seat.clone(), state: slot.state, removed: false, yours: false })
            .collect();
        if !in_use.is_empty() {
            // A mark of an attempt that died looks like a reservation.
            let removed = removed.await?;
            in_use.retain(|conflict| !removed.contains(&conflict.seat));
        }
        if !in_use.is_empty() {
            return Err(PutError::InUse(in_use));
        }
        match self.store.remove_seats(theater, dropped, old.version, tally).await {
            Ok(marks) => Ok(Removal { began, marks }),
            Err(RemoveError::InUse(conflicts)) => Err(PutError::InUse(conflicts)),
            Err(RemoveError::Store(error)) => Err(error.into()),
        }
    }

    async fn put_or_take_back(
        &self,
        new: &Layout,
        replaces: Option<Replaces>,
        removal: Removal,
        tally: &Tally,
    ) -> Result<(), PutLayoutError> {
        self.in_time(&new.theater, &removal, tally).await?;
        let put = self.store.put_layout(new, replaces, tally).await;
        self.settle(&new.theater, put, &removal, tally).await
    }

    async fn remove_or_take_back(
        &self,
        theater: &TheaterId,
        replaces: Replaces,
        removal: Removal,
        tally: &Tally,
    ) -> Result<(), PutLayoutError> {
        self.in_time(theater, &removal, tally).await?;
        let removed = self.store.remove_layout(theater, replaces, tally).await;
        self.settle(theater, removed, &removal, tally).await
    }

    /// Whether the marks last long enough still.
    async fn in_time(&self, theater: &TheaterId, removal: &Removal, tally: &Tally) -> Result<(), PutLayoutError> {
        let took = self.clock.now().0.saturating_sub(removal.began.0) / 1_000;
        if removal.marks.is_empty() || took <= LONGEST_PUT {
            return Ok(());
        }
        self.store.take_back(theater, &removal.marks, tally).await;
        Err(StoreError::Undecided(format!("marking seats took {took} s")).into())
    }

    /// Takes marks back where the layout certainly stays as it is. Where that isn't known they stay, and run out.
    async fn settle(
        &self,
        theater: &TheaterId,
        done: Result<(), PutLayoutError>,
        removal: &Removal,
        tally: &Tally,
    ) -> Result<(), PutLayoutError> {
        if matches!(done, Err(PutLayoutError::Changed | PutLayoutError::Store(StoreError::Broken(_)))) {
            self.store.take_back(theater, &removal.marks, tally).await;
        }
        done
    }

    /// Lets seats be had at once that were removed a moment ago and are back.
    async fn restore(&self, old: Option<&Layout>, new: &Layout, tally: &Tally) {
        let added = old.is_none_or(|old| new.seats().iter().any(|seat| old.position(seat.as_str()).is_none()));
        if added && let Err(error) = self.store.restore_seats(new, tally).await {
            tracing::warn!(%error, theater = %new.theater, "seats that are back stay marked as removed until that runs out");
        }
    }
}

/// Seats marked, and since when.
struct Removal {
    began: EpochMillis,
    marks: Vec<Mark>,
}

/// Refuses a request whose condition isn't met.
fn expect(expected: &Expected, there: Option<u64>) -> Result<(), PutError> {
    match (expected, there) {
        (Expected::Unsaid, Some(version)) => Err(PutError::ReplaceUnsaid(version)),
        (Expected::OneOf(wanted), there) if !there.is_some_and(|there| wanted.contains(&there)) => {
            Err(PutError::Unexpected(there))
        }
        (Expected::Nothing, Some(version)) => Err(PutError::Unexpected(Some(version))),
        (Expected::Any, None) => Err(PutError::Unexpected(None)),
        _ => Ok(()),
    }
}

/// Refuses a request for the layout that is there, of this version, unless an earlier request of the same caller can have put
/// it: one that named the version before (RFC 9110, 13.1.1), or made no condition.
fn expect_repeat(expected: &Expected, there: u64) -> Result<(), PutError> {
    match expected {
        Expected::Nothing => Err(PutError::Unexpected(Some(there))),
        Expected::OneOf(wanted) if !wanted.iter().any(|wanted| *wanted <= there) => {
            Err(PutError::Unexpected(Some(there)))
        }
        _ => Ok(()),
    }
}

fn list(conflicts: &[Conflict]) -> String {
    let labels: Vec<_> = conflicts.iter().map(|conflict| conflict.seat.as_str()).collect();
    labels.join(", ")
}
