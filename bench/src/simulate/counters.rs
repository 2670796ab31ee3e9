//! The counters of a simulation: requests by answer, waits by component, and billed use.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::units::micros;

/// Components with a limit, in the order in which a request passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    /// CloudFront's requests a second.
    Edge,
    /// API Gateway's requests a second.
    Gateway,
    /// Lambda's concurrency, or its growth.
    Lambda,
    /// The shard of the cache.
    Cache,
    /// DynamoDB's read units of a partition.
    Reads,
    /// DynamoDB's write units of a partition.
    Writes,
}

/// The counters of one component.
#[derive(Debug)]
pub(super) struct Limit {
    /// The use of the component in its own unit: requests, time of instances, share of a shard's time, or capacity
    /// units.
    pub(super) used: Flow,
    /// Requests that it rejected, or that didn't wait for it.
    pub(super) refused: u64,
    /// The time of the first rejection (ms).
    pub(super) first_refusal: Option<f64>,
    /// Waiting and service, in microseconds.
    pub(super) waits: Histogram<u64>,
}

/// A quantity with its total and its peak.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// The total.
    pub(super) total: f64,
    /// The largest amount in one second.
    pub(super) peak: f64,
    second: f64,
}

impl Flow {
    /// Adds to the quantity.
    pub(super) fn add(&mut self, amount: f64) {
        self.total += amount;
        self.second += amount;
    }

    fn second_over(&mut self) {
        self.peak = self.peak.max(self.second);
        self.second = 0.0;
    }
}

/// All counters.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) limits: BTreeMap<Component, Limit>,
    pub(super) not_modified: u64,
    pub(super) bypasses: u64,
    pub(super) from_edge: u64,
    pub(super) looks_refused: u64,
    /// Answered reads, by second.
    pub(super) looks_by_second: Vec<u32>,
    /// Seats booked by the end of each second.
    pub(super) booked_by_second: Vec<u32>,
    /// Successful reservations. The next fields count the other results of writes.
    pub(super) reserved: u64,
    pub(super) conflicts_early: u64,
    pub(super) conflicts_late: u64,
    pub(super) bookings: u64,
    pub(super) bookings_too_late: u64,
    pub(super) writes_refused: u64,
    /// Response times as callers see them, in microseconds.
    pub(super) look_times: Histogram<u64>,
    pub(super) write_times: Histogram<u64>,
    /// Billed use.
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

impl Counters {
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

    /// Records use of a component and the time spent in it (ms).
    pub(super) fn passed(&mut self, component: Component, used: f64, took: f64) {
        if let Some(limit) = self.limits.get_mut(&component) {
            limit.used.add(used);
            limit.waits.saturating_record(micros(took));
        }
    }

    /// Records a rejection.
    pub(super) fn refused(&mut self, component: Component, now: f64) {
        if let Some(limit) = self.limits.get_mut(&component) {
            limit.refused += 1;
            limit.first_refusal.get_or_insert(now);
        }
    }

    /// Records an answered read.
    pub(super) fn looked(&mut self, took: f64) {
        self.look_times.saturating_record(micros(took));
        if let Some(second) = self.looks_by_second.last_mut() {
            *second += 1;
        }
    }

    /// Ends a second.
    pub(super) fn second_over(&mut self, booked: u32) {
        for limit in self.limits.values_mut() {
            limit.used.second_over();
        }
        self.cache_bytes.second_over();
        self.looks_by_second.push(0);
        self.booked_by_second.push(booked);
    }
}
