//! Booking: one transaction that writes the booking and all its seats, or nothing.

mod expect;
mod money;
mod prices;
mod rejection;
pub(super) mod types;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::booking_limit::BookedCountChange;
use super::schema::reservation_record::ReservationRef;
use super::schema::{Item, attribute, booking_key, n, owner_scoped_booking_id, s, seat_key};
use super::write::rejection::WriteRejection;
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{SeatHolder, SeatWrite};
use super::{Decision, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::{OwnedBookingId, RequestToken};
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::schema;
use prices::BelievedPrice;
use types::{BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, Booking, Source, WholeReservation};

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
    /// The price of each seat that the next attempt books it at. Empty if seats are sold without money.
    prices: Vec<BelievedPrice>,
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
            prices: prices::of(request, source),
        };
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        loop {
            if let Some(decision) =
                operation.reject_other_totals(ctx).await.map_err(|error| retry_loop.failure(error))?
            {
                return Ok(decision);
            }
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
        let BookRequest { inventory, seats, booking, owner, limit, .. } = self.request;
        let mut items = vec![self.store.put_if(self.build_booking_item(), "attribute_not_exists(pk)", None)?];
        if let Source::Whole(whole) = self.source {
            let mut record = whole.found.record.clone();
            record.book(&whole.seats);
            let wanted =
                ReservationRef { inventory, id: whole.id, owner: whole.found.owner, seats: None, by: self.request.by };
            items.push(self.store.build_record_put(&record, &wanted, self.now)?);
        }
        if let Some(limit) = limit {
            let change = BookedCountChange::Add { seats: seats.seats().len(), limit: *limit };
            items.push(self.store.change_booked_count(inventory, change)?);
        }
        let mark = owner_scoped_booking_id(*owner, *booking);
        for (place, seat) in seats.seats().iter().enumerate() {
            let change = self.seat_write(mark, self.prices.get(place)).by(self.request.by);
            items.push(change.into_transaction_item(&self.store.table, seat_key(inventory, &seat.label))?);
        }
        Ok(items)
    }

    /// Builds the write that books a seat, at this price if seats are sold for money.
    fn seat_write(&self, mark: OwnedBookingId, price: Option<&BelievedPrice>) -> SeatWrite {
        let owner = self.request.owner;
        match (self.source, price) {
            (_, Some(BelievedPrice::Unknown)) => SeatWrite::always_reject(),
            (Source::Whole(whole), price) => {
                let write = SeatWrite::book_reserved(mark, &whole.found.holder(whole.id), self.stamp);
                if price.is_some() { write.without_price() } else { write }
            }
            (Source::Named(BookableFrom::Reservation(reservation)), price) => {
                let holder = SeatHolder { reservation, owner };
                let write = SeatWrite::book_running(mark, &holder, self.stamp, self.now);
                match price {
                    Some(price) => write.if_reserved_at(price.fixed_price()),
                    None => write,
                }
            }
            (Source::Named(BookableFrom::Anywhere(Some(reservation))), Some(price)) => {
                let holder = SeatHolder { reservation, owner };
                SeatWrite::book_at_price(mark, &holder, price.fixed_price(), price.source(), self.stamp, self.now)
            }
            (Source::Named(BookableFrom::Anywhere(reservation)), price) => {
                let write = SeatWrite::book(mark, reservation, owner, self.stamp, self.now);
                if price.is_some() { write.without_price() } else { write }
            }
        }
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
        schema::put_role(&mut item, self.request.by);
        if let Some(owner) = self.request.owner {
            item.insert(attribute::OWNER.to_owned(), s(owner.0.to_string()));
        }
        if let Some(reservation) = self.source.reservation() {
            item.insert(attribute::RESERVATION_ID.to_owned(), s(reservation.to_string()));
        }
        if let Some(lines) = self.lines() {
            schema::money::put_lines(&mut item, &lines);
        }
        if let Some(reference) = self.request.reference {
            item.insert(attribute::REFERENCE.to_owned(), s(reference.as_str()));
        }
        item
    }

    fn booked(&self) -> Decision<BookWholeOutcome> {
        let slot = Slot { changed_at: self.stamp, state: SeatState::Booked };
        let seats = self.request.seats.seats();
        let observed = seats.iter().map(|seat| SlotUpdate { seat_index: seat.seat_index, slot }).collect();
        let seats = self.request.seats.labels().cloned().collect();
        let (lines, reference) = (self.lines(), self.request.reference.cloned());
        let outcome =
            BookOutcome::Booked(Booking { seats, booked_at: self.now, lines, reference, by: self.request.by });
        Decision { outcome: BookWholeOutcome::Decided(outcome), observed }
    }
}
