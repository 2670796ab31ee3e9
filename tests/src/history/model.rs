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
//! for later attempts and for clocks that are behind (`Reservation::judged_at`).

use std::collections::BTreeMap;

use boxoffice::domain::time::EpochMillis;
use uuid::Uuid;

use super::record::{Answer, Ask, InTheWay, Record};
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
enum Standing {
    Open,
    Own { expires_at: u64, by: usize },
    Taken(InTheWay),
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
    pub fn answered(&self, index: usize, call: &Record) -> Option<Self> {
        let same = || self.clone();
        match (&call.ask, &call.answer) {
            (Ask::Reserve { .. }, Answer::Reserved { expires_at, replayed, .. }) => {
                self.reserved(index, call, *expires_at, *replayed)
            }
            (Ask::Reserve { seats, .. }, Answer::Released) => {
                let refused = self.is_spent_for(*seats, index, call);
                refused.then(same)
            }
            (Ask::Book { .. } | Ask::BookWhole { .. }, Answer::Booked { seats, booked_at, replayed, .. }) => {
                self.booked(index, call, (*seats, *booked_at), *replayed)
            }
            (Ask::Reserve { .. } | Ask::Book { .. }, Answer::Taken(named)) => {
                self.refuses(index, call, named).then(same)
            }
            (Ask::Book { .. } | Ask::BookWhole { .. }, Answer::IdReused | Answer::Cancelled) => {
                let booking = self.bookings.get(&own_id(index, call))?;
                let wanted = if booking.is_asked_for(&call.ask) { Answer::Cancelled } else { Answer::IdReused };
                let refused = wanted == Answer::IdReused || booking.cancelled;
                (refused && call.answer == wanted).then(same)
            }
            (Ask::BookWhole { .. }, answer) => self.not_booked_as_a_whole(index, call, answer),
            (Ask::Release { .. } | Ask::ReleaseAll { .. }, Answer::Done) => {
                Some(self.attempted(index, call).unwrap_or_else(same))
            }
            (Ask::Cancel { booking }, Answer::Done) => {
                let there = self.bookings.contains_key(booking);
                there.then(|| self.attempted(index, call).unwrap_or_else(same))
            }
            (Ask::Cancel { booking }, Answer::NotFound) => (!self.bookings.contains_key(booking)).then(same),
            (Ask::Reserve { .. } | Ask::Extend { .. }, Answer::Limited) => self.may_be_limited(index, call).then(same),
            (Ask::Extend { .. }, answer) => self.extended(index, call, answer),
            (Ask::Look { .. }, Answer::Seen { available, reserved, booked, .. }) => {
                (self.seen(call.now) == (*available, *reserved, *booked)).then(same)
            }
            _ => None,
        }
    }

    /// Returns the theater after an attempt of the `index`-th call that DynamoDB carried out, independent of the
    /// answer. `None` if the attempt changes nothing.
    pub fn attempted(&self, index: usize, call: &Record) -> Option<Self> {
        match call.ask {
            Ask::Reserve { seats, .. } => {
                let open = seats.positions().any(|seat| self.standing(seat, index, call) == Standing::Open);
                let spent = self.is_spent_for(seats, index, call);
                let may = open && !spent && self.in_the_way(seats, index, call).is_empty();
                may.then(|| self.with_reserved(index, call))?.within_limit(call)
            }
            Ask::Book { seats, reservation, .. } => {
                let free = !self.bookings.contains_key(&own_id(index, call));
                let may = free && self.in_the_way(seats, index, call).is_empty();
                may.then(|| self.with_booked(index, call, seats, reservation))
            }
            Ask::BookWhole { reservation, .. } => {
                let free = !self.bookings.contains_key(&own_id(index, call));
                let Whole::Complete(seats) = self.whole(reservation, call.now) else {
                    return self.with_new_refusal(reservation, call.now);
                };
                free.then(|| {
                    self.with_booked(index, call, seats, Some(reservation)).with_booked_whole(reservation, seats)
                })
            }
            Ask::Release { seat, reservation } => {
                let given_back = self.reservation(reservation).is_spent_for(Seats::one(seat));
                (!given_back).then(|| self.with_given_back(reservation, Seats::one(seat), call.now))
            }
            Ask::ReleaseAll { reservation } => {
                let known = self.reservation(reservation);
                let all = known.running(known.judged_at(call.now));
                let spent = known.spent;
                (!spent).then(|| self.with_given_back(reservation, all, call.now).with_spent(reservation))
            }
            Ask::Cancel { booking } => {
                let mut next = self.clone();
                let standing = next.bookings.get_mut(&booking).filter(|booking| !booking.cancelled)?;
                standing.cancelled = true;
                for seat in standing.seats.positions() {
                    next.seats[seat] = Seat::Available;
                }
                Some(next)
            }
            Ask::Extend { reservation, .. } => {
                self.with_extended(index, call).or_else(|| self.with_new_refusal(reservation, call.now))
            }
            Ask::Look { .. } => None,
        }
    }

    fn reservation(&self, id: Uuid) -> Reservation {
        self.reservations.get(&id).cloned().unwrap_or_default()
    }

    /// Returns `true` if the reservation of a call can't have these seats. It was released, or released one of them, or
    /// one of them would still be reserved but was booked and cancelled under its name.
    fn is_spent_for(&self, seats: Seats, index: usize, call: &Record) -> bool {
        let known = self.reservation(own_id(index, call));
        let runs = known.running(known.judged_at(call.now));
        let is_gone = |seat| runs.has(seat) && self.standing(seat, index, call) == Standing::Open;
        known.is_spent_for(seats) || seats.positions().any(is_gone)
    }

    fn is_held(&self, seat: usize, reservation: Uuid) -> bool {
        matches!(self.seats[seat], Seat::Reserved { reservation: by, .. } if by == reservation)
    }

    /// Returns the state of a reservation that has to be booked as a whole.
    fn whole(&self, reservation: Uuid, now: EpochMillis) -> Whole {
        let known = self.reservation(reservation);
        let (current, running) = (known.current(), known.running_of_current(known.judged_at(now)));
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

    fn not_booked_as_a_whole(&self, index: usize, call: &Record, answer: &Answer) -> Option<Self> {
        let Ask::BookWhole { reservation, .. } = call.ask else { return None };
        if self.bookings.contains_key(&own_id(index, call)) {
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
        let running = known.running(known.judged_at(now));
        known.give_back(seats);
        for seat in seats.positions().filter(|seat| running.has(*seat)) {
            if self.is_held(seat, reservation) {
                next.seats[seat] = Seat::Available;
            }
        }
        next
    }

    /// Returns the theater after an extension with this answer. `None` if the answer isn't possible.
    fn extended(&self, index: usize, call: &Record, answer: &Answer) -> Option<Self> {
        let Ask::Extend { seat, reservation, key, .. } = call.ask else { return None };
        let known = self.reservation(reservation);
        let now = known.judged_at(call.now);
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
    fn with_extended(&self, index: usize, call: &Record) -> Option<Self> {
        let Ask::Extend { seat, reservation, key, .. } = call.ask else { return None };
        let known = self.reservation(reservation);
        let now = known.judged_at(call.now);
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

    fn reserved(&self, index: usize, call: &Record, said: u64, replayed: bool) -> Option<Self> {
        let Ask::Reserve { seats, .. } = call.ask else { return None };
        let reservation = own_id(index, call);
        if self.is_spent_for(seats, index, call) || !self.in_the_way(seats, index, call).is_empty() {
            return None;
        }
        let standing = || seats.positions().map(|seat| self.standing(seat, index, call));
        let held_by_all = standing().all(|standing| matches!(standing, Standing::Own { .. }));
        let by_this_call = standing().any(|standing| matches!(standing, Standing::Own { by, .. } if by == index));
        if replayed != (held_by_all && !by_this_call) {
            return None;
        }
        let next = if replayed { self.clone() } else { self.with_reserved(index, call).within_limit(call)? };
        (next.end(reservation, seats, call.now) == Some(said)).then_some(next)
    }

    fn booked(&self, index: usize, call: &Record, said: (Seats, u64), replayed: bool) -> Option<Self> {
        match self.bookings.get(&own_id(index, call)) {
            Some(booking) if booking.cancelled || !booking.is_asked_for(&call.ask) => None,
            Some(booking) => {
                let same = (booking.seats, booking.booked_at) == said;
                (same && replayed == (booking.by != index)).then(|| self.clone())
            }
            None if replayed || said.1 != call.now.seconds().0 => None,
            None => {
                let next = self.attempted(index, call)?;
                let booked = next.bookings.get(&own_id(index, call))?;
                (booked.seats == said.0).then_some(next)
            }
        }
    }

    /// Returns `true` if a conflict with these seats is correct. After one or two attempts an answer names all
    /// conflicting seats. After more attempts it may name only some, because the state of the others may be unknown.
    fn refuses(&self, index: usize, call: &Record, named: &[InTheWay]) -> bool {
        let seats = match call.ask {
            Ask::Book { .. } if self.bookings.contains_key(&own_id(index, call)) => return false,
            Ask::Reserve { seats, .. } | Ask::Book { seats, .. } => seats,
            _ => return false,
        };
        let in_the_way = self.in_the_way(seats, index, call);
        let all_true = !named.is_empty() && named.iter().all(|seat| in_the_way.contains(seat));
        all_true && (named.len() == in_the_way.len() || call.writes > 2)
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

    fn in_the_way(&self, seats: Seats, index: usize, call: &Record) -> Vec<InTheWay> {
        let standing = seats.positions().map(|seat| self.standing(seat, index, call));
        standing.filter_map(|standing| if let Standing::Taken(seat) = standing { Some(seat) } else { None }).collect()
    }

    fn standing(&self, seat: usize, index: usize, call: &Record) -> Standing {
        match self.seats[seat] {
            Seat::Available => Standing::Open,
            Seat::Booked => Standing::Taken(InTheWay { seat, reserved_until: None }),
            Seat::Reserved { expires_at, .. } if call.now.seconds().0 >= expires_at => Standing::Open,
            Seat::Reserved { reservation, expires_at, by, .. } => match wanted_under(index, call) {
                Some(own) if own == reservation => Standing::Own { expires_at, by },
                _ => Standing::Taken(InTheWay { seat, reserved_until: Some(expires_at) }),
            },
        }
    }

    fn with_reserved(&self, index: usize, call: &Record) -> Self {
        let Ask::Reserve { seats, expires_in, .. } = call.ask else { return self.clone() };
        let mut next = self.clone();
        let (reservation, expires_at) = (own_id(index, call), call.now.0.div_ceil(1000) + u64::from(expires_in));
        for seat in seats.positions().filter(|seat| self.standing(*seat, index, call) == Standing::Open) {
            next.seats[seat] = Seat::Reserved { reservation, expires_at, by: index };
            let entry = Entry { seat, reserved_at: call.now, expires_at, extended: None };
            next.reservations.entry(reservation).or_default().give(entry);
        }
        next
    }

    /// Returns the theater after a call that reserved or extended. `None` if the caller then exceeds the limit.
    fn within_limit(mut self, call: &Record) -> Option<Self> {
        let Some(limit) = self.limit else { return Some(self) };
        self.counted_at = self.counted_at.max(call.now);
        let counted = self.counted_at.seconds().0;
        let reserved = |seat: &&Seat| matches!(seat, Seat::Reserved { expires_at, .. } if counted < *expires_at);
        (self.seats.iter().filter(reserved).count() <= limit).then_some(self)
    }

    /// Returns `false` for a rejection by the limit that can't be correct: of a repeat, or without a limit. The count
    /// itself isn't checked, because seats are read one by one.
    fn may_be_limited(&self, index: usize, call: &Record) -> bool {
        let is_repeat = match call.ask {
            Ask::Reserve { seats, .. } => {
                seats.positions().all(|seat| matches!(self.standing(seat, index, call), Standing::Own { .. }))
            }
            Ask::Extend { seat, reservation, key, .. } => self
                .reservation(reservation)
                .entry_of_current(seat)
                .and_then(|entry| entry.extended)
                .is_some_and(|extended| extended.key == key),
            _ => true,
        };
        self.limit.is_some() && !is_repeat
    }

    fn with_booked(&self, index: usize, call: &Record, seats: Seats, reservation: Option<Uuid>) -> Self {
        let mut next = self.clone();
        let booked_at = call.now.seconds().0;
        let booking = Booking { seats, reservation, booked_at, by: index, cancelled: false };
        next.bookings.insert(own_id(index, call), booking);
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
    fn is_asked_for(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Book { seats, .. } => *seats == self.seats,
            Ask::BookWhole { reservation, .. } => Some(*reservation) == self.reservation,
            _ => false,
        }
    }
}

/// Returns the id under which a call reserves or books: its own, the server's if the answer has it, or else a unique
/// one.
fn own_id(index: usize, call: &Record) -> Uuid {
    let given = match (&call.ask, &call.answer) {
        (Ask::Reserve { reservation: Some(id), .. }, _) => Some(*id),
        (Ask::Book { booking: Some(id), .. } | Ask::BookWhole { booking: Some(id), .. }, _) => Some(*id),
        (_, Answer::Reserved { reservation: id, .. } | Answer::Booked { booking: id, .. }) => Some(*id),
        _ => None,
    };
    given.unwrap_or_else(|| Uuid::from_u64_pair(u64::MAX, index as u64))
}

/// Returns the reservation that allows a call to take reserved seats.
fn wanted_under(index: usize, call: &Record) -> Option<Uuid> {
    match call.ask {
        Ask::Book { reservation, .. } => reservation,
        Ask::Reserve { .. } => Some(own_id(index, call)),
        _ => None,
    }
}
