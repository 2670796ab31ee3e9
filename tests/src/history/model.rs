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

use std::collections::BTreeMap;

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::call_log::{Answer, CallRecord, ConflictingSeat, Request};
use super::reservation::{Entry, Extended, Reservation};
use super::seats::Seats;

/// The complete state of a theater at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Theater {
    seats: Vec<Seat>,
    bookings: BTreeMap<Uuid, Booking>,
    reservations: BTreeMap<Uuid, Reservation>,
    /// The largest number of seats that may be reserved at once. All calls have the same caller.
    limit: Option<usize>,
    /// The latest clock of all calls that reserved or extended. Reservations that have ended by it no longer count.
    counted_at: EpochMillis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seat {
    Available,
    Reserved { reservation: Uuid, expires_at: u64, by: usize },
    Booked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Booking {
    seats: Seats,
    reservation: Option<Uuid>,
    booked_at: u64,
    by: usize,
    cancelled: bool,
}

/// The state of a seat for a call that wants it.
#[derive(PartialEq)]
enum SeatStatus {
    Open,
    Own { expires_at: u64, by: usize },
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
            limit,
            counted_at: EpochMillis(0),
        }
    }

    /// Returns the theater after the `index`-th call, executed now with its actual answer. `None` if the answer isn't
    /// possible.
    pub fn answered(&self, index: usize, call: &CallRecord) -> Option<Self> {
        let same = || self.clone();
        match (&call.request, &call.answer) {
            (Request::Reserve { .. }, Answer::Reserved { expires_at, replayed, .. }) => {
                self.reserved(index, call, *expires_at, *replayed)
            }
            (Request::Reserve { seats, .. }, Answer::Released) => {
                let refused = self.is_spent_for(*seats, index, call);
                refused.then(same)
            }
            (Request::Book { .. } | Request::BookWhole { .. }, Answer::Booked { seats, booked_at, replayed, .. }) => {
                self.booked(index, call, (*seats, *booked_at), *replayed)
            }
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
            _ => None,
        }
    }

    /// Returns the theater after an attempt of the `index`-th call that DynamoDB carried out, independent of the
    /// answer. `None` if the attempt changes nothing.
    pub fn attempted(&self, index: usize, call: &CallRecord) -> Option<Self> {
        match call.request {
            Request::Reserve { seats, .. } => {
                let open = seats.positions().any(|seat| self.status(seat, index, call) == SeatStatus::Open);
                let spent = self.is_spent_for(seats, index, call);
                let may = open && !spent && self.conflicts(seats, index, call).is_empty();
                may.then(|| self.with_reserved(index, call))?.within_limit(call)
            }
            Request::Book { seats, reservation, .. } => {
                let free = !self.bookings.contains_key(&effective_id(index, call));
                let may = free && self.conflicts(seats, index, call).is_empty();
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
            Request::Read { .. } => None,
        }
    }

    fn reservation(&self, id: Uuid) -> Reservation {
        self.reservations.get(&id).cloned().unwrap_or_default()
    }

    /// Returns `true` if the reservation of a call can't have these seats. It was released, or released one of them, or
    /// one of them would still be reserved but was booked and cancelled under its name.
    fn is_spent_for(&self, seats: Seats, index: usize, call: &CallRecord) -> bool {
        let known = self.reservation(effective_id(index, call));
        let runs = known.running(known.evaluated_at(call.now));
        let is_gone = |seat| runs.has(seat) && self.status(seat, index, call) == SeatStatus::Open;
        known.is_spent_for(seats) || seats.positions().any(is_gone)
    }

    fn is_held(&self, seat: usize, reservation: Uuid) -> bool {
        matches!(self.seats[seat], Seat::Reserved { reservation: by, .. } if by == reservation)
    }

    /// Returns the state of a reservation that has to be booked as a whole.
    fn whole(&self, reservation: Uuid, now: EpochMillis) -> Whole {
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

    fn not_booked_as_a_whole(&self, index: usize, call: &CallRecord, answer: &Answer) -> Option<Self> {
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

    /// Returns the theater after an answer that seats of a reservation have expired.
    fn with_refused(&self, reservation: Uuid, now: EpochMillis) -> Self {
        let mut next = self.clone();
        next.reservations.entry(reservation).or_default().refuse(now);
        next
    }

    fn with_booked_whole(mut self, reservation: Uuid, seats: Seats) -> Self {
        self.reservations.entry(reservation).or_default().book(seats);
        self
    }

    /// Returns the theater after an attempt that recorded that seats have expired, and whose answer was lost. `None` if
    /// that was recorded before.
    fn with_new_refusal(&self, reservation: Uuid, now: EpochMillis) -> Option<Self> {
        self.reservations.get(&reservation)?;
        let next = self.with_refused(reservation, now);
        (next != *self).then_some(next)
    }

    fn with_spent(mut self, reservation: Uuid) -> Self {
        self.reservations.insert(reservation, Reservation::spent());
        self
    }

    fn with_given_back(&self, reservation: Uuid, seats: Seats, now: EpochMillis) -> Self {
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

    /// Returns the theater after an extension with this answer. `None` if the answer isn't possible.
    fn extended(&self, index: usize, call: &CallRecord, answer: &Answer) -> Option<Self> {
        let Request::Extend { seat, reservation, key, .. } = call.request else { return None };
        let known = self.reservation(reservation);
        let now = known.evaluated_at(call.now);
        let Some(entry) = known.entry_of_current(seat) else {
            return (*answer == Answer::NotFound).then(|| self.clone());
        };
        if !entry.runs(now) {
            return (*answer == Answer::Expired).then(|| self.with_refused(reservation, call.now));
        }
        let held = self.is_held(seat, reservation);
        let answered = |wanted: Answer| (*answer == wanted).then(|| self.clone());
        match entry.extended {
            Some(extended) if extended.key == key && held => {
                answered(Answer::Extended { expires_at: entry.expires_at, replayed: extended.by != index })
            }
            Some(extended) if extended.key == key => answered(Answer::NotFound),
            Some(_) => answered(Answer::NotExtendable),
            None if !entry.would_end_later(call, now) => answered(Answer::NotExtendable),
            None if !held => answered(Answer::NotFound),
            None => {
                let next = self.with_extended(index, call)?;
                let expires_at = next.reservation(reservation).entry_of_current(seat)?.expires_at;
                (*answer == Answer::Extended { expires_at, replayed: false }).then_some(next)
            }
        }
    }

    /// Returns the theater after an extension. `None` if it changes nothing.
    fn with_extended(&self, index: usize, call: &CallRecord) -> Option<Self> {
        let Request::Extend { seat, reservation, key, .. } = call.request else { return None };
        let known = self.reservation(reservation);
        let now = known.evaluated_at(call.now);
        let entry = known.entry_of_current(seat)?;
        let open = entry.extended.is_none() && entry.runs(now);
        if !open || !entry.would_end_later(call, now) || !self.is_held(seat, reservation) {
            return None;
        }
        let expires_at = entry.later(call, now);
        let mut next = self.clone();
        next.reservations.entry(reservation).or_default().extend(seat, expires_at, Extended { key, by: index });
        if let Seat::Reserved { expires_at: end, .. } = &mut next.seats[seat] {
            *end = expires_at;
        }
        next.within_limit(call)
    }

    fn reserved(&self, index: usize, call: &CallRecord, said: u64, replayed: bool) -> Option<Self> {
        let Request::Reserve { seats, .. } = call.request else { return None };
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
        (next.end(reservation, seats, call.now) == Some(said)).then_some(next)
    }

    fn booked(&self, index: usize, call: &CallRecord, said: (Seats, u64), replayed: bool) -> Option<Self> {
        match self.bookings.get(&effective_id(index, call)) {
            Some(booking) if booking.cancelled || !booking.is_asked_for(&call.request) => None,
            Some(booking) => {
                let same = (booking.seats, booking.booked_at) == said;
                (same && replayed == (booking.by != index)).then(|| self.clone())
            }
            None if replayed || said.1 != call.now.seconds().0 => None,
            None => {
                let next = self.attempted(index, call)?;
                let booked = next.bookings.get(&effective_id(index, call))?;
                (booked.seats == said.0).then_some(next)
            }
        }
    }

    /// Returns `true` if a conflict with these seats is correct. After one or two attempts an answer names all
    /// conflicting seats. After more attempts it may name only some, because the state of the others may be unknown.
    fn refuses(&self, index: usize, call: &CallRecord, named: &[ConflictingSeat]) -> bool {
        let seats = match call.request {
            Request::Book { .. } if self.bookings.contains_key(&effective_id(index, call)) => return false,
            Request::Reserve { seats, .. } | Request::Book { seats, .. } => seats,
            _ => return false,
        };
        let conflicts = self.conflicts(seats, index, call);
        let all_true = !named.is_empty() && named.iter().all(|seat| conflicts.contains(seat));
        all_true && (named.len() == conflicts.len() || call.writes > 2)
    }

    fn seen(&self, now: EpochMillis) -> (Seats, usize, usize) {
        let mut seen = (Seats::default(), 0, 0);
        for (position, seat) in self.seats.iter().enumerate() {
            match seat {
                Seat::Booked => seen.2 += 1,
                Seat::Reserved { expires_at, .. } if now.seconds().0 < *expires_at => seen.1 += 1,
                Seat::Available | Seat::Reserved { .. } => seen.0 = seen.0.with(position),
            }
        }
        seen
    }

    fn conflicts(&self, seats: Seats, index: usize, call: &CallRecord) -> Vec<ConflictingSeat> {
        let status = seats.positions().map(|seat| self.status(seat, index, call));
        status.filter_map(|status| if let SeatStatus::Taken(seat) = status { Some(seat) } else { None }).collect()
    }

    fn status(&self, seat: usize, index: usize, call: &CallRecord) -> SeatStatus {
        match self.seats[seat] {
            Seat::Available => SeatStatus::Open,
            Seat::Booked => SeatStatus::Taken(ConflictingSeat { seat, reserved_until: None }),
            Seat::Reserved { expires_at, .. } if call.now.seconds().0 >= expires_at => SeatStatus::Open,
            Seat::Reserved { reservation, expires_at, by, .. } => match wanted_under(index, call) {
                Some(own) if own == reservation => SeatStatus::Own { expires_at, by },
                _ => SeatStatus::Taken(ConflictingSeat { seat, reserved_until: Some(expires_at) }),
            },
        }
    }

    fn with_reserved(&self, index: usize, call: &CallRecord) -> Self {
        let Request::Reserve { seats, expires_in, .. } = call.request else { return self.clone() };
        let mut next = self.clone();
        let (reservation, expires_at) = (effective_id(index, call), call.now.0.div_ceil(1000) + u64::from(expires_in));
        for seat in seats.positions().filter(|seat| self.status(*seat, index, call) == SeatStatus::Open) {
            next.seats[seat] = Seat::Reserved { reservation, expires_at, by: index };
            let entry = Entry { seat, reserved_at: call.now, expires_at, extended: None };
            next.reservations.entry(reservation).or_default().give(entry);
        }
        next
    }

    /// Returns the theater after a call that reserved or extended. `None` if the caller then exceeds the limit.
    fn within_limit(mut self, call: &CallRecord) -> Option<Self> {
        let Some(limit) = self.limit else { return Some(self) };
        self.counted_at = self.counted_at.max(call.now);
        let counted = self.counted_at.seconds().0;
        let reserved = |seat: &&Seat| matches!(seat, Seat::Reserved { expires_at, .. } if counted < *expires_at);
        (self.seats.iter().filter(reserved).count() <= limit).then_some(self)
    }

    /// Returns `false` for a rejection by the limit that can't be correct: of a repeat, or without a limit. The count
    /// itself isn't checked, because seats are read one by one.
    fn may_be_limited(&self, index: usize, call: &CallRecord) -> bool {
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

    fn with_booked(&self, index: usize, call: &CallRecord, seats: Seats, reservation: Option<Uuid>) -> Self {
        let mut next = self.clone();
        let booked_at = call.now.seconds().0;
        let booking = Booking { seats, reservation, booked_at, by: index, cancelled: false };
        next.bookings.insert(effective_id(index, call), booking);
        for seat in seats.positions() {
            next.seats[seat] = Seat::Booked;
        }
        next
    }

    /// Returns the end in the answer: the earliest of the requested seats and of the reservation's other seats.
    fn end(&self, reservation: Uuid, seats: Seats, now: EpochMillis) -> Option<u64> {
        let asked = seats.positions().filter_map(|seat| match self.seats[seat] {
            Seat::Reserved { expires_at, .. } => Some(expires_at),
            Seat::Available | Seat::Booked => None,
        });
        asked.chain(self.reservation(reservation).end(now)).min()
    }
}

impl Booking {
    /// Returns `true` if a request equals the request that made this booking.
    fn is_asked_for(&self, request: &Request) -> bool {
        match request {
            Request::Book { seats, .. } => *seats == self.seats,
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
