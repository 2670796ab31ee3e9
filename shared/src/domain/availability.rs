//! Availability: one slot per seat, and the rule for merging slots.
//!
//! The slot with the larger stamp wins. Merging is commutative, associative and idempotent. So updates of a seat may
//! arrive in any order and more than once.

use super::seat_index::SeatIndex;
pub use super::seat_state::{SeatState, SeatStatus};
use super::time::{EpochMillis, EpochSeconds};

/// The state of a seat and the stamp of the write that set it.
///
/// The default is the slot of a seat that was never written: available, with stamp 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Stamp of the last write. Every write of the seat raises it. It is the first field, so slots are ordered by
    /// their stamps.
    pub changed_at: EpochMillis,
    /// State after the write.
    pub state: SeatState,
}

/// The slot of a seat as returned by a write or by its rejection. It is merged into the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotUpdate {
    pub seat_index: SeatIndex,
    /// Slot in DynamoDB.
    pub slot: Slot,
}

impl Slot {
    /// Returns the later of two slots of one seat.
    ///
    /// Two different slots never have the same stamp, because every write raises it. If they did, the order of the
    /// states would decide, in the same way everywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use boxoffice::domain::availability::{SeatState, Slot};
    /// use boxoffice::domain::time::{EpochMillis, EpochSeconds};
    ///
    /// let expires_at = EpochSeconds::new(100);
    /// let reserved = Slot { changed_at: EpochMillis::new(1), state: SeatState::Reserved { expires_at } };
    /// let booked = Slot { changed_at: EpochMillis::new(2), state: SeatState::Booked };
    /// assert_eq!(reserved.merge(booked), booked);
    /// assert_eq!(booked.merge(reserved), booked);
    /// ```
    pub fn merge(self, other: Self) -> Self {
        self.max(other)
    }

    /// Returns the state at an instant. A seat whose reservation or withdrawal has ended is available.
    pub fn state_at(self, now: EpochMillis) -> SeatState {
        if self.ends_at().is_some_and(|end| end.reached(now)) { SeatState::Available } else { self.state }
    }

    /// Returns the visible status at an instant.
    pub fn status_at(self, now: EpochMillis) -> SeatStatus {
        self.state_at(now).into()
    }

    /// Returns the instant at which the state ends by itself, past or future.
    pub fn ends_at(self) -> Option<EpochSeconds> {
        self.state.end()
    }

    /// Returns `true` if the seat is available at an instant.
    pub fn is_available(self, now: EpochMillis) -> bool {
        self.state_at(now) == SeatState::Available
    }
}

/// The validity window of a set of slots: the seconds around an instant in which no reservation expires.
///
/// The status of every slot is the same throughout the window. If a clock is set back to before the window, the slots
/// are shown differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidityWindow {
    /// The latest expiry in the past, or 0 if there is none.
    pub since: EpochSeconds,
    /// The earliest expiry in the future. If there is none, the largest expiry that a slot in the cache can have.
    pub until: EpochSeconds,
}

impl ValidityWindow {
    /// Returns the window around `now` for reservations with these expiries.
    pub fn around(ends: impl Iterator<Item = EpochSeconds>, now: EpochMillis) -> Self {
        let (mut since, mut until) = (EpochSeconds::new(0), EpochSeconds::new(u64::from(u32::MAX)));
        for end in ends {
            if end.reached(now) {
                since = since.max(end);
            } else {
                until = until.min(end);
            }
        }
        Self { since, until }
    }

    /// Returns `true` if `now` is in the window.
    pub fn holds(self, now: EpochMillis) -> bool {
        self.since.reached(now) && !self.until.reached(now)
    }
}

/// Merges new slots into known slots, index by index. Extra slots of the longer slice stay as they are.
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
            (0..50u64).prop_map(|at| SeatState::Reserved { expires_at: EpochSeconds::new(at) }),
            (0..50u64).prop_map(|at| SeatState::Withdrawn { until: EpochSeconds::new(at) }),
            Just(SeatState::Booked),
        ];
        // Few stamps, so that equal stamps are common.
        (0..6u64, state).prop_map(|(at, state)| Slot { changed_at: EpochMillis::new(at), state })
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
        fn validity_window_ends_when_a_status_changes(hall in hall(), at in 0..60_u64, then in 0..60_u64) {
            // One millisecond before, at and after each second.
            for (at, then) in [0, 1, 999].into_iter().flat_map(|ms| [(at * 1_000 + ms, then * 1_000), (at * 1_000, then * 1_000 + ms)]) {
                let (at, then) = (EpochMillis::new(at), EpochMillis::new(then));
                let same = hall.iter().all(|slot| slot.state_at(at) == slot.state_at(then));
                prop_assert_eq!(ValidityWindow::around(hall.iter().filter_map(|slot| slot.ends_at()), at).holds(then), same, "{:?} {:?}", at, then);
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
                prop_assert!(halls.iter().any(|hall| hall[seat] == all[seat]) || largest == EpochMillis::new(0));
            }
        }
    }

    #[test]
    fn a_reservation_ends_at_its_instant() {
        let slot =
            Slot { changed_at: EpochMillis::new(1), state: SeatState::Reserved { expires_at: EpochSeconds::new(100) } };
        assert!(!slot.is_available(EpochMillis::new(99_000)), "t-1");
        assert!(!slot.is_available(EpochMillis::new(99_999)), "t-1ms");
        assert!(slot.is_available(EpochMillis::new(100_000)), "t");
        assert!(slot.is_available(EpochMillis::new(101_000)), "t+1");
    }

    #[test]
    fn booked_seat_is_never_available_and_unwritten_seat_always() {
        let booked = Slot { changed_at: EpochMillis::new(1), state: SeatState::Booked };
        assert!(!booked.is_available(EpochMillis::new(u64::MAX)));
        assert!(Slot::default().is_available(EpochMillis::new(0)));
    }
}
