//! Evaluation of the conditions that rejected a reservation.

use super::types::{ReserveChosenOutcome, ReserveOutcome, ReserveRequest};
use super::{OwnSeat, ReserveOperation, ReserveStep, decision, decision_without_slots};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::selection::{OtherTicketType, SelectedSeat};
use crate::random;
use crate::store::reservation_quota::QuotaCheck;
use crate::store::schema::reservation_record::{ChosenBefore, MAX_SEATS_PER_RESERVATION, Record, ReservationIdState};
use crate::store::schema::{Item, reservation_key, seat_key};
use crate::store::write::rejection::{Claimant, ItemRejection, SeatClaim, SeatFinding, SeatFindings, WriteRejection};
use crate::store::write::retry::RetryLoop;
use crate::store::{Decision, StoreError};

impl ReserveOperation<'_> {
    /// Decides the request by the conditions that failed, or prepares the next attempt.
    pub(super) async fn evaluate_rejection(
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
    pub(super) fn decide_by_record(&self) -> Option<Decision<ReserveChosenOutcome>> {
        if self.record.state != ReservationIdState::Open {
            return Some(decision_without_slots(ReserveOutcome::Released(Vec::new())));
        }
        let before = self.record.choice(self.wish?.id).filter(|choice| choice.token != self.request_token)?;
        let outcome = ReserveChosenOutcome::ChosenBefore(ChosenBefore::of(before));
        Some(Decision { outcome, observed: Vec::new() })
    }

    /// Returns the decision if some of the seats were released or booked before and are available now.
    pub(super) fn reject_given_back_seats(&self) -> Option<Decision<ReserveChosenOutcome>> {
        let given_back = self.request.seats.labels().filter(|seat| self.record.given_back.contains(seat));
        let given_back: Vec<_> = given_back.cloned().collect();
        (!given_back.is_empty()).then_some(decision_without_slots(ReserveOutcome::Released(given_back)))
    }

    /// Returns the decision if the reservation would have too many seats.
    pub(super) fn reject_too_many_seats(&self) -> Option<Decision<ReserveChosenOutcome>> {
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
                let (request_token, fixed_price) = (found.request_token, found.fixed_price.clone());
                let own = OwnSeat { changed_at, expires_at, request_token, fixed_price };
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
        let other_types = self.seats_of_other_types(findings);
        if !other_types.is_empty() {
            return Some(decision(ReserveOutcome::TypeFixed(other_types), findings.learned()));
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
    pub(super) async fn decide_by_reading(
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

    /// Returns the seats that the reservation has already as another ticket type than the requested one.
    fn seats_of_other_types(&self, findings: &SeatFindings) -> Vec<OtherTicketType> {
        let ours = findings.found.iter().filter(|found| found.standing == SeatClaim::Ours);
        let other = ours.filter(|found| {
            let offer = self.request.offer(found.seat.seat_index);
            offer.is_some_and(|offer| !offer.allows(found.fixed_price.as_ref()))
        });
        other.map(SeatFinding::other_ticket_type).collect()
    }
}
