//! What one request cost: counted where the calls are made, logged in the request's summary line, asserted in tests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::rules::limits::{Budget, Standing};
use crate::xray::{Engine, TracedCall};

/// The most that one request waits for DynamoDB, all its calls together: below the functions' own timeout (15 s), so
/// that the answer is ours.
const LONGEST_REQUEST: Duration = Duration::from_secs(12);

/// Calls of one request that are remembered one by one. One that repeats so often tells nothing new.
const MOST_CALLS: usize = 32;

/// The costs of one request so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Costs {
    /// Calls sent to DynamoDB, retries included.
    pub dynamodb_calls: u32,
    /// Calls to DynamoDB that repeated an earlier one of this request.
    pub dynamodb_retries: u32,
    /// Time spent waiting for DynamoDB, pauses between retries included.
    pub dynamodb_time: Duration,
    /// Capacity units that DynamoDB said it consumed. A refused write consumes some too but doesn't say so.
    pub capacity_units: f64,
    /// Calls sent to Redis, retries on a fresh connection included.
    pub redis_calls: u32,
    /// Calls to Redis that failed.
    pub redis_failures: u32,
    /// Seats that the cache showed as available, and that others had had for a while by then.
    pub stale_answers: u32,
    /// Time spent waiting for Redis.
    pub redis_time: Duration,
}

/// Counts the costs of one request, and knows when it has to give up, and whose budget it draws on.
#[derive(Debug)]
pub struct Tally {
    costs: Mutex<Costs>,
    calls: Mutex<Vec<TracedCall>>,
    give_up: Instant,
    limit: Mutex<Draw>,
}

/// The budget until it is drawn on, and how its owner stands from then on.
#[derive(Debug, Default)]
struct Draw {
    budget: Option<Budget>,
    standing: Option<Standing>,
}

impl Default for Tally {
    /// Of a request that begins now.
    fn default() -> Self {
        Self::lasting(LONGEST_REQUEST)
    }
}

impl Tally {
    /// Of work that nobody waits for at the other end of a connection, and that may take so long.
    pub fn lasting(longest: Duration) -> Self {
        let (costs, calls, limit) = Default::default();
        Self { costs, calls, give_up: Instant::now() + longest, limit }
    }

    /// Of a request that begins now and draws on a budget, if there is one.
    pub fn drawing_on(budget: Option<Budget>) -> Self {
        Self { limit: Mutex::new(Draw { budget, standing: None }), ..Self::default() }
    }

    /// Sets how many units of its budget the request takes, as long as it hasn't drawn on it.
    pub fn weigh(&self, units: u32) {
        if let Some(budget) = &mut self.limit().budget {
            budget.cost = units;
        }
    }

    /// Whether there is a budget that hasn't been asked for.
    pub fn has_to_draw(&self) -> bool {
        self.limit().budget.is_some()
    }

    /// The budget, for the one who asks for it: a request draws once.
    pub fn take_budget(&self) -> Option<Budget> {
        self.limit().budget.take()
    }

    /// Notes how the budget's owner stands.
    pub fn note(&self, standing: Standing) {
        self.limit().standing = Some(standing);
    }

    /// How the budget's owner stands, if that is known.
    pub fn standing(&self) -> Option<Standing> {
        self.limit().standing
    }

    fn limit(&self) -> MutexGuard<'_, Draw> {
        locked(&self.limit)
    }

    /// Adds to the costs.
    pub fn add(&self, change: impl FnOnce(&mut Costs)) {
        change(&mut locked(&self.costs));
    }

    /// Remembers a call that began at an instant and ends now.
    pub(crate) fn called(&self, engine: Engine, operation: &'static str, started: Instant, failed: bool) {
        let mut calls = locked(&self.calls);
        if calls.len() < MOST_CALLS {
            calls.push(TracedCall { engine, operation, started, ended: Instant::now(), failed });
        }
    }

    /// The calls so far, as they ended.
    pub fn calls(&self) -> Vec<TracedCall> {
        locked(&self.calls).clone()
    }

    /// When the request has to give up, whatever it is doing.
    pub fn give_up(&self) -> Instant {
        self.give_up
    }

    /// The costs so far.
    pub fn costs(&self) -> Costs {
        *locked(&self.costs)
    }
}

/// A panic between lock and unlock can't leave any of these half written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
