//! Evaluation of the conditions that rejected a booking.

use super::types::{BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, Booking, Source};
use super::{BookOperation, BookStep};
use crate::context::RequestContext;
use crate::domain::ids::SeatLabel;
use crate::domain::lines::Lines;
use crate::random;
use crate::store::schema::{self, BookingItem, Item, booking_key, owner_scoped_booking_id, seat_key};
use crate::store::write::rejection::{Claimant, ItemRejection, SeatClaim, SeatFindings, WriteRejection};
use crate::store::write::retry::{CallFailure, RetryLoop};
use crate::store::{Decision, StoreError};

impl BookOperation<'_> {
    /// Decides the request by the conditions that failed, or prepares the next attempt.
    pub(super) fn evaluate_rejection(
        &mut self,
        condition_results: Vec<ItemRejection>,
        retry_loop: &RetryLoop<'_>,
    ) -> Result<BookStep, StoreError> {
        let mut condition_results = condition_results.into_iter();
        let mut before_seats = condition_results.by_ref().take(self.items_before_seats());
        let booking = before_seats.next();
        let mut record_results: Vec<_> = before_seats.collect();
        let BookRequest { booking: id, owner, .. } = *self.request;
        let reservation = self.source.reservation();
        let claimant = Claimant { reservation, owner, booking: Some(owner_scoped_booking_id(owner, id)) };
        let mut findings = SeatFindings::read(self.request.seats.seats(), condition_results, claimant, self.now)?;
        match booking {
            Some(ItemRejection::Refused(Some(item))) => {
                return Ok(BookStep::decided(self.repeated(&item)?, findings.learned()));
            }
            // While it is unknown whether the booking exists, a taken seat may belong to it.
            Some(ItemRejection::CallFailure(CallFailure::Final(text))) => return Err(StoreError::Permanent(text)),
            Some(ItemRejection::CallFailure(failure)) => return Ok(BookStep::CallFailure(failure)),
            Some(ItemRejection::Refused(None) | ItemRejection::Passed) | None => {}
        }
        if findings.has_own_booking() {
            // The seats of our booking were found without the booking. It was made after its key was read, and before
            // the seats were.
            return Ok(BookStep::CallFailure(CallFailure::Contention("the booking is being made".to_owned())));
        }
        if self.source.whole().is_some() {
            if matches!(record_results.first(), Some(ItemRejection::Refused(_))) {
                let outcome = BookWholeOutcome::ReservationChanged;
                return Ok(BookStep::Decided(Decision { outcome, observed: findings.learned() }));
            }
            // While it is unknown whether the record has changed, seats may be missing because the reservation was
            // released. Then it hasn't lost them to others.
            if matches!(record_results.first(), Some(ItemRejection::CallFailure(_))) {
                let failure = WriteRejection::first_failure(record_results);
                return Ok(failure.map_or(BookStep::StampRaised, BookStep::CallFailure));
            }
        }
        if !retry_loop.should_resolve_all_seats(findings.failure.is_some())
            && let Some(outcome) = self.decide_by_seats(&findings)
        {
            return Ok(BookStep::decided(outcome, findings.learned()));
        }
        let other_types = self.learn_prices(&findings);
        if !other_types.is_empty() {
            let other = self.booking_of_other_types(&findings, &other_types);
            return Ok(BookStep::decided(BookOutcome::Unexpected(other), findings.learned()));
        }
        let unknown = self.seats_of_unknown_types(&findings);
        if !unknown.is_empty() {
            return Ok(BookStep::decided(BookOutcome::UnknownTicketTypes(unknown), findings.learned()));
        }
        if self.request.limit.is_some()
            && let Some(ItemRejection::Refused(item)) = record_results.last()
        {
            let booked = item.as_ref().map_or(Ok(0), schema::booked_seats)?;
            return Ok(BookStep::decided(BookOutcome::LimitReached(booked), findings.learned()));
        }
        if findings.found.iter().any(|found| matches!(found.standing, SeatClaim::Open | SeatClaim::Ours)) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        self.token = random::random_id();
        let failure =
            findings.failure.take().or_else(|| WriteRejection::first_failure(std::mem::take(&mut record_results)));
        Ok(match failure {
            Some(CallFailure::Final(text)) => return Err(StoreError::Permanent(text)),
            Some(failure) => BookStep::CallFailure(failure),
            None => BookStep::StampRaised,
        })
    }

    /// Decides the request by the seats in the way, if they alone decide it.
    fn decide_by_seats(&self, findings: &SeatFindings) -> Option<BookOutcome> {
        let lost = match self.source {
            Source::Whole(_) => findings.outside_own_reservation(),
            Source::Named(BookableFrom::Reservation(_)) => findings.outside_running_reservation(),
            Source::Named(BookableFrom::Anywhere(_)) => Vec::new(),
        };
        if !lost.is_empty() {
            return Some(BookOutcome::NotReserved(lost));
        }
        let conflicts = findings.conflicts();
        (!conflicts.is_empty()).then_some(BookOutcome::Refused(conflicts))
    }

    /// Returns the outcome if a booking exists under this id. It is this request's own, an equal one, or a different
    /// one.
    fn repeated(&self, item: &Item) -> Result<BookOutcome, StoreError> {
        let first = BookingItem::read(item)?;
        let own = first.request_token == self.request_token.to_string();
        let same = match self.source {
            // Its seats may have changed since then. Both requests named only the reservation.
            Source::Whole(whole) => first.reservation == Some(whole.id),
            Source::Named(_) => self.has_same_seats(&first.seats) && self.has_same_types(first.lines.as_ref()),
        };
        let same = same && first.reference.as_ref() == self.request.reference;
        Ok(match first.cancelled_at {
            _ if !same => BookOutcome::IdReused,
            Some(_) => BookOutcome::Cancelled,
            None => {
                let BookingItem { seats, booked_at, lines, reference, by, .. } = first;
                let booking = Booking { seats, booked_at, lines, reference, by };
                if own { BookOutcome::Booked(booking) } else { BookOutcome::Replayed(booking) }
            }
        })
    }

    fn has_same_seats(&self, had: &[SeatLabel]) -> bool {
        let mut asked: Vec<_> = self.request.seats.labels().collect();
        let mut had: Vec<_> = had.iter().collect();
        asked.sort_unstable();
        had.sort_unstable();
        asked == had
    }

    /// Returns `true` if each ticket type that the request names is the one that was booked.
    fn has_same_types(&self, lines: Option<&Lines>) -> bool {
        let Some(offers) = self.request.offers else { return true };
        let line = |seat: &SeatLabel| lines.and_then(|lines| lines.iter().find(|line| line.seat == *seat));
        let mut asked = self.request.seats.labels().zip(&offers.seats);
        asked.all(|(seat, offer)| offer.allows(line(seat).and_then(|line| line.fixed_price.as_ref())))
    }

    /// Reads the booking and the seats after the attempts are used up, and decides the request by them.
    pub(super) async fn decide_by_reading(
        &mut self,
        ctx: &RequestContext,
        retry_loop: &RetryLoop<'_>,
    ) -> Option<Decision<BookWholeOutcome>> {
        let BookRequest { inventory, seats, booking, owner, .. } = self.request;
        let mut keys = vec![booking_key(inventory, *owner, *booking)];
        keys.extend(seats.labels().map(|label| seat_key(inventory, label)));
        let mut found = self.store.last_read(ctx, &keys).await?.into_iter().map(ItemRejection::Refused);
        let booking = found.next();
        // The other items of the transaction weren't read. A batch isn't one instant, so they would decide nothing.
        let record_results = (1..self.items_before_seats())
            .map(|_| ItemRejection::CallFailure(CallFailure::Contention("not read".to_owned())));
        let condition_results = booking.into_iter().chain(record_results).chain(found).collect();
        match self.evaluate_rejection(condition_results, retry_loop).ok()? {
            BookStep::Decided(decision) => Some(decision),
            BookStep::CallFailure(_) | BookStep::StampRaised => None,
        }
    }
}
