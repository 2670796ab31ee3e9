//! The steps of a request. Each takes time, costs something, and may reject the request.

use super::super::counters::{Component, Counters};
use super::super::lambda::Instance;
use super::super::parameters::NotModified;
use super::super::venue::Seats;
use super::{ENTRY_BYTES, HEADER_BYTES, SCRIPT_CALLS, SLOT_BYTES, SMALL_BYTES, Services, count};

/// Bytes of a Query's page (cited).
const PAGE_BYTES: f64 = 1_048_576.0;
/// Milliseconds for each page of a Query (assumed).
const PAGE_TIME: f64 = 15.0;
/// Write units of each item of a transaction: cited.
const UNITS_PER_ITEM: f64 = 2.0;
/// MB at which Lambda gives a function one whole processor: cited.
const WHOLE_PROCESSOR: f64 = 1_769.0;

impl Services {
    /// Takes a write's units from every partition of its seats, or from none.
    pub(super) fn units(&mut self, now: f64, wanted: &[u16], counters: &mut Counters) -> Option<f64> {
        let partitions = self.writes.len();
        let mut work = vec![0.0; partitions];
        wanted.iter().for_each(|seat| work[usize::from(*seat) % partitions] += UNITS_PER_ITEM);
        let quotes = self.writes.iter().zip(&work).filter(|(_, work)| **work > 0.0);
        let waited = quotes.map(|(pipe, work)| pipe.quote(now, *work)).fold(0.0, f64::max);
        if waited > self.terms.table_patience {
            counters.refused(Component::Writes, now);
            return None;
        }
        self.writes.iter_mut().zip(&work).for_each(|(pipe, work)| pipe.commit(now, *work));
        let units = UNITS_PER_ITEM * count(wanted);
        counters.passed(Component::Writes, units, waited);
        // The record of the reservation or booking has its own partition key.
        counters.write_units += units + UNITS_PER_ITEM;
        Some(waited)
    }

    /// Passes a request through API Gateway to an instance.
    pub(super) fn admit(&mut self, now: f64, function: usize, counters: &mut Counters) -> Option<Instance> {
        // A request that the stage rejects doesn't count against the account.
        if !self.routes[function].take(now) || !self.gateway.take(now) {
            counters.refused(Component::Gateway, now);
            return None;
        }
        counters.passed(Component::Gateway, 1.0, 0.0);
        counters.gateway_requests += 1;
        let instance = self.functions[function].take(now, &mut self.account);
        if instance.is_none() {
            counters.refused(Component::Lambda, now);
        }
        instance
    }

    pub(super) fn start(&mut self, instance: Instance, counters: &mut Counters) -> f64 {
        counters.lambda_requests += 1;
        counters.cold_starts += u64::from(instance.is_cold);
        if instance.is_cold { self.terms.cold_start } else { 0.0 }
    }

    pub(super) fn finish(
        &mut self,
        now: f64,
        function: usize,
        instance: Instance,
        takes: f64,
        counters: &mut Counters,
    ) {
        self.functions[function].busy_until(instance, now + takes);
        counters.lambda_ms += takes;
        let started = if instance.is_cold { self.terms.cold_start } else { 0.0 };
        counters.passed(Component::Lambda, takes / 1_000.0, started);
    }

    /// Reads a section from the cache. Returns whether the cache answered, and the time.
    pub(super) fn ask_cache(
        &mut self,
        now: f64,
        instance: Instance,
        section: u16,
        unchanged: bool,
        changes: Option<f64>,
        counters: &mut Counters,
    ) -> (bool, f64) {
        let id = instance.id as usize;
        if self.skips_cache_until.len() <= id {
            self.skips_cache_until.resize(id + 1, f64::NEG_INFINITY);
            self.read_at.resize(id + 1, f64::NEG_INFINITY);
        }
        if self.skips_cache_until[id] > now {
            return (false, 0.0);
        }
        if now - self.read_at[id] < self.terms.kept_by_instance {
            return (true, 0.0);
        }
        let whole = HEADER_BYTES + SLOT_BYTES * self.section_seats();
        let bytes = match changes {
            _ if unchanged
                && self.terms.not_modified == NotModified::HeaderOnly
                && self.terms.kept_by_instance == 0.0 =>
            {
                SMALL_BYTES
            }
            Some(changes) if self.terms.deltas => whole.min(SMALL_BYTES + ENTRY_BYTES * changes),
            _ => whole,
        };
        // A caller with a revision makes the script compare it. All others get the string.
        let compares = changes.is_some() && self.terms.not_modified == NotModified::HeaderOnly;
        let (known, took) = self.call_cache(now, section, bytes, if compares { SCRIPT_CALLS } else { 1.0 }, counters);
        if known {
            self.read_at[id] = now;
        } else {
            self.skips_cache_until[id] = now + self.terms.breaker;
        }
        (known, took)
    }

    /// Makes one call. Returns whether it came back in time, and the time.
    pub(super) fn call_cache(
        &mut self,
        now: f64,
        section: u16,
        bytes: f64,
        calls: f64,
        counters: &mut Counters,
    ) -> (bool, f64) {
        let seconds = (bytes / self.terms.cache.bytes).max(calls / self.terms.cache.calls);
        let patience = self.terms.cache_deadline - self.terms.cache_trip;
        match self.cache[usize::from(section)].serve(now, seconds, patience) {
            Some(took) => {
                counters.passed(Component::Cache, seconds, took);
                counters.cache_bytes.add(bytes);
                counters.cache_units += (bytes / 1_024.0).max(calls);
                (true, self.terms.cache_trip + took)
            }
            None => {
                counters.refused(Component::Cache, now);
                (false, self.terms.cache_deadline)
            }
        }
    }

    /// Reads all seats that have an item. Returns the time, or `None` if DynamoDB rejects the read.
    pub(super) fn query(&mut self, now: f64, seats: &Seats, counters: &mut Counters) -> Option<f64> {
        let bytes = f64::from(seats.taken()) * self.terms.item_bytes;
        let units = (bytes / 4_096.0).ceil().max(1.0);
        let Some(waited) = self.reads.serve(now, units, self.terms.table_patience) else {
            counters.refused(Component::Reads, now);
            return None;
        };
        counters.passed(Component::Reads, units, waited);
        counters.read_units += units;
        Some(self.terms.table_trip + waited + (bytes / PAGE_BYTES).ceil() * PAGE_TIME)
    }

    pub(super) fn section_seats(&self) -> f64 {
        self.venue_seats / f64::from(self.terms.sections.max(1))
    }

    /// Converts microseconds of a whole processor to a function's share of one.
    pub(super) fn processor(&self, micros: f64) -> f64 {
        micros / 1_000.0 * (WHOLE_PROCESSOR / self.terms.memory).max(1.0)
    }
}
