//! Revisions: eight bytes that stand for a theater's slots.

use redis::Value;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::rules::layout::Layout;
use crate::rules::time::EpochMillis;

/// What stands for the slots of a complete string: where two have the same one, their slots are the same, and their layout.
/// (Of two different strings one pair in 2⁶⁴ has the same by chance; nobody's seat depends on it.)
///
/// What was filled has that of its slots, so a renewal in which nothing has changed leaves it. What is merged moves it on
/// (`availability.lua`), and never back: so the same slots may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub [u8; 8]);

impl Revision {
    /// Of slots as they were read, by a layout: packed, and merged in no round.
    pub(super) fn of_slots(packed: &[u8], layout_version: u64) -> Self {
        Self(xxh3_64_with_seed(packed, layout_version).to_be_bytes())
    }
}

/// What is told of a complete string to one who knows its revision, in place of all its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The layout whose positions it uses.
    pub layout_version: u64,
    /// When the key ends, by the clock of whoever filled it.
    pub ends_at: EpochMillis,
    seats: u64,
}

impl Unchanged {
    /// What the script answers to a look whose revision is still there: three numbers, while a whole string is one piece.
    pub(super) fn read(answer: &Value) -> Option<Self> {
        let Value::Array(told) = answer else { return None };
        let [Value::Int(layout_version), Value::Int(ends_at), Value::Int(seats)] = told[..] else { return None };
        let number = |told: i64| u64::try_from(told).ok();
        let (layout_version, ends_at, seats) = (number(layout_version)?, number(ends_at)?, number(seats)?);
        Some(Self { layout_version, ends_at: EpochMillis(ends_at), seats })
    }

    /// Whether the string is of this layout, as far as can be told without its slots.
    pub fn is_of(&self, layout: &Layout) -> bool {
        self.layout_version == layout.version && usize::try_from(self.seats) == Ok(layout.seats().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::names::{SeatLabel, TheaterId};

    #[test]
    fn a_revision_is_of_these_slots_by_this_layout() {
        let of = |slots: &[u8], version| Revision::of_slots(slots, version);
        assert_eq!(of(&[0; 12], 7), of(&[0; 12], 7));
        assert_ne!(of(&[0; 12], 7), of(&[0; 12], 8), "another layout");
        assert_ne!(of(&[0; 12], 7), of(&[0; 24], 7), "a seat more");
        assert_ne!(of(&[0; 12], 7), of(&[1; 12], 7), "other slots");
    }

    #[test]
    fn only_three_numbers_that_can_be_are_read() {
        let told = |numbers: &[i64]| Value::Array(numbers.iter().map(|number| Value::Int(*number)).collect());
        let read = Unchanged::read(&told(&[7, 60_000, 2])).unwrap();
        assert_eq!((read.layout_version, read.ends_at), (7, EpochMillis(60_000)));
        for odd in
            [told(&[]), told(&[7, 60_000]), told(&[7, -1, 2]), told(&[7, 60_000, 2, 2]), Value::Int(7), Value::Nil]
        {
            assert_eq!(Unchanged::read(&odd), None, "{odd:?}");
        }
        let layout = |seats: usize, version| {
            let seats = (0..seats).map(|n| SeatLabel::parse(&format!("A{n}")).unwrap()).collect();
            Layout::new(TheaterId::parse("1").unwrap(), "T".into(), version, seats).unwrap()
        };
        assert!(read.is_of(&layout(2, 7)));
        assert!(!read.is_of(&layout(2, 8)), "another layout");
        assert!(!read.is_of(&layout(3, 7)), "a seat less than the layout");
    }
}
