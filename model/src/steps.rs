//! The possible steps and their effects.

use boxoffice::cache::{FillReason, WhenBehind};
use boxoffice::domain::availability::SlotUpdate;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::seat_index::SeatIndex;

use crate::bounds::{Bounds, NOW, Rule};
use crate::key::{Begun, Call, Key, Token};
use crate::state::{Backup, Phase, State, Writer, token};
use crate::table::{Change, WriteRequest};

const VERSION: LayoutVersion = LayoutVersion::new(1);

/// A step. The numbers identify writers, fillers, seats and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// DynamoDB accepts a writer's request.
    Accept(usize, u8, WriteRequest),
    /// A writer's merge is delivered, and its caller gets the answer.
    Answer(usize),
    /// A writer's merge isn't delivered. The writer died, or it answered without a response from Redis.
    Lose(usize),
    /// A merge of this event is delivered late or again.
    Deliver(usize),
    /// A filler begins and gets an answer.
    Begin(usize),
    /// A filler begins, and the answer is lost.
    BeginUnanswered(usize),
    /// A filler's attempt to begin is delayed.
    HoldUp(usize),
    /// The delayed attempt arrives.
    Arrive(usize),
    /// A filler reads the table.
    Read(usize),
    /// A filler ends.
    End(usize),
    /// The lease of the current filler ends.
    LeaseEnds,
    /// The key is evicted, or its life ends.
    Vanish,
    /// Redis keeps a copy of the key.
    Keep,
    /// Redis restores the copy.
    ComeBack,
    /// This many records of the stream are merged as one batch.
    Repair(usize),
    /// The stream begins again from this record.
    Redeliver(usize),
    /// The TTL deletes a seat's item.
    Collect(u8),
    /// An operator deletes a seat's item by hand.
    Delete(u8),
    /// The clocks advance.
    Tick,
}

impl Step {
    /// Takes the step.
    pub(crate) fn take(&self, bounds: &Bounds, state: &mut State) {
        match *self {
            Self::Accept(writer, seat, ask) => accept(bounds, state, writer, seat, ask),
            Self::Answer(writer) => answer(bounds, state, writer),
            Self::Lose(writer) => state.writers[writer] = Writer::Done,
            Self::Deliver(event) => deliver(bounds, state, &[event]),
            Self::Begin(filler) => begin(bounds, state, filler),
            Self::BeginUnanswered(filler) => {
                unanswered(state, filler);
                arrive(bounds, state, filler);
            }
            Self::HoldUp(filler) => {
                unanswered(state, filler);
                state.fillers[filler].is_delayed = true;
            }
            Self::Arrive(filler) => {
                state.fillers[filler].is_delayed = false;
                arrive(bounds, state, filler);
            }
            Self::Read(filler) => {
                let slots = (0..bounds.seats).map(|seat| state.table.stored(seat)).collect();
                state.fillers[filler].phase = Phase::Read { slots, ended: false };
            }
            Self::End(filler) => end(bounds, state, filler),
            Self::LeaseEnds => {
                state.left.disruptions -= 1;
                state.key.iter_mut().for_each(|key| key.lease = NOW);
            }
            Self::Vanish => {
                state.left.disruptions -= 1;
                state.key = None;
            }
            Self::Keep => state.backup = state.key.clone().map_or(Backup::None, Backup::Kept),
            Self::ComeBack => come_back(state),
            Self::Repair(records) => repair(bounds, state, records),
            Self::Redeliver(from) => {
                state.left.redeliveries -= 1;
                state.repaired = from;
            }
            Self::Collect(seat) => state.table.events.push((seat, Change::Collected)),
            Self::Delete(seat) => {
                state.left.deletions -= 1;
                state.table.events.push((seat, Change::Deleted));
                state.doubt();
            }
            Self::Tick => state.table.ticks += 1,
        }
        if state.key.is_none() {
            state.in_doubt = false;
        }
    }
}

fn accept(bounds: &Bounds, state: &mut State, writer: usize, seat: u8, ask: WriteRequest) {
    let Some(slot) = state.table.accepts(seat, ask, bounds.writers[writer]) else { return };
    state.writers[writer] = Writer::Accepted(state.table.events.len());
    state.table.events.push((seat, Change::Written(slot)));
}

fn answer(bounds: &Bounds, state: &mut State, writer: usize) {
    let Writer::Accepted(event) = state.writers[writer] else { return };
    deliver(bounds, state, &[event]);
    state.writers[writer] = Writer::Done;
    let (seat, _) = state.table.events[event];
    let answered = &mut state.answered[usize::from(seat)];
    *answered = (*answered).max(event + 1);
}

/// Merges the writes of these events in one call.
fn deliver(bounds: &Bounds, state: &mut State, events: &[usize]) {
    if bounds.without == Some(Rule::Stamps) {
        state.key = None;
        return;
    }
    let of = |event: &usize| match state.table.events[*event] {
        (seat, Change::Written(slot)) => Some(SlotUpdate { seat_index: SeatIndex::new(seat.into()), slot }),
        _ => None,
    };
    let learned: Vec<_> = events.iter().filter_map(of).collect();
    let before = state.key.clone();
    call(bounds, &mut state.key).merge(&learned, WhenBehind::Drop);
    if state.key == before {
        return;
    }
    state.lowered_stamp |= lowers_stamp(before.as_ref(), state.key.as_ref(), |_, _| true);
    let deleted = |merged_slot: &SlotUpdate| {
        let seat = u8::try_from(merged_slot.seat_index.as_u32()).unwrap_or(u8::MAX);
        state.table.was_deleted_above(seat, merged_slot.slot.changed_at)
    };
    if learned.iter().any(deleted) {
        state.doubt();
    }
}

fn begin(bounds: &Bounds, state: &mut State, filler: usize) {
    let token = state.fillers[filler].token(filler, bounds.without != Some(Rule::Numbers));
    if begin_as(bounds, state, token) == Begun::Fill {
        state.fillers[filler].phase = Phase::Begun;
        state.fillers[filler].began_after_doubt = true;
    }
}

fn unanswered(state: &mut State, filler: usize) {
    state.left.delays -= 1;
    state.fillers[filler].unanswered = 1;
}

/// The first attempt arrives at Redis.
fn arrive(bounds: &Bounds, state: &mut State, filler: usize) {
    let numbered = bounds.without != Some(Rule::Numbers);
    begin_as(bounds, state, token(filler, u8::from(numbered)));
}

/// Begins with the reason renewal, which accepts missing and complete keys.
fn begin_as(bounds: &Bounds, state: &mut State, token: Token) -> Begun {
    if bounds.without == Some(Rule::Stamps) {
        return Begun::Fill;
    }
    call(bounds, &mut state.key).begin(usize::from(bounds.seats), token, FillReason::Renewal)
}

fn end(bounds: &Bounds, state: &mut State, number: usize) {
    let filler = &mut state.fillers[number];
    let token = filler.token(number, bounds.without != Some(Rule::Numbers));
    let Phase::Read { slots, ended } = &mut filler.phase else { return };
    let mut key = state.key.clone();
    emulate_missing_rule(bounds, &mut key, token);
    let before = key.clone();
    let taken = call(bounds, &mut key).end(token, slots, 0);
    if taken {
        *ended = true;
        state.in_doubt &= !filler.began_after_doubt;
        state.lowered_stamp |= lowers_stamp(before.as_ref(), key.as_ref(), |key, seat_index| {
            key.merged && key.slots[seat_index].round == key.round
        });
    }
    if key != before {
        // These times don't matter here and would only make equal states differ.
        key.iter_mut().for_each(|key| (key.ends, key.until) = (0, 0));
        state.key = key;
    }
}

/// Changes the key so that the script's end behaves as it would without the rule.
fn emulate_missing_rule(bounds: &Bounds, key: &mut Option<Key>, token: Token) {
    let mut blank = None;
    call(bounds, &mut blank).begin(usize::from(bounds.seats), token, FillReason::Missing);
    match (bounds.without, key.as_mut()) {
        (Some(Rule::Stamps), _) | (Some(Rule::Token), None) => *key = blank,
        (Some(Rule::Token), Some(key)) => (key.token, key.lease, key.span) = (token, NOW, 1),
        (Some(Rule::KeepMerged), Some(key)) => key.merged = false,
        (Some(Rule::ReplaceKnown), Some(key)) => {
            key.merged = true;
            key.slots.iter_mut().for_each(|known| known.round = key.round);
        }
        _ => {}
    }
}

/// Returns `true` if a stamp decreased in a slot selected by `asked`.
fn lowers_stamp(before: Option<&Key>, after: Option<&Key>, asked: impl Fn(&Key, usize) -> bool) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let mut slots = before.slots.iter().zip(&after.slots).enumerate();
    slots.any(|(seat_index, (old, new))| asked(before, seat_index) && new.slot.changed_at < old.slot.changed_at)
}

fn come_back(state: &mut State) {
    let Backup::Kept(key) = std::mem::replace(&mut state.backup, Backup::Used) else { return };
    state.key = Some(key);
    state.doubt();
}

/// Merges a batch of the stream like `sync_cache`. A deletion by hand drops the key. Otherwise the last write of each
/// seat is merged.
fn repair(bounds: &Bounds, state: &mut State, records: usize) {
    let batch = state.repaired..state.repaired + records;
    state.repaired = batch.end;
    let change = |event: usize| state.table.events[event];
    if batch.clone().any(|event| change(event).1 == Change::Deleted) {
        state.key = None;
        return;
    }
    let written = |seat: u8| {
        let of_seat = |event: &usize| matches!(change(*event), (of, Change::Written(_)) if of == seat);
        batch.clone().rfind(of_seat)
    };
    let last: Vec<_> = (0..bounds.seats).filter_map(written).collect();
    deliver(bounds, state, &last);
}

fn call<'a>(bounds: &'a Bounds, key: &'a mut Option<Key>) -> Call<'a> {
    Call { key, now: NOW, version: VERSION, times: bounds.times() }
}
