//! A gate that all calls to the engines pass, and that holds one of them: the instant between any two steps of a request.

use std::sync::Arc;

use tokio::sync::watch;

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On its way to the engine, which doesn't know of it yet.
    Before,
    /// On its way back: the engine has carried it out, and the caller doesn't know.
    After,
}

/// A gate for several proxies; clones are the same one. To begin with everything passes.
#[derive(Clone, Default)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    /// Tells what is held now from what was held before.
    round: usize,
    passed: usize,
    wanted: Option<(usize, Side)>,
    held: bool,
    discards: bool,
}

/// A call's place among those that pass.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    round: usize,
    number: usize,
}

impl Gate {
    /// Counts the calls from here on, and holds the one of this number; the first is 1.
    pub fn hold(&self, number: usize, side: Side) {
        self.0.send_modify(|state| {
            *state = State { round: state.round + 1, wanted: Some((number, side)), ..State::default() };
        });
    }

    /// Waits until the call has come and is held.
    pub async fn holds(&self) {
        // Can't fail: the sender is ours.
        let _ = self.0.subscribe().wait_for(|state| state.held).await;
    }

    /// Lets go what is held, and all that comes.
    pub fn open(&self) {
        self.0.send_modify(|state| *state = State { round: state.round + 1, ..State::default() });
    }

    /// What is held never arrives; all that comes passes.
    pub fn discard(&self) {
        self.0.send_modify(|state| *state = State { round: state.round + 1, discards: true, ..State::default() });
    }

    /// A call on its way to the engine; nothing when it is lost there.
    pub(crate) async fn enter(&self) -> Option<Place> {
        let mut place = Place { round: 0, number: 0 };
        self.0.send_modify(|state| {
            state.passed += 1;
            place = Place { round: state.round, number: state.passed };
        });
        self.pass(place, Side::Before).await.then_some(place)
    }

    /// Its answer on the way back.
    pub(crate) async fn leave(&self, place: Place) {
        self.pass(place, Side::After).await;
    }

    /// Whether it goes on.
    async fn pass(&self, place: Place, side: Side) -> bool {
        let meant = |state: &State| state.round == place.round && state.wanted == Some((place.number, side));
        let held = self.0.send_if_modified(|state| {
            state.held |= meant(state);
            meant(state)
        });
        if !held {
            return true;
        }
        let over = self.0.subscribe().wait_for(|state| state.round != place.round).await.map(|state| state.discards);
        !over.unwrap_or_default()
    }
}
