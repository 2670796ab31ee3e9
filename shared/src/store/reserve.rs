//! Seat reservations: one transaction that writes the reservation's record and its seats, all or nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::reservation_quota::{Allowance, Room, Seats};
use super::schema::reservation_record::{Choice, MAX_SEATS_PER_RESERVATION, Record, ReservationRef, ReservedSeat, Use};
use super::schema::{Item, reservation_key, seat_key};
use super::write::rejection::{Findings, Refusal, Standing, Verdict, Wanter};
use super::write::retry::{Attempts, Trouble};
use super::write::seat_write::Change;
use super::{Store, StoreError};
use crate::context::Tally;
use crate::domain::availability::{LearnedSlot, SeatState, Slot};
use crate::domain::caller::Owner;
use crate::domain::ids::{ReservationId, SeatLabel, TheaterId};
use crate::domain::selection::{Conflict, SelectedSeat, Selection};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;

/// A request to reserve seats.
#[derive(Debug)]
pub struct ReserveRequest<'a> {
    pub theater: &'a TheaterId,
    /// The seats. Either all or none are reserved.
    pub seats: &'a Selection,
    /// The reservation. Seats that are already reserved under it keep their end.
    pub reservation: ReservationId,
    /// The reservation must exist already, because its id was made by the server.
    pub must_exist: bool,
    pub owner: Option<Owner>,
    /// Seconds from now until the end of new seats.
    pub expires_in: u32,
    /// The quota of seats that the owner may have reserved at once.
    pub allowance: Option<Allowance>,
    /// The seat preference that the seats were chosen for. It is stored with them.
    pub wish: Option<Wish<'a>>,
}

/// A preference for the best available seats. A repeated request is recognized by it.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The id of the request.
    pub id: Uuid,
    /// The request as text. Another text under the same id is another request.
    pub text: &'a str,
}

/// Seats that were chosen for the same request before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenBefore {
    pub seats: Vec<SeatLabel>,
    /// The request that chose them, as text.
    pub wish: String,
}

/// A seat that is reserved under the reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSeat {
    pub seat: SeatLabel,
    pub expires_at: EpochSeconds,
}

/// Seats of a reservation after a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The seats of the request, in layout order.
    pub seats: Vec<HeldSeat>,
    /// The end of the whole reservation, which is the earliest end of its seats.
    pub expires_at: EpochSeconds,
}

/// The outcome of a request, with the slots that it revealed.
#[derive(Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// All the seats are reserved under the reservation now, and not all of them were before.
    Reserved(Holding, Vec<LearnedSlot>),
    /// All the seats were reserved under the reservation before. Nothing changed.
    AlreadyHeld(Holding, Vec<LearnedSlot>),
    /// Other callers have these seats. Nothing changed.
    Refused(Vec<Conflict>, Vec<LearnedSlot>),
    /// The owner has this many seats reserved, and the request would exceed the quota. Nothing changed.
    LimitReached(usize, Vec<LearnedSlot>),
    /// The reservation has this many seats, and the request would exceed its limit. Nothing changed.
    Full(usize),
    /// Seats were chosen for this request before. Nothing changed.
    ChosenBefore(ChosenBefore),
    /// These seats of the reservation were released, or the whole reservation (empty list). Nothing changed.
    Released(Vec<SeatLabel>),
    /// The reservation must exist and doesn't. Nothing changed.
    NotFound,
}

/// One request in progress.
struct Reserving<'a> {
    store: &'a Store,
    request: &'a ReserveRequest<'a>,
    now: EpochMillis,
    expires_at: EpochSeconds,
    stamp: EpochMillis,
    /// The reservation's record as last seen. It is empty at first, because most requests are the first of their
    /// reservation.
    record: Record,
    /// Seats that were already reserved under this reservation, by seat index.
    held: BTreeMap<u32, Held>,
    /// Makes DynamoDB treat repeated attempts of the same transaction as one.
    token: Uuid,
    /// Written with the seats, so that this request recognizes its own work when an answer is lost.
    request_token: Uuid,
    /// The change of the owner's set of reserved seats.
    owners_seats: Seats,
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
    pub async fn reserve(&self, tally: &Tally, request: &ReserveRequest<'_>) -> Result<ReserveOutcome, StoreError> {
        if let Some(allowance) = request.allowance.filter(|allowance| allowance.never_has(request.seats.seats().len()))
        {
            return Ok(ReserveOutcome::LimitReached(allowance.most, Vec::new()));
        }
        let record = if request.must_exist {
            match self.record(tally, &request.wanted()).await? {
                Some(found) if found.owner == request.owner => found.record,
                _ => return Ok(ReserveOutcome::NotFound),
            }
        } else {
            Record::default()
        };
        let now = self.clock.now();
        let mut reserving = Reserving {
            store: self,
            request,
            now,
            expires_at: now.ends_after(request.expires_in),
            stamp: now,
            record,
            held: BTreeMap::new(),
            token: random::new_id(),
            request_token: random::new_id(),
            owners_seats: Seats::Grow,
        };
        if let Some(outcome) = reserving.judge_record().or_else(|| reserving.given_back()).or_else(|| reserving.full())
        {
            return Ok(outcome);
        }
        let mut attempts = Attempts::to_write(tally, self);
        loop {
            let trouble = match reserving.attempt(&mut attempts).await {
                Ok(()) => return Ok(reserving.reserved()),
                Err(Refusal::Call(trouble)) => trouble,
                Err(Refusal::Conditions(verdicts)) => match reserving.judge(verdicts, &mut attempts).await? {
                    Judged::Outcome(outcome) => return Ok(outcome),
                    Judged::Trouble(trouble) => trouble,
                    // The next attempt knows more: a higher stamp, a seat of its own reservation, the record, or room
                    // in the quota.
                    Judged::Informed if attempts.may_repeat_at_once() => continue,
                    Judged::Informed => Trouble::Contention("the seats keep changing".to_owned()),
                },
            };
            if matches!(trouble, Trouble::OtherUnderToken(_)) {
                reserving.token = random::new_id();
            }
            match attempts.pause(trouble).await {
                Ok(()) => {}
                Err(StoreError::Undecided(text)) => {
                    let outcome = reserving.look_again(tally, &attempts).await;
                    return outcome.ok_or(StoreError::Undecided(text));
                }
                Err(broken) => return Err(broken),
            }
        }
    }
}

impl ReserveRequest<'_> {
    fn wanted(&self) -> ReservationRef<'_> {
        ReservationRef { theater: self.theater, id: self.reservation, owner: self.owner, seats: None }
    }
}

/// A seat that was reserved under the reservation before.
#[derive(Clone, Copy)]
struct Held {
    slot: Slot,
    /// The token of the request that reserved it.
    request_token: Option<Uuid>,
}

enum Judged {
    Outcome(ReserveOutcome),
    Trouble(Trouble),
    Informed,
}

impl Reserving<'_> {
    async fn attempt(&self, attempts: &mut Attempts<'_>) -> Result<(), Refusal> {
        let ReserveRequest { theater, reservation, owner, seats, .. } = *self.request;
        let change = |seat: &SelectedSeat| match self.held.get(&seat.position) {
            Some(held) => Change::still_held(reservation, held.slot.changed_at, self.now),
            None if self.was_given(seat) => Change::show(),
            None => {
                let token = self.request_token;
                Change::reserve((reservation, owner), token, self.expires_at, self.stamp, self.now)
            }
        };
        let table = &self.store.table;
        let changes =
            seats.seats().iter().map(|seat| change(seat).in_transaction(table, seat_key(theater, &seat.label)));
        self.store.transact(self.record_and_allowance().chain(changes).collect(), self.token, attempts).await
    }

    /// Returns `true` if the record lists the seat as reserved, but no item has confirmed that.
    ///
    /// The seat may have been booked by name, and be available again after a cancellation. The reservation doesn't get
    /// it back then.
    fn was_given(&self, seat: &SelectedSeat) -> bool {
        !self.held.contains_key(&seat.position) && self.record.gave(&seat.label, self.now)
    }

    /// Builds the writes that come before the seats.
    fn record_and_allowance(&self) -> impl Iterator<Item = Result<TransactWriteItem, StoreError>> {
        let ReserveRequest { theater, seats, allowance, .. } = self.request;
        let record = self.store.put_record(&self.next_record(), &self.request.wanted(), self.now);
        let allowance = allowance
            .map(|allowance| allowance.item(&self.store.table, theater, seats.labels(), &self.owners_seats, self.now));
        std::iter::once(record).chain(allowance)
    }

    /// Returns the record as last seen, with this request added.
    fn next_record(&self) -> Record {
        let mut record = self.record.clone();
        let new = self.request.seats.seats().iter().filter(|seat| !self.held.contains_key(&seat.position));
        let new = new.map(|seat| ReservedSeat {
            seat: seat.label.clone(),
            reserved_at: self.now,
            stamp: self.stamp,
            expires_at: self.expires_at,
            extension: None,
        });
        record.give(new, self.now);
        if let Some(Wish { id, text }) = self.request.wish {
            let seats = self.request.seats.labels().cloned().collect();
            record.choices.push(Choice { id, wish: text.to_owned(), seats, token: self.request_token });
        }
        record
    }

    /// Decides the request by the conditions that failed, or prepares the next attempt.
    async fn judge(&mut self, mut verdicts: Vec<Verdict>, attempts: &mut Attempts<'_>) -> Result<Judged, StoreError> {
        let others = 1 + usize::from(self.request.allowance.is_some());
        let seats = verdicts.split_off(others.min(verdicts.len()));
        let mut others = verdicts.into_iter();
        let record = others.next();
        let allowance = self.request.allowance.and_then(|_| others.next());
        // The record explains the items of the seats only if it hasn't changed since it was read.
        let shown = match record {
            Some(Verdict::Passed) => self.request.seats.seats().iter().filter(|seat| self.was_given(seat)).collect(),
            _ => Vec::new(),
        };
        if let Some(Verdict::Refused(item)) = &record {
            self.learn_record(item.as_ref()).map_err(|error| attempts.failure(error))?;
            if let Some(outcome) = self.judge_record() {
                return Ok(Judged::Outcome(outcome));
            }
        }
        let findings = self.read(seats).map_err(|error| attempts.failure(error))?;
        if !attempts.worth_knowing_all(&findings)
            && let Some(outcome) = self.settle(&findings, &shown, attempts.unknown)
        {
            return Ok(Judged::Outcome(outcome));
        }
        if let Some(outcome) = self.given_back().or_else(|| self.full()) {
            return Ok(Judged::Outcome(outcome));
        }
        if let (Some(allowance), Some(Verdict::Refused(Some(set)))) = (self.request.allowance, &allowance) {
            let ReserveRequest { theater, seats, .. } = self.request;
            match allowance.look_for_room(self.store, theater, seats.labels(), set, attempts).await? {
                Room::Full(reserved) => {
                    return Ok(Judged::Outcome(ReserveOutcome::LimitReached(reserved, findings.learned())));
                }
                Room::Enough(seats) => self.owners_seats = seats,
            }
        }
        // The next attempt is another transaction, and a token stands for one transaction.
        self.token = random::new_id();
        let others = Refusal::first_trouble([record, allowance].into_iter().flatten().collect());
        Ok(findings.trouble.or(others).map_or(Judged::Informed, Judged::Trouble))
    }

    fn learn_record(&mut self, item: Option<&Item>) -> Result<(), StoreError> {
        self.record = item.map_or(Ok(None), |item| Record::read(item, self.now))?.unwrap_or_default();
        Ok(())
    }

    /// Returns the outcome if the record alone decides it.
    fn judge_record(&self) -> Option<ReserveOutcome> {
        if self.record.state != Use::Open {
            return Some(ReserveOutcome::Released(Vec::new()));
        }
        let before = self.record.choice(self.request.wish?.id).filter(|choice| choice.token != self.request_token)?;
        let before = ChosenBefore { seats: before.seats.clone(), wish: before.wish.clone() };
        Some(ReserveOutcome::ChosenBefore(before))
    }

    /// Returns the outcome if some of the seats were released or booked before and are available now.
    fn given_back(&self) -> Option<ReserveOutcome> {
        let given_back = self.request.seats.labels().filter(|seat| self.record.given_back.contains(seat));
        let given_back: Vec<_> = given_back.cloned().collect();
        (!given_back.is_empty()).then_some(ReserveOutcome::Released(given_back))
    }

    /// Returns the outcome if the reservation would have too many seats.
    fn full(&self) -> Option<ReserveOutcome> {
        let next = self.next_record().seats.len();
        (next > MAX_SEATS_PER_RESERVATION).then_some(ReserveOutcome::Full(self.record.seats.len()))
    }

    fn read(&self, verdicts: Vec<Verdict>) -> Result<Findings, StoreError> {
        let wanter = Wanter { reservation: Some(self.request.reservation), owner: self.request.owner, booking: None };
        Findings::read(self.request.seats.seats(), verdicts, wanter, self.now)
    }

    /// Decides the request by the seats in the way, or remembers their state for the next attempt. The seats in `shown`
    /// belong to the reservation according to its record.
    fn settle(&mut self, findings: &Findings, shown: &[&SelectedSeat], unknown: bool) -> Option<ReserveOutcome> {
        let conflicts = findings.conflicts();
        if !conflicts.is_empty() {
            return Some(ReserveOutcome::Refused(conflicts, findings.learned()));
        }
        for found in &findings.found {
            match (&found.standing, found.slot) {
                (Standing::Ours, Some(slot)) => {
                    self.held.insert(found.seat.position, Held { slot, request_token: found.request_token })
                }
                _ => self.held.remove(&found.seat.position),
            };
        }
        let all_held = self.held.len() == self.request.seats.seats().len();
        if all_held {
            let own = unknown && self.held.values().any(|held| held.request_token == Some(self.request_token));
            if own {
                return Some(self.reserved());
            }
        }
        // A release doesn't change seats that have ended by its instance's clock, so they still name this reservation.
        // The record decides.
        if let Some(outcome) = self.given_back() {
            return Some(outcome);
        }
        if all_held {
            return Some(self.already_held());
        }
        let gone =
            findings.found.iter().filter(|found| found.standing == Standing::Open && shown.contains(&&found.seat));
        let gone: Vec<_> = gone.map(|found| found.seat.label.clone()).collect();
        if !gone.is_empty() {
            return Some(ReserveOutcome::Released(gone));
        }
        if findings.found.iter().any(|found| found.standing == Standing::Open) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        None
    }

    /// Reads the record and the seats after the attempts are used up, and decides the request by them.
    async fn look_again(&mut self, tally: &Tally, attempts: &Attempts<'_>) -> Option<ReserveOutcome> {
        let ReserveRequest { theater, seats, reservation, owner, .. } = self.request;
        let mut keys = vec![reservation_key(theater, *owner, *reservation)];
        keys.extend(seats.labels().map(|label| seat_key(theater, label)));
        let mut found = self.store.last_look(tally, &keys).await?.into_iter();
        self.learn_record(found.next()?.as_ref()).ok()?;
        if let Some(outcome) = self.judge_record() {
            return Some(outcome);
        }
        let findings = self.read(found.map(Verdict::Refused).collect()).ok()?;
        self.settle(&findings, &[], attempts.unknown)
    }

    fn reserved(&self) -> ReserveOutcome {
        let (held, learned) = self.holding(&self.next_record());
        ReserveOutcome::Reserved(held, learned)
    }

    fn already_held(&self) -> ReserveOutcome {
        let (held, learned) = self.holding(&self.record);
        ReserveOutcome::AlreadyHeld(held, learned)
    }

    fn holding(&self, record: &Record) -> (Holding, Vec<LearnedSlot>) {
        let state = SeatState::Reserved { expires_at: self.expires_at };
        let written = Slot { changed_at: self.stamp, state };
        let of = |seat: &SelectedSeat| {
            let slot = self.held.get(&seat.position).map_or(written, |held| held.slot);
            let expires_at = match slot.state {
                SeatState::Reserved { expires_at } => expires_at,
                SeatState::Available | SeatState::Booked => self.expires_at,
            };
            let held = HeldSeat { seat: seat.label.clone(), expires_at };
            (held, LearnedSlot { position: seat.position, slot })
        };
        let (seats, learned): (Vec<_>, Vec<_>) = self.request.seats.seats().iter().map(of).unzip();
        let ends = seats.iter().map(|seat| seat.expires_at).chain(record.end(self.now));
        let expires_at = ends.min().unwrap_or(self.expires_at);
        (Holding { seats, expires_at }, learned)
    }
}
