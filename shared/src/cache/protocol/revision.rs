//! Revisions: eight bytes that identify the slots of a theater.

use redis::Value;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::domain::inventory::Inventory;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::time::EpochMillis;

/// The revision of a complete string. Two strings with the same revision have the same slots and the same layout.
///
/// Two different strings have the same revision by chance in one of 2⁶⁴ cases. No seat is lost by that.
///
/// A fill sets the revision to a hash of its slots, so a renewal without changes keeps it. A merge moves it on
/// (`availability.lua`) and never back. So the same slots can have several revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Revision(pub [u8; 8]);

impl Revision {
    /// Returns the revision of slots as they were read, packed with the round 0, in a layout.
    pub(crate) fn of_slots(packed: &[u8], layout_version: LayoutVersion) -> Self {
        Self(xxh3_64_with_seed(packed, layout_version.as_u64()).to_be_bytes())
    }
}

/// The answer to a caller that knows the revision of a complete string. It replaces all slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The version of the layout whose seat indices the string uses.
    pub layout_version: LayoutVersion,
    /// The time at which the key expires, by the filler's clock.
    pub ends_at: EpochMillis,
    seats: u64,
}

impl Unchanged {
    /// Reads the script's answer for a revision that is still current: three numbers. A whole string is one piece
    /// instead.
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        let Value::Array(value) = answer else { return None };
        let [Value::Int(layout_version), Value::Int(ends_at), Value::Int(seats)] = value[..] else { return None };
        let number = |value: i64| u64::try_from(value).ok();
        let (layout_version, ends_at, seats) = (number(layout_version)?, number(ends_at)?, number(seats)?);
        Some(Self { layout_version: LayoutVersion::new(layout_version), ends_at: EpochMillis::new(ends_at), seats })
    }

    /// Returns `true` if the string is of this layout, as far as its size and version show.
    pub fn is_of(&self, inventory: &Inventory) -> bool {
        self.layout_version == inventory.version && usize::try_from(self.seats) == Ok(inventory.layout.seats().len())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::domain::ids::{SeatLabel, TheaterId};
    use crate::domain::layout::Layout;

    #[test]
    fn revision_depends_on_slots_and_layout() {
        let of = |slots: &[u8], version| Revision::of_slots(slots, LayoutVersion::new(version));
        assert_eq!(of(&[0; 12], 7), of(&[0; 12], 7));
        assert_ne!(of(&[0; 12], 7), of(&[0; 12], 8), "another layout");
        assert_ne!(of(&[0; 12], 7), of(&[0; 24], 7), "a seat more");
        assert_ne!(of(&[0; 12], 7), of(&[1; 12], 7), "other slots");
    }

    #[test]
    fn only_three_valid_numbers_are_read() {
        let value = |numbers: &[i64]| Value::Array(numbers.iter().map(|number| Value::Int(*number)).collect());
        let read = Unchanged::read(&value(&[7, 60_000, 2])).unwrap();
        assert_eq!((read.layout_version, read.ends_at), (LayoutVersion::new(7), EpochMillis::new(60_000)));
        for odd in
            [value(&[]), value(&[7, 60_000]), value(&[7, -1, 2]), value(&[7, 60_000, 2, 2]), Value::Int(7), Value::Nil]
        {
            assert_eq!(Unchanged::read(&odd), None, "{odd:?}");
        }
        let inventory = |seats: usize, version| {
            let seats = (0..seats).map(|n| SeatLabel::parse(&format!("A{n}")).unwrap()).collect();
            let layout =
                Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(version), seats).unwrap();
            Inventory::of_theater(layout)
        };
        assert!(read.is_of(&inventory(2, 7)));
        assert!(!read.is_of(&inventory(2, 8)), "another layout");
        assert!(!read.is_of(&inventory(3, 7)), "a seat less than the layout");
    }
}
