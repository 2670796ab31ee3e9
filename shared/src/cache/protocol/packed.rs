//! The packed string: a header, and then one slot of 12 bytes per seat in layout order. All numbers are big-endian.
//!
//! | bytes | header | | bytes | slot |
//! | --- | --- | --- | --- | --- |
//! | 0 | format, [`FORMAT`] | | 0..6 | changed_at, ms |
//! | 1 | 1 if complete | | 6 | state: 0 available, 1 reserved, 2 booked |
//! | 2 | round of filling, 1 to 255 | | 7..11 | expires_at, s (0 unless reserved) |
//! | 3 | 1 if something was merged in this round | | 11 | round in which it was merged, 0 if filled |
//! | 4..10 | layout_version | | | |
//! | 10..26 | token of the filler, zeros if none | | | |
//! | 26..32 | end of the filler's lease, ms of Redis's clock | | | |
//! | 32..34 | length of that lease, ms | | | |
//! | 34..40 | expiry of the key, ms of the filler's clock: a hint, 0 while incomplete | | | |
//! | 40..48 | revision of the slots ([`Revision`]), undefined while incomplete | | | |

use super::revision::Revision;
use crate::domain::availability::{SeatState, SeatStatus, Slot, ValidityWindow};
use crate::domain::inventory::Inventory;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seat_state::cached_byte;
use crate::domain::time::{EpochMillis, EpochSeconds};

/// The format that this program reads and writes. A string of another format is a miss, and is overwritten.
const FORMAT: u8 = 2;
const HEADER: usize = 48;
const SLOT: usize = 12;
/// The bytes of an entry to be merged: a seat index and a slot.
pub(crate) const ENTRY: usize = 4 + SLOT;

/// A complete string as it was read. Its slots can only be trusted after [`Packed::fits`] has checked them.
#[derive(Debug)]
pub struct Packed(Vec<u8>);

impl Packed {
    /// Accepts a string that is complete and of this format.
    pub(crate) fn complete(bytes: Vec<u8>) -> Option<Self> {
        let complete = bytes.len() >= HEADER && bytes.starts_with(&[FORMAT, 1]);
        complete.then_some(Self(bytes))
    }

    /// Returns the version of the layout whose seat indices it uses.
    pub fn layout_version(&self) -> LayoutVersion {
        LayoutVersion::new(number(&self.0[4..10]))
    }

    /// Returns the time at which the key expires, by the filler's clock. It is exact enough to decide when to renew.
    /// Redis decides when the key really expires.
    pub fn ends_at(&self) -> EpochMillis {
        EpochMillis::new(number(&self.0[34..40]))
    }

    /// Returns the revision of its slots.
    pub fn revision(&self) -> Revision {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[40..HEADER]);
        Revision(bytes)
    }

    /// Returns `true` if the string is of this layout and each slot can be read.
    pub fn fits(&self, inventory: &Inventory) -> bool {
        let slots = &self.0[HEADER..];
        if self.layout_version() != inventory.version || slots.len() != inventory.layout.seats().len() * SLOT {
            return false;
        }
        // Checks all slots without stopping at a bad one. Bad slots are rare, and stopping would cost a branch per
        // seat.
        self.chunks().iter().fold(true, |all, slot| all & is_readable(slot))
    }

    /// Returns its slots, or `None` if it doesn't fit the layout.
    pub fn slots(&self, inventory: &Inventory) -> Option<Vec<Slot>> {
        if self.fits(inventory) { decode_all(&self.0[HEADER..]) } else { None }
    }

    /// Returns the status of each seat at an instant, for a string that fits the layout. Reads the bytes in place,
    /// because most reads need nothing else.
    pub fn statuses(&self, now: EpochMillis) -> Vec<SeatStatus> {
        // No expiry is later than the largest number of four bytes.
        let now = u32::try_from(now.seconds().as_secs()).unwrap_or(u32::MAX);
        self.chunks().iter().map(|slot| status(slot, now)).collect()
    }

    /// Returns the validity window around an instant: the seconds in which the statuses stay the same.
    pub fn validity(&self, now: EpochMillis) -> ValidityWindow {
        let reserved = self.chunks().iter().filter(|slot| slot[6] == cached_byte::RESERVED);
        ValidityWindow::around(reserved.map(|slot| EpochSeconds::new(u64::from(expires_at(slot)))), now)
    }

    fn chunks(&self) -> &[[u8; SLOT]] {
        self.0[HEADER..].as_chunks().0
    }
}

/// Returns `true` if [`decode`] can read the slot: its state is known, and only a reserved one has an expiry.
fn is_readable(slot: &[u8; SLOT]) -> bool {
    (slot[6] <= cached_byte::BOOKED) & ((slot[6] == cached_byte::RESERVED) | (expires_at(slot) == 0))
}

/// Returns the status of a readable slot at a second. Has no branches, because the processor can't predict which seats
/// are taken.
fn status(slot: &[u8; SLOT], now: u32) -> SeatStatus {
    let ended = (slot[6] == cached_byte::RESERVED) & (expires_at(slot) <= now);
    SeatStatus::from_cached(if ended { cached_byte::AVAILABLE } else { slot[6] })
}

fn expires_at(slot: &[u8; SLOT]) -> u32 {
    u32::from_be_bytes([slot[7], slot[8], slot[9], slot[10]])
}

/// Encodes a slot, with the round 0. A time that is too large for its bytes becomes the largest that fits.
pub(crate) fn encode(slot: Slot) -> [u8; SLOT] {
    let expires_at = slot.state.end().map_or(0, |end| end.as_secs());
    let changed_at = slot.changed_at.as_millis().min((1 << 48) - 1).to_be_bytes();
    let expires_at = u32::try_from(expires_at).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = [0; SLOT];
    bytes[0..6].copy_from_slice(&changed_at[2..]);
    bytes[6] = slot.state.to_cached();
    bytes[7..11].copy_from_slice(&expires_at);
    bytes
}

/// Decodes consecutive slots. Returns `None` if the bytes are anything else.
pub(crate) fn decode_all(bytes: &[u8]) -> Option<Vec<Slot>> {
    let (slots, rest) = bytes.as_chunks::<SLOT>();
    if !rest.is_empty() {
        return None;
    }
    slots.iter().map(decode).collect()
}

fn decode(bytes: &[u8; SLOT]) -> Option<Slot> {
    let state = SeatState::from_cached(bytes[6], number(&bytes[7..11]))?;
    Some(Slot { changed_at: EpochMillis::new(number(&bytes[0..6])), state })
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod random_bytes;

#[cfg(test)]
mod tests {

    use super::*;
    use crate::domain::ids::{SeatLabel, TheaterId};
    use crate::domain::layout::Layout;
    use proptest::prelude::*;

    fn inventory(seats: usize) -> Inventory {
        let seats = (0..seats).map(|n| SeatLabel::parse(&format!("A{n}")).unwrap()).collect();
        let layout = Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(7), seats).unwrap();
        Inventory::of_theater(layout)
    }

    fn header(version: u8) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[0] = FORMAT;
        bytes[1] = 1;
        bytes[9] = version;
        bytes
    }

    proptest! {
        #[test]
        fn slot_survives_encoding(at in 0..1u64 << 48, expires in 0..u32::MAX, state in 0..3u8) {
            let state = match state {
                0 => SeatState::Available,
                1 => SeatState::Reserved { expires_at: EpochSeconds::new(u64::from(expires)) },
                _ => SeatState::Booked,
            };
            let slot = Slot { changed_at: EpochMillis::new(at), state };
            prop_assert_eq!(decode(&encode(slot)), Some(slot));
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(packed) = Packed::complete(bytes) {
                let _ = packed.slots(&inventory(2));
            }
        }

        #[test]
        fn packed_string_shows_what_its_slots_show(
            slots in prop::collection::vec((0..3_u8, prop_oneof![Just(0), 90..110_u32, any::<u32>()], any::<u8>()), 4),
            odd in prop::option::of((0..4_usize, 6..11_usize, any::<u8>())),
            now in prop_oneof![90_000..110_000_u64, any::<u64>()],
        ) {
            let mut bytes = header(7);
            for (state, expires, round) in slots {
                let expires = if state == 1 { expires } else { 0 };
                bytes.extend([&[0; 6][..], &[state], &expires.to_be_bytes(), &[round]].concat());
            }
            if let Some((slot, at, byte)) = odd {
                bytes[HEADER + slot * SLOT + at] = byte;
            }
            let read = decode_all(&bytes[HEADER..]);
            let packed = Packed::complete(bytes).unwrap();
            prop_assert_eq!(packed.fits(&inventory(4)), read.is_some());
            if let Some(read) = read {
                let now = EpochMillis::new(now);
                let shown: Vec<_> = read.iter().map(|slot| slot.status_at(now)).collect();
                prop_assert_eq!(packed.statuses(now), shown);
                prop_assert_eq!(packed.validity(now), ValidityWindow::around(read.iter().filter_map(|slot| slot.ends_at()), now));
            }
        }

        #[test]
        fn encoded_slots_sort_by_stamp(a in 0..1u64 << 48, b in 0..1u64 << 48) {
            let bytes = |at| encode(Slot { changed_at: EpochMillis::new(at), state: SeatState::Booked });
            prop_assert_eq!(a.cmp(&b), bytes(a).cmp(&bytes(b)));
        }
    }

    #[test]
    fn only_a_complete_string_of_the_layout_is_used() {
        let slots = |bytes: Vec<u8>| Packed::complete(bytes).and_then(|packed| packed.slots(&inventory(2)));
        let good = [header(7), vec![0; 2 * SLOT]].concat();
        assert_eq!(slots(good.clone()), Some(vec![Slot::default(); 2]));
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        assert_eq!(slots(changed(0, 1)), None, "another format");
        assert_eq!(slots(changed(1, 0)), None, "incomplete");
        assert_eq!(slots(changed(9, 8)), None, "another layout");
        assert_eq!(slots(changed(HEADER + 6, 3)), None, "an unknown state");
        assert_eq!(slots(changed(HEADER + 10, 1)), None, "an expiry of an available seat");
        assert_eq!(slots(good[..good.len() - 1].to_vec()), None, "cut off");
        assert_eq!(slots([header(7), vec![0; 3 * SLOT]].concat()), None, "too many seats");
        assert_eq!(slots(vec![]), None, "nothing");
    }

    #[test]
    fn too_large_time_is_stored_as_the_largest() {
        let slot = Slot {
            changed_at: EpochMillis::new(u64::MAX),
            state: SeatState::Reserved { expires_at: EpochSeconds::new(u64::MAX) },
        };
        let read = decode(&encode(slot)).unwrap();
        assert_eq!(read.changed_at, EpochMillis::new((1 << 48) - 1));
        assert_eq!(read.state, SeatState::Reserved { expires_at: EpochSeconds::new(u64::from(u32::MAX)) });
    }
}
