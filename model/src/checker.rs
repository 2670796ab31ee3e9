//! The protocol as the checker expects it: the first state, the steps, and the properties.

use stateright::{Model, Property};

use crate::properties;
use crate::protocol::Protocol;
use crate::state::State;
use crate::steps::Step;

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.0)]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.add_steps(state, steps);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut next = last.clone();
        step.take(&self.0, &mut next);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(&self.0)
    }
}
