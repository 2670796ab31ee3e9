//! Figures that depend on the machine: latency and processor time of a request.

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::cases::{CallKind, Case, body_length};
use crate::fixture::Fixture;
use crate::instance::Instance;
use crate::stats::micros;

/// Requests until connections and caches are in place.
const WARM_UP: usize = 50;
/// Cache misses are measured this many times less often, because a miss of a large venue takes a hundred times as long.
const MISS_DIVISOR: usize = 10;

/// Percentiles of the latency in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// A histogram of latencies.
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        // Nanoseconds, with three digits.
        Ok(Self(Histogram::new(3)?))
    }

    pub(crate) fn add(&mut self, latency: std::time::Duration) -> Result<()> {
        Ok(self.0.record(u64::try_from(latency.as_nanos())?)?)
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    #[allow(clippy::cast_precision_loss, reason = "three digits are kept")]
    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
    }
}

/// The cost of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimedFigures {
    pub(crate) requests: usize,
    pub(crate) latency: Percentiles,
    /// Microseconds of processor time.
    pub(crate) cpu: f64,
    /// Bytes of the answer's body.
    pub(crate) body: usize,
}

/// Measures a function with repeated calls of the same kind, one at a time.
#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) async fn measure(
    kind: CallKind,
    requests: usize,
    fixture: &Fixture,
    function: &Instance,
    reader: &Instance,
) -> Result<TimedFigures> {
    let fewer = if matches!(kind, CallKind::Miss(_)) { MISS_DIVISOR } else { 1 };
    let (warm_up, requests) = (WARM_UP / fewer, requests / fewer);
    let case = &mut Case::ready(kind, fixture, reader).await?;
    let (mut latencies, mut body) = (Latencies::new()?, 0);
    for number in 0..warm_up {
        let answered = function.invoke(case.event(fixture).await?).await?;
        case.check(&answered, number == 0)?;
        body = body_length(&answered);
    }
    function.idle().await?;
    let before = function.usage()?;
    for _ in 0..requests {
        latencies.add(function.invoke(case.event(fixture).await?).await?.latency)?;
    }
    function.idle().await?;
    let cpu = micros(function.usage()?.cpu.saturating_sub(before.cpu)) / requests as f64;
    // Checks once more, so that the measured requests are known to have the same kind of answer until the end.
    case.fill(fixture, reader).await?;
    let answered = function.invoke(case.event(fixture).await?).await?;
    case.check(&answered, false)?;
    Ok(TimedFigures { requests, latency: latencies.percentiles(), cpu, body })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut latencies = Latencies::new().unwrap();
        for micros in 1..=1_000 {
            latencies.add(Duration::from_micros(micros)).unwrap();
        }
        let Percentiles { p50, p90, p99, p999 } = latencies.percentiles();
        for (found, expected) in [(p50, 500.0), (p90, 900.0), (p99, 990.0), (p999, 999.0)] {
            assert!((found / expected - 1.0).abs() < 0.002, "{found} and not {expected}");
        }
    }
}
