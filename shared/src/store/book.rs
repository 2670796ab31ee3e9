//! Booking: one transaction that writes the booking and all its seats, or nothing.

pub(super) mod types;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::booking_limit::BookedCountChange;
use super::schema::reservation_record::ReservationRef;
use super::schema::{BookingItem, Item, attribute, booking_key, n, owner_scoped_booking_id, s, seat_key};
use super::write::rejection::{Claimant, ItemRejection, SeatClaim, SeatFindings, WriteRejection};
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{SeatHolder, SeatWrite};
use super::{Decision, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::RequestToken;
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::schema;
use types::{BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, Booking, WholeReservation};

/// The seats of a request, and the states that they may be booked from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// Seats that the caller named.
    Named(BookableFrom),
    /// All seats of the reservation, as it was read. The caller named only the reservation.
    Whole(&'a WholeReservation),
}

/// One request in progress.
struct BookOperation<'a> {
    store: &'a Store,
    request: &'a BookRequest<'a>,
    source: Source<'a>,
    now: EpochMillis,
    stamp: EpochMillis,
    /// Written into the booking, so that this request recognizes its own work when an answer is lost.
    request_token: RequestToken,
    /// Makes DynamoDB treat repeated attempts of the same transaction as one.
    token: Uuid,
}

impl Store {
    /// Books seats that are available, or reserved under the given reservation.
    ///
    /// Repeating it is safe. The booking is put only if there is none under its id, in the same transaction as its
    /// seats. So the booking *is* the record by which a repeated request is recognized, and no state in between can
    /// remain. If the answer to an attempt is lost, the next attempt finds the booking and recognizes it as its own by
    /// the token.
    #[expect(clippy::expect_used, reason = "only the record of a whole reservation is compared with what was read")]
    pub async fn book(
        &self,
        ctx: &RequestContext,
        request: &BookRequest<'_>,
        from: BookableFrom,
    ) -> Result<Decision<BookOutcome>, StoreError> {
        let Decision { outcome, observed } = self.book_from(ctx, request, Source::Named(from)).await?;
        let outcome = match outcome {
            BookWholeOutcome::Decided(outcome) => Some(outcome),
            BookWholeOutcome::ReservationChanged => None,
        };
        Ok(Decision { outcome: outcome.expect("named seats need no unchanged reservation"), observed })
    }

    /// Books all seats of a reservation, if it hasn't changed since it was read. Repeating it is safe, as for
    /// [`Self::book`].
    pub async fn book_whole(
        &self,
        ctx: &RequestContext,
        request: &BookRequest<'_>,
        reservation: &WholeReservation,
    ) -> Result<Decision<BookWholeOutcome>, StoreError> {
        self.book_from(ctx, request, Source::Whole(reservation)).await
    }

    async fn book_from(
        &self,
        ctx: &RequestContext,
        request: &BookRequest<'_>,
        source: Source<'_>,
    ) -> Result<Decision<BookWholeOutcome>, StoreError> {
        let now = self.clock.now();
        let mut operation = BookOperation {
            store: self,
            request,
            source,
            now,
            stamp: source.whole().map_or(now, |whole| whole.stamp.max(now)),
            request_token: RequestToken::new(random::random_id()),
            token: random::random_id(),
        };
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        loop {
            let failure = match operation.attempt(&mut retry_loop).await {
                Ok(()) => return Ok(operation.booked()),
                Err(WriteRejection::Call(failure)) => failure,
                Err(WriteRejection::Conditions(condition_results)) => {
                    let step = operation.evaluate_rejection(condition_results, &retry_loop);
                    match step.map_err(|error| retry_loop.failure(error))? {
                        BookStep::Decided(decision) => return Ok(decision),
                        BookStep::CallFailure(failure) => failure,
                        BookStep::StampRaised if retry_loop.may_retry_immediately() => continue,
                        BookStep::StampRaised => CallFailure::Contention("the seats keep changing".to_owned()),
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

impl<'a> Source<'a> {
    fn whole(self) -> Option<&'a WholeReservation> {
        match self {
            Self::Whole(whole) => Some(whole),
            Self::Named(_) => None,
        }
    }

    fn reservation(self) -> Option<ReservationId> {
        match self {
            Self::Named(BookableFrom::Anywhere(reservation)) => reservation,
            Self::Named(BookableFrom::Reservation(reservation)) => Some(reservation),
            Self::Whole(whole) => Some(whole.id),
        }
    }
}

enum BookStep {
    Decided(Decision<BookWholeOutcome>),
    CallFailure(CallFailure),
    StampRaised,
}

impl BookStep {
    fn decided(outcome: BookOutcome, observed: Vec<SlotUpdate>) -> Self {
        Self::Decided(Decision { outcome: BookWholeOutcome::Decided(outcome), observed })
    }
}

impl BookOperation<'_> {
    async fn attempt(&self, retry_loop: &mut RetryLoop<'_>) -> Result<(), WriteRejection> {
        self.store.transact(self.transaction(), self.token, retry_loop).await
    }

    /// Builds the booking, then the record of a whole reservation and the count of booked seats if the request has
    /// them, then the seats in layout order. The results come back in the same order.
    fn transaction(&self) -> Result<Vec<TransactWriteItem>, StoreError> {
        let BookRequest { inventory, seats, booking, owner, limit } = self.request;
        let mut items = vec![self.store.put_if(self.build_booking_item(), "attribute_not_exists(pk)", None)?];
        if let Source::Whole(whole) = self.source {
            let mut record = whole.found.record.clone();
            record.book(&whole.seats);
            let wanted = ReservationRef { inventory, id: whole.id, owner: whole.found.owner, seats: None };
            items.push(self.store.build_record_put(&record, &wanted, self.now)?);
        }
        if let Some(limit) = limit {
            let change = BookedCountChange::Add { seats: seats.seats().len(), limit: *limit };
            items.push(self.store.change_booked_count(inventory, change)?);
        }
        let mark = owner_scoped_booking_id(*owner, *booking);
        for seat in seats.seats() {
            let change = match self.source {
                Source::Whole(whole) => SeatWrite::book_reserved(mark, &whole.found.holder(whole.id), self.stamp),
                Source::Named(BookableFrom::Reservation(reservation)) => {
                    let holder = SeatHolder { reservation, owner: *owner };
                    SeatWrite::book_running(mark, &holder, self.stamp, self.now)
                }
                Source::Named(BookableFrom::Anywhere(reservation)) => {
                    SeatWrite::book(mark, reservation, *owner, self.stamp, self.now)
                }
            };
            items.push(change.into_transaction_item(&self.store.table, seat_key(inventory, &seat.label))?);
        }
        Ok(items)
    }

    /// Returns the number of items before the seats. The booking is the first.
    fn items_before_seats(&self) -> usize {
        1 + usize::from(self.source.whole().is_some()) + usize::from(self.request.limit.is_some())
    }

    fn build_booking_item(&self) -> Item {
        let mut item = booking_key(self.request.inventory, self.request.owner, self.request.booking);
        item.insert(attribute::CHANGED_AT.to_owned(), n(self.stamp.as_millis()));
        if self.request.limit.is_some() {
            item.insert(attribute::COUNTED.to_owned(), n(1));
        }
        item.insert(attribute::SEATS.to_owned(), s(schema::join(self.request.seats.labels())));
        item.insert(attribute::BOOKED_AT.to_owned(), n(self.now.as_millis()));
        item.insert(attribute::REQUEST_TOKEN.to_owned(), s(self.request_token.to_string()));
        if let Some(owner) = self.request.owner {
            item.insert(attribute::OWNER.to_owned(), s(owner.0.to_string()));
        }
        if let Some(reservation) = self.source.reservation() {
            item.insert(attribute::RESERVATION_ID.to_owned(), s(reservation.to_string()));
        }
        item
    }

    /// Decides the request by the conditions that failed, or prepares the next attempt.
    fn evaluate_rejection(
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
            Source::Named(_) => self.has_same_seats(&first.seats),
        };
        Ok(match first.cancelled_at {
            _ if !same => BookOutcome::IdReused,
            Some(_) => BookOutcome::Cancelled,
            None => {
                let booking = Booking { seats: first.seats, booked_at: first.booked_at };
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

    /// Reads the booking and the seats after the attempts are used up, and decides the request by them.
    async fn decide_by_reading(
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

    fn booked(&self) -> Decision<BookWholeOutcome> {
        let slot = Slot { changed_at: self.stamp, state: SeatState::Booked };
        let seats = self.request.seats.seats();
        let observed = seats.iter().map(|seat| SlotUpdate { seat_index: seat.seat_index, slot }).collect();
        let seats = self.request.seats.labels().cloned().collect();
        let outcome = BookOutcome::Booked(Booking { seats, booked_at: self.now });
        Decision { outcome: BookWholeOutcome::Decided(outcome), observed }
    }
}
