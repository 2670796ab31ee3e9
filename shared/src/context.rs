//! The context of one request: its costs, its deadline, its rate-limit budget and its traced calls. The costs are
//! recorded at each call, logged in the access log, and asserted in tests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::rate_limit::{RateLimitBudget, RateLimitStatus};
use crate::observability::trace::{Engine, TracedCall};

/// Time limit of one request for all its DynamoDB calls. It is below the functions' timeout (15 s), so that the
/// response is ours and not Lambda's.
const REQUEST_TIME_LIMIT: Duration = Duration::from_secs(12);

/// Maximum number of recorded calls. Further calls of one request are retries that add no information.
const MAX_TRACED_CALLS: usize = 32;

/// RequestCosts of one request so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestCosts {
    /// Calls to DynamoDB, including retries.
    pub dynamodb_calls: u32,
    /// Retries of earlier DynamoDB calls of this request.
    pub dynamodb_retries: u32,
    /// Time spent waiting for DynamoDB, including pauses between retries.
    pub dynamodb_time: Duration,
    /// Capacity units that DynamoDB reported. A rejected write also consumes some, but DynamoDB doesn't report them.
    pub capacity_units: f64,
    /// Calls to Redis, including retries on a new connection.
    pub redis_calls: u32,
    /// Failed calls to Redis.
    pub redis_failures: u32,
    /// Seats that the cache showed as available although other callers had had them for a while.
    pub stale_answers: u32,
    /// Time spent waiting for Redis.
    pub redis_time: Duration,
}

/// The context of one request: its costs so far, its deadline, its rate-limit budget and its traced calls.
#[derive(Debug)]
pub struct RequestContext {
    costs: Mutex<RequestCosts>,
    calls: Mutex<Vec<TracedCall>>,
    deadline: Instant,
    limit: Mutex<Draw>,
}

/// The budget until it is used, and its status afterwards.
#[derive(Debug, Default)]
struct Draw {
    budget: Option<RateLimitBudget>,
    rate_limit_status: Option<RateLimitStatus>,
}

impl Default for RequestContext {
    /// Creates the context of a request that begins now.
    fn default() -> Self {
        Self::with_time_limit(REQUEST_TIME_LIMIT)
    }
}

impl RequestContext {
    /// Creates the context of background work with this time limit. No client waits for such work.
    pub fn with_time_limit(longest: Duration) -> Self {
        let (costs, calls, limit) = Default::default();
        Self { costs, calls, deadline: Instant::now() + longest, limit }
    }

    /// Creates the context of a request that begins now, with an optional rate-limit budget.
    pub fn with_rate_limit(budget: Option<RateLimitBudget>) -> Self {
        Self { limit: Mutex::new(Draw { budget, rate_limit_status: None }), ..Self::default() }
    }

    /// Sets the cost of the request in units of its budget. Does nothing if the budget is already used.
    pub fn set_rate_limit_cost(&self, units: u32) {
        if let Some(budget) = &mut self.limit().budget {
            budget.cost = units;
        }
    }

    /// Returns `true` if the rate limit still has to be checked.
    pub fn has_unchecked_rate_limit(&self) -> bool {
        self.limit().budget.is_some()
    }

    /// Takes the budget. Later calls return `None`, so that a request is charged once.
    pub fn take_budget(&self) -> Option<RateLimitBudget> {
        self.limit().budget.take()
    }

    /// Records the status of the budget.
    pub fn record_rate_limit(&self, rate_limit_status: RateLimitStatus) {
        self.limit().rate_limit_status = Some(rate_limit_status);
    }

    /// Returns the status of the budget, if it is known.
    pub fn rate_limit_status(&self) -> Option<RateLimitStatus> {
        self.limit().rate_limit_status
    }

    fn limit(&self) -> MutexGuard<'_, Draw> {
        locked(&self.limit)
    }

    /// Adds to the costs.
    pub fn record_costs(&self, change: impl FnOnce(&mut RequestCosts)) {
        change(&mut locked(&self.costs));
    }

    /// Records a call that began at `started` and ends now.
    pub(crate) fn record_call(&self, engine: Engine, operation: &'static str, started: Instant, failed: bool) {
        let mut calls = locked(&self.calls);
        if calls.len() < MAX_TRACED_CALLS {
            calls.push(TracedCall { engine, operation, started, ended: Instant::now(), failed });
        }
    }

    /// Returns the calls so far, in the order of their ends.
    pub fn calls(&self) -> Vec<TracedCall> {
        locked(&self.calls).clone()
    }

    /// Returns the deadline of the request.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    pub fn costs(&self) -> RequestCosts {
        *locked(&self.costs)
    }
}

/// Locks a mutex and ignores poisoning. A panic while it was locked can't leave its value half written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
