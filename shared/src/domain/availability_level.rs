//! The numbers of seats in each state, and the level that a list of shows has for them.

use super::availability::{SeatStatus, Slot};
use super::time::EpochMillis;

/// Numbers of seats by their status at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatCounts {
    pub available: u32,
    pub reserved: u32,
    pub booked: u32,
}

/// A rough answer to whether seats are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvailabilityLevel {
    Many,
    /// Fewer than a tenth of the seats.
    Few,
    None,
    /// The seats weren't counted yet.
    Unknown,
}

impl SeatCounts {
    /// Counts slots by their status at an instant.
    pub fn of(slots: &[Slot], now: EpochMillis) -> Self {
        Self::count(slots.iter().map(|slot| slot.status_at(now)))
    }

    /// Counts seats by their status.
    pub fn of_statuses(statuses: &[SeatStatus]) -> Self {
        Self::count(statuses.iter().copied())
    }

    fn count(statuses: impl Iterator<Item = SeatStatus>) -> Self {
        let mut counts = Self::default();
        for status in statuses {
            let count = match status {
                SeatStatus::Available => &mut counts.available,
                SeatStatus::Reserved => &mut counts.reserved,
                SeatStatus::Booked => &mut counts.booked,
            };
            *count += 1;
        }
        counts
    }

    /// Returns the counts of seats of which none was ever reserved.
    pub fn untouched(seats: u32) -> Self {
        Self { available: seats, ..Self::default() }
    }

    /// Returns the number of all seats.
    pub fn seats(&self) -> u32 {
        self.available + self.reserved + self.booked
    }
}

impl AvailabilityLevel {
    /// Returns the level of counted seats.
    pub fn of(counts: Option<&SeatCounts>) -> Self {
        let Some(counts) = counts else { return Self::Unknown };
        match u64::from(counts.available) {
            0 => Self::None,
            available if available * 10 < u64::from(counts.seats()) => Self::Few,
            _ => Self::Many,
        }
    }

    /// Returns the word in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Many => "many",
            Self::Few => "few",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::availability::SeatState;
    use crate::domain::time::EpochSeconds;

    fn counts(available: u32, reserved: u32, booked: u32) -> SeatCounts {
        SeatCounts { available, reserved, booked }
    }

    #[test]
    fn few_is_less_than_a_tenth() {
        for (counts, level) in [
            (counts(0, 1, 9), "none"),
            (counts(0, 0, 0), "none"),
            (counts(1, 0, 9), "many"),
            (counts(1, 1, 9), "few"),
            (counts(10, 0, 90), "many"),
            (counts(9, 0, 91), "few"),
            (counts(1, 0, 0), "many"),
            (SeatCounts::untouched(20_000), "many"),
            (counts(1_999, 0, 18_001), "few"),
            (counts(2_000, 18_000, 0), "many"),
        ] {
            assert_eq!(AvailabilityLevel::of(Some(&counts)).as_str(), level, "{counts:?}");
        }
        assert_eq!(AvailabilityLevel::of(None).as_str(), "unknown");
    }

    #[test]
    fn expired_and_withdrawn_seats_count_as_they_are_shown() {
        let slot = |state| Slot { changed_at: EpochMillis::new(1), state };
        let end = EpochSeconds::new(10);
        let slots = [
            Slot::default(),
            slot(SeatState::Reserved { expires_at: end }),
            slot(SeatState::Withdrawn { until: end }),
            slot(SeatState::Booked),
        ];
        assert_eq!(SeatCounts::of(&slots, EpochMillis::new(9_999)), counts(1, 2, 1));
        assert_eq!(SeatCounts::of(&slots, EpochMillis::new(10_000)), counts(3, 0, 1));
        assert_eq!(SeatCounts::of(&slots, EpochMillis::new(0)).seats(), 4);
    }
}
