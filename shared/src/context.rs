//! The context of one request. It has four parts:
//!
//! - the costs so far, which are logged in the access log and asserted in tests
//! - the deadline
//! - the check of the rate limit
//! - the trace, which lists the calls to DynamoDB and Redis

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

/// The costs of one request so far.
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

/// The context of one request.
#[derive(Debug)]
pub struct RequestContext {
    costs: Mutex<RequestCosts>,
    deadline: Instant,
    rate_limit: Mutex<RateLimitCheck>,
    trace: Mutex<Vec<TracedCall>>,
}

/// The check of the rate limit.
#[derive(Clone, Copy, Debug, Default)]
enum RateLimitCheck {
    #[default]
    Unlimited,
    /// The budget hasn't been used yet.
    Due(RateLimitBudget),
    /// The budget has been used. Its status is missing if the cache gave no answer.
    Done(Option<RateLimitStatus>),
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
        let (costs, rate_limit, trace) = Default::default();
        Self { costs, deadline: Instant::now() + longest, rate_limit, trace }
    }

    /// Creates the context of a request that begins now, with an optional rate-limit budget.
    pub fn with_rate_limit(budget: Option<RateLimitBudget>) -> Self {
        let check = budget.map_or(RateLimitCheck::Unlimited, RateLimitCheck::Due);
        Self { rate_limit: Mutex::new(check), ..Self::default() }
    }

    /// Adds to the costs.
    pub fn record_costs(&self, change: impl FnOnce(&mut RequestCosts)) {
        change(&mut locked(&self.costs));
    }

    pub fn costs(&self) -> RequestCosts {
        *locked(&self.costs)
    }

    /// Returns the deadline of the request.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Sets the cost of the request in units of its budget. Does nothing if the budget is already used.
    pub fn set_rate_limit_cost(&self, units: u32) {
        if let RateLimitCheck::Due(budget) = &mut *locked(&self.rate_limit) {
            budget.cost = units;
        }
    }

    /// Returns `true` if the rate limit still has to be checked.
    pub fn has_unchecked_rate_limit(&self) -> bool {
        matches!(*locked(&self.rate_limit), RateLimitCheck::Due(_))
    }

    /// Takes the budget. Later calls return `None`, so that a request is charged once.
    pub fn take_rate_limit_budget(&self) -> Option<RateLimitBudget> {
        let mut check = locked(&self.rate_limit);
        let RateLimitCheck::Due(budget) = *check else { return None };
        *check = RateLimitCheck::Done(None);
        Some(budget)
    }

    /// Records the status of the budget.
    pub fn record_rate_limit_status(&self, status: RateLimitStatus) {
        *locked(&self.rate_limit) = RateLimitCheck::Done(Some(status));
    }

    /// Returns the status of the budget, if it is known.
    pub fn rate_limit_status(&self) -> Option<RateLimitStatus> {
        match *locked(&self.rate_limit) {
            RateLimitCheck::Unlimited | RateLimitCheck::Due(_) => None,
            RateLimitCheck::Done(status) => status,
        }
    }

    /// Adds a call to the trace. It began at `started` and ends now.
    pub(crate) fn trace_call(&self, engine: Engine, operation: &'static str, started: Instant, failed: bool) {
        let mut trace = locked(&self.trace);
        if trace.len() < MAX_TRACED_CALLS {
            trace.push(TracedCall { engine, operation, started, ended: Instant::now(), failed });
        }
    }

    /// Returns the trace so far, in the order in which the calls ended.
    pub fn traced_calls(&self) -> Vec<TracedCall> {
        locked(&self.trace).clone()
    }
}

/// Locks a mutex and ignores poisoning. A panic while it was locked can't leave its value half written.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
