//! Faults that a call meets, applied by the proxies in front of DynamoDB and Redis.

use std::fmt;

use fastrand::Rng;

use super::call_log::Request;
use crate::dynamodb_proxy::{DynamoDbProxy, Fault};
use crate::redis_proxy::{RedisFault, RedisProxy};

/// A number of attempts that is too large for the time limit of a call.
const MANY_ATTEMPTS: usize = 40;

/// The faults that one call meets.
#[derive(Clone, Default, PartialEq)]
pub struct Faults {
    /// The faults of the calls to DynamoDB in order, each with the name of its operation.
    pub dynamodb: Vec<(&'static str, Fault)>,
    /// The fault of every call to DynamoDB while this call lasts.
    pub every: Option<Fault>,
    /// The fault of the cache while this call lasts.
    pub cache: Option<CacheFault>,
}

/// A fault of the connection to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheFault {
    /// The current connection is cut. A new one works.
    Cut,
    /// The current connection becomes silent. A new one works.
    Dead,
    /// Connections are cut while the call lasts.
    Away,
    /// All connections are silent while the call lasts.
    Silent,
}

impl Faults {
    /// Returns the names of all staged faults. A with_time_limit fault counts once.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let dynamodb = self.dynamodb.iter().map(|(_, fault)| fault).chain(&self.every);
        dynamodb.map(name).chain(self.cache.map(CacheFault::name))
    }

    /// Draws the faults of a call. Most calls get none.
    pub(super) fn draw(rng: &mut Rng, request: &Request, cache_fails: bool) -> Self {
        let operation = operation(request);
        let mut dynamodb = Vec::new();
        let number = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2][rng.usize(0..10)];
        for _ in 0..number {
            dynamodb.push((operation, fault(rng, request, operation)));
        }
        // For the whole call either every operation fails, or every operation except the last read after the retries.
        let every = [Fault::CutBefore, Fault::CutAfter, Fault::error(400, "ThrottlingException")];
        let every = (rng.u8(0..100) == 0).then(|| every[rng.usize(0..every.len())].clone());
        if rng.u8(0..100) == 0 {
            dynamodb.extend(vec![(operation, fault(rng, request, operation)); MANY_ATTEMPTS]);
        }
        let cache = [CacheFault::Cut, CacheFault::Dead, CacheFault::Away, CacheFault::Silent];
        let cache = (cache_fails && rng.u8(0..4) == 0).then(|| cache[rng.usize(0..cache.len())]);
        Self { dynamodb, every, cache }
    }

    /// Configures the proxies with these faults.
    pub(super) async fn stage(&self, dynamodb: &DynamoDbProxy, redis: Option<&RedisProxy>) {
        for (operation, fault) in &self.dynamodb {
            dynamodb.next(operation, fault.clone());
        }
        dynamodb.always(self.every.clone());
        if let (Some(redis), Some(cache)) = (redis, self.cache) {
            match cache {
                CacheFault::Cut => redis.reset_connections(),
                CacheFault::Dead => redis.freeze_connections(),
                CacheFault::Away => redis.set(Some(RedisFault::Refused)).await,
                CacheFault::Silent => redis.set(Some(RedisFault::Silent)).await,
            }
        }
    }
}

impl CacheFault {
    /// Returns the name used in the summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cache cut",
            Self::Dead => "cache dead",
            Self::Away => "cache away",
            Self::Silent => "cache silent",
        }
    }
}

/// Returns the main DynamoDB operation of a call.
fn operation(request: &Request) -> &'static str {
    match request {
        Request::Read { .. } => "Query",
        _ => "TransactWriteItems",
    }
}

fn fault(rng: &mut Rng, request: &Request, operation: &str) -> Fault {
    match rng.u8(0..20) {
        0..4 => Fault::CutBefore,
        4..10 => Fault::CutAfter,
        10..12 => Fault::error(400, "ThrottlingException"),
        12..16 if operation == "TransactWriteItems" => conflict(rng, request),
        12..16 => Fault::error(400, "TransactionConflictException"),
        16..19 => Fault::error(500, "InternalServerError"),
        _ => Fault::Silence,
    }
}

/// Creates a transaction conflict at one of the items.
fn conflict(rng: &mut Rng, request: &Request) -> Fault {
    let items = match request {
        // The first item is the reservation's record or the booking.
        Request::Reserve { seats, .. } | Request::Book { seats, .. } => seats.count() + 1,
        // The number of items isn't known here.
        _ => 1,
    };
    let mut codes = vec!["None"; items];
    codes[rng.usize(0..items)] = "TransactionConflict";
    Fault::cancelled(&codes)
}

/// Returns the name of a fault in the summary.
pub(super) fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::CutBefore => "cut before",
        Fault::CutAfter => "cut after",
        Fault::Silence => "silence",
        Fault::Unprocessed => "unprocessed",
        Fault::Late(_) => "late",
        Fault::Answer(status, _) if *status >= 500 => "error 500",
        Fault::Answer(_, body) if body.to_string().contains("Throttling") => "throttled",
        Fault::Answer(..) => "conflict",
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(self.dynamodb.iter().take(3).map(|(operation, fault)| format!("{operation} {}", name(fault))));
        if self.dynamodb.len() > 3 {
            list.entry(&format!("{} in all", self.dynamodb.len()));
        }
        if let Some(fault) = &self.every {
            list.entry(&format!("everything {}", name(fault)));
        }
        if let Some(cache) = self.cache {
            list.entry(&cache.name());
        }
        list.finish()
    }
}
