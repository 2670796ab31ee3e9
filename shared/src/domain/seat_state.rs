//! The states of a seat, and every spelling of them: in the table, in the cache and in responses.

use super::time::EpochSeconds;

/// Stored state of a seat. A reservation expires without a write, so use [`super::availability::Slot::state_at`] for
/// the state at an instant.
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
            (cached_byte::RESERVED, end) => Some(Self::Reserved { expires_at: EpochSeconds::new(end) }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::availability::Slot;
    use crate::domain::time::EpochMillis;

    #[test]
    fn table_spells_each_state_differently() {
        let end = EpochSeconds::new(100);
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
        let (end, now) = (EpochSeconds::new(100), EpochMillis::new(99_999));
        let slot = |state| Slot { changed_at: EpochMillis::new(1), state };
        let (withdrawn, reserved) = (SeatState::Withdrawn { until: end }, SeatState::Reserved { expires_at: end });
        assert_eq!(slot(withdrawn).status_at(now).as_str(), "reserved");
        assert_eq!(withdrawn.to_cached(), reserved.to_cached());
        assert_eq!(SeatState::from_cached(withdrawn.to_cached(), end.as_secs()), Some(reserved));
        assert!(slot(withdrawn).is_available(EpochMillis::new(100_000)));
    }

    #[test]
    fn cached_byte_has_one_status() {
        for byte in 0..=u8::MAX {
            let status = SeatState::from_cached(byte, 0).map_or(SeatStatus::Booked, SeatStatus::from);
            assert_eq!(SeatStatus::from_cached(byte), status, "{byte}");
        }
    }
}
