//! Reserving: one seat by one conditional UpdateItem, several by one transaction, all or nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use uuid::Uuid;

use super::attempts::{Attempts, Trouble};
use super::change::Change;
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
}

/// One request while it is being carried out.
struct Reserving<'a> {
    store: &'a Store,
    request: &'a ReserveRequest<'a>,
    now: EpochMillis,
    expires_at: EpochSeconds,
    stamp: EpochMillis,
    /// Every stamp tried: a seat of this reservation that bears one of them was written by this request.
    stamps: Vec<EpochMillis>,
    /// Seats found to be held by this reservation before, by position.
    held: BTreeMap<u32, Slot>,
    /// Makes repeated attempts of one and the same transaction one to DynamoDB.
    token: Uuid,
}

impl Store {
    /// Reserves seats that can be had.
    ///
    /// Repeating it is safe: a seat is changed only while it can be had, and a reservation that already holds it is
    /// told apart from a stranger's by what the refusal brings back. When the answer to an attempt was lost, the next
    /// attempt finds its own stamp under the seats and reports them as reserved, not as already held.
    pub async fn reserve(&self, request: &ReserveRequest<'_>, tally: &Tally) -> Result<ReserveOutcome, StoreError> {
        let now = self.clock.now();
        let mut reserving = Reserving {
            store: self,
            request,
            now,
            expires_at: now.ends_after(request.expires_in),
            stamp: now,
            stamps: vec![now],
            held: BTreeMap::new(),
            token: entropy::new_id(),
        };
        let mut attempts = Attempts::to_write(self, tally);
        loop {
            let trouble = match reserving.attempt(&mut attempts).await {
                Ok(()) => return Ok(reserving.reserved()),
                Err(Refusal::Call(trouble)) => trouble,
                Err(Refusal::Conditions(verdicts)) => {
                    let findings = reserving.read(verdicts).map_err(|error| attempts.failure(error))?;
                    if !attempts.worth_knowing_all(&findings)
                        && let Some(outcome) = reserving.settle(&findings, attempts.unknown)
                    {
                        return Ok(outcome);
                    }
                    // Without trouble a stamp was too low, or a seat is now known to be held: again at once.
                    match findings.trouble {
                        Some(trouble) => trouble,
                        None if attempts.may_repeat_at_once() => continue,
                        None => Trouble::Contention("the seats keep changing".to_owned()),
                    }
                }
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

impl Reserving<'_> {
    async fn attempt(&self, attempts: &mut Attempts<'_>) -> Result<(), Refusal> {
        let (client, table, theater) = (&self.store.client, &self.store.table, self.request.theater);
        let ReserveRequest { reservation, owner, .. } = *self.request;
        let change = Change::reserve(reservation, owner, self.expires_at, self.stamp, self.now);
        if let [only] = self.request.seats.seats() {
            let call = change.alone(client, table, seat_key(theater, &only.label)).send();
            attempts.send(call, |answer| answer.consumed_capacity.as_slice()).await?;
            return Ok(());
        }
        let items = self.request.seats.seats().iter().map(|seat| {
            let change = match self.held.get(&seat.position) {
                Some(slot) => Change::still_held(self.request.reservation, slot.changed_at, self.now),
                None => change.clone(),
            };
            change.in_transaction(table, seat_key(theater, &seat.label))
        });
        let items =
            items.collect::<Result<Vec<_>, _>>().map_err(|error| Refusal::Call(Trouble::Final(error.to_string())))?;
        let call = client
            .transact_write_items()
            .set_transact_items(Some(items))
            // Not the SDK's own token: it would be a new one for each attempt, and each attempt a stranger.
            .client_request_token(self.token.to_string())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        attempts.send(call, |answer| answer.consumed_capacity()).await?;
        Ok(())
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
                (Standing::Ours, Some(slot)) => self.held.insert(found.seat.position, slot),
                _ => self.held.remove(&found.seat.position),
            };
        }
        if self.held.len() == self.request.seats.seats().len() {
            let own = unknown && self.held.values().any(|slot| self.stamps.contains(&slot.changed_at));
            return Some(if own { self.reserved() } else { self.already_held() });
        }
        if findings.found.iter().any(|found| found.standing == Standing::Open) {
            self.stamp = findings.stamp_above(self.stamp);
            self.stamps.push(self.stamp);
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
        let found = self.store.standing(&keys, tally).await?;
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
            let slot = self.held.get(&seat.position).copied().unwrap_or(written);
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
