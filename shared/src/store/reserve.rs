//! Seat reservations: one transaction that writes the reservation's record and its seats, all or nothing.

pub(super) mod types;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::reservation_quota::{QuotaChange, QuotaCheck};
use super::schema::reservation_record::{
    Choice, ChosenBefore, MAX_SEATS_PER_RESERVATION, Record, ReservationIdState, ReservationRef, ReservedSeat,
};
use super::schema::{Item, reservation_key, seat_key};
use super::write::rejection::{Claimant, ItemRejection, SeatClaim, SeatFinding, SeatFindings, WriteRejection};
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{NewReservation, SeatHolder, SeatWrite};
use super::{Decision, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::RequestToken;
use crate::domain::seat_index::SeatIndex;
use crate::domain::selection::SelectedSeat;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;
use types::{ReserveChosenOutcome, ReserveOutcome, ReserveRequest, ReservedSeats, SeatExpiry, Wish};

/// One request in progress.
struct ReserveOperation<'a> {
    store: &'a Store,
    request: &'a ReserveRequest<'a>,
    /// The preference that the seats were chosen for. It is stored with them.
    wish: Option<Wish<'a>>,
    now: EpochMillis,
    expires_at: EpochSeconds,
    stamp: EpochMillis,
    /// The reservation's record as last seen. It is empty at first, because most requests are the first of their
    /// reservation.
    record: Record,
    /// Seats that were already reserved under this reservation, by seat index.
    own_seats: BTreeMap<SeatIndex, OwnSeat>,
    /// Makes DynamoDB treat repeated attempts of the same transaction as one.
    token: Uuid,
    /// Written with the seats, so that this request recognizes its own work when an answer is lost.
    request_token: RequestToken,
    /// The change of the owner's set of reserved seats.
    quota_change: QuotaChange,
}

impl Store {
    /// Reserves available seats.
    ///
    /// Repeating it is safe, because a seat is changed only while it is available. The item in a rejection shows
    /// whether this reservation or another one has the seat. If the answer to an attempt is lost, the next attempt
    /// finds its own token in the seats. It reports them as reserved by this request, not as reserved before.
    ///
    /// A first request makes one call. A request that adds to a reservation makes two, because the rejection of the
    /// first call returns the record.
    #[expect(clippy::expect_used, reason = "a choice is found by the preference of the request")]
    pub async fn reserve(
        &self,
        ctx: &RequestContext,
        request: &ReserveRequest<'_>,
    ) -> Result<Decision<ReserveOutcome>, StoreError> {
        let Decision { outcome, observed } = self.reserve_for(ctx, request, None).await?;
        let outcome = match outcome {
            ReserveChosenOutcome::Decided(outcome) => Some(outcome),
            ReserveChosenOutcome::ChosenBefore(_) => None,
        };
        Ok(Decision { outcome: outcome.expect("named seats have no preference"), observed })
    }

    /// Reserves seats that were chosen for a preference. The preference is stored with them. Repeating it is safe, as
    /// for [`Self::reserve`], and finds the seats of the first request.
    pub async fn reserve_chosen(
        &self,
        ctx: &RequestContext,
        request: &ReserveRequest<'_>,
        wish: Wish<'_>,
    ) -> Result<Decision<ReserveChosenOutcome>, StoreError> {
        self.reserve_for(ctx, request, Some(wish)).await
    }

    async fn reserve_for(
        &self,
        ctx: &RequestContext,
        request: &ReserveRequest<'_>,
        wish: Option<Wish<'_>>,
    ) -> Result<Decision<ReserveChosenOutcome>, StoreError> {
        if let Some(quota) = request.reservation_quota.filter(|quota| quota.exceeds(request.seats.seats().len())) {
            return Ok(decision_without_slots(ReserveOutcome::LimitReached(quota.most)));
        }
        let record = if request.must_exist {
            match self.record(ctx, &request.wanted()).await? {
                Some(found) if found.owner == request.owner => found.record,
                _ => return Ok(decision_without_slots(ReserveOutcome::NotFound)),
            }
        } else {
            Record::default()
        };
        let now = self.clock.now();
        let mut operation = ReserveOperation {
            store: self,
            request,
            wish,
            now,
            expires_at: now.ends_after(request.expires_in),
            stamp: now,
            record,
            own_seats: BTreeMap::new(),
            token: random::random_id(),
            request_token: RequestToken::new(random::random_id()),
            quota_change: QuotaChange::Grow,
        };
        let decided = operation.decide_by_record().or_else(|| operation.reject_given_back_seats());
        if let Some(decision) = decided.or_else(|| operation.reject_too_many_seats()) {
            return Ok(decision);
        }
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        loop {
            let failure = match operation.attempt(&mut retry_loop).await {
                Ok(()) => return Ok(operation.reserved()),
                Err(WriteRejection::Call(failure)) => failure,
                Err(WriteRejection::Conditions(condition_results)) => {
                    match operation.evaluate_rejection(condition_results, &mut retry_loop).await? {
                        ReserveStep::Decided(decision) => return Ok(decision),
                        ReserveStep::CallFailure(failure) => failure,
                        // The next attempt knows more: a higher stamp, a seat of its own reservation, the record, or room
                        // in the quota.
                        ReserveStep::RetryInformed if retry_loop.may_retry_immediately() => continue,
                        ReserveStep::RetryInformed => CallFailure::Contention("the seats keep changing".to_owned()),
                    }
                }
            };
            if matches!(failure, CallFailure::OtherUnderToken(_)) {
                operation.token = random::random_id();
            }
            match retry_loop.pause(failure).await {
                Ok(()) => {}
                Err(StoreError::OutcomeUnknown(text)) => {
                    let decision = operation.decide_by_reading(ctx, &retry_loop).await;
                    return decision.ok_or(StoreError::OutcomeUnknown(text));
                }
                Err(broken) => return Err(broken),
            }
        }
    }
}

impl ReserveRequest<'_> {
    fn wanted(&self) -> ReservationRef<'_> {
        ReservationRef { inventory: self.inventory, id: self.reservation, owner: self.owner, seats: None }
    }
}

/// A seat that was reserved under the reservation before.
#[derive(Clone, Copy)]
struct OwnSeat {
    changed_at: EpochMillis,
    expires_at: EpochSeconds,
    /// The token of the request that reserved it.
    request_token: Option<RequestToken>,
}

enum ReserveStep {
    Decided(Decision<ReserveChosenOutcome>),
    CallFailure(CallFailure),
    RetryInformed,
}

fn decision(outcome: ReserveOutcome, observed: Vec<SlotUpdate>) -> Decision<ReserveChosenOutcome> {
    Decision { outcome: ReserveChosenOutcome::Decided(outcome), observed }
}

fn decision_without_slots(outcome: ReserveOutcome) -> Decision<ReserveChosenOutcome> {
    decision(outcome, Vec::new())
}

impl ReserveOperation<'_> {
    async fn attempt(&self, retry_loop: &mut RetryLoop<'_>) -> Result<(), WriteRejection> {
        let ReserveRequest { inventory, reservation, owner, seats, .. } = *self.request;
        let holder = SeatHolder { reservation, owner };
        let new = NewReservation { holder, token: self.request_token, expires_at: self.expires_at };
        let change = |seat: &SelectedSeat| match self.own_seats.get(&seat.seat_index) {
            Some(own) => SeatWrite::still_reserved(reservation, own.changed_at, self.now),
            None if self.is_unconfirmed(seat) => SeatWrite::always_reject(),
            None => SeatWrite::reserve(&new, self.stamp, self.now),
        };
        let table = &self.store.table;
        let changes = seats
            .seats()
            .iter()
            .map(|seat| change(seat).into_transaction_item(table, seat_key(inventory, &seat.label)));
        self.store.transact(self.build_record_and_quota().chain(changes).collect(), self.token, retry_loop).await
    }

    /// Returns `true` if the record lists the seat as reserved, but no item has confirmed that.
    ///
    /// The seat may have been booked by name, and be available again after a cancellation. The reservation doesn't get
    /// it back then.
    fn is_unconfirmed(&self, seat: &SelectedSeat) -> bool {
        !self.own_seats.contains_key(&seat.seat_index) && self.record.lists_as_reserved(&seat.label, self.now)
    }

    /// Builds the writes that come before the seats.
    fn build_record_and_quota(&self) -> impl Iterator<Item = Result<TransactWriteItem, StoreError>> {
        let ReserveRequest { inventory, seats, reservation_quota, .. } = self.request;
        let record = self.store.build_record_put(&self.next_record(), &self.request.wanted(), self.now);
        let reservation_quota = reservation_quota.map(|reservation_quota| {
            reservation_quota.item(&self.store.table, inventory, seats.labels(), &self.quota_change, self.now)
        });
        std::iter::once(record).chain(reservation_quota)
    }

    /// Returns the record as last seen, with this request added.
    fn next_record(&self) -> Record {
        let mut record = self.record.clone();
        let new = self.request.seats.seats().iter().filter(|seat| !self.own_seats.contains_key(&seat.seat_index));
        let new = new.map(|seat| ReservedSeat {
            seat: seat.label.clone(),
            reserved_at: self.now,
            stamp: self.stamp,
            expires_at: self.expires_at,
            extension: None,
        });
        record.add_seats(new, self.now);
        if let Some(Wish { id, text }) = self.wish {
            let seats = self.request.seats.labels().cloned().collect();
            record.choices.push(Choice { id, wish: text.to_owned(), seats, token: self.request_token });
        }
        record
    }

    /// Decides the request by the conditions that failed, or prepares the next attempt.
    async fn evaluate_rejection(
        &mut self,
        mut condition_results: Vec<ItemRejection>,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<ReserveStep, StoreError> {
        let items_before_seats = 1 + usize::from(self.request.reservation_quota.is_some());
        let seats = condition_results.split_off(items_before_seats.min(condition_results.len()));
        let mut record_results = condition_results.into_iter();
        let record = record_results.next();
        let reservation_quota = self.request.reservation_quota.and_then(|_| record_results.next());
        // The record explains the items of the seats only if it hasn't changed since it was read.
        let unconfirmed = match record {
            Some(ItemRejection::Passed) => {
                self.request.seats.seats().iter().filter(|seat| self.is_unconfirmed(seat)).collect()
            }
            _ => Vec::new(),
        };
        if let Some(ItemRejection::Refused(item)) = &record {
            self.remember_record(item.as_ref()).map_err(|error| retry_loop.failure(error))?;
            if let Some(decision) = self.decide_by_record() {
                return Ok(ReserveStep::Decided(decision));
            }
        }
        let findings = self.read(seats).map_err(|error| retry_loop.failure(error))?;
        if !retry_loop.should_resolve_all_seats(findings.failure.is_some())
            && let Some(decision) = self.decide_by_seats(&findings, &unconfirmed, retry_loop.unknown)
        {
            return Ok(ReserveStep::Decided(decision));
        }
        if let Some(decision) = self.reject_given_back_seats().or_else(|| self.reject_too_many_seats()) {
            return Ok(ReserveStep::Decided(decision));
        }
        if let (Some(reservation_quota), Some(ItemRejection::Refused(Some(set)))) =
            (self.request.reservation_quota, &reservation_quota)
        {
            let ReserveRequest { inventory, seats, .. } = self.request;
            match reservation_quota.recount(self.store, inventory, seats.labels(), set, retry_loop).await? {
                QuotaCheck::Full(reserved) => {
                    let outcome = ReserveOutcome::LimitReached(reserved);
                    return Ok(ReserveStep::Decided(decision(outcome, findings.learned())));
                }
                QuotaCheck::Enough(change) => self.quota_change = change,
            }
        }
        // The next attempt is another transaction, and a token stands for one transaction.
        self.token = random::random_id();
        let record_failure = WriteRejection::first_failure([record, reservation_quota].into_iter().flatten().collect());
        Ok(findings.failure.or(record_failure).map_or(ReserveStep::RetryInformed, ReserveStep::CallFailure))
    }

    fn remember_record(&mut self, item: Option<&Item>) -> Result<(), StoreError> {
        self.record = item.map_or(Ok(None), |item| Record::read(item, self.now))?.unwrap_or_default();
        Ok(())
    }

    /// Returns the decision if the record alone makes it.
    fn decide_by_record(&self) -> Option<Decision<ReserveChosenOutcome>> {
        if self.record.state != ReservationIdState::Open {
            return Some(decision_without_slots(ReserveOutcome::Released(Vec::new())));
        }
        let before = self.record.choice(self.wish?.id).filter(|choice| choice.token != self.request_token)?;
        let outcome = ReserveChosenOutcome::ChosenBefore(ChosenBefore::of(before));
        Some(Decision { outcome, observed: Vec::new() })
    }

    /// Returns the decision if some of the seats were released or booked before and are available now.
    fn reject_given_back_seats(&self) -> Option<Decision<ReserveChosenOutcome>> {
        let given_back = self.request.seats.labels().filter(|seat| self.record.given_back.contains(seat));
        let given_back: Vec<_> = given_back.cloned().collect();
        (!given_back.is_empty()).then_some(decision_without_slots(ReserveOutcome::Released(given_back)))
    }

    /// Returns the decision if the reservation would have too many seats.
    fn reject_too_many_seats(&self) -> Option<Decision<ReserveChosenOutcome>> {
        let next = self.next_record().seats.len();
        (next > MAX_SEATS_PER_RESERVATION)
            .then_some(decision_without_slots(ReserveOutcome::Full(self.record.seats.len())))
    }

    fn read(&self, condition_results: Vec<ItemRejection>) -> Result<SeatFindings, StoreError> {
        let claimant =
            Claimant { reservation: Some(self.request.reservation), owner: self.request.owner, booking: None };
        SeatFindings::read(self.request.seats.seats(), condition_results, claimant, self.now)
    }

    /// Decides the request by the seats in the way, or remembers their state for the next attempt. The `unconfirmed`
    /// seats belong to the reservation according to its record.
    fn decide_by_seats(
        &mut self,
        findings: &SeatFindings,
        unconfirmed: &[&SelectedSeat],
        unknown: bool,
    ) -> Option<Decision<ReserveChosenOutcome>> {
        let conflicts = findings.conflicts();
        if !conflicts.is_empty() {
            return Some(decision(ReserveOutcome::Refused(conflicts), findings.learned()));
        }
        for found in &findings.found {
            let seat_index = found.seat.seat_index;
            if let (SeatClaim::Ours, Some(Slot { changed_at, state })) = (&found.standing, found.slot)
                && let Some(expires_at) = state.reserved_until()
            {
                let own = OwnSeat { changed_at, expires_at, request_token: found.request_token };
                self.own_seats.insert(seat_index, own);
            } else {
                self.own_seats.remove(&seat_index);
            }
        }
        let all_reserved = self.own_seats.len() == self.request.seats.seats().len();
        if all_reserved {
            let own = unknown && self.own_seats.values().any(|own| own.request_token == Some(self.request_token));
            if own {
                return Some(self.reserved());
            }
        }
        // A release doesn't change seats that have ended by its instance's clock, so they still name this reservation.
        // The record decides.
        if let Some(decision) = self.reject_given_back_seats() {
            return Some(decision);
        }
        if all_reserved {
            return Some(self.already_reserved());
        }
        let is_open = |found: &&SeatFinding| found.standing == SeatClaim::Open;
        let gone = findings.found.iter().filter(is_open).filter(|found| unconfirmed.contains(&&found.seat));
        let gone: Vec<_> = gone.map(|found| found.seat.label.clone()).collect();
        if !gone.is_empty() {
            return Some(decision_without_slots(ReserveOutcome::Released(gone)));
        }
        if findings.found.iter().any(|found| found.standing == SeatClaim::Open) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        None
    }

    /// Reads the record and the seats after the attempts are used up, and decides the request by them.
    async fn decide_by_reading(
        &mut self,
        ctx: &RequestContext,
        retry_loop: &RetryLoop<'_>,
    ) -> Option<Decision<ReserveChosenOutcome>> {
        let ReserveRequest { inventory, seats, reservation, owner, .. } = self.request;
        let mut keys = vec![reservation_key(inventory, *owner, *reservation)];
        keys.extend(seats.labels().map(|label| seat_key(inventory, label)));
        let mut found = self.store.last_read(ctx, &keys).await?.into_iter();
        self.remember_record(found.next()?.as_ref()).ok()?;
        if let Some(decision) = self.decide_by_record() {
            return Some(decision);
        }
        let findings = self.read(found.map(ItemRejection::Refused).collect()).ok()?;
        self.decide_by_seats(&findings, &[], retry_loop.unknown)
    }

    fn reserved(&self) -> Decision<ReserveChosenOutcome> {
        self.decide(&self.next_record(), ReserveOutcome::Reserved)
    }

    fn already_reserved(&self) -> Decision<ReserveChosenOutcome> {
        self.decide(&self.record, ReserveOutcome::AlreadyReserved)
    }

    /// Builds the decision for seats that are all reserved, according to this record.
    fn decide(&self, record: &Record, outcome: fn(ReservedSeats) -> ReserveOutcome) -> Decision<ReserveChosenOutcome> {
        let written = OwnSeat { changed_at: self.stamp, expires_at: self.expires_at, request_token: None };
        let own = |seat: &SelectedSeat| *self.own_seats.get(&seat.seat_index).unwrap_or(&written);
        let slot = |seat: &SelectedSeat| {
            let OwnSeat { changed_at, expires_at, .. } = own(seat);
            Slot { changed_at, state: SeatState::Reserved { expires_at } }
        };
        let expiry = |seat: &SelectedSeat| SeatExpiry { seat: seat.label.clone(), expires_at: own(seat).expires_at };
        let seats = self.request.seats.seats();
        let slots = seats.iter().map(|seat| SlotUpdate { seat_index: seat.seat_index, slot: slot(seat) }).collect();
        let seats: Vec<_> = seats.iter().map(expiry).collect();
        let ends = seats.iter().map(|seat| seat.expires_at).chain(record.end(self.now));
        let expires_at = ends.min().unwrap_or(self.expires_at);
        decision(outcome(ReservedSeats { seats, expires_at }), slots)
    }
}
