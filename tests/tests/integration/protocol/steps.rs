//! Random steps: calls of the script, and other events that change the key.

use boxoffice::cache::{FillReason, WhenBehind};
use boxoffice::domain::availability::{SeatState, Slot, SlotUpdate};
use boxoffice::domain::seat_index::SeatIndex;
use boxoffice::domain::time::{EpochMillis, EpochSeconds};
use proptest::prelude::*;

/// A step. The first number is the index of the layout, the second that of the filler.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Merge(usize, Vec<SlotUpdate>, WhenBehind),
    /// A filler begins. It may take over its own fill.
    Begin(usize, usize, FillReason),
    /// A filler ends with the slots that it read, if its last begin was answered.
    End(usize, usize, [Slot; 3]),
    Peek(usize, Vec<SeatIndex>),
    /// The key is deleted.
    Evict,
    /// The lease of the fill ended this many seconds ago, or ends in the future, by another clock.
    LeaseEnds(i64),
    /// Another attempt of the same filler arrived last.
    AnotherAttempt,
    /// Most of the key's lifetime has passed.
    Age,
}

/// Returns slots with few different stamps and ends, so that equal ones and doubtful pairs are frequent.
fn slot() -> impl Strategy<Value = Slot> {
    let state = prop_oneof![
        1 => Just(SeatState::Available),
        4 => (1..30_u64).prop_map(|at| SeatState::Reserved { expires_at: EpochSeconds::new(at) }),
        2 => Just(SeatState::Booked),
    ];
    let stamp = prop_oneof![1 => Just(0), 6 => (1..6_u64).prop_map(|at| at * 1_000), 1 => 1..20_000_u64];
    (stamp, state).prop_map(|(at, state)| Slot { changed_at: EpochMillis::new(at), state })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    // The older layout is more frequent. The newer one has its seats too.
    let version = || prop_oneof![12 => Just(0_usize), 1 => Just(1)];
    let filler = 0..2_usize;
    let told =
        (0..4_u32, slot()).prop_map(|(seat_index, slot)| SlotUpdate { seat_index: SeatIndex::new(seat_index), slot });
    let when = prop_oneof![Just(WhenBehind::Keep), Just(WhenBehind::Drop)];
    let why =
        prop_oneof![3 => Just(FillReason::Missing), 3 => Just(FillReason::Renewal), 1 => Just(FillReason::Unreadable)];
    prop_oneof![
        8 => (version(), prop::collection::vec(told, 1..4), when).prop_map(|(at, told, when)| Step::Merge(at, told, when)),
        6 => (version(), filler.clone(), why).prop_map(|(at, filler, why)| Step::Begin(at, filler, why)),
        6 => (version(), filler, [slot(), slot(), slot()]).prop_map(|(at, filler, read)| Step::End(at, filler, read)),
        2 => (version(), prop::collection::vec((0..4_u32).prop_map(SeatIndex::new), 1..3)).prop_map(|(at, seat_indexes)| Step::Peek(at, seat_indexes)),
        1 => Just(Step::Evict),
        2 => Just(Step::LeaseEnds(0)),
        2 => (-70..70_i64).prop_map(Step::LeaseEnds),
        1 => Just(Step::AnotherAttempt),
        2 => Just(Step::Age),
    ]
}
