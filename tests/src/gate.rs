//! A gate that all calls to the engines pass. It can hold one call, so that a test stops a request between any two of
//! its steps.

use std::sync::Arc;

use tokio::sync::watch;

/// The side of the engine on which a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPoint {
    /// Before the engine receives the call.
    Before,
    /// After the engine has carried out the call, and before the caller gets the answer.
    After,
}

/// A gate that several proxies can share. Clones are the same gate. At first every call passes.
#[derive(Clone, Default)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    /// Separates the current hold from earlier ones.
    round: usize,
    passed: usize,
    wanted: Option<(usize, HoldPoint)>,
    held: bool,
    discards: bool,
}

/// The number of a call in the order of arrival.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    round: usize,
    number: usize,
}

impl Gate {
    /// Counts the calls from now on and holds the call with this number. The first is 1.
    pub fn hold(&self, number: usize, side: HoldPoint) {
        self.0.send_modify(|state| {
            *state = State { round: state.round + 1, wanted: Some((number, side)), ..State::default() };
        });
    }

    /// Waits until the call has arrived and is held.
    pub async fn holds(&self) {
        // Can't fail: `self` keeps the sender alive.
        let _ = self.0.subscribe().wait_for(|state| state.held).await;
    }

    /// Releases the held call and lets all later calls pass.
    pub fn open(&self) {
        self.0.send_modify(|state| *state = State { round: state.round + 1, ..State::default() });
    }

    /// Drops the held call, so that it never arrives. Later calls pass.
    pub fn discard(&self) {
        self.0.send_modify(|state| *state = State { round: state.round + 1, discards: true, ..State::default() });
    }

    /// Lets a call pass on its way to the engine. Returns `None` if the call was dropped.
    pub(crate) async fn enter(&self) -> Option<Ticket> {
        let mut ticket = Ticket { round: 0, number: 0 };
        self.0.send_modify(|state| {
            state.passed += 1;
            ticket = Ticket { round: state.round, number: state.passed };
        });
        self.pass(ticket, HoldPoint::Before).await.then_some(ticket)
    }

    /// Lets the answer to a call pass on its way back.
    pub(crate) async fn leave(&self, ticket: Ticket) {
        self.pass(ticket, HoldPoint::After).await;
    }

    /// Waits while the call is held. Returns `false` if it was dropped.
    async fn pass(&self, ticket: Ticket, side: HoldPoint) -> bool {
        let meant = |state: &State| state.round == ticket.round && state.wanted == Some((ticket.number, side));
        let held = self.0.send_if_modified(|state| {
            state.held |= meant(state);
            meant(state)
        });
        if !held {
            return true;
        }
        let over = self.0.subscribe().wait_for(|state| state.round != ticket.round).await.map(|state| state.discards);
        !over.unwrap_or_default()
    }
}
