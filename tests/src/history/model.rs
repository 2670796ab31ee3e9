//! The reference model: one theater, and what each answer says that it was and has become.
//!
//! It is written from the README's promises and knows nothing of stamps, transactions or caches. Each step is a call
//! with its answer, carried out in one instant: it leads to the theater's next state, or it can't have been then.
//!
//! A call that repeats its write to DynamoDB may have carried out an earlier attempt whose reply was lost. That attempt
//! is a step of its own ([`Theater::attempted`]); what it did is marked with its call, because the call's answer has to
//! own up to it: 201, and not 200 or a conflict with itself.

use std::collections::BTreeMap;

use boxoffice::rules::time::EpochMillis;
use uuid::Uuid;

use super::record::{Answer, Ask, InTheWay, Record};
use super::seats::Seats;

/// Everything that is true of a theater at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Theater {
    seats: Vec<Seat>,
    bookings: BTreeMap<Uuid, Booking>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Seat {
    Available,
    Reserved { reservation: Uuid, expires_at: u64, by: usize, extended: Option<Extended> },
    Booked,
}

/// By which key a reservation was extended, and by which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Extended {
    key: u8,
    by: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Booking {
    seats: Seats,
    booked_at: u64,
    by: usize,
    cancelled: bool,
}

/// A seat as one sees it who wants it.
#[derive(PartialEq)]
enum Standing {
    Open,
    Own { expires_at: u64, by: usize },
    Taken(InTheWay),
}

impl Theater {
    /// A theater of so many seats, all available.
    pub fn new(seats: usize) -> Self {
        Self { seats: vec![Seat::Available; seats], bookings: BTreeMap::new() }
    }

    /// The theater after the `index`-th call, carried out now and answered as it was; `None` if it can't have been.
    pub fn answered(&self, index: usize, call: &Record) -> Option<Self> {
        match (&call.ask, &call.answer) {
            (Ask::Reserve { .. }, Answer::Reserved { expires_at, replayed, .. }) => {
                self.reserved(index, call, *expires_at, *replayed)
            }
            (Ask::Book { .. }, Answer::Booked { booked_at, replayed, .. }) => {
                self.booked(index, call, *booked_at, *replayed)
            }
            (Ask::Reserve { .. } | Ask::Book { .. }, Answer::Taken(named)) => {
                self.refuses(index, call, named).then(|| self.clone())
            }
            (Ask::Book { seats, .. }, Answer::IdReused) => {
                let other = self.bookings.get(&own_id(index, call)).is_some_and(|booking| booking.seats != *seats);
                other.then(|| self.clone())
            }
            (Ask::Book { seats, .. }, Answer::Cancelled) => {
                let cancelled = |booking: &Booking| booking.cancelled && booking.seats == *seats;
                self.bookings.get(&own_id(index, call)).is_some_and(cancelled).then(|| self.clone())
            }
            (Ask::Release { .. }, Answer::Done) => Some(self.attempted(index, call).unwrap_or_else(|| self.clone())),
            (Ask::Cancel { booking }, Answer::Done) => {
                let there = self.bookings.contains_key(booking);
                there.then(|| self.attempted(index, call).unwrap_or_else(|| self.clone()))
            }
            (Ask::Cancel { booking }, Answer::NotFound) => (!self.bookings.contains_key(booking)).then(|| self.clone()),
            (Ask::Extend { .. }, answer) => self.extended(index, call, answer),
            (Ask::Look { .. }, Answer::Seen { available, reserved, booked, .. }) => {
                (self.seen(call.now) == (*available, *reserved, *booked)).then(|| self.clone())
            }
            _ => None,
        }
    }

    /// The theater after an attempt of the `index`-th call that DynamoDB carried out, whatever was answered; `None`
    /// where it changes nothing.
    pub fn attempted(&self, index: usize, call: &Record) -> Option<Self> {
        match call.ask {
            Ask::Reserve { seats, .. } => {
                let open = seats.positions().any(|seat| self.standing(seat, index, call) == Standing::Open);
                (open && self.in_the_way(seats, index, call).is_empty()).then(|| self.with_reserved(index, call))
            }
            Ask::Book { seats, .. } => {
                let free = !self.bookings.contains_key(&own_id(index, call));
                (free && self.in_the_way(seats, index, call).is_empty()).then(|| self.with_booked(index, call))
            }
            Ask::Release { seat, reservation } => {
                let mut next = self.clone();
                let held = matches!(self.seats[seat], Seat::Reserved { reservation: by, .. } if by == reservation);
                next.seats[seat] = Seat::Available;
                held.then_some(next)
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
            Ask::Extend { .. } => self.with_extended(index, call),
            Ask::Look { .. } => None,
        }
    }

    /// The theater after an extension that was answered so, if it can have been.
    fn extended(&self, index: usize, call: &Record, answer: &Answer) -> Option<Self> {
        let Ask::Extend { seat, reservation, key, .. } = call.ask else { return None };
        let (expires_at, extended) = match self.seats[seat] {
            Seat::Reserved { reservation: by, expires_at, extended, .. } if by == reservation => (expires_at, extended),
            _ => return (*answer == Answer::NotFound).then(|| self.clone()),
        };
        // What has run out by every clock the TTL may have collected: then nobody knows it any more.
        if call.now.seconds().0 >= expires_at {
            return matches!(answer, Answer::Expired | Answer::NotFound).then(|| self.clone());
        }
        match extended {
            Some(extended) if extended.key == key => {
                let same = Answer::Extended { expires_at, replayed: extended.by != index };
                (*answer == same).then(|| self.clone())
            }
            Some(_) => (*answer == Answer::NotExtendable).then(|| self.clone()),
            None => match self.with_extended(index, call) {
                None => (*answer == Answer::NotExtendable).then(|| self.clone()),
                Some(next) => {
                    let Seat::Reserved { expires_at, .. } = next.seats[seat] else { return None };
                    (*answer == Answer::Extended { expires_at, replayed: false }).then_some(next)
                }
            },
        }
    }

    /// The theater after an extension, where it changes anything.
    fn with_extended(&self, index: usize, call: &Record) -> Option<Self> {
        let Ask::Extend { seat, reservation, key, expires_in } = call.ask else { return None };
        let Seat::Reserved { reservation: held, expires_at, by, extended: None } = self.seats[seat] else {
            return None;
        };
        let later = call.now.0.div_ceil(1000) + u64::from(expires_in);
        let may = held == reservation && call.now.seconds().0 < expires_at && later > expires_at;
        let mut next = self.clone();
        let extended = Some(Extended { key, by: index });
        next.seats[seat] = Seat::Reserved { reservation, expires_at: later, by, extended };
        may.then_some(next)
    }

    fn reserved(&self, index: usize, call: &Record, said: u64, replayed: bool) -> Option<Self> {
        let Ask::Reserve { seats, .. } = call.ask else { return None };
        if !self.in_the_way(seats, index, call).is_empty() {
            return None;
        }
        let standing = || seats.positions().map(|seat| self.standing(seat, index, call));
        let held_by_all = standing().all(|standing| matches!(standing, Standing::Own { .. }));
        let by_this_call = standing().any(|standing| matches!(standing, Standing::Own { by, .. } if by == index));
        if replayed != (held_by_all && !by_this_call) {
            return None;
        }
        let next = self.with_reserved(index, call);
        (next.first_end(seats) == Some(said)).then_some(next)
    }

    fn booked(&self, index: usize, call: &Record, said: u64, replayed: bool) -> Option<Self> {
        let Ask::Book { seats, .. } = call.ask else { return None };
        match self.bookings.get(&own_id(index, call)) {
            Some(booking) if booking.cancelled => None,
            Some(booking) => {
                let same = booking.seats == seats && booking.booked_at == said;
                (same && replayed == (booking.by != index)).then(|| self.clone())
            }
            None => {
                let free = self.in_the_way(seats, index, call).is_empty();
                (!replayed && free && said == call.now.seconds().0).then(|| self.with_booked(index, call))
            }
        }
    }

    /// Whether a conflict with these seats is the truth. An answer after one or two attempts names all that are in the
    /// way; when some stayed undecided after more, those that are known.
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
            next.seats[seat] = Seat::Reserved { reservation, expires_at, by: index, extended: None };
        }
        next
    }

    fn with_booked(&self, index: usize, call: &Record) -> Self {
        let Ask::Book { seats, .. } = call.ask else { return self.clone() };
        let mut next = self.clone();
        next.bookings.insert(
            own_id(index, call),
            Booking { seats, booked_at: call.now.seconds().0, by: index, cancelled: false },
        );
        for seat in seats.positions() {
            next.seats[seat] = Seat::Booked;
        }
        next
    }

    fn first_end(&self, seats: Seats) -> Option<u64> {
        let ends = seats.positions().map(|seat| match self.seats[seat] {
            Seat::Reserved { expires_at, .. } => Some(expires_at),
            Seat::Available | Seat::Booked => None,
        });
        ends.min().flatten()
    }
}

/// The id under which a call reserves or books: its own, the server's as far as it was told, or else one of which
/// nobody has ever heard.
fn own_id(index: usize, call: &Record) -> Uuid {
    let given = match (&call.ask, &call.answer) {
        (Ask::Reserve { reservation: Some(id), .. } | Ask::Book { booking: Some(id), .. }, _) => Some(*id),
        (_, Answer::Reserved { reservation: id, .. } | Answer::Booked { booking: id, .. }) => Some(*id),
        _ => None,
    };
    given.unwrap_or_else(|| Uuid::from_u64_pair(u64::MAX, index as u64))
}

/// The reservation under which a call may take seats that are reserved.
fn wanted_under(index: usize, call: &Record) -> Option<Uuid> {
    match call.ask {
        Ask::Book { reservation, .. } => reservation,
        Ask::Reserve { .. } => Some(own_id(index, call)),
        _ => None,
    }
}
