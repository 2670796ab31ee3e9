//! Reservations as a whole: which seats one holds, giving them back, letting them end later.
//!
//! The caller names a reservation and not what it holds, so here, and only here and in [`super::bookings`], a read
//! precedes a write: what the write demands is that each seat still is what was read, by its stamp.

use uuid::Uuid;

use super::attempts::{Attempts, Trouble};
use super::change::Change;
use super::items::{Item, SeatItem, attribute, seat_key};
use super::refusal::Refusal;
use super::seats::Filter;
use super::{SeatSlot, Store, StoreError};
use crate::entropy;
use crate::rules::availability::{SeatState, Slot};
use crate::rules::caller::Owner;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::MOST_SEATS_AT_ONCE;
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::tally::Tally;

/// A reservation, and who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct ReservationRef<'a> {
    /// Where.
    pub theater: &'a TheaterId,
    /// Which.
    pub id: ReservationId,
    /// Who asks: what belongs to others isn't found.
    pub owner: Option<Owner>,
    /// Where to look: these seats only (a few reads), or all that are taken (a Query that weighs what they weigh). At most
    /// [`MOST_SEATS_AT_ONCE`].
    pub seats: Option<&'a [SeatLabel]>,
}

/// A seat that stands under a reservation, run out or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedSeat {
    /// Which seat.
    pub seat: SeatLabel,
    /// The stamp of the write that made it so.
    pub changed_at: EpochMillis,
    /// From then on it is available.
    pub expires_at: EpochSeconds,
    /// The extension that it has had.
    pub extension: Option<Uuid>,
    /// Of the request that extended it.
    pub extension_token: Option<Uuid>,
}

/// Seats that a call changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChangedSeats {
    /// What became of them, as far as it was answered.
    pub slots: Vec<SeatSlot>,
    /// An answer was lost, so that there may be more than `slots`.
    pub uncertain: bool,
}

/// How a reservation is to be extended.
#[derive(Clone, Copy, Debug)]
pub struct Extension {
    /// By this a repeated request is recognised.
    pub id: Uuid,
    /// For how many seconds from now.
    pub expires_in: u32,
    /// How long a seat may be reserved in all, in seconds.
    pub longest: u32,
}

/// What became of an extension.
#[derive(Debug, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// These seats end later now.
    Extended(Vec<ReservedSeat>, ChangedSeats),
    /// They did before, by this very extension; nothing changed.
    Replayed(Vec<ReservedSeat>),
    /// It was extended before by another; nothing changed.
    ExtendedBefore,
    /// No seat would end later than it does; nothing changed.
    NoLonger,
    /// It holds more seats than one transaction can change; nothing changed.
    TooMany(usize),
    /// All its seats have run out.
    Expired,
    /// It holds none of the seats.
    NotFound,
}

impl ChangedSeats {
    /// Seats that are as they are said to be.
    pub fn to(seats: &[ReservedSeat], uncertain: bool) -> Self {
        Self { slots: seats.iter().map(ReservedSeat::slot).collect(), uncertain }
    }
}

impl ReservedSeat {
    /// Whether it is still reserved.
    pub fn runs(&self, now: EpochMillis) -> bool {
        !self.expires_at.reached(now)
    }

    fn slot(&self) -> SeatSlot {
        let state = SeatState::Reserved { expires_at: self.expires_at };
        SeatSlot { seat: self.seat.clone(), slot: Slot { changed_at: self.changed_at, state } }
    }

    /// The seat after an extension: later by what was asked, within what it may last in all from when it was reserved. Its
    /// end never comes sooner.
    fn extended(&self, extension: &Extension, token: Uuid, now: EpochMillis) -> Self {
        let wanted = now.ends_after(extension.expires_in);
        let expires_at = wanted.min(self.changed_at.ends_after(extension.longest)).max(self.expires_at);
        Self {
            seat: self.seat.clone(),
            changed_at: Change::raised(self.changed_at, now),
            expires_at,
            extension: Some(extension.id),
            extension_token: Some(token),
        }
    }
}

impl Store {
    /// The seats that stand under a reservation, run out or not, as they are now (strongly consistent), in the order of
    /// their labels. A seat whose item can't be read is passed over: nobody can buy or free it until it is mended.
    pub async fn reserved_under(
        &self,
        wanted: &ReservationRef<'_>,
        tally: &Tally,
    ) -> Result<Vec<ReservedSeat>, StoreError> {
        let items = match wanted.seats {
            None => self.seat_items(wanted.theater, Filter::reserved_under(wanted.id), tally).await?,
            Some(seats) => {
                let keys: Vec<_> = seats.iter().map(|seat| seat_key(wanted.theater, seat)).collect();
                let mut attempts = Attempts::to_read(self, tally);
                self.standing(&keys, &mut attempts).await?.into_iter().flatten().collect()
            }
        };
        let mut seats: Vec<_> = items.iter().filter_map(|item| reserved(item, wanted)).collect();
        seats.sort_unstable_by(|a, b| a.seat.cmp(&b.seat));
        Ok(seats)
    }

    /// Under which reservation a seat stands by the write of this stamp, run out or not (one strongly consistent GetItem);
    /// `None` if anything was written since, or it can't be read.
    pub async fn stands_by(
        &self,
        theater: &TheaterId,
        seat: &SeatLabel,
        changed_at: EpochMillis,
        tally: &Tally,
    ) -> Result<Option<ReservationId>, StoreError> {
        let item = self.item(seat_key(theater, seat), tally).await?;
        let read = item.as_ref().and_then(|item| SeatItem::read(item).ok());
        let same = read.filter(|seat| seat.slot.changed_at == changed_at && !seat.removed);
        Ok(same.and_then(|seat| seat.reservation))
    }

    /// Gives back the seats of a reservation.
    ///
    /// Repeating it is safe: what isn't reserved under it any more isn't touched, whatever became of it. A seat that the
    /// reservation gets while this is going on may stay. Up to [`MOST_SEATS_AT_ONCE`] seats go all or none.
    pub async fn release(&self, wanted: &ReservationRef<'_>, tally: &Tally) -> Result<ChangedSeats, StoreError> {
        let mut attempts = Attempts::to_write(self, tally);
        let mut released = ChangedSeats::default();
        loop {
            let (now, seats) = (self.clock.now(), self.reserved_under(wanted, tally).await?);
            match self.release_seats(wanted, &seats, now, &mut released.slots, &mut attempts).await {
                Ok(()) => {
                    released.uncertain = attempts.unknown;
                    return Ok(released);
                }
                Err(refusal) => attempts.before_reading_again(refusal).await?,
            }
        }
    }

    async fn release_seats(
        &self,
        wanted: &ReservationRef<'_>,
        seats: &[ReservedSeat],
        now: EpochMillis,
        released: &mut Vec<SeatSlot>,
        attempts: &mut Attempts<'_>,
    ) -> Result<(), Refusal> {
        for seats in seats.chunks(MOST_SEATS_AT_ONCE) {
            let changes = seats.iter().map(|seat| (&seat.seat, Change::release(wanted.id, seat.changed_at, now)));
            self.change_seats(wanted.theater, changes.collect(), entropy::new_id(), attempts).await?;
            released.extend(seats.iter().map(|seat| SeatSlot {
                seat: seat.seat.clone(),
                slot: Slot { changed_at: Change::raised(seat.changed_at, now), state: SeatState::Available },
            }));
        }
        Ok(())
    }

    /// Lets the seats of a reservation end later, once.
    ///
    /// Repeating it is safe: each seat bears the extension that it has had, and takes no other. When an answer was lost, the
    /// seats that are read again bear this one, with this request's token.
    pub async fn extend(
        &self,
        wanted: &ReservationRef<'_>,
        extension: &Extension,
        tally: &Tally,
    ) -> Result<ExtendOutcome, StoreError> {
        let mut attempts = Attempts::to_write(self, tally);
        // Seats that bear it were extended by this request, and not by its like.
        let token = entropy::new_id();
        loop {
            let (now, standing) = (self.clock.now(), self.reserved_under(wanted, tally).await?);
            let next = match extendable(&standing, extension, token, now) {
                Ok(next) => next,
                Err(ExtendOutcome::Replayed(seats)) if seats.iter().any(|seat| seat.extension_token == Some(token)) => {
                    let changed = ChangedSeats::to(&seats, false);
                    return Ok(ExtendOutcome::Extended(seats, changed));
                }
                Err(outcome) => return Ok(outcome),
            };
            let changes = standing.iter().filter(|seat| seat.runs(now)).zip(&next).map(|(old, new)| {
                (&old.seat, Change::extend(wanted.id, (extension.id, token), new.expires_at, old.changed_at, now))
            });
            match self.change_seats(wanted.theater, changes.collect(), entropy::new_id(), &mut attempts).await {
                Ok(()) => {
                    let changed = ChangedSeats::to(&next, attempts.unknown);
                    return Ok(ExtendOutcome::Extended(next, changed));
                }
                Err(refusal) => attempts.before_reading_again(refusal).await?,
            }
        }
    }
}

/// The seats as they will be, or why there is nothing to extend.
fn extendable(
    standing: &[ReservedSeat],
    extension: &Extension,
    token: Uuid,
    now: EpochMillis,
) -> Result<Vec<ReservedSeat>, ExtendOutcome> {
    let running: Vec<_> = standing.iter().filter(|seat| seat.runs(now)).collect();
    let before: Vec<_> = running.iter().filter(|seat| seat.extension == Some(extension.id)).collect();
    if !before.is_empty() {
        return Err(ExtendOutcome::Replayed(before.into_iter().map(|seat| (*seat).clone()).collect()));
    }
    if running.is_empty() {
        return Err(if standing.is_empty() { ExtendOutcome::NotFound } else { ExtendOutcome::Expired });
    }
    if running.iter().any(|seat| seat.extension.is_some()) {
        return Err(ExtendOutcome::ExtendedBefore);
    }
    if running.len() > MOST_SEATS_AT_ONCE {
        return Err(ExtendOutcome::TooMany(running.len()));
    }
    let next: Vec<_> = running.iter().map(|seat| seat.extended(extension, token, now)).collect();
    if next.iter().zip(&running).all(|(new, old)| new.expires_at == old.expires_at) {
        return Err(ExtendOutcome::NoLonger);
    }
    Ok(next)
}

/// A seat's item as part of a reservation, if it is one.
fn reserved(item: &Item, wanted: &ReservationRef<'_>) -> Option<ReservedSeat> {
    let label = SeatItem::label(item).ok().and_then(|label| SeatLabel::parse(label).ok())?;
    let read = match SeatItem::read(item) {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(%error, "a seat is passed over");
            return None;
        }
    };
    let SeatState::Reserved { expires_at } = read.slot.state else { return None };
    read.is_reserved_under(Some(wanted.id), wanted.owner).then_some(ReservedSeat {
        seat: label,
        changed_at: read.slot.changed_at,
        expires_at,
        extension: read.extension,
        extension_token: read.extension_token,
    })
}

impl Filter {
    fn reserved_under(reservation: ReservationId) -> Self {
        Self { attribute: attribute::RESERVATION_ID, value: reservation.to_string() }
    }
}

impl Attempts<'_> {
    /// What comes between a refused write of what had been read and reading it again: nothing if it has changed, a pause
    /// otherwise. An error when there is no more time.
    pub(super) async fn before_reading_again(&mut self, refusal: Refusal) -> Result<(), StoreError> {
        let trouble = match refusal {
            Refusal::Call(trouble) => trouble,
            Refusal::Conditions(verdicts) => match Refusal::first_trouble(verdicts) {
                Some(trouble) => trouble,
                None if self.may_repeat_at_once() => return Ok(()),
                None => Trouble::Contention("it keeps changing".to_owned()),
            },
        };
        self.pause(trouble).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Uuid = Uuid::from_u128(99);
    const NOW: EpochMillis = EpochMillis(1_000_000);

    fn seat(label: &str, reserved: u64, expires_at: u64, extension: Option<u128>) -> ReservedSeat {
        ReservedSeat {
            seat: SeatLabel::parse(label).unwrap(),
            changed_at: EpochMillis(reserved * 1_000),
            expires_at: EpochSeconds(expires_at),
            extension: extension.map(Uuid::from_u128),
            extension_token: None,
        }
    }

    fn by(expires_in: u32) -> Extension {
        Extension { id: Uuid::from_u128(1), expires_in, longest: 1_800 }
    }

    #[test]
    fn each_seat_ends_later_but_not_beyond_what_it_may_last_in_all() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 100, 1_500, None), seat("A3", 10, 1_805, None)];
        let next = extendable(&seats, &by(1_000), TOKEN, NOW).unwrap();
        let ends: Vec<_> = next.iter().map(|seat| seat.expires_at.0).collect();
        assert_eq!(ends, [2_000, 1_900, 1_810]);
        assert!(next.iter().all(|seat| seat.changed_at == NOW && seat.extension == Some(Uuid::from_u128(1))));
    }

    #[test]
    fn no_end_comes_sooner() {
        let seats = [seat("A1", 900, 1_100, None), seat("A2", 900, 2_000, None)];
        let next = extendable(&seats, &by(200), TOKEN, NOW).unwrap();
        assert_eq!(next.iter().map(|seat| seat.expires_at.0).collect::<Vec<_>>(), [1_200, 2_000]);
        assert_eq!(extendable(&seats, &by(100), TOKEN, NOW), Err(ExtendOutcome::NoLonger));
    }

    #[test]
    fn it_happens_once() {
        let other = [seat("A1", 900, 1_100, Some(2)), seat("A2", 900, 1_100, None)];
        assert_eq!(extendable(&other, &by(600), TOKEN, NOW), Err(ExtendOutcome::ExtendedBefore));
        let own = [seat("A1", 900, 1_100, Some(1)), seat("A2", 900, 1_100, None)];
        assert_eq!(extendable(&own, &by(600), TOKEN, NOW), Err(ExtendOutcome::Replayed(vec![own[0].clone()])));
        let gone = [seat("A1", 900, 999, Some(2)), seat("A2", 900, 1_100, None)];
        assert!(extendable(&gone, &by(600), TOKEN, NOW).is_ok(), "what has run out is no part of it any more");
    }

    #[test]
    fn nothing_is_not_found_and_only_what_ran_out_is_expired() {
        assert_eq!(extendable(&[], &by(600), TOKEN, NOW), Err(ExtendOutcome::NotFound));
        assert_eq!(extendable(&[seat("A1", 900, 1_000, None)], &by(600), TOKEN, NOW), Err(ExtendOutcome::Expired));
    }

    #[test]
    fn more_seats_than_a_transaction_takes_are_refused() {
        let seats: Vec<_> = (0..=MOST_SEATS_AT_ONCE).map(|n| seat(&format!("A{n}"), 900, 1_100, None)).collect();
        assert_eq!(extendable(&seats, &by(600), TOKEN, NOW), Err(ExtendOutcome::TooMany(MOST_SEATS_AT_ONCE + 1)));
    }
}
