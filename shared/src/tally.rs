//! What one request cost: counted where the calls are made, logged in the request's summary line, asserted in tests.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

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

/// Counts the costs of one request, and knows when it has to give up.
#[derive(Debug)]
pub struct Tally {
    costs: Mutex<Costs>,
    calls: Mutex<Vec<TracedCall>>,
    give_up: Instant,
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
        Self { costs: Mutex::default(), calls: Mutex::default(), give_up: Instant::now() + longest }
    }

    /// Adds to the costs.
    pub fn add(&self, change: impl FnOnce(&mut Costs)) {
        // A panic between lock and unlock can't leave a number half written.
        change(&mut self.costs.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// Remembers a call that began at an instant and ends now.
    pub(crate) fn called(&self, engine: Engine, operation: &'static str, started: Instant, failed: bool) {
        let mut calls = self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if calls.len() < MOST_CALLS {
            calls.push(TracedCall { engine, operation, started, ended: Instant::now(), failed });
        }
    }

    /// The calls so far, as they ended.
    pub fn calls(&self) -> Vec<TracedCall> {
        self.calls.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// When the request has to give up, whatever it is doing.
    pub fn give_up(&self) -> Instant {
        self.give_up
    }

    /// The costs so far.
    pub fn costs(&self) -> Costs {
        *self.costs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
