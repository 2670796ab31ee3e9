//! The circuit breaker. After a failure it blocks calls to the cache for a while, so that later requests don't wait for
//! it.

use std::sync::Mutex;
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::time::EpochMillis;

/// The first and the longest pause after a failure. Each further failure in a row doubles the pause.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub(super) struct CircuitBreaker {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures_in_a_row: u32,
    open_until: EpochMillis,
}

impl CircuitBreaker {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// Returns `true` if a call may be made. The first call after a pause decides whether the breaker stays closed.
    pub(super) fn allows(&self) -> bool {
        let now = self.clock.now();
        let state = self.state();
        // If the clock was set back, the pause ends after the longest pause.
        now >= state.open_until || now + LONGEST_PAUSE < state.open_until
    }

    pub(super) fn succeeded(&self) {
        *self.state() = State::default();
    }

    pub(super) fn failed(&self) {
        let now = self.clock.now();
        let mut state = self.state();
        let pause = FIRST_PAUSE.saturating_mul(1 << state.failures_in_a_row.min(10)).min(LONGEST_PAUSE);
        state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
        state.open_until = now + pause;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &Clock, millis: u64) {
        clock.set(EpochMillis::new(1_000_000 + millis));
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let clock = Clock::manual(EpochMillis::new(1_000_000));
        let breaker = CircuitBreaker::new(clock.clone());
        assert!(breaker.allows());
        let mut now = 0;
        for pause in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            breaker.failed();
            at(&clock, now + pause - 1);
            assert!(!breaker.allows(), "{pause} ms have not gone by");
            now += pause;
            at(&clock, now);
            assert!(breaker.allows(), "{pause} ms have gone by");
        }
    }

    #[test]
    fn success_closes_the_breaker_and_resets_pauses() {
        let clock = Clock::manual(EpochMillis::new(1_000_000));
        let breaker = CircuitBreaker::new(clock.clone());
        for _ in 0..5 {
            breaker.failed();
        }
        breaker.succeeded();
        assert!(breaker.allows());
        breaker.failed();
        at(&clock, 500);
        assert!(breaker.allows());
    }

    #[test]
    fn clock_set_back_does_not_keep_the_breaker_open() {
        let clock = Clock::manual(EpochMillis::new(1_000_000));
        let breaker = CircuitBreaker::new(clock.clone());
        breaker.failed();
        clock.set(EpochMillis::new(10_000));
        assert!(breaker.allows());
    }
}
