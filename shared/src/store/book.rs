//! Booking: one transaction that writes the booking and all its seats, or nothing.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use uuid::Uuid;

use super::schema::reservation_record::{Found as FoundRecord, ReservationRef};
use super::schema::{BookingItem, Item, attribute, booking_key, booking_mark, n, s, seat_key};
use super::write::rejection::{Findings, Refusal, Standing, Verdict, Wanter};
use super::write::retry::{Attempts, Trouble};
use super::write::seat_write::{Change, Holder};
use super::{Store, StoreError};
use crate::context::Tally;
use crate::domain::availability::{LearnedSlot, SeatState, Slot};
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
    Booked(Booking, Vec<LearnedSlot>),
    /// Booked before under this id. Nothing changed.
    Replayed(Booking, Vec<LearnedSlot>),
    /// Other seats were booked before under this id. Nothing changed.
    IdReused(Vec<LearnedSlot>),
    /// The booking under this id was cancelled. Nothing changed.
    Cancelled(Vec<LearnedSlot>),
    /// The reservation was to be booked as a whole, and it has changed since it was read. This request changed nothing.
    ReservationMoved(Vec<LearnedSlot>),
    /// Seats must be reserved under the reservation, and these aren't. Nothing changed.
    NotReserved(Vec<Conflict>, Vec<LearnedSlot>),
    /// The owner has this many seats booked, and the request would exceed the limit. Nothing changed.
    LimitReached(usize, Vec<LearnedSlot>),
    /// Other callers have these seats. Nothing changed.
    Refused(Vec<Conflict>, Vec<LearnedSlot>),
}

/// One request in progress.
struct Booker<'a> {
    store: &'a Store,
    request: &'a BookRequest<'a>,
    now: EpochMillis,
    stamp: EpochMillis,
    /// Written into the booking, so that this request recognizes its own work when an answer is lost.
    request_token: Uuid,
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
    pub async fn book(&self, tally: &Tally, request: &BookRequest<'_>) -> Result<BookOutcome, StoreError> {
        let now = self.clock.now();
        let mut booker = Booker {
            store: self,
            request,
            now,
            stamp: request.whole().map_or(now, |whole| whole.stamp.max(now)),
            request_token: random::new_id(),
            token: random::new_id(),
        };
        let mut attempts = Attempts::to_write(tally, self);
        loop {
            let trouble = match booker.attempt(&mut attempts).await {
                Ok(()) => return Ok(booker.booked()),
                Err(Refusal::Call(trouble)) => trouble,
                Err(Refusal::Conditions(verdicts)) => match booker.settle(verdicts, &attempts)? {
                    Settled::Outcome(outcome) => return Ok(outcome),
                    Settled::Trouble(trouble) => trouble,
                    Settled::StampRaised if attempts.may_repeat_at_once() => continue,
                    Settled::StampRaised => Trouble::Contention("the seats keep changing".to_owned()),
                },
            };
            if matches!(trouble, Trouble::OtherUnderToken(_)) {
                booker.token = random::new_id();
            }
            match attempts.pause(trouble).await {
                Ok(()) => {}
                Err(StoreError::Undecided(text)) => {
                    let outcome = booker.look_again(tally, &attempts).await;
                    return outcome.ok_or(StoreError::Undecided(text));
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

enum Settled {
    Outcome(BookOutcome),
    Trouble(Trouble),
    StampRaised,
}

impl Booker<'_> {
    async fn attempt(&self, attempts: &mut Attempts<'_>) -> Result<(), Refusal> {
        self.store.transact(self.transaction(), self.token, attempts).await
    }

    /// Builds the booking, then the record of a whole reservation and the count of booked seats if the request has
    /// them, then the seats in layout order. The results come back in the same order.
    fn transaction(&self) -> Result<Vec<TransactWriteItem>, StoreError> {
        let BookRequest { theater, seats, booking, reservation, owner, from, limit } = self.request;
        let mut items = vec![self.store.put_if(self.booking_item(), "attribute_not_exists(pk)", None)?];
        if let (From::Whole(whole), Some(id)) = (from, reservation) {
            let mut record = whole.found.record.clone();
            record.book(&whole.seats);
            let wanted = ReservationRef { theater, id: *id, owner: whole.found.owner, seats: None };
            items.push(self.store.put_record(&record, &wanted, self.now)?);
        }
        if let Some(limit) = limit {
            items.push(limit.item(self.store, theater, seats.seats().len())?);
        }
        let mark = booking_mark(*owner, *booking);
        for seat in seats.seats() {
            let change = match (from, reservation) {
                (From::Whole(whole), Some(reservation)) => {
                    Change::book_reserved(mark, &whole.found.holder(*reservation), self.stamp)
                }
                (From::Reservation, Some(reservation)) => {
                    let holder = Holder { reservation: *reservation, owner: *owner };
                    Change::book_running(mark, &holder, self.stamp, self.now)
                }
                _ => Change::book(mark, *reservation, *owner, self.stamp, self.now),
            };
            items.push(change.in_transaction(&self.store.table, seat_key(theater, &seat.label))?);
        }
        Ok(items)
    }

    /// Returns the number of items between the booking and the seats.
    fn others(&self) -> usize {
        usize::from(self.request.whole().is_some()) + usize::from(self.request.limit.is_some())
    }

    fn booking_item(&self) -> Item {
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
    fn settle(&mut self, verdicts: Vec<Verdict>, attempts: &Attempts<'_>) -> Result<Settled, StoreError> {
        self.judge(verdicts, attempts).map_err(|error| attempts.failure(error))
    }

    fn judge(&mut self, verdicts: Vec<Verdict>, attempts: &Attempts<'_>) -> Result<Settled, StoreError> {
        let mut verdicts = verdicts.into_iter();
        let booking = verdicts.next();
        let mut others: Vec<_> = verdicts.by_ref().take(self.others()).collect();
        let BookRequest { booking: id, reservation, owner, .. } = *self.request;
        let wanter = Wanter { reservation, owner, booking: Some(booking_mark(owner, id)) };
        let mut findings = Findings::read(self.request.seats.seats(), verdicts, wanter, self.now)?;
        match booking {
            Some(Verdict::Refused(Some(item))) => {
                return Ok(Settled::Outcome(self.repeated(&item, findings.learned())?));
            }
            // While it is unknown whether the booking exists, a taken seat may belong to it.
            Some(Verdict::Trouble(Trouble::Final(text))) => return Err(StoreError::Broken(text)),
            Some(Verdict::Trouble(trouble)) => return Ok(Settled::Trouble(trouble)),
            Some(Verdict::Refused(None) | Verdict::Passed) | None => {}
        }
        if findings.has_own_booking() {
            // The seats of our booking were found without the booking. It was made after its key was read, and before
            // the seats were.
            return Ok(Settled::Trouble(Trouble::Contention("the booking is being made".to_owned())));
        }
        if self.request.whole().is_some() {
            if matches!(others.first(), Some(Verdict::Refused(_))) {
                return Ok(Settled::Outcome(BookOutcome::ReservationMoved(findings.learned())));
            }
            // While it is unknown whether the record has changed, seats may be missing because the reservation was
            // released. Then it hasn't lost them to others.
            if matches!(others.first(), Some(Verdict::Trouble(_))) {
                let trouble = Refusal::first_trouble(others);
                return Ok(trouble.map_or(Settled::StampRaised, Settled::Trouble));
            }
            let lost = findings.not_under_ours();
            if !lost.is_empty() && !attempts.worth_knowing_all(&findings) {
                return Ok(Settled::Outcome(BookOutcome::NotReserved(lost, findings.learned())));
            }
        } else if matches!(self.request.from, From::Reservation) {
            let lost = findings.not_running_under_ours();
            if !lost.is_empty() && !attempts.worth_knowing_all(&findings) {
                return Ok(Settled::Outcome(BookOutcome::NotReserved(lost, findings.learned())));
            }
        }
        let conflicts = findings.conflicts();
        if !conflicts.is_empty() && !attempts.worth_knowing_all(&findings) {
            return Ok(Settled::Outcome(BookOutcome::Refused(conflicts, findings.learned())));
        }
        if self.request.limit.is_some()
            && let Some(Verdict::Refused(item)) = others.last()
        {
            let booked = item.as_ref().map_or(Ok(0), schema::booked_seats)?;
            return Ok(Settled::Outcome(BookOutcome::LimitReached(booked, findings.learned())));
        }
        if findings.found.iter().any(|found| matches!(found.standing, Standing::Open | Standing::Ours)) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        self.token = random::new_id();
        let trouble = findings.trouble.take().or_else(|| Refusal::first_trouble(std::mem::take(&mut others)));
        Ok(match trouble {
            Some(Trouble::Final(text)) => return Err(StoreError::Broken(text)),
            Some(trouble) => Settled::Trouble(trouble),
            None => Settled::StampRaised,
        })
    }

    /// Returns the outcome if a booking exists under this id. It is this request's own, an equal one, or a different
    /// one.
    fn repeated(&self, item: &Item, learned: Vec<LearnedSlot>) -> Result<BookOutcome, StoreError> {
        let first = BookingItem::read(item)?;
        let own = first.request_token == self.request_token.to_string();
        let same = match self.request.whole() {
            // Its seats may have changed since then. Both requests named only the reservation.
            Some(_) => first.reservation == self.request.reservation,
            None => self.same_seats(&first.seats),
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

    fn same_seats(&self, had: &[SeatLabel]) -> bool {
        let mut asked: Vec<_> = self.request.seats.labels().collect();
        let mut had: Vec<_> = had.iter().collect();
        asked.sort_unstable();
        had.sort_unstable();
        asked == had
    }

    /// Reads the booking and the seats after the attempts are used up, and decides the request by them.
    async fn look_again(&mut self, tally: &Tally, attempts: &Attempts<'_>) -> Option<BookOutcome> {
        let BookRequest { theater, seats, booking, owner, .. } = self.request;
        let mut keys = vec![booking_key(theater, *owner, *booking)];
        keys.extend(seats.labels().map(|label| seat_key(theater, label)));
        let mut found = self.store.last_look(tally, &keys).await?.into_iter().map(Verdict::Refused);
        let booking = found.next();
        // The other items of the transaction weren't read. A batch isn't one instant, so they would decide nothing.
        let others = (0..self.others()).map(|_| Verdict::Trouble(Trouble::Contention("not read".to_owned())));
        let verdicts = booking.into_iter().chain(others).chain(found).collect();
        match self.settle(verdicts, attempts).ok()? {
            Settled::Outcome(outcome) => Some(outcome),
            Settled::Trouble(_) | Settled::StampRaised => None,
        }
    }

    fn booked(&self) -> BookOutcome {
        let slot = Slot { changed_at: self.stamp, state: SeatState::Booked };
        let seats = self.request.seats.seats();
        let learned = seats.iter().map(|seat| LearnedSlot { position: seat.position, slot }).collect();
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
        store.count_booked(theater, self.owner, ("ADD booked_seats :seats", n(seats as u64)), (condition, Some(room)))
    }
}

impl Store {
    /// Builds a change of the number of seats that a caller has booked in a theater. Repeating it never counts twice,
    /// because the booking in the same transaction can be made once and cancelled once.
    pub(super) fn count_booked(
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
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
