//! Booking: one transaction that writes the booking and all its seats, or nothing.

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::attempts::{Attempts, Trouble};
use super::change::Change;
use super::items::{self, BookingItem, Item, attribute, booking_key, n, s, seat_key};
use super::refusal::{Findings, Refusal, Standing, Verdict, Wanter};
use super::{Store, StoreError};
use crate::entropy;
use crate::rules::availability::{LearnedSlot, SeatState, Slot};
use crate::rules::caller::{Owner, is_theirs};
use crate::rules::names::{BookingId, ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::{Conflict, Selection};
use crate::rules::time::EpochMillis;
use crate::tally::Tally;

/// Book these seats under this id.
#[derive(Debug)]
pub struct BookRequest<'a> {
    /// Where.
    pub theater: &'a TheaterId,
    /// Which seats: all or none.
    pub seats: &'a Selection,
    /// The id that makes the request recognisable when it comes again.
    pub booking: BookingId,
    /// The reservation under which seats may be reserved.
    pub reservation: Option<ReservationId>,
    /// The caller named the reservation only: `seats` are those that were found under it, with this as their highest stamp,
    /// and have to be under it still.
    pub whole_reservation: Option<EpochMillis>,
    /// Who books: reservations of others are none of theirs, and the booking will be.
    pub owner: Option<Owner>,
}

/// A booking as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its seats, in layout order.
    pub seats: Vec<SeatLabel>,
    /// When it was made, by the clock of the instance that made it.
    pub booked_at: EpochMillis,
}

/// What became of the request, and what it taught about the seats.
#[derive(Debug, PartialEq, Eq)]
pub enum BookOutcome {
    /// Booked, by this request.
    Booked(Booking, Vec<LearnedSlot>),
    /// Booked before under this id; nothing changed.
    Replayed(Booking, Vec<LearnedSlot>),
    /// This id booked other seats before; nothing changed.
    IdReused(Vec<LearnedSlot>),
    /// What was booked under this id was cancelled; nothing changed.
    Cancelled(Vec<LearnedSlot>),
    /// The whole reservation was to be booked, and its seats are others by now; nothing changed.
    ReservationMoved(Vec<LearnedSlot>),
    /// Others have these of the seats; nothing changed.
    Refused(Vec<Conflict>, Vec<LearnedSlot>),
}

/// One request while it is being carried out.
struct Booker<'a> {
    store: &'a Store,
    request: &'a BookRequest<'a>,
    now: EpochMillis,
    stamp: EpochMillis,
    /// Written into the booking, so that this request knows its own work when an answer was lost.
    request_token: Uuid,
    /// Makes repeated attempts of one and the same transaction one to DynamoDB.
    token: Uuid,
}

impl Store {
    /// Books seats that can be had, or that are reserved under the given reservation.
    ///
    /// Repeating it is safe: the booking is put only where there is none, in the same transaction as its seats, so it
    /// *is* the record by which a repeated request is recognised, and no state in between can be left behind. When
    /// the answer to an attempt was lost, the next attempt finds the booking and by its token knows it for its own.
    pub async fn book(&self, request: &BookRequest<'_>, tally: &Tally) -> Result<BookOutcome, StoreError> {
        let now = self.clock.now();
        let mut booker = Booker {
            store: self,
            request,
            now,
            stamp: request.whole_reservation.map_or(now, |seen| Change::raised(seen, now)),
            request_token: entropy::new_id(),
            token: entropy::new_id(),
        };
        let mut attempts = Attempts::to_write(self, tally);
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
                booker.token = entropy::new_id();
            }
            match attempts.pause(trouble).await {
                Ok(()) => {}
                Err(StoreError::Undecided(text)) => {
                    let outcome = booker.look_again(&attempts, tally).await;
                    return outcome.ok_or(StoreError::Undecided(text));
                }
                Err(broken) => return Err(broken),
            }
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

    /// The booking first, then its seats in layout order; the verdicts come in the same order.
    fn transaction(&self) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut items = vec![self.store.put_if(self.booking_item(), "attribute_not_exists(pk)", None)?];
        let BookRequest { theater, seats, booking, reservation, owner, whole_reservation } = self.request;
        for seat in seats.seats() {
            let change = match reservation {
                Some(reservation) if whole_reservation.is_some() => {
                    Change::book_reserved(*booking, *reservation, *owner, self.stamp)
                }
                _ => Change::book(*booking, *reservation, *owner, self.stamp, self.now),
            };
            items.push(change.in_transaction(&self.store.table, seat_key(theater, &seat.label))?);
        }
        Ok(items)
    }

    fn booking_item(&self) -> Item {
        let mut item = booking_key(self.request.theater, self.request.booking);
        item.insert(attribute::SEATS.to_owned(), s(items::join(self.request.seats.labels())));
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

    /// Decides by what stood in the way, or prepares the next attempt.
    fn settle(&mut self, verdicts: Vec<Verdict>, attempts: &Attempts<'_>) -> Result<Settled, StoreError> {
        self.judge(verdicts, attempts).map_err(|error| attempts.failure(error))
    }

    fn judge(&mut self, verdicts: Vec<Verdict>, attempts: &Attempts<'_>) -> Result<Settled, StoreError> {
        let mut verdicts = verdicts.into_iter();
        let booking = verdicts.next();
        let BookRequest { booking: id, reservation, owner, .. } = *self.request;
        let wanter = Wanter { reservation, owner, booking: Some(id) };
        let mut findings = Findings::read(self.request.seats.seats(), verdicts, wanter, self.now)?;
        match booking {
            Some(Verdict::Refused(Some(item))) => {
                return Ok(Settled::Outcome(self.repeated(&item, findings.learned())?));
            }
            // As long as it isn't known whether the booking is there, a taken seat may be its own.
            Some(Verdict::Trouble(Trouble::Final(text))) => return Err(StoreError::Broken(text)),
            Some(Verdict::Trouble(trouble)) => return Ok(Settled::Trouble(trouble)),
            Some(Verdict::Refused(None) | Verdict::Passed) | None => {}
        }
        if findings.has_own_booking() {
            // The seats of our booking without the booking: one was read before it was made, the other after.
            return Ok(Settled::Trouble(Trouble::Contention("the booking is being made".to_owned())));
        }
        if self.request.whole_reservation.is_some() && findings.any_other_than_ours() {
            return Ok(Settled::Outcome(BookOutcome::ReservationMoved(findings.learned())));
        }
        let conflicts = findings.conflicts();
        if !conflicts.is_empty() && !attempts.worth_knowing_all(&findings) {
            return Ok(Settled::Outcome(BookOutcome::Refused(conflicts, findings.learned())));
        }
        if findings.found.iter().any(|found| matches!(found.standing, Standing::Open | Standing::Ours)) {
            self.stamp = findings.stamp_above(self.stamp);
            self.token = entropy::new_id();
        }
        Ok(match findings.trouble.take() {
            Some(trouble) => Settled::Trouble(trouble),
            None => Settled::StampRaised,
        })
    }

    /// There is a booking under this id already: this request's own, its like, or another.
    fn repeated(&self, item: &Item, learned: Vec<LearnedSlot>) -> Result<BookOutcome, StoreError> {
        let first = BookingItem::read(item)?;
        if !is_theirs(first.owner, self.request.owner) {
            return Ok(BookOutcome::IdReused(learned));
        }
        let own = first.request_token == self.request_token.to_string();
        let same = match self.request.whole_reservation {
            // Its seats may be others by now: the reservation is all that was named, then and now.
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

    /// The last resort when the attempts are used up: look, and decide by that.
    async fn look_again(&mut self, attempts: &Attempts<'_>, tally: &Tally) -> Option<BookOutcome> {
        let BookRequest { theater, seats, booking, .. } = self.request;
        let mut keys = vec![booking_key(theater, *booking)];
        keys.extend(seats.labels().map(|label| seat_key(theater, label)));
        let found = self.store.last_look(&keys, tally).await?;
        match self.settle(found.into_iter().map(Verdict::Refused).collect(), attempts).ok()? {
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
