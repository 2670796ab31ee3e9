//! Availability: one slot per seat, and the rule by which slots merge.
//!
//! Per slot the larger stamp wins. Merging is commutative, associative and idempotent, so it doesn't matter in which
//! order, or how often, what happened to a seat is told.

use super::time::{EpochMillis, EpochSeconds};

/// What can be said of a seat, as stored. Whether a reservation has run out depends on when one looks:
/// [`Slot::status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeatState {
    /// Nobody has it.
    #[default]
    Available,
    /// Somebody has it until then.
    Reserved {
        /// From this instant on it is available.
        expires_at: EpochSeconds,
    },
    /// Sold.
    Booked,
}

/// What a seat shows at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    /// It can be had.
    Available,
    /// Somebody has it for a while.
    Reserved,
    /// It is sold.
    Booked,
}

/// A seat's state and the stamp of the write that made it so. The default is a seat never written: available, stamp 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Raised by every write of the seat. First in order, so that comparing slots compares stamps.
    pub changed_at: EpochMillis,
    /// What the write left behind.
    pub state: SeatState,
}

/// What a write, or its refusal, taught about a seat: to be merged into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedSlot {
    /// The seat's position in the layout.
    pub position: u32,
    /// Its slot as DynamoDB has it.
    pub slot: Slot,
}

impl Slot {
    /// The later of two things known of one seat. Two different slots with one stamp don't occur (every write raises
    /// it); should they, the order of the states decides, everywhere alike.
    pub fn merge(self, other: Self) -> Self {
        self.max(other)
    }

    /// The state at an instant: a reservation that has run out is an available seat.
    pub fn status(self, now: EpochMillis) -> SeatState {
        match self.state {
            SeatState::Reserved { expires_at } if expires_at.reached(now) => SeatState::Available,
            state => state,
        }
    }

    /// What the seat shows at an instant.
    pub fn shows(self, now: EpochMillis) -> SeatStatus {
        match self.status(now) {
            SeatState::Available => SeatStatus::Available,
            SeatState::Reserved { .. } => SeatStatus::Reserved,
            SeatState::Booked => SeatStatus::Booked,
        }
    }

    /// When its reservation ends, or has ended, if it is one.
    pub fn ends_at(self) -> Option<EpochSeconds> {
        match self.state {
            SeatState::Reserved { expires_at } => Some(expires_at),
            SeatState::Available | SeatState::Booked => None,
        }
    }

    /// Whether the seat can be had at an instant.
    pub fn is_available(self, now: EpochMillis) -> bool {
        self.status(now) == SeatState::Available
    }
}

/// The seconds around an instant in which no reservation among some slots ends, so that in all of them the slots show the same.
/// (They would also be shown otherwise before, to a clock that is set back.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steady {
    /// The last end that had come by then; 0 if there was none.
    pub since: EpochSeconds,
    /// The first end still to come; the largest that a slot in the cache can have, if there is none.
    pub until: EpochSeconds,
}

impl Steady {
    /// Around this instant, of reservations that end then.
    pub fn around(ends: impl Iterator<Item = EpochSeconds>, now: EpochMillis) -> Self {
        let (mut since, mut until) = (EpochSeconds(0), EpochSeconds(u64::from(u32::MAX)));
        for end in ends {
            if end.reached(now) {
                since = since.max(end);
            } else {
                until = until.min(end);
            }
        }
        Self { since, until }
    }

    /// Whether this instant is one of them.
    pub fn holds(self, now: EpochMillis) -> bool {
        self.since.reached(now) && !self.until.reached(now)
    }
}

/// Merges what is newly known into what was known, slot by slot. Slots beyond the shorter of the two stay as they are.
pub fn merge(known: &mut [Slot], news: &[Slot]) {
    for (slot, new) in known.iter_mut().zip(news) {
        *slot = slot.merge(*new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot() -> impl Strategy<Value = Slot> {
        let state = prop_oneof![
            Just(SeatState::Available),
            (0..50u64).prop_map(|at| SeatState::Reserved { expires_at: EpochSeconds(at) }),
            Just(SeatState::Booked),
        ];
        // Few stamps, so that equal ones are common.
        (0..6u64, state).prop_map(|(at, state)| Slot { changed_at: EpochMillis(at), state })
    }

    fn hall() -> impl Strategy<Value = Vec<Slot>> {
        prop::collection::vec(slot(), 8)
    }

    fn merged(mut a: Vec<Slot>, b: &[Slot]) -> Vec<Slot> {
        merge(&mut a, b);
        a
    }

    proptest! {
        #[test]
        fn merging_is_commutative(a in hall(), b in hall()) {
            prop_assert_eq!(merged(a.clone(), &b), merged(b, &a));
        }

        #[test]
        fn merging_is_associative(a in hall(), b in hall(), c in hall()) {
            prop_assert_eq!(merged(merged(a.clone(), &b), &c), merged(a, &merged(b, &c)));
        }

        #[test]
        fn merging_is_idempotent(a in hall(), b in hall()) {
            let once = merged(a.clone(), &b);
            prop_assert_eq!(&merged(once.clone(), &b), &once);
            prop_assert_eq!(&merged(once.clone(), &a), &once);
            prop_assert_eq!(&merged(once.clone(), &once), &once);
        }

        #[test]
        fn steady_is_as_long_as_each_slot_shows_what_it_did_and_no_longer(hall in hall(), at in 0..60_u64, then in 0..60_u64) {
            // To the millisecond before, at and after each second.
            for (at, then) in [0, 1, 999].into_iter().flat_map(|ms| [(at * 1_000 + ms, then * 1_000), (at * 1_000, then * 1_000 + ms)]) {
                let (at, then) = (EpochMillis(at), EpochMillis(then));
                let same = hall.iter().all(|slot| slot.status(at) == slot.status(then));
                prop_assert_eq!(Steady::around(hall.iter().filter_map(|slot| slot.ends_at()), at).holds(then), same, "{:?} {:?}", at, then);
            }
        }

        #[test]
        fn the_largest_stamp_is_never_lost(halls in prop::collection::vec(hall(), 1..6), order in any::<u64>()) {
            let mut shuffled = halls.clone();
            shuffled.rotate_left(usize::try_from(order).unwrap_or(0) % halls.len());
            let all = shuffled.iter().fold(vec![Slot::default(); 8], |known, news| merged(known, news));
            for seat in 0..8 {
                let largest = halls.iter().map(|hall| hall[seat].changed_at).max().unwrap();
                prop_assert_eq!(all[seat].changed_at, largest);
                prop_assert!(halls.iter().any(|hall| hall[seat] == all[seat]) || largest == EpochMillis(0));
            }
        }
    }

    #[test]
    fn a_reservation_ends_at_its_instant() {
        let slot = Slot { changed_at: EpochMillis(1), state: SeatState::Reserved { expires_at: EpochSeconds(100) } };
        assert!(!slot.is_available(EpochMillis(99_000)), "t-1");
        assert!(!slot.is_available(EpochMillis(99_999)), "t-1ms");
        assert!(slot.is_available(EpochMillis(100_000)), "t");
        assert!(slot.is_available(EpochMillis(101_000)), "t+1");
    }

    #[test]
    fn a_booked_seat_is_never_available_and_an_unwritten_one_always() {
        let booked = Slot { changed_at: EpochMillis(1), state: SeatState::Booked };
        assert!(!booked.is_available(EpochMillis(u64::MAX)));
        assert!(Slot::default().is_available(EpochMillis(0)));
    }
}
