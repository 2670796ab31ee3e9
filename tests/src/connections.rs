//! Faults that a proxy applies to its open connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// The connections of a proxy, numbered in the order in which they are accepted.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<State>);

#[derive(Default)]
struct State {
    accepted: AtomicUsize,
    /// The lowest number of a live connection. Connections below it stay open and silent.
    first_live: AtomicUsize,
    /// The lowest number of a connection that isn't cut.
    first_uncut: watch::Sender<usize>,
}

/// One connection of a proxy.
pub(crate) struct Connection(usize, Connections);

impl Connections {
    /// Registers a connection that was just accepted.
    pub(crate) fn accept(&self) -> Connection {
        Connection(self.0.accepted.fetch_add(1, Ordering::SeqCst), self.clone())
    }

    /// Returns the number of accepted connections.
    pub(crate) fn accepted(&self) -> usize {
        self.0.accepted.load(Ordering::SeqCst)
    }

    /// Freezes all current connections, as if their instance were frozen. They stay open, and nothing arrives on them.
    pub(crate) fn freeze(&self) {
        self.0.first_live.store(self.accepted(), Ordering::SeqCst);
    }

    /// Cuts all current connections.
    pub(crate) fn cut(&self) {
        self.0.first_uncut.send_replace(self.accepted());
    }
}

impl Connection {
    pub(crate) fn is_frozen(&self) -> bool {
        self.0 < self.1.0.first_live.load(Ordering::SeqCst)
    }

    /// Waits until this connection has to be cut.
    pub(crate) async fn cut(&self) {
        // Can't fail: `self` keeps the sender alive.
        let _ = self.1.0.first_uncut.subscribe().wait_for(|first_uncut| self.0 < *first_uncut).await;
    }
}
