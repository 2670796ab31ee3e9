//! What a proxy does to the connections that are open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

/// A proxy's connections, numbered as they come.
#[derive(Clone, Default)]
pub(crate) struct Connections(Arc<State>);

#[derive(Default)]
struct State {
    accepted: AtomicUsize,
    /// Connections of a lower number than this are dead: open, and silent.
    alive_from: AtomicUsize,
    /// Connections of a lower number than this are cut.
    whole_from: watch::Sender<usize>,
}

/// One of them.
pub(crate) struct Connection(usize, Connections);

impl Connections {
    /// The one that was just accepted.
    pub(crate) fn accept(&self) -> Connection {
        Connection(self.0.accepted.fetch_add(1, Ordering::SeqCst), self.clone())
    }

    /// How many were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.0.accepted.load(Ordering::SeqCst)
    }

    /// Lets those that there are die as a frozen instance's do: they stay open, and nothing arrives any more.
    pub(crate) fn let_die(&self) {
        self.0.alive_from.store(self.accepted(), Ordering::SeqCst);
    }

    /// Cuts those that there are.
    pub(crate) fn cut(&self) {
        self.0.whole_from.send_replace(self.accepted());
    }
}

impl Connection {
    pub(crate) fn is_dead(&self) -> bool {
        self.0 < self.1.0.alive_from.load(Ordering::SeqCst)
    }

    /// Waits until it is to be cut.
    pub(crate) async fn cut(&self) {
        // Can't fail: the sender is kept by what `self` holds.
        let _ = self.1.0.whole_from.subscribe().wait_for(|whole_from| self.0 < *whole_from).await;
    }
}
