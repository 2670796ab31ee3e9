//! The outcome of an on-sale.

use serde::{Deserialize, Serialize};

use super::bill::Bill;
use super::counters::{Component, Limit};
use super::parameters::Parameters;
use super::sale::{COMPONENTS, Sale};
use super::units::count;
use crate::prices::Prices;
use hdrhistogram::Histogram;

/// The outcome of an on-sale. Times are in seconds unless another unit is named.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Seats by their final state.
    pub(crate) booked: u32,
    pub(crate) reserved: u32,
    pub(crate) available: u32,
    /// The time at which 50, 95 and 100 percent were booked.
    pub(crate) half_booked_after: Option<u32>,
    pub(crate) most_booked_after: Option<u32>,
    pub(crate) all_booked_after: Option<u32>,
    /// The end of the sale, sold out or not.
    pub(crate) ended_after: f64,
    /// Answered reads. The next fields count them by their source.
    pub(crate) looks: u64,
    pub(crate) looks_from_edge: u64,
    pub(crate) looks_bypassing: u64,
    pub(crate) looks_not_modified: u64,
    pub(crate) looks_a_second_peak: u32,
    pub(crate) look_ms: Percentiles,
    /// Reservation attempts, by outcome.
    pub(crate) reservations: u64,
    pub(crate) conflicts_early: u64,
    pub(crate) conflicts_late: u64,
    pub(crate) bookings: u64,
    pub(crate) bookings_too_late: u64,
    pub(crate) writes_refused: u64,
    /// The share of decided attempts that lost to another caller.
    pub(crate) conflict_rate: f64,
    pub(crate) write_ms: Percentiles,
    /// Bytes that the cache sent, in total and in its busiest second.
    pub(crate) cache_bytes: f64,
    pub(crate) cache_bytes_a_second_peak: f64,
    /// Write units for each booked seat. Without conflicts they are the ledger's 4, and 2 for the booking's own item.
    pub(crate) write_units_a_seat: f64,
    pub(crate) read_units: f64,
    pub(crate) cold_starts: u64,
    pub(crate) concurrency_peak: u32,
    /// The use, rejections and waits of each component, in the order in which a request passes them.
    pub(crate) components: Vec<Share>,
    /// The component that rejected first, and the time.
    pub(crate) first_limit: Option<(String, f64)>,
    /// The component that rejected most, and the number.
    pub(crate) most_refusals: Option<(String, u64)>,
    /// Dollars.
    pub(crate) bill: Bill,
    pub(crate) dollars: f64,
    /// Counts per second, for the plots.
    #[serde(skip)]
    pub(crate) looks_by_second: Vec<u32>,
    #[serde(skip)]
    pub(crate) booked_by_second: Vec<u32>,
}

/// The use of a component.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) component: String,
    /// The used share of its capacity, on average and in its busiest second. 0 if the component isn't part of the
    /// stack.
    pub(crate) mean: f64,
    pub(crate) peak: f64,
    /// Requests that it rejected.
    pub(crate) refused: u64,
    /// Milliseconds in the component, including service, of requests that passed.
    pub(crate) wait_ms: Percentiles,
}

/// The median and the 99th percentile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Percentiles {
    fn of(micros: &Histogram<u64>) -> Self {
        let at = |quantile| count(micros.value_at_quantile(quantile)) / 1_000.0;
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

impl Outcome {
    /// Computes the outcome of a finished sale.
    pub(super) fn of(parameters: &Parameters, sale: &Sale<'_>, prices: &Prices) -> Self {
        let (counters, seats) = (&sale.counters, &sale.seats);
        let seconds = f64::from(sale.ended) / 1_000.0;
        let share = |component| share(parameters, component, &counters.limits[&component], seconds);
        let first = counters.limits.iter().filter_map(|(component, limit)| Some((component, limit.first_refusal?)));
        let first = first.min_by(|(_, a), (_, b)| a.total_cmp(b));
        let most = counters.limits.iter().filter(|(_, limit)| limit.refused > 0).max_by_key(|(_, limit)| limit.refused);
        let conflicts = counters.conflicts_early + counters.conflicts_late;
        let bill = Bill::of(parameters, counters, seconds / 3_600.0, prices);
        Self {
            booked: seats.booked(),
            reserved: seats.reserved(),
            available: seats.available(),
            half_booked_after: after(&counters.booked_by_second, parameters, 0.5),
            most_booked_after: after(&counters.booked_by_second, parameters, 0.95),
            all_booked_after: after(&counters.booked_by_second, parameters, 1.0),
            ended_after: seconds,
            looks: counters.look_times.len(),
            looks_from_edge: counters.from_edge,
            looks_bypassing: counters.bypasses,
            looks_not_modified: counters.not_modified,
            looks_a_second_peak: counters.looks_by_second.iter().copied().max().unwrap_or(0),
            look_ms: Percentiles::of(&counters.look_times),
            reservations: counters.reserved,
            conflicts_early: counters.conflicts_early,
            conflicts_late: counters.conflicts_late,
            bookings: counters.bookings,
            bookings_too_late: counters.bookings_too_late,
            writes_refused: counters.writes_refused,
            conflict_rate: count(conflicts) / count(conflicts + counters.reserved).max(1.0),
            write_ms: Percentiles::of(&counters.write_times),
            cache_bytes: counters.cache_bytes.total,
            cache_bytes_a_second_peak: counters.cache_bytes.peak,
            write_units_a_seat: counters.write_units / f64::from(seats.booked().max(1)),
            read_units: counters.read_units,
            cold_starts: counters.cold_starts,
            concurrency_peak: sale.serving.account.most,
            components: COMPONENTS.map(share).into(),
            first_limit: first.map(|(component, at)| (format!("{component:?}"), at / 1_000.0)),
            most_refusals: most.map(|(component, limit)| (format!("{component:?}"), limit.refused)),
            dollars: bill.total(),
            bill,
            looks_by_second: counters.looks_by_second.clone(),
            booked_by_second: counters.booked_by_second.clone(),
        }
    }
}

fn share(parameters: &Parameters, component: Component, limit: &Limit, seconds: f64) -> Share {
    let stack = &parameters.stack;
    let partitions = f64::from(stack.partitions.max(1));
    let most = match component {
        Component::Edge => stack.edge.as_ref().map_or(f64::INFINITY, |edge| edge.rate),
        Component::Gateway => stack.gateway_rate.min(stack.read_rate + 2.0 * stack.write_rate),
        Component::Lambda => f64::from(stack.concurrency),
        Component::Cache => f64::from(stack.sections.max(1)),
        Component::Reads => stack.partition_reads * partitions,
        Component::Writes => stack.partition_writes * partitions,
    };
    Share {
        component: format!("{component:?}"),
        mean: limit.used.total / seconds.max(1.0) / most,
        peak: limit.used.peak / most,
        refused: limit.refused,
        wait_ms: Percentiles::of(&limit.waits),
    }
}

/// Returns the first second by whose end this share of the seats was booked.
fn after(booked: &[u32], parameters: &Parameters, share: f64) -> Option<u32> {
    let wanted = f64::from(parameters.venue.seats) * share;
    let second = booked.iter().position(|booked| f64::from(*booked) >= wanted)?;
    u32::try_from(second + 1).ok()
}
