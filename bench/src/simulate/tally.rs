//! What is counted while it runs: requests by their answer, waits by component, and everything that is paid for.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::whole;

/// What may limit, in the order of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    /// CloudFront's requests a second.
    Edge,
    /// API Gateway's requests a second.
    Gateway,
    /// Lambda's concurrency, or how fast it grows.
    Lambda,
    /// The shard of the cache.
    Cache,
    /// DynamoDB's read units of a partition.
    Reads,
    /// DynamoDB's write units of a partition.
    Writes,
}

/// One component's record.
#[derive(Debug)]
pub(super) struct Limit {
    /// What passed through it (its own unit: requests, ms of instances, shares of a shard's time, units).
    pub(super) used: Flow,
    /// Requests that it refused, or that didn't wait for it.
    pub(super) refused: u64,
    /// When it first did (ms).
    pub(super) first_refusal: Option<f64>,
    /// Waiting and service, in microseconds.
    pub(super) waits: Histogram<u64>,
}

/// Something that flows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// All of it.
    pub(super) total: f64,
    /// The most of it in one second.
    pub(super) peak: f64,
    second: f64,
}

impl Flow {
    /// So much more of it.
    pub(super) fn add(&mut self, amount: f64) {
        self.total += amount;
        self.second += amount;
    }

    fn second_over(&mut self) {
        self.peak = self.peak.max(self.second);
        self.second = 0.0;
    }
}

/// Everything that is counted.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) limits: BTreeMap<Component, Limit>,
    pub(super) not_modified: u64,
    pub(super) bypasses: u64,
    pub(super) from_edge: u64,
    pub(super) looks_refused: u64,
    /// Answered looks, by the second.
    pub(super) looks_by_second: Vec<u32>,
    /// Seats booked by the end of each second.
    pub(super) booked_by_second: Vec<u32>,
    /// Tries for seats, and what came of them.
    pub(super) reserved: u64,
    pub(super) conflicts_early: u64,
    pub(super) conflicts_late: u64,
    pub(super) bookings: u64,
    pub(super) bookings_too_late: u64,
    pub(super) writes_refused: u64,
    /// Times of answers as their callers have them, in microseconds.
    pub(super) look_times: Histogram<u64>,
    pub(super) write_times: Histogram<u64>,
    /// What is paid for.
    pub(super) gateway_requests: u64,
    pub(super) lambda_requests: u64,
    pub(super) lambda_ms: f64,
    pub(super) cache_units: f64,
    pub(super) cache_bytes: Flow,
    pub(super) write_units: f64,
    pub(super) read_units: f64,
    pub(super) bytes_out: f64,
    pub(super) edge_bytes: f64,
    pub(super) edge_requests: u64,
    pub(super) cold_starts: u64,
}

impl Limit {
    fn new() -> Option<Self> {
        let waits = Histogram::new_with_bounds(1, 60_000_000, 3).ok()?;
        Some(Self { used: Flow::default(), refused: 0, first_refusal: None, waits })
    }
}

impl Tally {
    pub(super) fn new() -> Option<Self> {
        use Component::{Cache, Edge, Gateway, Lambda, Reads, Writes};
        let mut limits = BTreeMap::new();
        for component in [Edge, Gateway, Lambda, Cache, Reads, Writes] {
            limits.insert(component, Limit::new()?);
        }
        let times = || Histogram::new_with_bounds(1, 60_000_000, 3).ok();
        Some(Self {
            limits,
            not_modified: 0,
            bypasses: 0,
            from_edge: 0,
            looks_refused: 0,
            looks_by_second: vec![0],
            booked_by_second: Vec::new(),
            reserved: 0,
            conflicts_early: 0,
            conflicts_late: 0,
            bookings: 0,
            bookings_too_late: 0,
            writes_refused: 0,
            look_times: times()?,
            write_times: times()?,
            gateway_requests: 0,
            lambda_requests: 0,
            lambda_ms: 0.0,
            cache_units: 0.0,
            cache_bytes: Flow::default(),
            write_units: 0.0,
            read_units: 0.0,
            bytes_out: 0.0,
            edge_bytes: 0.0,
            edge_requests: 0,
            cold_starts: 0,
        })
    }

    /// Something passed through, and took so long there (ms).
    pub(super) fn passed(&mut self, component: Component, used: f64, took: f64) {
        if let Some(limit) = self.limits.get_mut(&component) {
            limit.used.add(used);
            limit.waits.saturating_record(micros(took));
        }
    }

    /// Something was refused.
    pub(super) fn refused(&mut self, component: Component, now: f64) {
        if let Some(limit) = self.limits.get_mut(&component) {
            limit.refused += 1;
            limit.first_refusal.get_or_insert(now);
        }
    }

    /// A look was answered.
    pub(super) fn looked(&mut self, took: f64) {
        self.look_times.saturating_record(micros(took));
        if let Some(second) = self.looks_by_second.last_mut() {
            *second += 1;
        }
    }

    /// A second is over.
    pub(super) fn second_over(&mut self, booked: u32) {
        for limit in self.limits.values_mut() {
            limit.used.second_over();
        }
        self.cache_bytes.second_over();
        self.looks_by_second.push(0);
        self.booked_by_second.push(booked);
    }
}

/// Milliseconds as a histogram keeps them.
pub(super) fn micros(took: f64) -> u64 {
    whole(took * 1_000.0)
}
