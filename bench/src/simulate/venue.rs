//! The venue's seats as DynamoDB has them. Each is taken or available.

use std::collections::VecDeque;

/// The number of a person.
pub(super) type Person = u32;

/// The state of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    Available,
    /// Reserved by a person until this time (ms). The seat stays in this state until another person takes it.
    Reserved(Person, u32),
    /// Booked by a person.
    Booked(Person),
}

/// All seats, the most popular_index first.
#[derive(Debug)]
pub(super) struct Seats {
    seats: Vec<Seat>,
    /// A Fenwick tree of the available seats. It finds the n-th available seat in few steps.
    tree: Vec<u32>,
    available: u32,
    booked: u32,
    /// The number of changes per section. The ETag depends on it.
    versions: Vec<u32>,
    /// Reservations in the order of their ends.
    ends: VecDeque<(u32, u16, Person)>,
}

impl Seats {
    /// Creates available seats in this many sections.
    pub(super) fn new(seats: u16, sections: u16) -> Self {
        let count = usize::from(seats);
        // Each node counts the seats of its lowest bit. All of them are available at the start.
        let tree = (0..=u32::from(seats)).map(|place| place & place.wrapping_neg()).collect();
        Self {
            seats: vec![Seat::Available; count],
            tree,
            available: u32::from(seats),
            booked: 0,
            versions: vec![0; usize::from(sections.max(1))],
            ends: VecDeque::new(),
        }
    }

    /// Returns the number of available seats.
    pub(super) fn available(&self) -> u32 {
        self.available
    }

    /// Returns the number of booked seats.
    pub(super) fn booked(&self) -> u32 {
        self.booked
    }

    /// Returns the number of reserved seats.
    pub(super) fn reserved(&self) -> u32 {
        u32::try_from(self.seats.len()).unwrap_or(u32::MAX) - self.available - self.booked
    }

    /// Returns the number of items in the table, which are all seats that aren't available.
    pub(super) fn taken(&self) -> u32 {
        self.reserved() + self.booked
    }

    /// Returns the number of changes of a section.
    pub(super) fn version(&self, section: u16) -> u32 {
        self.versions[usize::from(section)]
    }

    /// Returns available seats in order of popularity: at most `wanted`, beginning with the n-th.
    pub(super) fn pick(&self, nth: u32, wanted: u32) -> Vec<u16> {
        let last = self.available.min(nth.saturating_add(wanted));
        (nth..last).map(|nth| self.nth_available(nth)).collect()
    }

    /// Returns `true` if all of these seats are available.
    pub(super) fn are_available(&self, seats: &[u16]) -> bool {
        seats.iter().all(|seat| self.seats[usize::from(*seat)] == Seat::Available)
    }

    /// Reserves all seats or none. Calls must not have decreasing ends.
    pub(super) fn reserve(&mut self, seats: &[u16], by: Person, until: u32) -> bool {
        if !self.are_available(seats) {
            return false;
        }
        for seat in seats {
            self.set(*seat, Seat::Reserved(by, until));
            self.ends.push_back((until, *seat, by));
        }
        true
    }

    /// Books all seats or none. Each has to be reserved by this person, or available after an expired reservation.
    pub(super) fn book(&mut self, seats: &[u16], by: Person) -> bool {
        let theirs = |seat: &u16| match self.seats[usize::from(*seat)] {
            Seat::Available => true,
            Seat::Reserved(holder, _) => holder == by,
            Seat::Booked(_) => false,
        };
        let all = seats.iter().all(theirs);
        if all {
            seats.iter().for_each(|seat| self.set(*seat, Seat::Booked(by)));
        }
        all
    }

    /// Expires reservations that have ended by `now`.
    pub(super) fn expire_reservations(&mut self, now: u32) {
        while let Some((end, seat, by)) = self.ends.front().copied() {
            if end > now {
                return;
            }
            self.ends.pop_front();
            if self.seats[usize::from(seat)] == Seat::Reserved(by, end) {
                self.set(seat, Seat::Available);
            }
        }
    }

    /// Returns the end of the next reservation.
    pub(super) fn next_end(&self) -> Option<u32> {
        self.ends.front().map(|(end, ..)| *end)
    }

    fn set(&mut self, seat: u16, to: Seat) {
        let place = usize::from(seat);
        let was = std::mem::replace(&mut self.seats[place], to);
        match (was == Seat::Available, to == Seat::Available) {
            (true, false) => {
                self.available -= 1;
                self.count(place, u32::MAX);
            }
            (false, true) => {
                self.available += 1;
                self.count(place, 1);
            }
            _ => {}
        }
        self.booked += u32::from(matches!(to, Seat::Booked(_)));
        let section = place % self.versions.len();
        self.versions[section] += 1;
    }

    /// Adds to all counts that include this seat. `u32::MAX` subtracts one.
    fn count(&mut self, place: usize, add: u32) {
        let mut at = place + 1;
        while at < self.tree.len() {
            self.tree[at] = self.tree[at].wrapping_add(add);
            at += at & at.wrapping_neg();
        }
    }

    fn nth_available(&self, nth: u32) -> u16 {
        let (mut place, mut left) = (0, nth);
        let mut step = (self.tree.len() - 1).next_power_of_two();
        while step > 0 {
            if place + step < self.tree.len() && self.tree[place + step] <= left {
                place += step;
                left -= self.tree[place];
            }
            step /= 2;
        }
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_available_seat_is_found_while_others_are_taken() {
        let mut seats = Seats::new(100, 1);
        assert_eq!(seats.pick(98, 4), [98, 99]);
        assert!(seats.reserve(&[0, 1, 5], 1, 10));
        assert_eq!(seats.pick(0, 4), [2, 3, 4, 6]);
        assert_eq!(seats.pick(96, 1), [99]);
        assert_eq!(seats.pick(97, 1), [0_u16; 0], "there are 97");
        seats.expire_reservations(9);
        assert_eq!(seats.available(), 97);
        seats.expire_reservations(10);
        assert_eq!(seats.pick(0, 4), [0, 1, 2, 3]);
    }

    #[test]
    fn a_seat_is_sold_once_and_never_lost() {
        let mut seats = Seats::new(10, 2);
        assert!(seats.reserve(&[3, 4], 1, 10));
        assert!(!seats.reserve(&[4, 5], 2, 10), "all or none");
        assert!(!seats.book(&[4], 2));
        assert!(seats.book(&[3, 4], 1));
        assert!(!seats.book(&[3], 2));
        seats.expire_reservations(10);
        assert_eq!((seats.available(), seats.reserved(), seats.booked()), (8, 0, 2), "a booking doesn't expire");
        assert_eq!((seats.version(0), seats.version(1)), (2, 2));
    }

    #[test]
    fn first_caller_after_expiry_wins() {
        let mut seats = Seats::new(10, 1);
        assert!(seats.reserve(&[1], 1, 10));
        seats.expire_reservations(10);
        assert!(seats.book(&[1], 1));
        assert!(seats.reserve(&[2], 1, 20));
        seats.expire_reservations(20);
        assert!(seats.reserve(&[2], 2, 30));
        assert!(!seats.book(&[2], 1));
    }
}
