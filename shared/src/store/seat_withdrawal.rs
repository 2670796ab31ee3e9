//! Withdrawal of seats from a layout. A tombstone keeps every caller from having the seat while an instance may still
//! use the old layout.
//!
//! Tombstones expire by themselves, as reservations do. So a process that dies between the tombstones and the new
//! layout leaves nothing behind. When the last instance has forgotten the old layout, a tombstone isn't needed any
//! more.

use futures_util::future::join_all;

use super::schema::{SeatItem, attribute, read_version, seat_key};
use super::seats::Filter;
use super::write::rejection::{ItemRejection, WriteRejection};
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::SeatWrite;
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::SeatState;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::seat_state::table_status;
use crate::domain::selection::Conflict;
use crate::domain::time::EpochMillis;

/// Seconds for which a tombstone lasts. An instance uses a layout for a minute, and a request that has read it may take
/// 15 seconds more. Clocks may differ too. The rest is left for other work before the layout is put.
pub const TOMBSTONE_SECONDS: u32 = 300;
/// Number of seats that are withdrawn at the same time.
const MAX_CONCURRENT_WRITES: usize = 64;

/// A seat that was withdrawn, and the stamp of its tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    seat: SeatLabel,
    stamp: EpochMillis,
    /// The seat had a tombstone before. Another request withdraws it too and may have finished, so it must not be
    /// undone here.
    shared: bool,
}

/// The reason why seats weren't withdrawn. No seat stays withdrawn then, or only until its tombstone expires if
/// undoing fails too.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// Other callers have these seats.
    #[error("other callers have some of the seats")]
    InUse(Vec<Conflict>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Withdraws available seats of an inventory, because of a decision on this version of it (one UpdateItem per seat).
    ///
    /// Repeating it is safe, because a tombstone replaces a tombstone. Only the request whose stamp is in the tombstone
    /// can undo it, and only if it was the first. Otherwise another request may have dropped the seat from the layout,
    /// and then no caller may have it.
    pub async fn withdraw_seats(
        &self,
        ctx: &RequestContext,
        inventory: &Inventory,
        seats: &[&SeatLabel],
    ) -> Result<Vec<Tombstone>, WithdrawError> {
        let mut outcomes = Vec::with_capacity(seats.len());
        for seats in seats.chunks(MAX_CONCURRENT_WRITES) {
            let marking = seats.iter().map(|seat| self.withdraw_seat(ctx, inventory, seat));
            outcomes.extend(join_all(marking).await);
        }
        let (mut marks, mut in_use, mut failed) = (Vec::new(), Vec::new(), None);
        for outcome in outcomes {
            match outcome {
                Ok(mark) => marks.push(mark),
                Err(WithdrawError::InUse(conflicts)) => in_use.extend(conflicts),
                Err(WithdrawError::Store(error)) => failed = Some(error),
            }
        }
        match failed {
            None if in_use.is_empty() => Ok(marks),
            failed => {
                self.take_back(ctx, &inventory.id, &marks).await;
                in_use.sort_by(|a, b| a.seat.cmp(&b.seat));
                Err(failed.map_or(WithdrawError::InUse(in_use), WithdrawError::Store))
            }
        }
    }

    /// Undoes tombstones, so that the seats are available again. Tombstones that can't be reached, or that another
    /// request shares, expire by themselves. Repeating it is safe, because the condition holds only while the
    /// tombstone is there.
    pub async fn take_back(&self, ctx: &RequestContext, inventory: &InventoryId, marks: &[Tombstone]) {
        let mut failed = 0;
        for marks in marks.chunks(MAX_CONCURRENT_WRITES) {
            let own = marks.iter().filter(|mark| !mark.shared);
            let taking_back = own.map(|mark| {
                let change = SeatWrite::take_back(mark.stamp, self.clock.now());
                self.change_seat(ctx, inventory, &mark.seat, change)
            });
            failed += join_all(taking_back).await.iter().filter(|done| done.is_err()).count();
        }
        if failed > 0 {
            tracing::warn!(%inventory, seats = failed, "seats stay withdrawn until their tombstones expire");
        }
    }

    /// Makes seats available again that the layout has and that were withdrawn from an older one. Costs one Query, and
    /// one UpdateItem per seat. Repeating it is safe, because it changes only seats that are still withdrawn.
    pub async fn restore_seats(&self, ctx: &RequestContext, inventory: &Inventory) -> Result<(), StoreError> {
        let items = self.read_seat_items(ctx, &inventory.id, withdrawn()).await?;
        let older = items.iter().filter(|item| read_version(item).is_ok_and(|version| version < inventory.version));
        let mut restoring = Vec::new();
        for item in older {
            let label = SeatItem::label(item)?;
            if inventory.layout.seat_index(label).is_some()
                && let (Ok(seat), Ok(slot)) = (SeatLabel::parse(label), SeatItem::slot(item))
            {
                restoring.push(Tombstone { seat, stamp: slot.changed_at, shared: false });
            }
        }
        self.take_back(ctx, &inventory.id, &restoring).await;
        Ok(())
    }

    /// Returns the seats that have a tombstone.
    pub async fn withdrawn_seats(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
    ) -> Result<std::collections::HashSet<SeatLabel>, StoreError> {
        let items = self.read_seat_items(ctx, inventory, withdrawn()).await?;
        Ok(items.iter().filter_map(|item| SeatLabel::parse(SeatItem::label(item).ok()?).ok()).collect())
    }

    async fn withdraw_seat(
        &self,
        ctx: &RequestContext,
        inventory: &Inventory,
        seat: &SeatLabel,
    ) -> Result<Tombstone, WithdrawError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let now = self.clock.now();
        let mut stamp = now;
        let mut shared = false;
        loop {
            let change = SeatWrite::withdraw(inventory.version, now.ends_after(TOMBSTONE_SECONDS), stamp, now);
            // An expired reservation may have left a price behind.
            let change = if inventory.prices.is_some() { change.without_price() } else { change };
            let call = change.alone(&self.client, &self.table, seat_key(&inventory.id, seat)).send();
            let refusal = match retry_loop.send("UpdateItem", call, |answer| answer.consumed_capacity.as_slice()).await
            {
                Ok(_) => return Ok(Tombstone { seat: seat.clone(), stamp, shared }),
                Err(failed) => WriteRejection::from(failed),
            };
            let failure = match refusal {
                WriteRejection::Call(failure) => failure,
                WriteRejection::Conditions(condition_results) => {
                    if let Some(ItemRejection::Refused(Some(item))) = condition_results.into_iter().next() {
                        let slot = SeatItem::read(&item)?.slot;
                        match slot.state_at(now) {
                            SeatState::Available => {}
                            // The tombstone may come from an earlier attempt of ours whose answer was lost. It isn't
                            // undone then, and expires.
                            SeatState::Withdrawn { .. } => shared = true,
                            state @ (SeatState::Reserved { .. } | SeatState::Booked) => {
                                let conflict = Conflict { seat: seat.clone(), state, yours: false };
                                return Err(WithdrawError::InUse(vec![conflict]));
                            }
                        }
                        // The existing stamp was too high.
                        stamp = SeatWrite::raise_above(slot.changed_at, stamp);
                    }
                    if retry_loop.may_retry_immediately() {
                        continue;
                    }
                    CallFailure::Contention("the seat keeps changing".to_owned())
                }
            };
            retry_loop.pause(failure).await?;
        }
    }

    /// Changes a seat, if its condition holds. Repeating it is safe, because the condition fails once the change is
    /// made.
    async fn change_seat(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        seat: &SeatLabel,
        change: SeatWrite,
    ) -> Result<(), StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        loop {
            let call = change.clone().alone(&self.client, &self.table, seat_key(inventory, seat)).send();
            match retry_loop.send("UpdateItem", call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(_) => return Ok(()),
                Err(failed) => match WriteRejection::from(failed) {
                    // Another request has changed the seat since, or an earlier attempt of this one has.
                    WriteRejection::Conditions(_) => return Ok(()),
                    WriteRejection::Call(failure) => retry_loop.pause(failure).await?,
                },
            }
        }
    }
}

fn withdrawn() -> Filter {
    Filter { attribute: attribute::STATUS, value: table_status::REMOVED.to_owned() }
}
