//! Tests with random bytes as packed strings. They are read exactly or rejected.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::Layout;

const SEATS: usize = 5;
const VERSION: u64 = 7;

fn inventory() -> Inventory {
    let seats = (0..SEATS).map(|n| SeatLabel::parse(&format!("A{n}")).unwrap()).collect();
    let layout = Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(VERSION), seats).unwrap();
    Inventory::of_theater(layout)
}

/// Generates complete strings as the script writes them.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let slot = (any::<[u8; 6]>(), 0..3_u8, any::<u32>(), any::<u8>()).prop_map(|(changed_at, state, end, round)| {
        let end = if state == 1 { end } else { 0 };
        [&changed_at[..], &[state], &end.to_be_bytes(), &[round]].concat()
    });
    (any::<[u8; 32]>(), prop::collection::vec(slot, SEATS)).prop_map(|(rest, slots)| {
        let head = [&[FORMAT, 1][..], &rest[..2], &VERSION.to_be_bytes()[2..], &rest[..32], &[0; 6]].concat();
        [head, slots.concat()].concat()
    })
}

fn corrupted() -> impl Strategy<Value = Vec<u8>> {
    let flips = prop::collection::vec((any::<Index>(), any::<u8>()), 0..4);
    let ends = prop_oneof![
        4 => Just((usize::MAX, vec![])),
        1 => (0..=HEADER + SEATS * SLOT, prop::collection::vec(any::<u8>(), 0..200)),
        1 => (Just(usize::MAX), prop::collection::vec(any::<u8>(), 0..5_000)),
    ];
    (valid(), flips, ends).prop_map(|(mut bytes, flips, (length, tail))| {
        for (at, bits) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        bytes.truncate(length);
        bytes.extend(tail);
        bytes
    })
}

/// Returns `true` if the slots encode to the same bytes again, apart from the rounds.
fn reads_nothing_else(bytes: &[u8], slots: &[Slot]) -> bool {
    let (head, body) = bytes.split_at(HEADER);
    let written: Vec<_> = slots.iter().map(|slot| encode(*slot)).collect();
    let standing = body.chunks(SLOT).map(|slot| &slot[..SLOT - 1]);
    head[..2] == [FORMAT, 1]
        && head[4..10] == VERSION.to_be_bytes()[2..]
        && body.len() == SEATS * SLOT
        && written.iter().map(|slot| &slot[..SLOT - 1]).eq(standing)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn valid_string_is_read(bytes in valid()) {
        let slots = Packed::complete(bytes.clone()).and_then(|packed| packed.slots(&inventory()));
        prop_assert!(reads_nothing_else(&bytes, &slots.expect("it is valid")));
    }

    #[test]
    fn corrupt_string_is_read_exactly_or_rejected(bytes in corrupted()) {
        if let Some(packed) = Packed::complete(bytes.clone()) {
            // None of these may panic, whatever the numbers are.
            let _ = (packed.layout_version(), packed.ends_at(), packed.revision());
            if let Some(slots) = packed.slots(&inventory()) {
                prop_assert!(reads_nothing_else(&bytes, &slots));
            }
        }
    }

    #[test]
    fn random_slots_are_read_exactly_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Some(slots) = decode_all(&bytes) {
            prop_assert_eq!(slots.len() * SLOT, bytes.len());
        }
    }
}
