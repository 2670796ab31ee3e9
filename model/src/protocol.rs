//! The protocol within bounds: the possible steps in each state.

use crate::bounds::Bounds;
use crate::state::{Backup, Phase, State, Writer};
use crate::steps::Step;
use crate::table::{Change, WriteRequest};

/// The protocol within bounds.
#[derive(Clone, Debug)]
pub struct Protocol(pub Bounds);

impl Protocol {
    /// Adds the steps that are possible in this state.
    pub(crate) fn add_steps(&self, state: &State, steps: &mut Vec<Step>) {
        self.add_writer_steps(state, steps);
        self.add_filler_steps(state, steps);
        self.add_stream_steps(state, steps);
        self.add_disruptions(state, steps);
    }

    fn seats(&self) -> impl Iterator<Item = u8> + use<> {
        0..self.0.seats
    }

    fn add_writer_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let asks: &[WriteRequest] = match self.0.ticks {
            0 => &[WriteRequest::Anything],
            _ if self.0.give_back => &[
                WriteRequest::Reserve(1),
                WriteRequest::Reserve(2),
                WriteRequest::Book,
                WriteRequest::BookOwn,
                WriteRequest::GiveBack,
            ],
            _ => &[WriteRequest::Reserve(1), WriteRequest::Reserve(2), WriteRequest::Book, WriteRequest::BookOwn],
        };
        for (number, writer) in state.writers.iter().enumerate() {
            match writer {
                Writer::Idle if self.is_next(state, number) => {
                    let open = self.seats().flat_map(|seat| asks.iter().map(move |ask| (seat, *ask)));
                    let accepted = |(seat, ask): &(u8, WriteRequest)| {
                        state.table.accepts(*seat, *ask, self.0.writers[number]).is_some()
                    };
                    steps.extend(open.filter(accepted).map(|(seat, ask)| Step::Accept(number, seat, ask)));
                }
                Writer::Accepted(_) => {
                    steps.push(Step::Answer(number));
                    steps.extend(self.0.losses.then_some(Step::Lose(number)));
                }
                _ => {}
            }
        }
        let written = |event: &usize| matches!(state.table.events[*event].1, Change::Written(_));
        steps.extend((0..state.table.events.len()).filter(written).map(Step::Deliver));
    }

    /// Returns `true` if it is this writer's turn. Writers with the same clock are interchangeable, so they go in
    /// order.
    fn is_next(&self, state: &State, number: usize) -> bool {
        (0..number).all(|other| self.0.writers[other] != self.0.writers[number] || state.writers[other] != Writer::Idle)
    }

    fn add_filler_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, filler) in state.fillers.iter().enumerate() {
            if filler.is_delayed {
                steps.push(Step::Arrive(number));
            }
            match filler.phase {
                // Fillers are interchangeable too, so they start in order.
                Phase::Idle if number == 0 || state.fillers[number - 1].has_started() => {
                    steps.push(Step::Begin(number));
                    if filler.unanswered == 0 && state.left.delays > 0 {
                        steps.extend([Step::BeginUnanswered(number), Step::HoldUp(number)]);
                    }
                }
                Phase::Idle => {}
                Phase::Begun => steps.push(Step::Read(number)),
                Phase::Read { .. } => steps.push(Step::End(number)),
            }
        }
    }

    fn add_stream_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if self.0.repair.is_none() {
            return;
        }
        let left = state.table.events.len() - state.repaired;
        steps.extend((1..=left).map(Step::Repair));
        if state.left.redeliveries > 0 {
            steps.extend((0..state.repaired).map(Step::Redeliver));
        }
    }

    fn add_disruptions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.left.disruptions > 0 && state.key.is_some() {
            steps.extend([Step::LeaseEnds, Step::Vanish]);
        }
        match state.backup {
            Backup::None if self.0.rollback && state.key.is_some() => steps.push(Step::Keep),
            Backup::Kept(_) => steps.push(Step::ComeBack),
            _ => {}
        }
        if state.left.deletions > 0 {
            let there = |seat: &u8| state.table.stored(*seat).changed_at.as_millis() > 0;
            steps.extend(self.seats().filter(there).map(Step::Delete));
        }
        if state.table.ticks < self.0.ticks {
            steps.push(Step::Tick);
        }
        steps.extend(self.seats().filter(|seat| state.table.ttl_may_delete(*seat)).map(Step::Collect));
    }
}
