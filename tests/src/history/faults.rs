//! What a call meets on its way: staged at the proxies before DynamoDB and Redis.

use std::fmt;

use fastrand::Rng;

use super::record::Ask;
use crate::dynamodb_proxy::{DynamoDbProxy, Fault};
use crate::redis_proxy::{RedisFault, RedisProxy};

/// More attempts than there is time for.
const MOST_ATTEMPTS: usize = 40;

/// What one call meets.
#[derive(Clone, Default, PartialEq)]
pub struct Faults {
    /// The faults of the calls to DynamoDB, one after the other: by the name of the operation.
    pub dynamodb: Vec<(&'static str, Fault)>,
    /// What every call to DynamoDB meets, until the call has ended.
    pub every: Option<Fault>,
    /// What the cache does meanwhile.
    pub cache: Option<CacheFault>,
}

/// What the way to the cache does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheFault {
    /// The connection that there is gets cut; a new one works.
    Cut,
    /// The connection that there is falls silent; a new one works.
    Dead,
    /// Connections are cut as long as the call lasts.
    Away,
    /// All is silent as long as the call lasts.
    Silent,
}

impl Faults {
    /// The names of all that is staged; what goes on counts once.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        let dynamodb = self.dynamodb.iter().map(|(_, fault)| fault).chain(&self.every);
        dynamodb.map(name).chain(self.cache.map(CacheFault::name))
    }

    /// Draws what a call meets: mostly nothing.
    pub(super) fn draw(rng: &mut Rng, ask: &Ask, lossy: bool) -> Self {
        let operation = operation(ask);
        let mut dynamodb = Vec::new();
        let number = [0, 0, 0, 0, 0, 0, 0, 1, 1, 2][rng.usize(0..10)];
        for _ in 0..number {
            dynamodb.push((operation, fault(rng, ask, operation)));
        }
        // As long as the call lasts nothing works, or nothing but the last look.
        let every = [Fault::CutBefore, Fault::CutAfter, Fault::error(400, "ThrottlingException")];
        let every = (rng.u8(0..100) == 0).then(|| every[rng.usize(0..every.len())].clone());
        if rng.u8(0..100) == 0 {
            dynamodb.extend(vec![(operation, fault(rng, ask, operation)); MOST_ATTEMPTS]);
        }
        let cache = [CacheFault::Cut, CacheFault::Dead, CacheFault::Away, CacheFault::Silent];
        let cache = (lossy && rng.u8(0..4) == 0).then(|| cache[rng.usize(0..cache.len())]);
        Self { dynamodb, every, cache }
    }

    /// Stages them.
    pub(super) async fn stage(&self, dynamodb: &DynamoDbProxy, redis: Option<&RedisProxy>) {
        for (operation, fault) in &self.dynamodb {
            dynamodb.next(operation, fault.clone());
        }
        dynamodb.always(self.every.clone());
        if let (Some(redis), Some(cache)) = (redis, self.cache) {
            match cache {
                CacheFault::Cut => redis.reset_connections(),
                CacheFault::Dead => redis.let_connections_die(),
                CacheFault::Away => redis.set(Some(RedisFault::Refused)).await,
                CacheFault::Silent => redis.set(Some(RedisFault::Silent)).await,
            }
        }
    }
}

impl CacheFault {
    /// Its name in a summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cut => "cache cut",
            Self::Dead => "cache dead",
            Self::Away => "cache away",
            Self::Silent => "cache silent",
        }
    }
}

/// The operation of DynamoDB that a call stands on.
fn operation(ask: &Ask) -> &'static str {
    match ask {
        Ask::Look { .. } => "Query",
        _ => "TransactWriteItems",
    }
}

fn fault(rng: &mut Rng, ask: &Ask, operation: &str) -> Fault {
    match rng.u8(0..20) {
        0..4 => Fault::CutBefore,
        4..10 => Fault::CutAfter,
        10..12 => Fault::error(400, "ThrottlingException"),
        12..16 if operation == "TransactWriteItems" => conflict(rng, ask),
        12..16 => Fault::error(400, "TransactionConflictException"),
        16..19 => Fault::error(500, "InternalServerError"),
        _ => Fault::Silence,
    }
}

/// A transaction that another one was in the way of, at one of its items.
fn conflict(rng: &mut Rng, ask: &Ask) -> Fault {
    let items = match ask {
        // The record or the booking is the first.
        Ask::Reserve { seats, .. } | Ask::Book { seats, .. } => seats.count() + 1,
        // How many it has is not known here.
        _ => 1,
    };
    let mut codes = vec!["None"; items];
    codes[rng.usize(0..items)] = "TransactionConflict";
    Fault::cancelled(&codes)
}

/// A fault's name in a summary.
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
