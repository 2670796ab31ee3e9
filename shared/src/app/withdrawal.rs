//! Withdrawing seats that a new layout doesn't have, before the layout is written. So no instance sells them by the old
//! layout.

use std::collections::HashSet;
use std::time::Duration;

use super::BoxOffice;
use crate::context::RequestContext;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::selection::Conflict;
use crate::domain::time::EpochMillis;
use crate::store::{PutLayoutError, StoreError, TOMBSTONE_SECONDS, Tombstone, WithdrawError};

/// The maximum number of seats that one call may withdraw. Each seat takes a write of its own, a partition of DynamoDB
/// accepts 1,000 writes per second, and the answer is due within 12 seconds.
pub const MAX_SEATS_WITHDRAWN: usize = 5_000;
/// Time limit for putting the layout after the first tombstone, in whole seconds. The tombstones have to last longer than
/// any instance uses the old layout.
const TIME_LIMIT_AFTER_TOMBSTONES: Duration = Duration::from_secs(TOMBSTONE_SECONDS as u64 - 180);

/// The reasons why seats aren't withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawalError {
    /// Seats that would be withdrawn are reserved or booked: these.
    #[error("these seats are reserved or booked: {}", list(.0))]
    InUse(Vec<Conflict>),
    /// Too many seats would be withdrawn at once.
    #[error("{0} seats would be withdrawn, and one call may withdraw at most {MAX_SEATS_WITHDRAWN}")]
    TooMany(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tombstones of withdrawn seats, and the instant at which the withdrawal began.
pub(super) struct Removal {
    began: EpochMillis,
    marks: Vec<Tombstone>,
}

impl BoxOffice {
    /// Withdraws seats that the new layout doesn't have. Checks first whether any is reserved or booked, so that the
    /// error names all of these.
    pub(super) async fn withdraw(
        &self,
        ctx: &RequestContext,
        old: Option<&Inventory>,
        dropped: &[&SeatLabel],
    ) -> Result<Removal, WithdrawalError> {
        let began = self.clock.now();
        let Some(old) = old.filter(|_| !dropped.is_empty()) else { return Ok(Removal { began, marks: Vec::new() }) };
        if dropped.len() > MAX_SEATS_WITHDRAWN {
            return Err(WithdrawalError::TooMany(dropped.len()));
        }
        let slots = self.store.slots(ctx, old).await?;
        let wanted: HashSet<_> = dropped.iter().collect();
        let taken = old
            .layout
            .seats()
            .iter()
            .zip(slots)
            .filter(|(seat, slot)| wanted.contains(seat) && !slot.is_available(began));
        let mut in_use: Vec<_> =
            taken.map(|(seat, slot)| Conflict { seat: seat.clone(), state: slot.state, yours: false }).collect();
        if !in_use.is_empty() {
            // An unfinished attempt may have left tombstones behind. These seats aren't in use.
            let withdrawn = self.store.withdrawn_seats(ctx, &old.id).await?;
            in_use.retain(|conflict| !withdrawn.contains(&conflict.seat));
        }
        if !in_use.is_empty() {
            return Err(WithdrawalError::InUse(in_use));
        }
        match self.store.withdraw_seats(ctx, old, dropped).await {
            Ok(marks) => Ok(Removal { began, marks }),
            Err(WithdrawError::InUse(conflicts)) => Err(WithdrawalError::InUse(conflicts)),
            Err(WithdrawError::Store(error)) => Err(error.into()),
        }
    }

    /// Returns an error, and undoes the withdrawal, if the tombstones no longer last long enough.
    pub(super) async fn check_tombstones_last(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        removal: &Removal,
    ) -> Result<(), PutLayoutError> {
        let took = self.clock.now().since(removal.began).as_secs();
        if removal.marks.is_empty() || took <= TIME_LIMIT_AFTER_TOMBSTONES.as_secs() {
            return Ok(());
        }
        self.store.take_back(ctx, id, &removal.marks).await;
        Err(StoreError::OutcomeUnknown(format!("withdrawing seats took {took} s")).into())
    }

    /// Undoes the withdrawal if the layout certainly hasn't changed. If the outcome is unknown, the tombstones stay
    /// until they expire.
    pub(super) async fn undo_if_not_applied(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        done: Result<(), PutLayoutError>,
        removal: &Removal,
    ) -> Result<(), PutLayoutError> {
        if matches!(done, Err(PutLayoutError::Changed | PutLayoutError::Store(StoreError::Permanent(_)))) {
            self.store.take_back(ctx, id, &removal.marks).await;
        }
        done
    }

    /// Makes seats available at once that were withdrawn a moment ago and are back in the layout.
    pub(super) async fn make_available_again(&self, ctx: &RequestContext, old: Option<&Inventory>, new: &Inventory) {
        let added =
            old.is_none_or(|old| new.layout.seats().iter().any(|seat| old.layout.seat_index(seat.as_str()).is_none()));
        if added && let Err(error) = self.store.restore_seats(ctx, new).await {
            tracing::warn!(%error, inventory = %new.id, "restored seats stay withdrawn until their tombstones expire");
        }
    }
}

fn list(conflicts: &[Conflict]) -> String {
    let labels: Vec<_> = conflicts.iter().map(|conflict| conflict.seat.as_str()).collect();
    labels.join(", ")
}
