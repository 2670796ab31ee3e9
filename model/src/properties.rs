//! Properties that must hold in every state, and states that must be reached, so that a model can't pass vacuously.

use boxoffice::domain::availability::Slot;
use stateright::{Model, Property};

use crate::bounds::Bounds;
use crate::key::{Key, NO_TOKEN, is_order_uncertain};
use crate::protocol::Protocol;
use crate::state::{Phase, State, Writer};
use crate::steps::Step;
use crate::table::Change;

/// No complete key is older than a write that was merged and answered.
pub const FRESH: &str = "nothing shown is older than an answered write";
/// If nothing is pending, the shown slots are the stored ones.
pub const CONVERGED: &str = "once quiet, shown is stored";
/// Only a fill replaces a stamp with a smaller one, and only if the slot wasn't merged in its round.
pub const STAMPS_NEVER_LOWERED: &str = "a merged stamp is never replaced by a smaller one";
/// Every shown slot was once in the table.
pub const STORED_ONCE: &str = "nothing is shown that was never stored";

/// Returns the properties that must hold, and the states that must be reached within the bounds.
pub(crate) fn all(bounds: &Bounds) -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(FRESH, fresh),
        Property::always(CONVERGED, converged),
        Property::always(STAMPS_NEVER_LOWERED, |_, state: &State| !state.lowered_stamp),
        Property::always(STORED_ONCE, stored_once),
        Property::sometimes("a hit", hit),
    ];
    let mut reached = |possible: bool, name, condition| {
        if possible {
            all.push(Property::sometimes(name, condition));
        }
    };
    reached(bounds.disruptions > 0, "an end in vain", end_is_rejected);
    reached(bounds.fillers > 1, "a merge into a renewal", merged_into_renewal);
    reached(bounds.fillers > 1 && bounds.disruptions > 0, "a take-over", taken_over);
    reached(bounds.delays > 0 && bounds.disruptions > 0, "a begin that arrives after the read", begin_arrives_late);
    reached(bounds.repair.is_some(), "a repair that matters", repair_matters);
    reached(bounds.ticks > 0, "a merge that drops the key", merge_drops);
    reached(bounds.ticks > 0, "a fill that drops the key", fill_drops);
    let shaken = bounds.rollback || bounds.deletions > 0;
    reached(shaken && bounds.fillers > 1, "a fill that will put the key right", fill_will_correct_key);
    all
}

/// Checks each shown state at this instant: the seat must have had it since the last answered write.
fn fresh(_: &Protocol, state: &State) -> bool {
    let Some(mut shown) = state.shown().filter(|_| !state.in_doubt) else { return true };
    shown.all(|(seat, slot)| {
        since(state, seat, state.answered[usize::from(seat)]).any(|old| show_same_status(state, old, slot))
    })
}

fn converged(model: &Protocol, state: &State) -> bool {
    let Some(mut shown) = state.shown().filter(|_| state.quiet(&model.0) && !state.in_doubt) else { return true };
    shown.all(|(seat, slot)| show_same_status(state, slot, state.table.stored(seat)))
}

fn stored_once(_: &Protocol, state: &State) -> bool {
    let Some(mut shown) = state.shown() else { return true };
    shown.all(|(seat, slot)| since(state, seat, 0).any(|old| old == slot))
}

/// Returns the slots of a seat from this index of the history on. Index 0 includes the initial slot.
fn since(state: &State, seat: u8, from: usize) -> impl Iterator<Item = Slot> + '_ {
    let first = (from == 0).then(Slot::default);
    let later = state.table.of(seat).filter(move |(place, _)| place + 1 >= from);
    first.into_iter().chain(later.map(|(_, change)| match change {
        Change::Written(slot) => slot,
        Change::Collected | Change::Deleted => Slot::default(),
    }))
}

fn show_same_status(state: &State, one: Slot, other: Slot) -> bool {
    let now = state.table.clock(0);
    one.state_at(now) == other.state_at(now)
}

fn hit(_: &Protocol, state: &State) -> bool {
    state.shown().is_some_and(|mut shown| shown.any(|(_, slot)| slot != Slot::default()))
}

fn end_is_rejected(_: &Protocol, state: &State) -> bool {
    let mut fillers = state.fillers.iter().enumerate();
    fillers.any(|(number, filler)| {
        let token = |key: &Key| key.token == filler.token(number, true);
        matches!(filler.phase, Phase::Read { ended: false, .. }) && !state.key.as_ref().is_some_and(token)
    })
}

fn merged_into_renewal(_: &Protocol, state: &State) -> bool {
    state.key.as_ref().is_some_and(|key| key.complete && key.token != NO_TOKEN && key.merged)
}

fn taken_over(model: &Protocol, state: &State) -> bool {
    state.key.as_ref().is_some_and(|key| key.span == model.0.times().longest)
}

/// Checks for a state without a key, in which a filler has read and its own first attempt hasn't arrived yet.
fn begin_arrives_late(_: &Protocol, state: &State) -> bool {
    let mut fillers = state.fillers.iter();
    state.key.is_none()
        && fillers.any(|filler| filler.is_delayed && matches!(filler.phase, Phase::Read { ended: false, .. }))
}

/// Checks for a state in which the stream changes the key, and no writer is about to do so.
fn repair_matters(model: &Protocol, state: &State) -> bool {
    let nobody = !state.writers.iter().any(|writer| matches!(writer, Writer::Accepted(_)));
    nobody
        && state.repaired < state.table.events.len()
        && state.shown().is_some()
        && model.next_state(state, Step::Repair(1)).is_some_and(|next| next.key != state.key)
}

fn merge_drops(model: &Protocol, state: &State) -> bool {
    let Some(key) = &state.key else { return false };
    state.table.events.iter().any(|(seat, change)| match change {
        Change::Written(slot) => is_order_uncertain(key.slots[usize::from(*seat)].slot, *slot, model.0.skew),
        _ => false,
    })
}

fn fill_drops(model: &Protocol, state: &State) -> bool {
    let Some(key) = state.key.as_ref().filter(|key| key.merged) else { return false };
    state.fillers.iter().enumerate().any(|(number, filler)| {
        let Phase::Read { slots, .. } = &filler.phase else { return false };
        let mut pairs = key.slots.iter().zip(slots);
        key.token == filler.token(number, true)
            && pairs
                .any(|(known, read)| known.round == key.round && is_order_uncertain(known.slot, *read, model.0.skew))
    })
}

fn fill_will_correct_key(_: &Protocol, state: &State) -> bool {
    let begun = |number: usize| {
        let filler = &state.fillers[number];
        filler.began_after_doubt && state.key.as_ref().is_some_and(|key| key.token == filler.token(number, true))
    };
    state.in_doubt && state.shown().is_some() && (0..state.fillers.len()).any(begun)
}
