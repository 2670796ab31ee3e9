//! The connection in use: made when it is first needed, and replaced in time where it may not grow old.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::link::CacheError;
use super::target::{Connection, Target};
use crate::clock::Clock;
use crate::entropy;
use crate::rules::time::EpochMillis;

/// ElastiCache cuts what was signed in with a token after 12 hours. A connection is replaced before, at the age of 11 to
/// 11.5 hours: many instances start at once when a sale begins, and shall not all connect at once half a day later.
const OLDEST: Duration = Duration::from_secs(11 * 3_600 + 30 * 60);
const SPREAD: Duration = Duration::from_secs(30 * 60);
/// How long the next try to replace it waits after one that failed.
const PAUSE: Duration = Duration::from_secs(60);

/// A connection that is being made, or is made. It runs by itself, so that a call that no longer waits for it doesn't
/// throw away what was achieved: the next call finds it ready.
pub(super) type Connecting = Shared<BoxFuture<'static, Result<Connection, CacheError>>>;

pub(super) struct Current {
    target: Target,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Made>,
    /// What takes its place as soon as it is made; until then the old one answers.
    next: Option<Made>,
    made: u64,
}

struct Made {
    number: u64,
    connecting: Connecting,
    /// When it is too old, by the wall clock: an `Instant` doesn't see the hours in which the instance was frozen.
    due: Option<EpochMillis>,
}

impl Current {
    pub(super) fn new(target: Target, clock: Clock) -> Self {
        Self { target, clock, state: Mutex::default() }
    }

    /// Whether keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.target.is_cluster()
    }

    /// The connection to use, and its number; begun if there is none. Nobody waits for one to be replaced.
    pub(super) fn get(&self) -> (u64, Connecting) {
        let now = self.clock.now();
        let mut state = self.state();
        state.replace(now);
        let made = state.current.take().unwrap_or_else(|| self.begin(&mut state, now));
        if state.next.is_none() && made.due.is_some_and(|due| due <= now) {
            state.next = Some(self.begin(&mut state, now));
        }
        let answer = (made.number, made.connecting.clone());
        state.current = Some(made);
        answer
    }

    /// Drops a connection, unless another has taken its place already. One that was to replace it does so now, if it is
    /// made: one that was being made when the instance was frozen may be as dead as the old one, and isn't waited for.
    pub(super) fn discard(&self, number: u64) {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|made| made.number == number) {
            let is_made = |next: &Made| matches!(next.connecting.clone().now_or_never(), Some(Ok(_)));
            state.current = state.next.take().filter(is_made);
        }
    }

    fn begin(&self, state: &mut State, now: EpochMillis) -> Made {
        let number = state.made;
        state.made += 1;
        let task = tokio::spawn(self.target.clone().connect());
        let connecting =
            async move { task.await.unwrap_or_else(|_| Err(CacheError::Unexpected("connecting: the task was lost"))) };
        let due = self.target.signs_in().then(|| after(now, OLDEST - entropy::jitter(SPREAD)));
        Made { number, connecting: connecting.boxed().shared(), due }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Puts the next one in the place of the current one, if it is made.
    fn replace(&mut self, now: EpochMillis) {
        match self.next.as_ref().and_then(|next| next.connecting.clone().now_or_never()) {
            None => {}
            Some(Ok(_)) => self.current = self.next.take(),
            Some(Err(error)) => {
                tracing::warn!(%error, "the connection to the cache can't be replaced yet");
                self.next = None;
                if let Some(current) = &mut self.current {
                    current.due = Some(after(now, PAUSE));
                }
            }
        }
    }
}

fn after(now: EpochMillis, pause: Duration) -> EpochMillis {
    EpochMillis(now.0.saturating_add(super::millis(pause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheAddress;

    #[tokio::test]
    async fn a_connection_that_is_not_made_takes_nobodys_place() {
        // It is connected to, and says nothing.
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("redis://{}", silent.local_addr().unwrap());
        let target = Target::new(CacheAddress { url, cluster: false, ca: None }, None).unwrap();
        let current = Current::new(target, Clock::System);
        let (first, _) = current.get();
        let next = current.begin(&mut current.state(), EpochMillis(0));
        current.state().next = Some(next);
        current.discard(first);
        assert_eq!(current.get().0, 2, "a third one, not the second that hangs");
        current.discard(first);
        assert_eq!(current.get().0, 2, "what has been replaced isn't dropped again");
    }
}
