//! Putting, deleting, showing and listing theaters.

use std::collections::HashSet;

use super::{BoxOffice, StoreError};
use crate::context::Tally;
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::{InvalidLayout, Layout};
use crate::domain::selection::Conflict;
use crate::domain::time::EpochMillis;
use crate::layout_json::NewLayout;
use crate::store::{Mark, PutLayoutError, REMOVED_FOR, RemoveError, Replaces, Store, TheaterEntry};

/// The maximum number of attempts to change a layout that another caller keeps changing.
const TRIES: u32 = 3;
/// The maximum number of seats that one call may withdraw. Each seat takes a write of its own, a partition of DynamoDB
/// accepts 1,000 writes per second, and the answer is due within 12 seconds.
pub const MOST_DROPPED: usize = 5_000;
/// Time limit in seconds for putting the layout after the first tombstone. The tombstones have to last longer than any
/// instance uses the old layout.
const LONGEST_PUT: u64 = REMOVED_FOR as u64 - 180;

/// A phrase that describes a layout that fits into the table.
pub const STORABLE: &str = "a layout that is stored in at most 1.5 MB, packed";

/// The caller's condition on the layout that is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No condition.
    Unsaid,
    /// Any layout or none. For operators' commands.
    Whatever,
    /// Any layout, but there has to be one.
    Any,
    /// A layout with one of these versions. An empty list is a condition that is never met.
    OneOf(Vec<u64>),
    /// No layout.
    Nothing,
}

/// The outcome of putting a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The theater had no layout before.
    Created,
    /// The theater had another layout before.
    Changed,
    /// The theater had this layout already.
    Unchanged,
}

/// The reasons why a layout isn't put or deleted.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The layout is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidLayout),
    /// The layout is larger than the table accepts.
    #[error("the layout is too large to be stored")]
    TooLarge,
    /// The theater has a layout, of this version, and the request has no condition that allows to replace it.
    #[error("the theater has a layout, of version {0}")]
    ReplaceUnsaid(u64),
    /// The layout isn't the one that the caller expects. Holds its version, if there is one.
    #[error("the theater's layout has changed")]
    Unexpected(Option<u64>),
    /// Seats that would be withdrawn are reserved or booked: these.
    #[error("these seats are reserved or booked: {}", list(.0))]
    InUse(Vec<Conflict>),
    /// The layout would withdraw too many seats at once.
    #[error("{0} seats would be withdrawn, and one call may withdraw at most {MOST_DROPPED}")]
    DropsTooMany(usize),
    /// Another caller keeps changing the layout.
    #[error("somebody else is changing the theater's layout; try again")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Returns a theater's layout as the table has it now, and never from the layout cache.
    pub async fn theater(&self, tally: &Tally, theater: &TheaterId) -> Result<Option<Layout>, StoreError> {
        self.store.layout(tally, theater).await
    }

    /// Returns theaters in the order of their ids, starting after the id `after`, and whether there are more.
    pub async fn theaters(
        &self,
        tally: &Tally,
        after: Option<&TheaterId>,
        most: usize,
    ) -> Result<(Vec<TheaterEntry>, bool), StoreError> {
        self.store.theaters(tally, after, most).await
    }

    /// Puts a layout, and returns its new version.
    ///
    /// The new version is larger than any that the theater ever had, because versions follow the clock. So a theater
    /// that was deleted and created again never meets old seat indices in the cache.
    ///
    /// Repeating it is safe. A layout that is there already stays unchanged, if the request can be a repeat of the one
    /// that put it. Seats are withdrawn before the layout is written, so that no instance sells them by the old layout.
    /// See [`crate::store`].
    pub async fn put_theater(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        wanted: &NewLayout,
        expected: Expected,
    ) -> Result<(Put, u64), PutError> {
        for _ in 0..TRIES {
            let old = self.store.layout_to_replace(tally, theater).await?;
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
            // Checked before any seat is withdrawn, so that a rejection changes nothing.
            if !Store::fits(&new) {
                return Err(PutError::TooLarge);
            }
            let dropped = old.as_ref().map(|(old, _)| old.dropped_by(&new)).unwrap_or_default();
            let removal = self.remove(tally, theater, old.as_ref().map(|(old, _)| old), &dropped).await?;
            let replaces = old.as_ref().map(|(_, replaces)| *replaces);
            match self.put_or_take_back(tally, &new, replaces, removal).await {
                Ok(()) => {
                    self.restore(tally, old.as_ref().map(|(old, _)| old), &new).await;
                    return Ok((if old.is_some() { Put::Changed } else { Put::Created }, next));
                }
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    /// Deletes a theater in which no seat is reserved or booked. Returns `true` if there was one. Repeating it is safe.
    pub async fn remove_theater(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        expected: Expected,
    ) -> Result<bool, PutError> {
        for _ in 0..TRIES {
            let Some((old, replaces)) = self.store.layout_to_replace(tally, theater).await? else { return Ok(false) };
            if expected != Expected::Unsaid {
                expect(&expected, Some(old.version))?;
            }
            let all: Vec<_> = old.seats().iter().collect();
            let removal = self.remove(tally, theater, Some(&old), &all).await?;
            match self.remove_or_take_back(tally, theater, replaces, removal).await {
                Ok(()) => return Ok(true),
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    /// Withdraws seats that the new layout doesn't have. Checks first whether any is reserved or booked, so that the
    /// error names all of these.
    async fn remove(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        old: Option<&Layout>,
        dropped: &[&SeatLabel],
    ) -> Result<Removal, PutError> {
        let began = self.clock.now();
        let Some(old) = old.filter(|_| !dropped.is_empty()) else { return Ok(Removal { began, marks: Vec::new() }) };
        if dropped.len() > MOST_DROPPED {
            return Err(PutError::DropsTooMany(dropped.len()));
        }
        let slots = self.store.slots(tally, old).await?;
        let wanted: HashSet<_> = dropped.iter().collect();
        let taken =
            old.seats().iter().zip(slots).filter(|(seat, slot)| wanted.contains(seat) && !slot.is_available(began));
        let removed = self.store.removed_seats(tally, theater);
        let mut in_use: Vec<_> = taken
            .map(|(seat, slot)| Conflict { seat: seat.clone(), state: slot.state, removed: false, yours: false })
            .collect();
        if !in_use.is_empty() {
            // A tombstone that an unfinished attempt left behind looks like a reservation.
            let removed = removed.await?;
            in_use.retain(|conflict| !removed.contains(&conflict.seat));
        }
        if !in_use.is_empty() {
            return Err(PutError::InUse(in_use));
        }
        match self.store.remove_seats(tally, theater, dropped, old.version).await {
            Ok(marks) => Ok(Removal { began, marks }),
            Err(RemoveError::InUse(conflicts)) => Err(PutError::InUse(conflicts)),
            Err(RemoveError::Store(error)) => Err(error.into()),
        }
    }

    async fn put_or_take_back(
        &self,
        tally: &Tally,
        new: &Layout,
        replaces: Option<Replaces>,
        removal: Removal,
    ) -> Result<(), PutLayoutError> {
        self.in_time(tally, &new.theater, &removal).await?;
        let put = self.store.put_layout(tally, new, replaces).await;
        self.settle(tally, &new.theater, put, &removal).await
    }

    async fn remove_or_take_back(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        replaces: Replaces,
        removal: Removal,
    ) -> Result<(), PutLayoutError> {
        self.in_time(tally, theater, &removal).await?;
        let removed = self.store.remove_layout(tally, theater, replaces).await;
        self.settle(tally, theater, removed, &removal).await
    }

    /// Returns an error, and undoes the withdrawal, if the tombstones no longer last long enough.
    async fn in_time(&self, tally: &Tally, theater: &TheaterId, removal: &Removal) -> Result<(), PutLayoutError> {
        let took = self.clock.now().0.saturating_sub(removal.began.0) / 1_000;
        if removal.marks.is_empty() || took <= LONGEST_PUT {
            return Ok(());
        }
        self.store.take_back(tally, theater, &removal.marks).await;
        Err(StoreError::Undecided(format!("withdrawing seats took {took} s")).into())
    }

    /// Undoes the withdrawal if the layout certainly hasn't changed. If the outcome is unknown, the tombstones stay
    /// until they expire.
    async fn settle(
        &self,
        tally: &Tally,
        theater: &TheaterId,
        done: Result<(), PutLayoutError>,
        removal: &Removal,
    ) -> Result<(), PutLayoutError> {
        if matches!(done, Err(PutLayoutError::Changed | PutLayoutError::Store(StoreError::Broken(_)))) {
            self.store.take_back(tally, theater, &removal.marks).await;
        }
        done
    }

    /// Makes seats available at once that were withdrawn a moment ago and are back in the layout.
    async fn restore(&self, tally: &Tally, old: Option<&Layout>, new: &Layout) {
        let added = old.is_none_or(|old| new.seats().iter().any(|seat| old.position(seat.as_str()).is_none()));
        if added && let Err(error) = self.store.restore_seats(tally, new).await {
            tracing::warn!(%error, theater = %new.theater, "restored seats stay withdrawn until their tombstones expire");
        }
    }
}

/// The tombstones of withdrawn seats, and the instant at which the withdrawal began.
struct Removal {
    began: EpochMillis,
    marks: Vec<Mark>,
}

/// Rejects a request whose condition isn't met.
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

/// Rejects a request for the layout that is already there, unless an earlier request of the same caller may have put
/// it.
///
/// Such a request named this version or an earlier one (RFC 9110, 13.1.1), or no version at all. `there` is the
/// layout's version.
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
