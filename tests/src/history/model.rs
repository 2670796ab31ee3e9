//! The reference model of one theater. It defines the states that each answer allows, and the state after it.
//!
//! The model follows the README's promises. It knows nothing of stamps, transactions or caches. Each step is a call
//! with its answer, executed at one instant. The step leads to the theater's next state, or the answer isn't possible
//! at that instant.
//!
//! A call that repeats its write to DynamoDB may have carried out an earlier attempt whose answer was lost. That
//! attempt is its own step ([`Theater::attempted`]). Its effects are marked with the call, because the call's answer
//! has to be consistent with them: 201, and neither 200 nor a conflict with itself.
//!
//! A rejected repeat stays rejected. Once a caller got the answer that seats of a reservation have expired, this holds
//! for later attempts and for clocks that are behind (`Reservation::evaluated_at`).

mod book;
mod extend;
mod lines;
mod repeat;
mod reserve;

use std::collections::BTreeMap;

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::call_log::{Answer, CallRecord, ConflictingSeat, Request};
use super::money::TicketType;
use super::price::{SeatPrice, SeatPrices};
use super::reservation::Reservation;
use super::seats::Seats;
use super::terms::CallOnTerms;

/// The complete state of a theater at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Theater {
    seats: Vec<Seat>,
    bookings: BTreeMap<Uuid, Booking>,
    reservations: BTreeMap<Uuid, Reservation>,
    /// The price lists of calls without an answer, as far as later answers showed them.
    lists: BTreeMap<usize, u8>,
    /// The largest number of seats that may be reserved at once. All calls have the same caller.
    limit: Option<usize>,
    /// The latest clock of all calls that reserved or extended. Reservations that have ended by it no longer count.
    counted_at: EpochMillis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seat {
    Available,
    Reserved { reservation: Uuid, expires_at: u64, by: usize, price: Option<SeatPrice> },
    Booked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Booking {
    seats: Seats,
    reservation: Option<Uuid>,
    booked_at: u64,
    prices: SeatPrices,
    by: usize,
    cancelled: bool,
}

/// The state of a seat for a call that wants it.
#[derive(PartialEq)]
enum SeatStatus {
    Open,
    Own { by: usize, price: Option<SeatPrice> },
    Taken(ConflictingSeat),
}

/// The state of a whole reservation for a call that books it.
enum Whole {
    None,
    Expired,
    Lost(Seats),
    Complete(Seats),
}

impl Theater {
    /// Creates a theater with this number of seats, all available. The caller may have `limit` of them reserved at
    /// once.
    pub fn new(seats: usize, limit: Option<usize>) -> Self {
        Self {
            seats: vec![Seat::Available; seats],
            bookings: BTreeMap::new(),
            reservations: BTreeMap::new(),
            lists: BTreeMap::new(),
            limit,
            counted_at: EpochMillis::new(0),
        }
    }

    /// Returns the theater after the `index`-th call, executed now with its actual answer. `None` if the answer isn't
    /// possible.
    pub fn answered(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let same = || self.clone();
        match (&call.request, &call.answer) {
            (Request::Reserve { .. }, Answer::Reserved { .. }) => {
                self.reserved(index, call).or_else(|| self.remembered_as_answered(index, call))
            }
            (Request::Reserve { .. }, Answer::Expired | Answer::NotOnSale) => self.remembered_as_answered(index, call),
            (Request::Book { .. } | Request::BookWhole { .. }, Answer::NotOnSale) => {
                let is_new = !self.bookings.contains_key(&effective_id(index, call));
                (call.may_be_paused && is_new).then(same)
            }
            (Request::Reserve { .. } | Request::Book { .. }, Answer::OtherTypes) => {
                let refused = self.refuses_types(index, call).then(same);
                refused.or_else(|| self.remembered_as_answered(index, call))
            }
            (Request::Reserve { seats, .. }, Answer::Released) => {
                let refused = self.is_spent_for(*seats, index, call);
                refused.then(same)
            }
            (Request::Book { .. } | Request::BookWhole { .. }, Answer::Booked { .. }) => self.booked(index, call),
            (Request::Reserve { .. } | Request::Book { .. }, Answer::Taken(named)) => {
                self.refuses(index, call, named).then(same)
            }
            (Request::Book { .. } | Request::BookWhole { .. }, Answer::IdReused | Answer::Cancelled) => {
                let booking = self.bookings.get(&effective_id(index, call))?;
                let wanted = if booking.is_asked_for(&call.request) { Answer::Cancelled } else { Answer::IdReused };
                let refused = wanted == Answer::IdReused || booking.cancelled;
                (refused && call.answer == wanted).then(same)
            }
            (Request::BookWhole { .. }, answer) => self.not_booked_as_a_whole(index, call, answer),
            (Request::Release { .. } | Request::ReleaseAll { .. }, Answer::Done) => {
                Some(self.attempted(index, call).unwrap_or_else(same))
            }
            (Request::Cancel { booking }, Answer::Done) => {
                let there = self.bookings.contains_key(booking);
                there.then(|| self.attempted(index, call).unwrap_or_else(same))
            }
            (Request::Cancel { booking }, Answer::NotFound) => (!self.bookings.contains_key(booking)).then(same),
            (Request::Reserve { .. } | Request::Extend { .. }, Answer::Limited) => {
                self.may_be_limited(index, call).then(same)
            }
            (Request::Extend { .. }, answer) => self.extended(index, call, answer),
            (Request::Read { .. }, Answer::Availability { available, reserved, booked, .. }) => {
                (self.seen(call.now) == (*available, *reserved, *booked)).then(same)
            }
            (Request::Sweep { seat, now }, Answer::Done) => self.swept(*seat, *now),
            _ => None,
        }
    }

    /// Returns the theater after an attempt of the `index`-th call that DynamoDB carried out, independent of the
    /// answer. `None` if the attempt changes nothing.
    pub fn attempted(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let sells = matches!(call.request, Request::Reserve { .. } | Request::Book { .. } | Request::BookWhole { .. });
        if sells && !call.may_be_open {
            return None;
        }
        match call.request {
            Request::Reserve { seats, .. } => {
                let open = seats.positions().any(|seat| self.status(seat, index, call) == SeatStatus::Open);
                let spent = self.is_spent_for(seats, index, call);
                let may =
                    open && !spent && self.conflicts(seats, index, call).is_empty() && !self.refuses_types(index, call);
                may.then(|| self.with_reserved(index, call))?.within_limit(call)
            }
            Request::Book { seats, reservation, .. } => {
                let free = !self.bookings.contains_key(&effective_id(index, call));
                let may = free && self.conflicts(seats, index, call).is_empty() && !self.refuses_types(index, call);
                may.then(|| self.with_booked(index, call, seats, reservation))
            }
            Request::BookWhole { reservation, .. } => {
                let free = !self.bookings.contains_key(&effective_id(index, call));
                let Whole::Complete(seats) = self.whole(reservation, call.now) else {
                    return self.with_new_refusal(reservation, call.now);
                };
                free.then(|| {
                    self.with_booked(index, call, seats, Some(reservation)).with_booked_whole(reservation, seats)
                })
            }
            Request::Release { seat, reservation } => {
                let given_back = self.reservation(reservation).is_spent_for(Seats::one(seat));
                (!given_back).then(|| self.with_given_back(reservation, Seats::one(seat), call.now))
            }
            Request::ReleaseAll { reservation } => {
                let known = self.reservation(reservation);
                let all = known.running(known.evaluated_at(call.now));
                let spent = known.spent;
                (!spent).then(|| self.with_given_back(reservation, all, call.now).with_spent(reservation))
            }
            Request::Cancel { booking } => {
                let mut next = self.clone();
                let status = next.bookings.get_mut(&booking).filter(|booking| !booking.cancelled)?;
                status.cancelled = true;
                for seat in status.seats.positions() {
                    next.seats[seat] = Seat::Available;
                }
                Some(next)
            }
            Request::Extend { reservation, .. } => {
                self.with_extended(index, call).or_else(|| self.with_new_refusal(reservation, call.now))
            }
            Request::Read { .. } | Request::PutPrices { .. } | Request::PutSale { .. } | Request::Sweep { .. } => None,
        }
    }

    fn reservation(&self, id: Uuid) -> Reservation {
        self.reservations.get(&id).cloned().unwrap_or_default()
    }

    fn is_held(&self, seat: usize, reservation: Uuid) -> bool {
        matches!(self.seats[seat], Seat::Reserved { reservation: by, .. } if by == reservation)
    }

    /// Returns `true` if a conflict with these seats is correct. After one or two attempts an answer names all
    /// conflicting seats. After more attempts it may name only some, because the state of the others may be unknown.
    fn refuses(&self, index: usize, call: &CallOnTerms<'_>, named: &[ConflictingSeat]) -> bool {
        let seats = match call.request {
            Request::Book { .. } if self.bookings.contains_key(&effective_id(index, call)) => return false,
            Request::Reserve { seats, .. } | Request::Book { seats, .. } => seats,
            _ => return false,
        };
        let conflicts = self.conflicts(seats, index, call);
        let all_true = !named.is_empty() && named.iter().all(|seat| conflicts.contains(seat));
        all_true && (named.len() == conflicts.len() || call.writes > 2)
    }

    /// Returns `true` if the call names another ticket type than the one that a seat of its reservation has. A booking
    /// by names also considers seats that have expired and that no caller took since.
    fn refuses_types(&self, index: usize, call: &CallOnTerms<'_>) -> bool {
        match call.request {
            Request::Reserve { seats, .. } => seats.positions().any(|seat| match self.status(seat, index, call) {
                SeatStatus::Own { price, .. } => call.names_other_type(seat, price),
                SeatStatus::Open | SeatStatus::Taken(_) => false,
            }),
            Request::Book { seats, reservation, .. } => {
                !self.bookings.contains_key(&effective_id(index, call))
                    && seats.positions().any(|seat| match self.seats[seat] {
                        Seat::Reserved { reservation: under, price, .. } if Some(under) == reservation => {
                            call.names_other_type(seat, price)
                        }
                        _ => false,
                    })
            }
            _ => false,
        }
    }

    /// Returns the theater after the TTL deleted a seat's item. `None` if the seat wasn't reserved, or hadn't expired.
    fn swept(&self, seat: usize, now: u64) -> Option<Self> {
        let has_expired = matches!(self.seats[seat], Seat::Reserved { expires_at, .. } if expires_at <= now);
        has_expired.then(|| {
            let mut next = self.clone();
            next.seats[seat] = Seat::Available;
            next
        })
    }

    fn seen(&self, now: EpochMillis) -> (Seats, usize, usize) {
        let mut seen = (Seats::default(), 0, 0);
        for (position, seat) in self.seats.iter().enumerate() {
            match seat {
                Seat::Booked => seen.2 += 1,
                Seat::Reserved { expires_at, .. } if now.seconds().as_secs() < *expires_at => seen.1 += 1,
                Seat::Available | Seat::Reserved { .. } => seen.0 = seen.0.with(position),
            }
        }
        seen
    }

    fn conflicts(&self, seats: Seats, index: usize, call: &CallOnTerms<'_>) -> Vec<ConflictingSeat> {
        let status = seats.positions().map(|seat| self.status(seat, index, call));
        status.filter_map(|status| if let SeatStatus::Taken(seat) = status { Some(seat) } else { None }).collect()
    }

    fn status(&self, seat: usize, index: usize, call: &CallOnTerms<'_>) -> SeatStatus {
        match self.seats[seat] {
            Seat::Available => SeatStatus::Open,
            Seat::Booked => SeatStatus::Taken(ConflictingSeat { seat, reserved_until: None }),
            Seat::Reserved { expires_at, .. } if call.now.seconds().as_secs() >= expires_at => SeatStatus::Open,
            Seat::Reserved { reservation, expires_at, by, price } => match wanted_under(index, call) {
                Some(own) if own == reservation => SeatStatus::Own { by, price },
                _ => SeatStatus::Taken(ConflictingSeat { seat, reserved_until: Some(expires_at) }),
            },
        }
    }
}

impl Booking {
    /// Returns `true` if a request equals the request that made this booking.
    fn is_asked_for(&self, request: &Request) -> bool {
        match request {
            Request::Book { seats, children, .. } => {
                let is_child =
                    |seat: usize| self.prices.price(seat).is_some_and(|price| price.ticket_type == TicketType::Child);
                *seats == self.seats && children.positions().all(is_child)
            }
            Request::BookWhole { reservation, .. } => Some(*reservation) == self.reservation,
            _ => false,
        }
    }
}

/// Returns the id under which a call reserves or books: its own, the server's if the answer has it, or else a unique
/// one.
fn effective_id(index: usize, call: &CallRecord) -> Uuid {
    let given = match (&call.request, &call.answer) {
        (Request::Reserve { reservation: Some(id), .. }, _) => Some(*id),
        (Request::Book { booking: Some(id), .. } | Request::BookWhole { booking: Some(id), .. }, _) => Some(*id),
        (_, Answer::Reserved { reservation: id, .. } | Answer::Booked { booking: id, .. }) => Some(*id),
        _ => None,
    };
    given.unwrap_or_else(|| Uuid::from_u64_pair(u64::MAX, index as u64))
}

/// Returns the reservation that allows a call to take reserved seats.
fn wanted_under(index: usize, call: &CallRecord) -> Option<Uuid> {
    match call.request {
        Request::Book { reservation, .. } => reservation,
        Request::Reserve { .. } => Some(effective_id(index, call)),
        _ => None,
    }
}
