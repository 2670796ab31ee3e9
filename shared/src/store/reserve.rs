//! Reserving: one seat by one conditional UpdateItem, several by one transaction, all or nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::allowance::{Allowance, Room, Seats};
use super::attempts::{Attempts, Trouble};
use super::change::Change;
use super::choice::{Choice, ChosenBefore};
use super::items::seat_key;
use super::refusal::{Findings, Refusal, Standing, Verdict, Wanter};
use super::{Store, StoreError};
use crate::entropy;
use crate::rules::availability::{LearnedSlot, SeatState, Slot};
use crate::rules::caller::Owner;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::{Conflict, SelectedSeat, Selection};
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::tally::Tally;

/// Reserve these seats under this reservation, for so long.
#[derive(Debug)]
pub struct ReserveRequest<'a> {
    /// Where.
    pub theater: &'a TheaterId,
    /// Which seats: all or none.
    pub seats: &'a Selection,
    /// Under which reservation. Seats that it already holds keep the expiry that they have.
    pub reservation: ReservationId,
    /// Whose it will be.
    pub owner: Option<Owner>,
    /// For how many seconds from now.
    pub expires_in: u32,
    /// How much its owner may have reserved at once, if that is limited.
    pub allowance: Option<Allowance>,
    /// Remembered with it, if the seats were chosen for a wish.
    pub choice: Option<Choice<'a>>,
}

/// A seat that the reservation holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldSeat {
    /// Which seat.
    pub seat: SeatLabel,
    /// Until when.
    pub expires_at: EpochSeconds,
}

/// What became of the request, and what it taught about the seats.
#[derive(Debug, PartialEq, Eq)]
pub enum ReserveOutcome {
    /// The reservation now holds all the seats, and did not hold all of them before.
    Reserved(Vec<HeldSeat>, Vec<LearnedSlot>),
    /// The reservation held all of them before; nothing changed.
    AlreadyHeld(Vec<HeldSeat>, Vec<LearnedSlot>),
    /// Others have these of the seats; nothing changed.
    Refused(Vec<Conflict>, Vec<LearnedSlot>),
    /// Its owner has so many seats reserved that these would be too many; nothing changed.
    LimitReached(usize, Vec<LearnedSlot>),
    /// Seats were chosen before for this request; nothing changed.
    ChosenBefore(ChosenBefore),
}

/// One request while it is being carried out.
struct Reserving<'a> {
    store: &'a Store,
    request: &'a ReserveRequest<'a>,
    now: EpochMillis,
    expires_at: EpochSeconds,
    stamp: EpochMillis,
    /// Seats found to be held by this reservation before, by position.
    held: BTreeMap<u32, Held>,
    /// Makes repeated attempts of one and the same transaction one to DynamoDB.
    token: Uuid,
    /// Written with the seats and the choice, so that this request knows its own work when an answer was lost.
    request_token: Uuid,
    /// How what the owner has reserved is to be written.
    owners_seats: Seats,
}

impl Store {
    /// Reserves seats that can be had.
    ///
    /// Repeating it is safe: a seat is changed only while it can be had, and a reservation that already holds it is
    /// told apart from a stranger's by what the refusal brings back. When the answer to an attempt was lost, the next
    /// attempt finds its own token under the seats and reports them as reserved, not as already held.
    pub async fn reserve(&self, request: &ReserveRequest<'_>, tally: &Tally) -> Result<ReserveOutcome, StoreError> {
        let now = self.clock.now();
        let mut reserving = Reserving {
            store: self,
            request,
            now,
            expires_at: now.ends_after(request.expires_in),
            stamp: now,
            held: BTreeMap::new(),
            token: entropy::new_id(),
            request_token: entropy::new_id(),
            owners_seats: Seats::Grow,
        };
        if let Some(allowance) = request.allowance.filter(|allowance| allowance.never_has(request.seats.seats().len()))
        {
            return Ok(ReserveOutcome::LimitReached(allowance.most, Vec::new()));
        }
        let mut attempts = Attempts::to_write(self, tally);
        loop {
            let trouble = match reserving.attempt(&mut attempts).await {
                Ok(()) => return Ok(reserving.reserved()),
                Err(Refusal::Call(trouble)) => trouble,
                Err(Refusal::Conditions(verdicts)) => match reserving.judge(verdicts, &mut attempts).await? {
                    Judged::Outcome(outcome) => return Ok(outcome),
                    Judged::Trouble(trouble) => trouble,
                    // A stamp was too low, a seat is now known to be held, or there is room: again at once.
                    Judged::Informed if attempts.may_repeat_at_once() => continue,
                    Judged::Informed => Trouble::Contention("the seats keep changing".to_owned()),
                },
            };
            if matches!(trouble, Trouble::OtherUnderToken(_)) {
                reserving.token = entropy::new_id();
            }
            match attempts.pause(trouble).await {
                Ok(()) => {}
                Err(StoreError::Undecided(text)) => {
                    let outcome = reserving.look_again(&attempts, tally).await;
                    return outcome.ok_or(StoreError::Undecided(text));
                }
                Err(broken) => return Err(broken),
            }
        }
    }
}

/// A seat that the reservation held before.
#[derive(Clone, Copy)]
struct Held {
    slot: Slot,
    /// Of the request that reserved it.
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
            None => {
                let token = self.request_token;
                Change::reserve((reservation, owner), token, self.expires_at, self.stamp, self.now)
            }
        };
        let changes = seats.seats().iter().map(|seat| (&seat.label, change(seat)));
        if self.others() == 0 {
            return self.store.change_seats(theater, changes.collect(), self.token, attempts).await;
        }
        let table = &self.store.table;
        let changes = changes.map(|(seat, change)| change.in_transaction(table, seat_key(theater, seat)));
        self.store.transact(self.choice_and_allowance().chain(changes).collect(), self.token, attempts).await
    }

    /// What is written beside the seats, and before them.
    fn choice_and_allowance(&self) -> impl Iterator<Item = Result<TransactWriteItem, StoreError>> {
        let ReserveRequest { theater, seats, choice, allowance, .. } = self.request;
        let choice = choice.map(|choice| choice.item(self.store, self.request, self.request_token, self.now));
        let allowance =
            allowance.map(|allowance| allowance.item(&self.store.table, theater, seats, &self.owners_seats, self.now));
        choice.into_iter().chain(allowance)
    }

    /// How many items that is.
    fn others(&self) -> usize {
        usize::from(self.request.choice.is_some()) + usize::from(self.request.allowance.is_some())
    }

    /// Decides by what stood in the way, or prepares the next attempt.
    async fn judge(&mut self, mut verdicts: Vec<Verdict>, attempts: &mut Attempts<'_>) -> Result<Judged, StoreError> {
        let seats = verdicts.split_off(self.others().min(verdicts.len()));
        let mut others = verdicts.into_iter();
        let choice = self.request.choice.and_then(|_| others.next());
        let allowance = self.request.allowance.and_then(|_| others.next());
        if let Some(Verdict::Refused(Some(item))) = &choice
            && let Some(before) =
                Choice::made_before(self.request, item, self.request_token).map_err(|error| attempts.failure(error))?
        {
            return Ok(Judged::Outcome(ReserveOutcome::ChosenBefore(before)));
        }
        let findings = self.read(seats).map_err(|error| attempts.failure(error))?;
        if !attempts.worth_knowing_all(&findings)
            && let Some(outcome) = self.settle(&findings, attempts.unknown)
        {
            return Ok(Judged::Outcome(outcome));
        }
        if let (Some(allowance), Some(Verdict::Refused(Some(set)))) = (self.request.allowance, &allowance) {
            let ReserveRequest { theater, seats, .. } = self.request;
            match allowance.look_for_room(self.store, theater, seats, set, attempts).await? {
                Room::Full(reserved) => {
                    return Ok(Judged::Outcome(ReserveOutcome::LimitReached(reserved, findings.learned())));
                }
                Room::Enough(seats) => self.owners_seats = seats,
            }
            self.token = entropy::new_id();
        }
        let others = Refusal::first_trouble([choice, allowance].into_iter().flatten().collect());
        Ok(findings.trouble.or(others).map_or(Judged::Informed, Judged::Trouble))
    }

    fn read(&self, verdicts: Vec<Verdict>) -> Result<Findings, StoreError> {
        let wanter = Wanter { reservation: Some(self.request.reservation), owner: self.request.owner, booking: None };
        Findings::read(self.request.seats.seats(), verdicts, wanter, self.now)
    }

    /// Decides by what stood in the way, or prepares the next attempt.
    fn settle(&mut self, findings: &Findings, unknown: bool) -> Option<ReserveOutcome> {
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
        if self.held.len() == self.request.seats.seats().len() {
            let own = unknown && self.held.values().any(|held| held.request_token == Some(self.request_token));
            return Some(if own { self.reserved() } else { self.already_held() });
        }
        if findings.found.iter().any(|found| found.standing == Standing::Open) {
            self.stamp = findings.stamp_above(self.stamp);
        }
        if !findings.found.is_empty() {
            // Another transaction from here on: a token stands for one and the same.
            self.token = entropy::new_id();
        }
        None
    }

    /// The last resort when the attempts are used up: look, and decide by that.
    async fn look_again(&mut self, attempts: &Attempts<'_>, tally: &Tally) -> Option<ReserveOutcome> {
        let seats = self.request.seats.seats();
        let keys: Vec<_> = seats.iter().map(|seat| seat_key(self.request.theater, &seat.label)).collect();
        let found = self.store.last_look(&keys, tally).await?;
        let findings = self.read(found.into_iter().map(Verdict::Refused).collect()).ok()?;
        self.settle(&findings, attempts.unknown)
    }

    fn reserved(&self) -> ReserveOutcome {
        let (held, learned) = self.holdings();
        ReserveOutcome::Reserved(held, learned)
    }

    fn already_held(&self) -> ReserveOutcome {
        let (held, learned) = self.holdings();
        ReserveOutcome::AlreadyHeld(held, learned)
    }

    fn holdings(&self) -> (Vec<HeldSeat>, Vec<LearnedSlot>) {
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
        self.request.seats.seats().iter().map(of).unzip()
    }
}
