//! Whole reservations: reading, releasing and extending them.
//!
//! The caller names a reservation and not its seats. So a read comes before a write, here and in [`super::bookings`]
//! and nowhere else. The write requires that the record is still the one that was read.

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::book::WholeReservation;
use super::reservation_quota::{QuotaChange, QuotaCheck, ReservationQuota};
use super::schema::reservation_record::{
    ChosenBefore, ExtensionMark, Found, Record, ReservationIdState, ReservationRef, ReservedSeat, stamp_above,
};
use super::schema::{Item, SeatItem, seat_key};
use super::write::rejection::{ItemRejection, WriteRejection};
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{MovedEnd, SeatWrite};
use super::{SeatSlot, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::ids::{ReservationId, SeatLabel, TheaterId};
use crate::domain::selection::Conflict;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;

/// Seats that a call changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChangedSeats {
    /// Their new slots, as far as DynamoDB confirmed them.
    pub slots: Vec<SeatSlot>,
    /// An answer was lost, so more seats than `slots` may have changed.
    pub uncertain: bool,
}

/// A reservation as it is now.
#[derive(Debug, PartialEq, Eq)]
pub enum Reservation {
    /// These seats are reserved under it.
    Running(Vec<ReservedSeat>),
    /// All its seats have run out.
    Expired(Vec<SeatLabel>),
    /// It doesn't exist, or was released or booked.
    None,
}

/// A reservation that is to be booked as a whole.
#[derive(Debug)]
pub enum ReservationToBook {
    /// All its seats are still reserved.
    Whole(WholeReservation),
    /// Some or all of its seats have run out.
    Ended(EndedReservation),
    /// It doesn't exist, or was released or booked.
    None,
}

/// A reservation as it was read, with seats that have run out.
#[derive(Debug)]
pub struct EndedReservation {
    found: Found,
    ended: Vec<ReservedSeat>,
    now: EpochMillis,
}

/// The reason why a reservation can't be booked as a whole.
#[derive(Debug)]
pub enum WholeBookingRejection {
    /// Some of its seats are still reserved, and these are not.
    Incomplete(Vec<Conflict>),
    /// All its seats have run out.
    Expired(Vec<SeatLabel>),
}

/// The result of an earlier request, according to the reservation's record.
#[derive(Debug, PartialEq, Eq)]
pub enum Remembered {
    /// There was no earlier request.
    Nothing,
    /// These seats of the reservation were released, or the whole reservation (empty list).
    Released(Vec<SeatLabel>),
    /// These seats were chosen for the request.
    Chosen(ChosenBefore),
    /// All the seats are reserved, with these ends.
    Held(Vec<ReservedSeat>),
    /// All the seats were reserved, and these have run out.
    Expired(Vec<SeatLabel>),
}

/// A request to extend a reservation.
#[derive(Clone, Copy, Debug)]
pub struct Extension {
    /// The id of the extension. A repeated request has the same id.
    pub id: Uuid,
    /// Seconds from now until the new end.
    pub expires_in: u32,
    /// Seconds that a seat may be reserved in total.
    pub longest: u32,
    /// The quota of seats that the caller may have reserved at once.
    pub reservation_quota: Option<ReservationQuota>,
}

/// The outcome of an extension.
#[derive(Debug, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// These seats of the reservation are still reserved. Those that had no extension before end later now.
    Extended(Vec<ReservedSeat>, ChangedSeats),
    /// The same extension was carried out before. Nothing changed.
    Replayed(Vec<ReservedSeat>),
    /// Each seat was extended before by another request. Nothing changed.
    ExtendedBefore,
    /// No seat would end later than it does. Nothing changed.
    EndsNoLater(EpochSeconds),
    /// The caller has this many seats reserved, and the quota has no room for these any more. Nothing changed.
    LimitReached(usize),
    /// These of the named seats aren't reserved under the reservation, but others are. Nothing changed.
    Missing(Vec<SeatLabel>),
    /// All its seats have run out. Nothing changed, and no earlier attempt can change anything any more.
    Expired(Vec<SeatLabel>),
    /// None of the seats is reserved under it.
    NotFound,
}

impl ChangedSeats {
    /// Reports seats as they are reserved.
    pub fn to(seats: &[ReservedSeat], uncertain: bool) -> Self {
        let slot = |seat: &ReservedSeat| SeatSlot {
            seat: seat.seat.clone(),
            slot: Slot { changed_at: seat.changed_at(), state: SeatState::Reserved { expires_at: seat.expires_at } },
        };
        Self { slots: seats.iter().map(slot).collect(), uncertain }
    }
}

impl ReservedSeat {
    /// Returns the seat as it is after an extension. The new end is the requested one, within the total time that a
    /// seat may be reserved. An end never moves to an earlier time.
    fn extended(&self, extension: &Extension, mark: ExtensionMark, now: EpochMillis) -> Self {
        let wanted = now.ends_after(extension.expires_in);
        let expires_at = wanted.min(self.reserved_at.ends_after(extension.longest)).max(self.expires_at);
        Self { expires_at, extension: Some(mark), ..self.clone() }
    }
}

impl Store {
    /// Reads a reservation: its record, and the items of its seats (strongly consistent).
    ///
    /// A seat whose item can't be read is left out. It can't be booked or released until the item is repaired.
    pub async fn reservation(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<Reservation, StoreError> {
        let Some(found) = self.record(ctx, wanted).await? else { return Ok(Reservation::None) };
        let seats = select_named(found.record.current(), wanted);
        let now = found.record.effective_now(self.clock.now());
        let running: Vec<_> = seats.iter().filter(|seat| seat.runs(now)).cloned().collect();
        if running.is_empty() {
            return Ok(if seats.is_empty() { Reservation::None } else { Reservation::Expired(labels(&seats)) });
        }
        let held = self.still_held(ctx, wanted, &found, running).await?;
        Ok(if held.is_empty() { Reservation::None } else { Reservation::Running(held) })
    }

    /// Keeps the seats whose own items say that they are reserved under the reservation.
    async fn still_held(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        found: &Found,
        seats: Vec<ReservedSeat>,
    ) -> Result<Vec<ReservedSeat>, StoreError> {
        let keys: Vec<_> = seats.iter().map(|seat| seat_key(wanted.theater, &seat.seat)).collect();
        let items = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
        let holder = found.holder(wanted.id);
        let held = seats.into_iter().zip(items);
        let held = held.filter(|(_, item)| item.as_ref().is_some_and(|item| holder.has(item)));
        Ok(held.map(|(seat, _)| seat).collect())
    }

    /// Reads the result of an earlier request for these seats, or for this preference.
    pub async fn remembered(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        wish: Option<Uuid>,
    ) -> Result<Remembered, StoreError> {
        let Some(Found { record, .. }) = self.record(ctx, wanted).await? else { return Ok(Remembered::Nothing) };
        if record.state != ReservationIdState::Open {
            return Ok(Remembered::Released(Vec::new()));
        }
        if let Some(choice) = wish.and_then(|wish| record.choice(wish)) {
            return Ok(Remembered::Chosen(ChosenBefore::of(choice)));
        }
        let Some(asked) = wanted.seats else { return Ok(Remembered::Nothing) };
        let given_back: Vec<_> = asked.iter().filter(|seat| record.given_back.contains(seat)).cloned().collect();
        if !given_back.is_empty() {
            return Ok(Remembered::Released(given_back));
        }
        let had = select_named(record.seats.iter().collect(), wanted);
        if had.len() < asked.len() {
            return Ok(Remembered::Nothing);
        }
        let now = record.effective_now(self.clock.now());
        let ended: Vec<_> = had.iter().filter(|seat| !seat.runs(now)).cloned().collect();
        Ok(if ended.is_empty() { Remembered::Held(had) } else { Remembered::Expired(labels(&ended)) })
    }

    /// Reads a reservation that is to be booked as a whole (one strongly consistent GetItem).
    pub async fn read_reservation_to_book(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<ReservationToBook, StoreError> {
        let Some(found) = self.record(ctx, wanted).await? else { return Ok(ReservationToBook::None) };
        let seats: Vec<_> = found.record.current().into_iter().cloned().collect();
        if seats.is_empty() {
            return Ok(ReservationToBook::None);
        }
        let now = found.record.effective_now(self.clock.now());
        let ended: Vec<_> = seats.iter().filter(|seat| !seat.runs(now)).cloned().collect();
        if !ended.is_empty() {
            return Ok(ReservationToBook::Ended(EndedReservation { found, ended, now }));
        }
        let stamp = stamp_above(&seats.iter().collect::<Vec<_>>(), now);
        Ok(ReservationToBook::Whole(WholeReservation { id: wanted.id, found, seats: labels(&seats), stamp }))
    }

    /// Rejects the booking of a whole reservation. Returns `None` if the reservation has changed since it was read.
    ///
    /// The record stores when the caller was rejected. From then on an earlier, delayed attempt to book the reservation
    /// is rejected too, and the answer stays true. Repeating it is safe, because it writes nothing if the record
    /// already says so.
    pub async fn reject_booking(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        reservation: &EndedReservation,
    ) -> Result<Option<WholeBookingRejection>, StoreError> {
        let EndedReservation { found, ended, now } = reservation;
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        if let Err(refusal) = self.store_rejection_time(wanted, found, *now, &mut retry_loop).await {
            retry_loop.pause_before_reread(refusal).await?;
            return Ok(None);
        }
        Ok(Some(if ended.len() == found.record.current().len() {
            WholeBookingRejection::Expired(labels(ended))
        } else {
            WholeBookingRejection::Incomplete(self.conflicts(ctx, wanted.theater, ended).await?)
        }))
    }

    /// Stores in the record when a caller was answered that seats have run out. Repeating it changes nothing, because
    /// it writes only if more seats have run out since the last such answer.
    async fn store_rejection_time(
        &self,
        wanted: &ReservationRef<'_>,
        found: &Found,
        now: EpochMillis,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<(), WriteRejection> {
        if !found.record.has_newly_ended_seats(now) {
            return Ok(());
        }
        let record = Record { refused_at: now, ..found.record.clone() };
        let wanted = ReservationRef { owner: found.owner, ..*wanted };
        let put = self.build_record_put(&record, &wanted, now).map(|put| vec![put]);
        self.transact(put, random::random_id(), retry_loop).await
    }

    /// Reads the items of seats that a reservation has lost.
    async fn conflicts(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        seats: &[ReservedSeat],
    ) -> Result<Vec<Conflict>, StoreError> {
        let keys: Vec<_> = seats.iter().map(|seat| seat_key(theater, &seat.seat)).collect();
        let items = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
        let now = self.clock.now();
        let conflict = |(seat, item): (&ReservedSeat, Option<Item>)| {
            let slot = item.map_or(Ok(Slot::default()), |item| SeatItem::slot(&item))?;
            Ok(Conflict { seat: seat.seat.clone(), state: slot.status(now), yours: false })
        };
        seats.iter().zip(items).map(conflict).collect()
    }

    /// Finds the reservation that a seat got by the write with this stamp, even if it has run out (one strongly
    /// consistent GetItem). Returns `None` if the seat was written since, or can't be read.
    pub async fn find_reservation_by_stamp(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        seat: &SeatLabel,
        changed_at: EpochMillis,
    ) -> Result<Option<ReservationId>, StoreError> {
        let item = self.read_item(ctx, seat_key(theater, seat)).await?;
        let read = item.as_ref().and_then(|item| SeatItem::read(item).ok());
        let is_withdrawn = |seat: &SeatItem| matches!(seat.slot.state, SeatState::Withdrawn { .. });
        let same = read.filter(|seat| seat.slot.changed_at == changed_at && !is_withdrawn(seat));
        Ok(same.and_then(|seat| seat.reservation))
    }

    /// Releases a whole reservation and spends its id, or releases some of its seats.
    ///
    /// Repeating it is safe: a spent id stays spent, and only seats that are reserved under it are changed. The id of a
    /// reservation that doesn't exist is spent too, because the request to make it may still be on its way.
    pub async fn release(&self, ctx: &RequestContext, wanted: &ReservationRef<'_>) -> Result<ChangedSeats, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let mut lost: Vec<SeatLabel> = Vec::new();
        let mut stamp = EpochMillis(0);
        loop {
            let found = self.record(ctx, wanted).await?;
            let found = found.unwrap_or_else(|| Found { record: Record::default(), owner: wanted.owner });
            let now = found.record.effective_now(self.clock.now());
            let (next, running) = released(&found.record, wanted, now);
            let Some(next) = next else {
                return Ok(ChangedSeats { slots: Vec::new(), uncertain: retry_loop.unknown });
            };
            let seats: Vec<_> = running.into_iter().filter(|seat| !lost.contains(&seat.seat)).collect();
            stamp = stamp.max(stamp_above(&seats.iter().collect::<Vec<_>>(), now));
            let holder = found.holder(wanted.id);
            let changes = seats.iter().map(|seat| (&seat.seat, SeatWrite::release(&holder, stamp, now)));
            let write = self.build_transaction(&next, wanted, &found, now, None, changes);
            match self.transact(write, random::random_id(), &mut retry_loop).await {
                Ok(()) => {
                    let slot = Slot { changed_at: stamp, state: SeatState::Available };
                    let slots = seats.into_iter().map(|seat| SeatSlot { seat: seat.seat, slot });
                    return Ok(ChangedSeats { slots: slots.collect(), uncertain: retry_loop.unknown });
                }
                Err(refusal) => {
                    if let WriteRejection::Conditions(condition_results) = &refusal {
                        learn_from_rejection(
                            &found,
                            wanted,
                            (&seats, condition_results.iter().skip(1)),
                            (&mut lost, &mut stamp),
                        );
                    }
                    retry_loop.pause_before_reread(refusal).await?;
                }
            }
        }
    }

    /// Extends the seats of a reservation, each of them once.
    ///
    /// Repeating it is safe: the record lists the extension of each seat, and is written in the same transaction. If an
    /// answer is lost, the record is read again and has this request's token.
    pub async fn extend(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        extension: &Extension,
    ) -> Result<ExtendOutcome, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let token = random::random_id();
        let mut lost: Vec<SeatLabel> = Vec::new();
        let mut stamp = EpochMillis(0);
        let mut quota_change = QuotaChange::Keep;
        loop {
            let Some(found) = self.record(ctx, wanted).await? else { return Ok(ExtendOutcome::NotFound) };
            // Taken after the read, because a slow read must not revive seats that have ended meanwhile.
            let now = found.record.effective_now(self.clock.now());
            let seats = select_named(found.record.current(), wanted);
            let seats: Vec<_> = seats.into_iter().filter(|seat| !lost.contains(&seat.seat)).collect();
            stamp = stamp.max(stamp_above(&seats.iter().collect::<Vec<_>>(), now));
            let mark = ExtensionMark { id: extension.id, token, at: stamp.0 };
            let next = match plan_extension(&seats, extension, mark, now) {
                Ok(next) => next,
                Err(ExtendOutcome::Replayed(seats)) => {
                    let held = self.still_held(ctx, wanted, &found, seats).await?;
                    return Ok(replay_extension(held, token));
                }
                Err(ExtendOutcome::Expired(seats)) => {
                    match self.store_rejection_time(wanted, &found, now, &mut retry_loop).await {
                        Ok(()) => return Ok(ExtendOutcome::Expired(seats)),
                        Err(refusal) => {
                            retry_loop.pause_before_reread(refusal).await?;
                            continue;
                        }
                    }
                }
                Err(outcome) => return Ok(outcome),
            };
            let missing = missing(wanted, &seats, now);
            if !missing.is_empty() {
                return Ok(ExtendOutcome::Missing(missing));
            }
            let mut record = found.record.clone();
            for seat in &mut record.seats {
                if let Some(later) = next.iter().find(|later| later.seat == seat.seat) {
                    *seat = later.clone();
                }
            }
            let holder = found.holder(wanted.id);
            let changed: Vec<_> = seats.iter().filter_map(|old| Some((old, later(&next, old)?))).collect();
            let changes = changed.iter().map(|(old, new)| {
                let end = MovedEnd { from: old.expires_at, to: new.expires_at };
                (&old.seat, SeatWrite::extend(&holder, end, stamp))
            });
            let reservation_quota = extension.reservation_quota.map(|reservation_quota| {
                let labels = changed.iter().map(|(old, _)| &old.seat);
                reservation_quota.item(&self.table, wanted.theater, labels, &quota_change, now)
            });
            let limited = reservation_quota.is_some();
            let write = self.build_transaction(&record, wanted, &found, now, reservation_quota, changes);
            match self.transact(write, random::random_id(), &mut retry_loop).await {
                Ok(()) => {
                    let new: Vec<_> = changed.iter().map(|(_, new)| (*new).clone()).collect();
                    let changed = ChangedSeats::to(&new, retry_loop.unknown);
                    let all = seats.iter().filter(|seat| seat.runs(now));
                    let all = all.map(|seat| later(&next, seat).unwrap_or(seat).clone());
                    return Ok(ExtendOutcome::Extended(all.collect(), changed));
                }
                Err(refusal) => {
                    if let WriteRejection::Conditions(condition_results) = &refusal {
                        let old: Vec<_> = changed.iter().map(|(old, _)| (*old).clone()).collect();
                        let seats = condition_results.iter().skip(1 + usize::from(limited));
                        learn_from_rejection(&found, wanted, (&old, seats), (&mut lost, &mut stamp));
                        if let (Some(reservation_quota), Some(ItemRejection::Refused(Some(set)))) =
                            (extension.reservation_quota, condition_results.get(1).filter(|_| limited))
                        {
                            let labels = old.iter().map(|seat| &seat.seat);
                            let room =
                                reservation_quota.recount(self, wanted.theater, labels, set, &mut retry_loop).await?;
                            match room {
                                QuotaCheck::Full(reserved) => return Ok(ExtendOutcome::LimitReached(reserved)),
                                QuotaCheck::Enough(change) => quota_change = change,
                            }
                        }
                    }
                    retry_loop.pause_before_reread(refusal).await?;
                }
            }
        }
    }

    /// Builds the record, then the owner's set of seats if they have a quota, then the seats.
    fn build_transaction<'a>(
        &self,
        record: &Record,
        wanted: &ReservationRef<'_>,
        found: &Found,
        now: EpochMillis,
        reservation_quota: Option<Result<TransactWriteItem, StoreError>>,
        changes: impl Iterator<Item = (&'a SeatLabel, SeatWrite)>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let wanted = ReservationRef { owner: found.owner, ..*wanted };
        let record = self.build_record_put(record, &wanted, now);
        let changes =
            changes.map(|(seat, change)| change.into_transaction_item(&self.table, seat_key(wanted.theater, seat)));
        std::iter::once(record).chain(reservation_quota).chain(changes).collect()
    }
}

impl crate::store::write::seat_write::SeatHolder {
    /// Returns `true` if a seat is reserved under this reservation, even if it has run out. A seat that can't be read
    /// isn't.
    fn has(&self, item: &Item) -> bool {
        SeatItem::read(item).is_ok_and(|seat| {
            let reserved = matches!(seat.slot.state, SeatState::Reserved { .. });
            reserved && seat.reservation == Some(self.reservation) && seat.owner == self.owner
        })
    }
}

/// Returns the record after a release, and the seats to release. Returns no record if nothing is left to do.
fn released(record: &Record, wanted: &ReservationRef<'_>, now: EpochMillis) -> (Option<Record>, Vec<ReservedSeat>) {
    let mut next = record.clone();
    match wanted.seats {
        _ if record.state != ReservationIdState::Open => return (None, Vec::new()),
        None => next.release(),
        Some(seats) => {
            if seats.iter().all(|seat| record.given_back.contains(seat)) {
                return (None, Vec::new());
            }
            next.release_seats(seats);
        }
    }
    let asked = |seat: &&ReservedSeat| wanted.seats.is_none_or(|seats| seats.contains(&seat.seat));
    let running = record.seats.iter().filter(asked).filter(|seat| seat.runs(now)).cloned();
    (Some(next), running.collect())
}

/// Reads from a rejection which seats the reservation has lost, and how high the stamp of the others has to be.
fn learn_from_rejection<'a>(
    found: &Found,
    wanted: &ReservationRef<'_>,
    (seats, condition_results): (&[ReservedSeat], impl Iterator<Item = &'a ItemRejection>),
    (lost, stamp): (&mut Vec<SeatLabel>, &mut EpochMillis),
) {
    let holder = found.holder(wanted.id);
    for (seat, verdict) in seats.iter().zip(condition_results) {
        match verdict {
            ItemRejection::Passed | ItemRejection::CallFailure(_) => {}
            ItemRejection::Refused(Some(item)) if holder.has(item) => {
                let changed_at = SeatItem::slot(item).map(|slot| slot.changed_at).unwrap_or_default();
                *stamp = SeatWrite::raise_above(changed_at, *stamp);
            }
            ItemRejection::Refused(_) => lost.push(seat.seat.clone()),
        }
    }
}

fn select_named(seats: Vec<&ReservedSeat>, wanted: &ReservationRef<'_>) -> Vec<ReservedSeat> {
    let asked = |seat: &&ReservedSeat| wanted.seats.is_none_or(|seats| seats.contains(&seat.seat));
    seats.into_iter().filter(asked).cloned().collect()
}

/// Returns the seats that a call names and that aren't among `seats`, or have run out.
fn missing(wanted: &ReservationRef<'_>, seats: &[ReservedSeat], now: EpochMillis) -> Vec<SeatLabel> {
    let runs = |label: &SeatLabel| seats.iter().any(|seat| seat.seat == *label && seat.runs(now));
    wanted.seats.into_iter().flatten().filter(|label| !runs(label)).cloned().collect()
}

fn labels(seats: &[ReservedSeat]) -> Vec<SeatLabel> {
    seats.iter().map(|seat| seat.seat.clone()).collect()
}

/// Returns the outcome if seats already have this extension, by this request (whose answer was lost) or by an earlier
/// one.
fn replay_extension(seats: Vec<ReservedSeat>, token: Uuid) -> ExtendOutcome {
    if seats.is_empty() {
        return ExtendOutcome::NotFound;
    }
    let own = |seat: &ReservedSeat| seat.extension.is_some_and(|extension| extension.token == token);
    if seats.iter().any(own) {
        let changed = ChangedSeats::to(&seats, false);
        return ExtendOutcome::Extended(seats, changed);
    }
    ExtendOutcome::Replayed(seats)
}

fn later<'a>(next: &'a [ReservedSeat], seat: &ReservedSeat) -> Option<&'a ReservedSeat> {
    next.iter().find(|later| later.seat == seat.seat)
}

/// Returns the seats that change, with their new ends, or the outcome if there is nothing to extend.
fn plan_extension(
    seats: &[ReservedSeat],
    extension: &Extension,
    mark: ExtensionMark,
    now: EpochMillis,
) -> Result<Vec<ReservedSeat>, ExtendOutcome> {
    let running: Vec<_> = seats.iter().filter(|seat| seat.runs(now)).collect();
    let by_this = |seat: &&ReservedSeat| seat.extension.is_some_and(|mark| mark.id == extension.id);
    if running.iter().any(by_this) {
        return Err(ExtendOutcome::Replayed(running.into_iter().cloned().collect()));
    }
    if running.is_empty() {
        let expired = ExtendOutcome::Expired(labels(seats));
        return Err(if seats.is_empty() { ExtendOutcome::NotFound } else { expired });
    }
    let open: Vec<_> = running.iter().filter(|seat| seat.extension.is_none()).collect();
    if open.is_empty() {
        return Err(ExtendOutcome::ExtendedBefore);
    }
    let next = open.iter().map(|seat| (seat.expires_at, seat.extended(extension, mark, now)));
    let next: Vec<_> = next.filter(|(ends, next)| next.expires_at > *ends).map(|(_, next)| next).collect();
    if next.is_empty() {
        let end = running.iter().map(|seat| seat.expires_at).min().unwrap_or_default();
        return Err(ExtendOutcome::EndsNoLater(end));
    }
    Ok(next)
}

impl RetryLoop<'_> {
    /// Waits after a rejected write, before its record is read again. There is no pause if the record has changed.
    /// Returns an error if there is no more time.
    pub(super) async fn pause_before_reread(&mut self, refusal: WriteRejection) -> Result<(), StoreError> {
        let trouble = match refusal {
            WriteRejection::Call(trouble) => trouble,
            WriteRejection::Conditions(condition_results) => match WriteRejection::first_failure(condition_results) {
                Some(trouble) => trouble,
                None if self.may_retry_immediately() => return Ok(()),
                None => CallFailure::Contention("the record keeps changing".to_owned()),
            },
        };
        self.pause(trouble).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: ExtensionMark = ExtensionMark { id: Uuid::from_u128(1), token: Uuid::from_u128(99), at: 1_000_000 };
    const NOW: EpochMillis = EpochMillis(1_000_000);

    fn seat(label: &str, reserved: u64, expires_at: u64, extension: Option<u128>) -> ReservedSeat {
        let mark = |id| ExtensionMark { id: Uuid::from_u128(id), token: Uuid::nil(), at: 0 };
        ReservedSeat {
            seat: SeatLabel::parse(label).unwrap(),
            reserved_at: EpochMillis(reserved * 1_000),
            stamp: EpochMillis(reserved * 1_000),
            expires_at: EpochSeconds(expires_at),
            extension: extension.map(mark),
        }
    }

    fn by(expires_in: u32) -> Extension {
        Extension { id: Uuid::from_u128(1), expires_in, longest: 1_800, reservation_quota: None }
    }

    #[test]
    fn extension_respects_total_time_limit() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 100, 1_500, None), seat("A3", 10, 1_805, None)];
        let next = plan_extension(&seats, &by(1_000), MARK, NOW).unwrap();
        let ends: Vec<_> = next.iter().map(|seat| seat.expires_at.0).collect();
        assert_eq!(ends, [2_000, 1_900, 1_810]);
        assert!(next.iter().all(|seat| seat.changed_at() == NOW && seat.extension == Some(MARK)));
    }

    #[test]
    fn extension_never_shortens_a_reservation() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 900, 2_000, None)];
        let next = plan_extension(&seats, &by(200), MARK, NOW).unwrap();
        assert_eq!(next.iter().map(|seat| seat.expires_at.0).collect::<Vec<_>>(), [1_200], "A2 stays as it is");
        assert_eq!(plan_extension(&seats, &by(100), MARK, NOW), Err(ExtendOutcome::EndsNoLater(EpochSeconds(1_100))));
    }

    #[test]
    fn each_seat_is_extended_once() {
        let all = [seat("A1", 900, 1_100, Some(2)), seat("A2", 900, 1_100, Some(3))];
        assert_eq!(plan_extension(&all, &by(600), MARK, NOW), Err(ExtendOutcome::ExtendedBefore));
        let grown = [seat("A1", 900, 1_100, Some(2)), seat("A2", 900, 1_100, None)];
        let next = plan_extension(&grown, &by(600), MARK, NOW).unwrap();
        assert_eq!(labels(&next), [SeatLabel::parse("A2").unwrap()], "the seat that was added since");
        let own = [seat("A1", 900, 1_100, Some(1)), seat("A2", 900, 1_100, None)];
        assert_eq!(plan_extension(&own, &by(600), MARK, NOW), Err(ExtendOutcome::Replayed(own.to_vec())));
        let gone = [seat("A1", 900, 999, Some(2)), seat("A2", 900, 1_100, None)];
        assert!(plan_extension(&gone, &by(600), MARK, NOW).is_ok(), "a seat that has run out doesn't belong to it");
    }

    #[test]
    fn no_seats_are_not_found_and_ended_ones_are_expired() {
        assert_eq!(plan_extension(&[], &by(600), MARK, NOW), Err(ExtendOutcome::NotFound));
        let ended = [seat("A1", 900, 1_000, None)];
        assert_eq!(plan_extension(&ended, &by(600), MARK, NOW), Err(ExtendOutcome::Expired(labels(&ended))));
    }
}
