//! Booking: one transaction that writes the booking and all its seats, or nothing.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use uuid::Uuid;

use super::schema::reservation_record::{Found as FoundRecord, ReservationRef};
use super::schema::{BookingItem, Item, attribute, booking_key, n, owner_scoped_booking_id, s, seat_key};
use super::write::rejection::{Claimant, ItemRejection, SeatClaim, SeatFindings, WriteRejection};
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{SeatHolder, SeatWrite};
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::caller::Owner;
use crate::domain::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use crate::domain::selection::{Conflict, Selection};
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::schema;

/// A request to book seats under an id.
#[derive(Debug)]
pub struct BookRequest<'a> {
    pub theater: &'a TheaterId,
    /// The seats. Either all or none are booked.
    pub seats: &'a Selection,
    /// The id by which a repeated request is recognized.
    pub booking: BookingId,
    /// The reservation under which seats may be reserved.
    pub reservation: Option<ReservationId>,
    /// The states that a seat may be booked from.
    pub from: From<'a>,
    /// The caller, who will own the booking. Reservations of other callers don't count as theirs.
    pub owner: Option<Owner>,
    /// The limit of seats that the owner may have booked in this theater, if there is one.
    pub limit: Option<BookingLimit>,
}

/// The states that a seat may be booked from.
#[derive(Clone, Copy, Debug)]
pub enum From<'a> {
    /// Seats that are available, or reserved under the reservation.
    Anywhere,
    /// Only seats that are reserved under the reservation and have not run out.
    Reservation,
    /// All seats of the reservation, as it was read. The caller named only the reservation.
    Whole(&'a WholeReservation),
}

/// A reservation that is to be booked as a whole, as it was read.
#[derive(Clone, Debug)]
pub struct WholeReservation {
    pub(super) found: FoundRecord,
    pub seats: Vec<SeatLabel>,
    /// A stamp above those of its seats, as far as the record knows.
    pub(super) stamp: EpochMillis,
}

/// The limit of the seats that one caller may have booked in one theater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookingLimit {
    pub owner: Owner,
    /// The largest number of seats.
    pub most: usize,
}

/// A booking as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its seats, in layout order.
    pub seats: Vec<SeatLabel>,
    /// The time of the booking, by the clock of the instance that made it.
    pub booked_at: EpochMillis,
}

/// The outcome of a request, with the slots that it revealed.
#[derive(Debug, PartialEq, Eq)]
pub enum BookOutcome {
    /// Booked by this request.
    Booked(Booking, Vec<SlotUpdate>),
    /// Booked before under this id. Nothing changed.
    Replayed(Booking, Vec<SlotUpdate>),
    /// Other seats were booked before under this id. Nothing changed.
    IdReused(Vec<SlotUpdate>),
    /// The booking under this id was cancelled. Nothing changed.
    Cancelled(Vec<SlotUpdate>),
    /// The reservation was to be booked as a whole, and it has changed since it was read. This request changed nothing.
    ReservationChanged(Vec<SlotUpdate>),
    /// Seats must be reserved under the reservation, and these aren't. Nothing changed.
    NotReserved(Vec<Conflict>, Vec<SlotUpdate>),
    /// The owner has this many seats booked, and the request would exceed the limit. Nothing changed.
    LimitReached(usize, Vec<SlotUpdate>),
    /// Other callers have these seats. Nothing changed.
    Refused(Vec<Conflict>, Vec<SlotUpdate>),
}

/// One request in progress.
struct BookOperation<'a> {
    store: &'a Store,
    request: &'a BookRequest<'a>,
    now: EpochMillis,
    stamp: EpochMillis,
    /// Written into the booking, so that this request recognizes its own work when an answer is lost.
    request_token: Uuid,
    /// Makes DynamoDB treat repeated retry_loop of the same transaction as one.
    token: Uuid,
}

impl Store {
    /// Books seats that are available, or reserved under the given reservation.
    ///
    /// Repeating it is safe. The booking is put only if there is none under its id, in the same transaction as its
    /// seats. So the booking *is* the record by which a repeated request is recognized, and no state in between can
    /// remain. If the answer to an attempt is lost, the next attempt finds the booking and recognizes it as its own by
    /// the token.
    pub async fn book(&self, ctx: &RequestContext, request: &BookRequest<'_>) -> Result<BookOutcome, StoreError> {
        let now = self.clock.now();
        let mut operation = BookOperation {
            store: self,
            request,
            now,
            stamp: request.whole().map_or(now, |whole| whole.stamp.max(now)),
            request_token: random::random_id(),
            token: random::random_id(),
        };
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        loop {
            let trouble = match operation.attempt(&mut retry_loop).await {
                Ok(()) => return Ok(operation.booked()),
                Err(WriteRejection::Call(trouble)) => trouble,
                Err(WriteRejection::Conditions(condition_results)) => {
                    match operation.settle(condition_results, &retry_loop)? {
                        BookStep::Outcome(outcome) => return Ok(outcome),
                        BookStep::CallFailure(trouble) => trouble,
                        BookStep::StampRaised if retry_loop.may_retry_immediately() => continue,
                        BookStep::StampRaised => CallFailure::Contention("the seats keep changing".to_owned()),
                    }
                }
            };
            if matches!(trouble, CallFailure::OtherUnderToken(_)) {
                operation.token = random::random_id();
            }
            match retry_loop.pause(trouble).await {
                Ok(()) => {}
                Err(StoreError::OutcomeUnknown(text)) => {
                    let outcome = operation.decide_by_reading(ctx, &retry_loop).await;
                    return outcome.ok_or(StoreError::OutcomeUnknown(text));
                }
                Err(broken) => return Err(broken),
            }
        }
    }
}

impl BookRequest<'_> {
    fn whole(&self) -> Option<&WholeReservation> {
        match self.from {
            From::Whole(whole) => Some(whole),
            From::Anywhere | From::Reservation => None,
        }
    }
}

enum BookStep {
    Outcome(BookOutcome),
    CallFailure(CallFailure),
    StampRaised,
}

impl BookOperation<'_> {
    async fn attempt(&self, retry_loop: &mut RetryLoop<'_>) -> Result<(), WriteRejection> {
        self.store.transact(self.transaction(), self.token, retry_loop).await
    }

    /// Builds the booking, then the record of a whole reservation and the count of booked seats if the request has
    /// them, then the seats in layout order. The results come back in the same order.
    fn transaction(&self) -> Result<Vec<TransactWriteItem>, StoreError> {
        let BookRequest { theater, seats, booking, reservation, owner, from, limit } = self.request;
        let mut items = vec![self.store.put_if(self.build_booking_item(), "attribute_not_exists(pk)", None)?];
        if let (From::Whole(whole), Some(id)) = (from, reservation) {
            let mut record = whole.found.record.clone();
            record.book(&whole.seats);
            let wanted = ReservationRef { theater, id: *id, owner: whole.found.owner, seats: None };
            items.push(self.store.put_record(&record, &wanted, self.now)?);
        }
        if let Some(limit) = limit {
            items.push(limit.item(self.store, theater, seats.seats().len())?);
        }
        let mark = owner_scoped_booking_id(*owner, *booking);
        for seat in seats.seats() {
            let change = match (from, reservation) {
                (From::Whole(whole), Some(reservation)) => {
                    SeatWrite::book_reserved(mark, &whole.found.holder(*reservation), self.stamp)
                }
                (From::Reservation, Some(reservation)) => {
                    let holder = SeatHolder { reservation: *reservation, owner: *owner };
                    SeatWrite::book_running(mark, &holder, self.stamp, self.now)
                }
                _ => SeatWrite::book(mark, *reservation, *owner, self.stamp, self.now),
            };
            items.push(change.into_transaction_item(&self.store.table, seat_key(theater, &seat.label))?);
        }
        Ok(items)
    }

    /// Returns the number of items between the booking and the seats.
    fn others(&self) -> usize {
        usize::from(self.request.whole().is_some()) + usize::from(self.request.limit.is_some())
    }

    fn build_booking_item(&self) -> Item {
        let mut item = booking_key(self.request.theater, self.request.owner, self.request.booking);
        item.insert(attribute::CHANGED_AT.to_owned(), n(self.stamp.0));
        if self.request.limit.is_some() {
            item.insert(attribute::COUNTED.to_owned(), n(1));
        }
        item.insert(attribute::SEATS.to_owned(), s(schema::join(self.request.seats.labels())));
        item.insert(attribute::BOOKED_AT.to_owned(), n(self.now.0));
        item.insert(attribute::REQUEST_TOKEN.to_owned(), s(self.request_token.to_string()));
        if let Some(owner) = self.request.owner {
            item.insert(attribute::OWNER.to_owned(), s(owner.0.to_string()));
        }
        if let Some(reservation) = self.request.reservation {
            item.insert(attribute::RESERVATION_ID.to_owned(), s(reservation.to_string()));
        }
        item
    }

    /// Decides the request by the conditions that failed, or prepares the next attempt.
    fn settle(
        &mut self,
        condition_results: Vec<ItemRejection>,
        retry_loop: &RetryLoop<'_>,
    ) -> Result<BookStep, StoreError> {
        self.judge(condition_results, retry_loop).map_err(|error| retry_loop.failure(error))
    }

    fn judge(
        &mut self,
        condition_results: Vec<ItemRejection>,
        retry_loop: &RetryLoop<'_>,
    ) -> Result<BookStep, StoreError> {
        let mut condition_results = condition_results.into_iter();
        let booking = condition_results.next();
        let mut others: Vec<_> = condition_results.by_ref().take(self.others()).collect();
        let BookRequest { booking: id, reservation, owner, .. } = *self.request;
        let wanter = Claimant { reservation, owner, booking: Some(owner_scoped_booking_id(owner, id)) };
        let mut findings = SeatFindings::read(self.request.seats.seats(), condition_results, wanter, self.now)?;
        match booking {
            Some(ItemRejection::Refused(Some(item))) => {
                return Ok(BookStep::Outcome(self.repeated(&item, findings.learned())?));
            }
            // While it is unknown whether the booking exists, a taken seat may belong to it.
            Some(ItemRejection::CallFailure(CallFailure::Final(text))) => return Err(StoreError::Permanent(text)),
            Some(ItemRejection::CallFailure(trouble)) => return Ok(BookStep::CallFailure(trouble)),
            Some(ItemRejection::Refused(None) | ItemRejection::Passed) | None => {}
        }
        if findings.has_own_booking() {
            // The seats of our booking were found without the booking. It was made after its key was read, and before
            // the seats were.
            return Ok(BookStep::CallFailure(CallFailure::Contention("the booking is being made".to_owned())));
        }
        if self.request.whole().is_some() {
            if matches!(others.first(), Some(ItemRejection::Refused(_))) {
                return Ok(BookStep::Outcome(BookOutcome::ReservationChanged(findings.learned())));
            }
            // While it is unknown whether the record has changed, seats may be missing because the reservation was
            // released. Then it hasn't lost them to others.
            if matches!(others.first(), Some(ItemRejection::CallFailure(_))) {
                let trouble = WriteRejection::first_failure(others);
                return Ok(trouble.map_or(BookStep::StampRaised, BookStep::CallFailure));
            }
            let lost = findings.outside_own_reservation();
            if !lost.is_empty() && !retry_loop.should_resolve_all_seats(&findings) {
                return Ok(BookStep::Outcome(BookOutcome::NotReserved(lost, findings.learned())));
            }
        } else if matches!(self.request.from, From::Reservation) {
            let lost = findings.outside_running_reservation();
            if !lost.is_empty() && !retry_loop.should_resolve_all_seats(&findings) {
                return Ok(BookStep::Outcome(BookOutcome::NotReserved(lost, findings.learned())));
            }
        }
        let conflicts = findings.conflicts();
        if !conflicts.is_empty() && !retry_loop.should_resolve_all_seats(&findings) {
            return Ok(BookStep::Outcome(BookOutcome::Refused(conflicts, findings.learned())));
        }
        if self.request.limit.is_some()
            && let Some(ItemRejection::Refused(item)) = others.last()
        {
            let booked = item.as_ref().map_or(Ok(0), schema::booked_seats)?;
            return Ok(BookStep::Outcome(BookOutcome::LimitReached(booked, findings.learned())));
        }
        if findings.found.iter().any(|found| matches!(found.standing, SeatClaim::Open | SeatClaim::Ours)) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        self.token = random::random_id();
        let trouble = findings.trouble.take().or_else(|| WriteRejection::first_failure(std::mem::take(&mut others)));
        Ok(match trouble {
            Some(CallFailure::Final(text)) => return Err(StoreError::Permanent(text)),
            Some(trouble) => BookStep::CallFailure(trouble),
            None => BookStep::StampRaised,
        })
    }

    /// Returns the outcome if a booking exists under this id. It is this request's own, an equal one, or a different
    /// one.
    fn repeated(&self, item: &Item, learned: Vec<SlotUpdate>) -> Result<BookOutcome, StoreError> {
        let first = BookingItem::read(item)?;
        let own = first.request_token == self.request_token.to_string();
        let same = match self.request.whole() {
            // Its seats may have changed since then. Both requests named only the reservation.
            Some(_) => first.reservation == self.request.reservation,
            None => self.has_same_seats(&first.seats),
        };
        Ok(match first.cancelled_at {
            _ if !same => BookOutcome::IdReused(learned),
            Some(_) => BookOutcome::Cancelled(learned),
            None => {
                let booking = Booking { seats: first.seats, booked_at: first.booked_at };
                if own { BookOutcome::Booked(booking, learned) } else { BookOutcome::Replayed(booking, learned) }
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

    /// Reads the booking and the seats after the retry_loop are used up, and decides the request by them.
    async fn decide_by_reading(&mut self, ctx: &RequestContext, retry_loop: &RetryLoop<'_>) -> Option<BookOutcome> {
        let BookRequest { theater, seats, booking, owner, .. } = self.request;
        let mut keys = vec![booking_key(theater, *owner, *booking)];
        keys.extend(seats.labels().map(|label| seat_key(theater, label)));
        let mut found = self.store.last_read(ctx, &keys).await?.into_iter().map(ItemRejection::Refused);
        let booking = found.next();
        // The other items of the transaction weren't read. A batch isn't one instant, so they would decide nothing.
        let others =
            (0..self.others()).map(|_| ItemRejection::CallFailure(CallFailure::Contention("not read".to_owned())));
        let condition_results = booking.into_iter().chain(others).chain(found).collect();
        match self.settle(condition_results, retry_loop).ok()? {
            BookStep::Outcome(outcome) => Some(outcome),
            BookStep::CallFailure(_) | BookStep::StampRaised => None,
        }
    }

    fn booked(&self) -> BookOutcome {
        let slot = Slot { changed_at: self.stamp, state: SeatState::Booked };
        let seats = self.request.seats.seats();
        let learned = seats.iter().map(|seat| SlotUpdate { position: seat.position, slot }).collect();
        let seats = self.request.seats.labels().cloned().collect();
        BookOutcome::Booked(Booking { seats, booked_at: self.now }, learned)
    }
}

impl BookingLimit {
    /// Builds the write that adds seats to the count, unless they would exceed the limit. Repeating it never counts
    /// twice, because the booking is put in the same transaction and only if there is none.
    fn item(&self, store: &Store, theater: &TheaterId, seats: usize) -> Result<TransactWriteItem, StoreError> {
        let (condition, room) = match self.most.checked_sub(seats) {
            Some(room) => ("attribute_not_exists(pk) OR booked_seats <= :room", room),
            // Never holds. A repeated booking is still recognized, because the booking's item is checked first.
            None => ("booked_seats < :room", 0),
        };
        let room = n(room as u64);
        store.change_booked_count(
            theater,
            self.owner,
            ("ADD booked_seats :seats", n(seats as u64)),
            (condition, Some(room)),
        )
    }
}

impl Store {
    /// Builds a change of the number of seats that a caller has booked in a theater. Repeating it never counts twice,
    /// because the booking in the same transaction can be made once and cancelled once.
    pub(super) fn change_booked_count(
        &self,
        theater: &TheaterId,
        owner: Owner,
        (update, seats): (&str, AttributeValue),
        (condition, room): (&str, Option<AttributeValue>),
    ) -> Result<TransactWriteItem, StoreError> {
        let room = room.map(|room| (":room".to_owned(), room));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(schema::booked_count_key(owner, theater)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(room.into_iter().chain([(":seats".to_owned(), seats)]).collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
