//! Parsing a key in Valkey into the model's types.

use boxoffice::cache::Revision;
use boxoffice::domain::availability::{SeatState, Slot};
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::time::{EpochMillis, EpochSeconds};
use boxoffice_model::key::{Key, Known};

const HEADER: usize = 48;

/// Returns the revision in these bytes.
pub(super) fn revision(bytes: &[u8]) -> Revision {
    Revision(bytes[40..HEADER].try_into().unwrap())
}

/// Parses a key as `packed.rs` does, but without the revision. A revision depends on the history of the slots, so with
/// it the model would have infinitely many states.
pub(super) fn unpack(bytes: &[u8], until: u64) -> Key {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let slot = |bytes: &[u8]| {
        let state = match bytes[6] {
            0 => SeatState::Available,
            1 => SeatState::Reserved { expires_at: EpochSeconds::new(number(&bytes[7..11])) },
            _ => SeatState::Booked,
        };
        Known { slot: Slot { changed_at: EpochMillis::new(number(&bytes[..6])), state }, round: bytes[11] }
    };
    Key {
        complete: bytes[1] == 1,
        round: bytes[2],
        merged: bytes[3] == 1,
        version: LayoutVersion::new(number(&bytes[4..10])),
        token: bytes[10..26].try_into().unwrap(),
        lease: number(&bytes[26..32]),
        span: number(&bytes[32..34]),
        ends: number(&bytes[34..40]),
        until,
        slots: bytes[HEADER..].chunks(12).map(slot).collect(),
    }
}

/// Returns `true` if two keys are equal and expire within this many milliseconds of each other.
pub(super) fn alike(one: Option<&Key>, other: Option<&Key>, millis: u64) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one.until.abs_diff(other.until) <= millis && *one == Key { until: one.until, ..other.clone() }
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}
