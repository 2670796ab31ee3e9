//! Taking seats out of a layout: marks that nobody can have them, for as long as somebody may believe the old layout.
//!
//! Marks run out by themselves, as reservations do. So a process that dies between marking and putting the layout leaves
//! nothing behind, and a mark that outlives the last instance that knows the old layout has done its work.

use futures_util::future::join_all;

use super::attempts::{Attempts, Trouble};
use super::change::Change;
use super::items::{REMOVED, SeatItem, attribute, removed_on, seat_key};
use super::refusal::{Refusal, Verdict};
use super::seats::Filter;
use super::{Store, StoreError};
use crate::rules::layout::Layout;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::selection::Conflict;
use crate::rules::time::EpochMillis;
use crate::tally::Tally;

/// How long a mark lasts, in seconds. An instance believes a layout for a minute, and a request that read it then may take
/// 15 seconds more; clocks may differ by some. What else there is to do before the layout is put has the rest.
pub const REMOVED_FOR: u32 = 300;
/// How many seats are marked at the same time.
const AT_ONCE: usize = 64;

/// A seat that was marked, and the stamp of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    seat: SeatLabel,
    stamp: EpochMillis,
    /// It bore a mark already: somebody else is dropping it too, and may have done so. Not ours to take back.
    shared: bool,
}

/// Why seats weren't marked. None is marked then, or if that can't be taken back either, only until the mark runs out.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Somebody has these.
    #[error("somebody has seats")]
    InUse(Vec<Conflict>),
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Marks seats as removed, each if it can be had, by a decision on the layout of this version: one UpdateItem a seat.
    ///
    /// Repeating it is safe: a mark takes the place of a mark. Only the one whose stamp is there can take it back, and only if
    /// it was the first: the seat may be gone from the layout by another's decision, and then nobody may have it.
    pub async fn remove_seats(
        &self,
        theater: &TheaterId,
        seats: &[&SeatLabel],
        decided_on: u64,
        tally: &Tally,
    ) -> Result<Vec<Mark>, RemoveError> {
        let mut outcomes = Vec::with_capacity(seats.len());
        for seats in seats.chunks(AT_ONCE) {
            let marking = seats.iter().map(|seat| self.remove_seat(theater, seat, decided_on, tally));
            outcomes.extend(join_all(marking).await);
        }
        let (mut marks, mut in_use, mut failed) = (Vec::new(), Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(mark) => marks.push(mark),
                Err(RemoveError::InUse(conflicts)) => in_use.extend(conflicts),
                Err(RemoveError::Store(error)) => failed = Some(error),
            }
        }
        match failed {
            None if in_use.is_empty() => Ok(marks),
            failed => {
                self.take_back(theater, &marks, tally).await;
                in_use.sort_by(|a, b| a.seat.cmp(&b.seat));
                Err(failed.map_or(RemoveError::InUse(in_use), RemoveError::Store))
            }
        }
    }

    /// Takes marks back: the seats can be had again. Those that it can't reach, or that aren't its alone, run out by
    /// themselves.
    pub async fn take_back(&self, theater: &TheaterId, marks: &[Mark], tally: &Tally) {
        let mut failed = 0;
        for marks in marks.chunks(AT_ONCE) {
            let own = marks.iter().filter(|mark| !mark.shared);
            let taking_back = own.map(|mark| {
                let change = Change::take_back(mark.stamp, self.clock.now());
                self.change_seat(theater, &mark.seat, change, tally)
            });
            failed += join_all(taking_back).await.iter().filter(|done| done.is_err()).count();
        }
        if failed > 0 {
            tracing::warn!(%theater, seats = failed, "seats stay marked as removed until that runs out");
        }
    }

    /// Makes seats available again that the layout has, and that were removed from an older one: one Query, and an UpdateItem a
    /// seat.
    pub async fn restore_seats(&self, layout: &Layout, tally: &Tally) -> Result<(), StoreError> {
        let items = self.seat_items(&layout.theater, removed(), tally).await?;
        let older = items.iter().filter(|item| removed_on(item).is_ok_and(|version| version < layout.version));
        let mut restoring = Vec::new();
        for item in older {
            let label = SeatItem::label(item)?;
            if layout.position(label).is_some()
                && let (Ok(seat), Ok(slot)) = (SeatLabel::parse(label), SeatItem::slot(item))
            {
                restoring.push(Mark { seat, stamp: slot.changed_at, shared: false });
            }
        }
        self.take_back(&layout.theater, &restoring, tally).await;
        Ok(())
    }

    /// The seats that are marked as removed.
    pub async fn removed_seats(
        &self,
        theater: &TheaterId,
        tally: &Tally,
    ) -> Result<std::collections::HashSet<SeatLabel>, StoreError> {
        let items = self.seat_items(theater, removed(), tally).await?;
        Ok(items.iter().filter_map(|item| SeatLabel::parse(SeatItem::label(item).ok()?).ok()).collect())
    }

    async fn remove_seat(
        &self,
        theater: &TheaterId,
        seat: &SeatLabel,
        decided_on: u64,
        tally: &Tally,
    ) -> Result<Mark, RemoveError> {
        let mut attempts = Attempts::to_write(self, tally);
        let now = self.clock.now();
        let mut stamp = now;
        let mut shared = false;
        loop {
            let change = Change::remove(decided_on, now.ends_after(REMOVED_FOR), stamp, now);
            let call = change.alone(&self.client, &self.table, seat_key(theater, seat)).send();
            let refusal = match attempts.send("UpdateItem", call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(_) => return Ok(Mark { seat: seat.clone(), stamp, shared }),
                Err(failed) => Refusal::from(failed),
            };
            let trouble = match refusal {
                Refusal::Call(trouble) => trouble,
                Refusal::Conditions(verdicts) => {
                    let Some(Verdict::Refused(Some(item))) = verdicts.into_iter().next() else { continue };
                    let standing = SeatItem::read(&item)?;
                    let slot = standing.slot;
                    if !standing.removed && !slot.is_available(now) {
                        let conflict = Conflict { seat: seat.clone(), state: slot.state, removed: false, yours: false };
                        return Err(RemoveError::InUse(vec![conflict]));
                    }
                    // Its stamp was in the way. That of a mark may be of an attempt of ours whose answer was lost: not
                    // taken back it runs out.
                    shared |= standing.removed && !slot.is_available(now);
                    stamp = Change::raised(slot.changed_at, stamp);
                    if attempts.may_repeat_at_once() {
                        continue;
                    }
                    Trouble::Contention("the seat keeps changing".to_owned())
                }
            };
            attempts.pause(trouble).await?;
        }
    }

    /// Changes a seat, if its condition holds.
    async fn change_seat(
        &self,
        theater: &TheaterId,
        seat: &SeatLabel,
        change: Change,
        tally: &Tally,
    ) -> Result<(), StoreError> {
        let mut attempts = Attempts::to_write(self, tally);
        loop {
            let call = change.clone().alone(&self.client, &self.table, seat_key(theater, seat)).send();
            match attempts.send("UpdateItem", call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(_) => return Ok(()),
                Err(failed) => match Refusal::from(failed) {
                    // Somebody else has changed it since, or this did before.
                    Refusal::Conditions(_) => return Ok(()),
                    Refusal::Call(trouble) => attempts.pause(trouble).await?,
                },
            }
        }
    }
}

fn removed() -> Filter {
    Filter { attribute: attribute::STATUS, value: REMOVED.to_owned() }
}
