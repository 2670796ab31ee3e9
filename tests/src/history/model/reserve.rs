//! Reservations: seats that a call reserves, the limit of a caller, and releases.

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::{Seat, SeatStatus, Theater, effective_id};
use crate::history::call_log::{Answer, Request};
use crate::history::price::SeatPrices;
use crate::history::reservation::{Entry, Reservation};
use crate::history::seats::Seats;
use crate::history::terms::CallOnTerms;

impl Theater {
    /// Returns the theater after a reservation by an instance that sells. `None` if its answer isn't possible.
    pub(super) fn reserved(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let Request::Reserve { seats, .. } = call.request else { return None };
        let Answer::Reserved { expires_at, replayed, lines, .. } = call.answer else { return None };
        if !call.may_be_open || self.refuses_types(index, call) {
            return None;
        }
        let reservation = effective_id(index, call);
        if self.is_spent_for(seats, index, call) || !self.conflicts(seats, index, call).is_empty() {
            return None;
        }
        let status = || seats.positions().map(|seat| self.status(seat, index, call));
        let held_by_all = status().all(|status| matches!(status, SeatStatus::Own { .. }));
        let by_this_call = status().any(|status| matches!(status, SeatStatus::Own { by, .. } if by == index));
        if replayed != (held_by_all && !by_this_call) {
            return None;
        }
        let next = if replayed { self.clone() } else { self.with_reserved(index, call).within_limit(call)? };
        let prices = next.prices_of(seats);
        if next.end(reservation, seats, call.now) == Some(expires_at) { next.with_lines(&prices, &lines) } else { None }
    }

    pub(super) fn with_reserved(&self, index: usize, call: &CallOnTerms<'_>) -> Self {
        let Request::Reserve { seats, expires_in, .. } = call.request else { return self.clone() };
        let mut next = self.clone();
        let (reservation, expires_at) =
            (effective_id(index, call), call.now.as_millis().div_ceil(1000) + u64::from(expires_in));
        for seat in seats.positions().filter(|seat| self.status(*seat, index, call) == SeatStatus::Open) {
            let price = call.listed(seat);
            next.seats[seat] = Seat::Reserved { reservation, expires_at, by: index, price };
            let entry = Entry { seat, reserved_at: call.now, expires_at, extended: None, price };
            next.reservations.entry(reservation).or_default().give(entry);
        }
        next
    }

    /// Returns `true` if the reservation of a call can't have these seats. It was released, or released one of them, or
    /// one of them would still be reserved but was booked and cancelled under its name.
    pub(super) fn is_spent_for(&self, seats: Seats, index: usize, call: &CallOnTerms<'_>) -> bool {
        let known = self.reservation(effective_id(index, call));
        let runs = known.running(known.evaluated_at(call.now));
        let is_gone = |seat| runs.has(seat) && self.status(seat, index, call) == SeatStatus::Open;
        known.is_spent_for(seats) || seats.positions().any(is_gone)
    }

    /// Returns the theater after a call that reserved or extended. `None` if the caller then exceeds the limit.
    pub(super) fn within_limit(mut self, call: &CallOnTerms<'_>) -> Option<Self> {
        let Some(limit) = self.limit else { return Some(self) };
        self.counted_at = self.counted_at.max(call.now);
        let counted = self.counted_at.seconds().as_secs();
        let reserved = |seat: &&Seat| matches!(seat, Seat::Reserved { expires_at, .. } if counted < *expires_at);
        (self.seats.iter().filter(reserved).count() <= limit).then_some(self)
    }

    /// Returns `false` for a rejection by the limit that can't be correct: of a repeat, or without a limit. The count
    /// itself isn't checked, because seats are read one by one.
    pub(super) fn may_be_limited(&self, index: usize, call: &CallOnTerms<'_>) -> bool {
        let is_repeat = match call.request {
            Request::Reserve { seats, .. } => {
                seats.positions().all(|seat| matches!(self.status(seat, index, call), SeatStatus::Own { .. }))
            }
            Request::Extend { seat, reservation, key, .. } => self
                .reservation(reservation)
                .entry_of_current(seat)
                .and_then(|entry| entry.extended)
                .is_some_and(|extended| extended.key == key),
            _ => true,
        };
        self.limit.is_some() && !is_repeat
    }

    pub(super) fn with_given_back(&self, reservation: Uuid, seats: Seats, now: EpochMillis) -> Self {
        let mut next = self.clone();
        let known = next.reservations.entry(reservation).or_default();
        let running = known.running(known.evaluated_at(now));
        known.give_back(seats);
        for seat in seats.positions().filter(|seat| running.has(*seat)) {
            if self.is_held(seat, reservation) {
                next.seats[seat] = Seat::Available;
            }
        }
        next
    }

    pub(super) fn with_spent(mut self, reservation: Uuid) -> Self {
        self.reservations.insert(reservation, Reservation::spent());
        self
    }

    fn prices_of(&self, seats: Seats) -> SeatPrices {
        seats.positions().fold(SeatPrices::default(), |prices, seat| match self.seats[seat] {
            Seat::Reserved { price, .. } => prices.with(seat, price),
            Seat::Available | Seat::Booked => prices,
        })
    }

    /// Returns the end in the answer: the earliest of the requested seats and of the reservation's other seats.
    pub(super) fn end(&self, reservation: Uuid, seats: Seats, now: EpochMillis) -> Option<u64> {
        let asked = seats.positions().filter_map(|seat| match self.seats[seat] {
            Seat::Reserved { expires_at, .. } => Some(expires_at),
            Seat::Available | Seat::Booked => None,
        });
        asked.chain(self.reservation(reservation).end(now)).min()
    }
}
