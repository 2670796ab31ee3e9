//! The connection in use. It is opened when it is first needed, and replaced before ElastiCache closes it for its age.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::endpoint::{Connection, Endpoint};
use super::error::CacheError;
use crate::clock::Clock;
use crate::domain::time::EpochMillis;
use crate::random;

/// The age at which a connection is replaced: 11 to 11.5 hours.
///
/// ElastiCache closes connections that signed in with a token after 12 hours. Many instances start at once when a sale
/// begins. The spread keeps them from reconnecting all at once half a day later.
const OLDEST: Duration = Duration::from_secs(11 * 3_600 + 30 * 60);
const SPREAD: Duration = Duration::from_secs(30 * 60);
/// The pause after a failed replacement.
const PAUSE: Duration = Duration::from_secs(60);

/// A connection that is being opened, or is open. It opens in a task of its own. If a call stops waiting, the task goes
/// on, and the next call finds the connection ready.
pub(super) type Connecting = Shared<BoxFuture<'static, Result<Connection, CacheError>>>;

pub(super) struct ConnectionSlot {
    target: Endpoint,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Opening>,
    /// The next connection, while it is being opened. Until then the current connection is used.
    replacement: Option<Opening>,
    next_number: u64,
}

/// A connection with its number.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) number: u64,
    pub(super) connecting: Connecting,
    /// The age limit, by the wall clock. An `Instant` doesn't count the hours in which the instance was frozen.
    replace_at: Option<EpochMillis>,
}

impl ConnectionSlot {
    pub(super) fn new(target: Endpoint, clock: Clock) -> Self {
        Self { target, clock, state: Mutex::default() }
    }

    /// Returns `true` if keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.target.is_cluster()
    }

    /// Returns the connection to use. Starts to open one if there is none. Never waits for a replacement.
    pub(super) fn get(&self) -> Opening {
        let now = self.clock.now();
        let mut state = self.state();
        state.replace(now);
        let current = state.current.take().unwrap_or_else(|| self.begin(&mut state, now));
        if state.replacement.is_none() && current.replace_at.is_some_and(|due| due <= now) {
            state.replacement = Some(self.begin(&mut state, now));
        }
        state.current.insert(current).clone()
    }

    /// Drops a connection, unless another has replaced it already. If its replacement is open, that takes its place.
    ///
    /// A replacement that isn't open is dropped too. It may have been opening when the instance was frozen, and then it
    /// is as dead as the old connection.
    pub(super) fn discard(&self, number: u64) {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| current.number == number) {
            let is_open = |next: &Opening| matches!(next.connecting.clone().now_or_never(), Some(Ok(_)));
            state.current = state.replacement.take().filter(is_open);
        }
    }

    fn begin(&self, state: &mut State, now: EpochMillis) -> Opening {
        let number = state.next_number;
        state.next_number += 1;
        let task = tokio::spawn(self.target.clone().connect());
        let connecting =
            async move { task.await.unwrap_or_else(|_| Err(CacheError::Unexpected("connecting: the task was lost"))) };
        let replace_at = self.target.uses_tokens().then(|| now + (OLDEST - random::jitter(SPREAD)));
        Opening { number, connecting: connecting.boxed().shared(), replace_at }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Replaces the current connection if the next one is open.
    fn replace(&mut self, now: EpochMillis) {
        match self.replacement.as_ref().and_then(|next| next.connecting.clone().now_or_never()) {
            None => {}
            Some(Ok(_)) => self.current = self.replacement.take(),
            Some(Err(error)) => {
                tracing::warn!(%error, "the connection to the cache can't be replaced yet");
                self.replacement = None;
                if let Some(current) = &mut self.current {
                    current.replace_at = Some(now + PAUSE);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheAddress;

    #[tokio::test]
    async fn unopened_replacement_is_not_used() {
        // Accepts connections, and never answers.
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let target = Endpoint::new(CacheAddress { url, cluster: false, ca: None }, None).unwrap();
        let current = ConnectionSlot::new(target, Clock::System);
        let first = current.get().number;
        let next = current.begin(&mut current.state(), EpochMillis::new(0));
        current.state().replacement = Some(next);
        current.discard(first);
        assert_eq!(current.get().number, 2, "a third connection, and not the second one that hangs");
        current.discard(first);
        assert_eq!(current.get().number, 2, "a replaced connection isn't dropped again");
    }
}
