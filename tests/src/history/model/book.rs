//! Bookings of seats and of whole reservations.

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::{Booking, Seat, Theater, Whole, effective_id};
use crate::history::call_log::{Answer, Request};
use crate::history::price::{SeatPrice, SeatPrices};
use crate::history::seats::Seats;
use crate::history::terms::CallOnTerms;

impl Theater {
    pub(super) fn booked(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let Answer::Booked { seats, booked_at, replayed, lines, .. } = call.answer else { return None };
        match self.bookings.get(&effective_id(index, call)) {
            Some(booking) if booking.cancelled || !booking.is_asked_for(&call.request) => None,
            Some(booking) => {
                let same = (booking.seats, booking.booked_at) == (seats, booked_at);
                let same = same && replayed == (booking.by != index);
                if same { self.clone().with_lines(&booking.prices, &lines) } else { None }
            }
            None if replayed || booked_at != call.now.seconds().as_secs() => None,
            None => {
                let next = self.attempted(index, call)?;
                let booked = *next.bookings.get(&effective_id(index, call))?;
                if booked.seats == seats { next.with_lines(&booked.prices, &lines) } else { None }
            }
        }
    }

    pub(super) fn with_booked(
        &self,
        index: usize,
        call: &CallOnTerms<'_>,
        seats: Seats,
        reservation: Option<Uuid>,
    ) -> Self {
        let mut next = self.clone();
        let booked_at = call.now.seconds().as_secs();
        let price = |prices: SeatPrices, seat| prices.with(seat, self.price_of_booked(seat, reservation, call));
        let prices = seats.positions().fold(SeatPrices::default(), price);
        let booking = Booking { seats, reservation, booked_at, prices, by: index, cancelled: false };
        next.bookings.insert(effective_id(index, call), booking);
        for seat in seats.positions() {
            next.seats[seat] = Seat::Booked;
        }
        next
    }

    /// Returns the price at which a call books a seat. A seat of the own reservation keeps its price, even after its end
    /// while its item is there. Another seat has the listed price.
    fn price_of_booked(&self, seat: usize, reservation: Option<Uuid>, call: &CallOnTerms<'_>) -> Option<SeatPrice> {
        match self.seats[seat] {
            Seat::Reserved { reservation: under, price, .. } if Some(under) == reservation => price,
            _ => call.listed(seat),
        }
    }

    /// Returns the state of a reservation that has to be booked as a whole.
    pub(super) fn whole(&self, reservation: Uuid, now: EpochMillis) -> Whole {
        let known = self.reservation(reservation);
        let (current, running) = (known.current(), known.running_of_current(known.evaluated_at(now)));
        if current == Seats::default() {
            return Whole::None;
        }
        if running == Seats::default() {
            return Whole::Expired;
        }
        if running != current {
            return Whole::Lost(Seats(current.0 & !running.0));
        }
        let lost = current.positions().filter(|seat| !self.is_held(*seat, reservation));
        let lost = lost.fold(Seats::default(), Seats::with);
        if lost == Seats::default() { Whole::Complete(current) } else { Whole::Lost(lost) }
    }

    pub(super) fn not_booked_as_a_whole(&self, index: usize, call: &CallOnTerms<'_>, answer: &Answer) -> Option<Self> {
        let Request::BookWhole { reservation, .. } = call.request else { return None };
        if self.bookings.contains_key(&effective_id(index, call)) {
            return None;
        }
        match (self.whole(reservation, call.now), answer) {
            (Whole::None, Answer::NotFound) => Some(self.clone()),
            (Whole::Expired, Answer::Expired) => Some(self.with_refused(reservation, call.now)),
            (Whole::Lost(lost), Answer::Changed(named)) => {
                // After one or two attempts an answer names all lost seats.
                let some = named.0 != 0 && named.0 & !lost.0 == 0;
                let right = *named == lost || (some && call.writes > 2);
                right.then(|| self.with_refused(reservation, call.now))
            }
            _ => None,
        }
    }

    pub(super) fn with_booked_whole(mut self, reservation: Uuid, seats: Seats) -> Self {
        self.reservations.entry(reservation).or_default().book(seats);
        self
    }

    /// Returns the theater after an answer that seats of a reservation have expired.
    pub(super) fn with_refused(&self, reservation: Uuid, now: EpochMillis) -> Self {
        let mut next = self.clone();
        next.reservations.entry(reservation).or_default().refuse(now);
        next
    }

    /// Returns the theater after an attempt that recorded that seats have expired, and whose answer was lost. `None` if
    /// that was recorded before.
    pub(super) fn with_new_refusal(&self, reservation: Uuid, now: EpochMillis) -> Option<Self> {
        self.reservations.get(&reservation)?;
        let next = self.with_refused(reservation, now);
        (next != *self).then_some(next)
    }
}
