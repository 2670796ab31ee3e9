//! Availability: one slot per seat, and the rule for merging slots.
//!
//! The slot with the larger stamp wins. Merging is commutative, associative and idempotent. So updates of a seat may
//! arrive in any order and more than once.

use super::time::{EpochMillis, EpochSeconds};

/// Stored state of a seat. A reservation expires without a write, so use [`Slot::status`] for the state at an
/// instant.
///
/// This file has every spelling of a state: in the table, in the cache and in responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeatState {
    /// The seat is free.
    #[default]
    Available,
    /// The seat is reserved for a limited time.
    Reserved {
        /// The instant from which the seat is available again.
        expires_at: EpochSeconds,
    },
    /// The seat was taken out of the layout. No caller can have it while instances may still use the old layout.
    ///
    /// The cache and the responses show it as reserved, with the same end.
    Withdrawn {
        /// The instant from which the seat is available again, if a layout has it.
        until: EpochSeconds,
    },
    /// The seat is sold.
    Booked,
}

/// Visible status of a seat at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    Available,
    Reserved,
    Booked,
}

/// The states as the table's `status` attribute spells them.
pub mod table_status {
    /// The seat was released, or its booking was cancelled. It means the same as no item, except for the stamp. The
    /// item outlives any attempt of an earlier write that may still be on its way.
    pub const AVAILABLE: &str = "available";
    pub const RESERVED: &str = "reserved";
    pub const BOOKED: &str = "booked";
    /// The seat is withdrawn.
    pub const REMOVED: &str = "removed";
}

/// The states as a byte in the cache.
pub mod cached_byte {
    pub const AVAILABLE: u8 = 0;
    pub const RESERVED: u8 = 1;
    /// Also the largest byte that a slot may have.
    pub const BOOKED: u8 = 2;
}

impl SeatState {
    /// Returns the instant at which the state ends by itself, past or future.
    pub fn end(self) -> Option<EpochSeconds> {
        match self {
            Self::Reserved { expires_at: end } | Self::Withdrawn { until: end } => Some(end),
            Self::Available | Self::Booked => None,
        }
    }

    /// Returns the end of a reservation, past or future.
    pub fn reserved_until(self) -> Option<EpochSeconds> {
        match self {
            Self::Reserved { expires_at } => Some(expires_at),
            Self::Available | Self::Withdrawn { .. } | Self::Booked => None,
        }
    }

    pub fn is_withdrawn(self) -> bool {
        match self {
            Self::Withdrawn { .. } => true,
            Self::Available | Self::Reserved { .. } | Self::Booked => false,
        }
    }

    /// Returns the value of the table's `status` attribute.
    pub fn to_table(self) -> &'static str {
        match self {
            Self::Available => table_status::AVAILABLE,
            Self::Reserved { .. } => table_status::RESERVED,
            Self::Withdrawn { .. } => table_status::REMOVED,
            Self::Booked => table_status::BOOKED,
        }
    }

    /// Reads a `status` attribute. Reads the end only for a state that has one. Returns `None` if the status is
    /// unknown.
    pub fn from_table<E>(status: &str, end: impl FnOnce() -> Result<EpochSeconds, E>) -> Result<Option<Self>, E> {
        Ok(Some(match status {
            table_status::AVAILABLE => Self::Available,
            table_status::RESERVED => Self::Reserved { expires_at: end()? },
            table_status::REMOVED => Self::Withdrawn { until: end()? },
            table_status::BOOKED => Self::Booked,
            _ => return Ok(None),
        }))
    }

    /// Returns the byte in the cache. The end is beside it, so a withdrawn seat is cached as a reserved one.
    pub fn to_cached(self) -> u8 {
        match self {
            Self::Available => cached_byte::AVAILABLE,
            Self::Reserved { .. } | Self::Withdrawn { .. } => cached_byte::RESERVED,
            Self::Booked => cached_byte::BOOKED,
        }
    }

    /// Reads a byte in the cache, with the end beside it (0 if there is none). Returns `None` for an unknown byte, and
    /// for an end of a state that has none.
    pub fn from_cached(byte: u8, end: u64) -> Option<Self> {
        match (byte, end) {
            (cached_byte::AVAILABLE, 0) => Some(Self::Available),
            (cached_byte::RESERVED, end) => Some(Self::Reserved { expires_at: EpochSeconds(end) }),
            (cached_byte::BOOKED, 0) => Some(Self::Booked),
            (cached_byte::AVAILABLE | cached_byte::BOOKED | 3.., _) => None,
        }
    }
}

impl From<SeatState> for SeatStatus {
    fn from(state: SeatState) -> Self {
        match state {
            SeatState::Available => Self::Available,
            SeatState::Reserved { .. } | SeatState::Withdrawn { .. } => Self::Reserved,
            SeatState::Booked => Self::Booked,
        }
    }
}

impl SeatStatus {
    /// Returns the status for a byte in the cache. Shows an unknown byte as booked, and compiles without a branch.
    pub fn from_cached(byte: u8) -> Self {
        match byte {
            cached_byte::AVAILABLE => Self::Available,
            cached_byte::RESERVED => Self::Reserved,
            cached_byte::BOOKED.. => Self::Booked,
        }
    }

    /// Returns the word in JSON responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Reserved => "reserved",
            Self::Booked => "booked",
        }
    }

    /// Returns the letter in responses with one letter per seat.
    pub fn letter(self) -> u8 {
        match self {
            Self::Available => b'a',
            Self::Reserved => b'r',
            Self::Booked => b'b',
        }
    }
}

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
    /// Index of the seat in the layout.
    pub position: u32,
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
    /// let expires_at = EpochSeconds(100);
    /// let reserved = Slot { changed_at: EpochMillis(1), state: SeatState::Reserved { expires_at } };
    /// let booked = Slot { changed_at: EpochMillis(2), state: SeatState::Booked };
    /// assert_eq!(reserved.merge(booked), booked);
    /// assert_eq!(booked.merge(reserved), booked);
    /// ```
    pub fn merge(self, other: Self) -> Self {
        self.max(other)
    }

    /// Returns the state at an instant. A seat whose reservation or withdrawal has ended is available.
    pub fn status(self, now: EpochMillis) -> SeatState {
        if self.ends_at().is_some_and(|end| end.reached(now)) { SeatState::Available } else { self.state }
    }

    /// Returns the visible status at an instant.
    pub fn shows(self, now: EpochMillis) -> SeatStatus {
        self.status(now).into()
    }

    /// Returns the instant at which the state ends by itself, past or future.
    pub fn ends_at(self) -> Option<EpochSeconds> {
        self.state.end()
    }

    /// Returns `true` if the seat is available at an instant.
    pub fn is_available(self, now: EpochMillis) -> bool {
        self.status(now) == SeatState::Available
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
            (0..50u64).prop_map(|at| SeatState::Reserved { expires_at: EpochSeconds(at) }),
            (0..50u64).prop_map(|at| SeatState::Withdrawn { until: EpochSeconds(at) }),
            Just(SeatState::Booked),
        ];
        // Few stamps, so that equal stamps are common.
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
        fn validity_window_ends_when_a_status_changes(hall in hall(), at in 0..60_u64, then in 0..60_u64) {
            // One millisecond before, at and after each second.
            for (at, then) in [0, 1, 999].into_iter().flat_map(|ms| [(at * 1_000 + ms, then * 1_000), (at * 1_000, then * 1_000 + ms)]) {
                let (at, then) = (EpochMillis(at), EpochMillis(then));
                let same = hall.iter().all(|slot| slot.status(at) == slot.status(then));
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
                prop_assert!(halls.iter().any(|hall| hall[seat] == all[seat]) || largest == EpochMillis(0));
            }
        }
    }

    #[test]
    fn table_spells_each_state_differently() {
        let end = EpochSeconds(100);
        let states = [
            (SeatState::Available, "available"),
            (SeatState::Reserved { expires_at: end }, "reserved"),
            (SeatState::Withdrawn { until: end }, "removed"),
            (SeatState::Booked, "booked"),
        ];
        for (state, status) in states {
            assert_eq!(state.to_table(), status);
            assert_eq!(SeatState::from_table(status, || Ok::<_, ()>(end)), Ok(Some(state)));
            let without_end = SeatState::from_table(status, || Err(()));
            assert_eq!(without_end.is_err(), state.end().is_some(), "{status}");
        }
        assert_eq!(SeatState::from_table("sold", || Ok::<_, ()>(end)), Ok(None));
    }

    #[test]
    fn withdrawn_seat_is_cached_and_shown_as_reserved() {
        let (end, now) = (EpochSeconds(100), EpochMillis(99_999));
        let slot = |state| Slot { changed_at: EpochMillis(1), state };
        let (withdrawn, reserved) = (SeatState::Withdrawn { until: end }, SeatState::Reserved { expires_at: end });
        assert_eq!(slot(withdrawn).shows(now).as_str(), "reserved");
        assert_eq!(withdrawn.to_cached(), reserved.to_cached());
        assert_eq!(SeatState::from_cached(withdrawn.to_cached(), end.0), Some(reserved));
        assert!(slot(withdrawn).is_available(EpochMillis(100_000)));
    }

    #[test]
    fn cached_byte_has_one_status() {
        for byte in 0..=u8::MAX {
            let status = SeatState::from_cached(byte, 0).map_or(SeatStatus::Booked, SeatStatus::from);
            assert_eq!(SeatStatus::from_cached(byte), status, "{byte}");
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
    fn booked_seat_is_never_available_and_unwritten_seat_always() {
        let booked = Slot { changed_at: EpochMillis(1), state: SeatState::Booked };
        assert!(!booked.is_available(EpochMillis(u64::MAX)));
        assert!(Slot::default().is_available(EpochMillis(0)));
    }
}
