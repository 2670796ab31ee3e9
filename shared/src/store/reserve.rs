//! Seat reservations: one transaction that writes the reservation's record and its seats, all or nothing.

mod rejection;
pub(super) mod types;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::reservation_quota::QuotaChange;
use super::schema::reservation_record::{Choice, Record, ReservationRef, ReservedSeat};
use super::schema::seat_key;
use super::write::rejection::WriteRejection;
use super::write::retry::{CallFailure, RetryLoop};
use super::write::seat_write::{NewReservation, SeatHolder, SeatWrite};
use super::{Decision, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::RequestToken;
use crate::domain::lines::FixedPrice;
use crate::domain::offers::Offer;
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
        ReservationRef { inventory: self.inventory, id: self.reservation, owner: self.owner, seats: None, by: self.by }
    }

    /// Returns the offer of a seat of the request, if seats are sold for money.
    fn offer(&self, seat: SeatIndex) -> Option<&Offer> {
        let offers = self.offers?;
        let place = self.seats.seats().iter().position(|selected| selected.seat_index == seat)?;
        offers.seats.get(place)
    }
}

/// A seat that was reserved under the reservation before.
#[derive(Clone)]
struct OwnSeat {
    changed_at: EpochMillis,
    expires_at: EpochSeconds,
    /// The token of the request that reserved it.
    request_token: Option<RequestToken>,
    /// The price that was fixed then.
    fixed_price: Option<FixedPrice>,
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
        let ReserveRequest { inventory, reservation, owner, by, seats, .. } = *self.request;
        let holder = SeatHolder { reservation, owner };
        let new = NewReservation { holder, token: self.request_token, expires_at: self.expires_at };
        let change = |seat: &SelectedSeat| match self.own_seats.get(&seat.seat_index) {
            Some(own) => SeatWrite::still_reserved(reservation, own.changed_at, self.now),
            None if self.is_unconfirmed(seat) => SeatWrite::always_reject(),
            None => {
                let write = SeatWrite::reserve(&new, self.stamp, self.now).by(by);
                match self.request.offer(seat.seat_index) {
                    Some(offer) => write.with_price(offer.price()),
                    None => write,
                }
            }
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
            fixed_price: self.new_price(seat.seat_index),
        });
        record.add_seats(new, self.now);
        if let Some(Wish { id, text }) = self.wish {
            let seats = self.request.seats.labels().cloned().collect();
            record.choices.push(Choice { id, wish: text.to_owned(), seats, token: self.request_token });
        }
        record
    }

    /// Returns the price of a seat that this request reserves.
    fn new_price(&self, seat: SeatIndex) -> Option<FixedPrice> {
        self.request.offer(seat).and_then(Offer::price).cloned()
    }

    fn reserved(&self) -> Decision<ReserveChosenOutcome> {
        self.decide(&self.next_record(), ReserveOutcome::Reserved)
    }

    fn already_reserved(&self) -> Decision<ReserveChosenOutcome> {
        self.decide(&self.record, ReserveOutcome::AlreadyReserved)
    }

    /// Builds the decision for seats that are all reserved, according to this record.
    fn decide(&self, record: &Record, outcome: fn(ReservedSeats) -> ReserveOutcome) -> Decision<ReserveChosenOutcome> {
        let own = |seat: &SelectedSeat| self.own_seats.get(&seat.seat_index);
        let slot = |seat: &SelectedSeat| {
            let written = (self.stamp, self.expires_at);
            let (changed_at, expires_at) = own(seat).map_or(written, |own| (own.changed_at, own.expires_at));
            Slot { changed_at, state: SeatState::Reserved { expires_at } }
        };
        let expiry = |seat: &SelectedSeat| SeatExpiry {
            seat: seat.label.clone(),
            expires_at: own(seat).map_or(self.expires_at, |own| own.expires_at),
            fixed_price: own(seat).map_or_else(|| self.new_price(seat.seat_index), |own| own.fixed_price.clone()),
        };
        let seats = self.request.seats.seats();
        let slots = seats.iter().map(|seat| SlotUpdate { seat_index: seat.seat_index, slot: slot(seat) }).collect();
        let seats: Vec<_> = seats.iter().map(expiry).collect();
        let ends = seats.iter().map(|seat| seat.expires_at).chain(record.end(self.now));
        let expires_at = ends.min().unwrap_or(self.expires_at);
        decision(outcome(ReservedSeats { seats, expires_at }), slots)
    }
}
