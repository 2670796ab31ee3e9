//! Memory of an instance with a long life.

use anyhow::Result;
use boxoffice_local::lambda_host::{Function, TraceIds};
use serde::{Deserialize, Serialize};

use crate::cases::{CallKind, Case};
use crate::fixture::Fixture;
use crate::instance::{self, Instance};

/// Requests until connections and caches are in place.
const WARM_UP: usize = 1_000;
/// Shorter than the time until a renewal of the cache.
const FILL_EVERY: usize = 10_000;

/// Peak memory, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// `true` if each request had its own trace id, as in Lambda. Otherwise all had the same.
    pub(crate) distinct_traces: bool,
    pub(crate) at_start: u64,
    /// After a thousand requests.
    pub(crate) warm: u64,
    pub(crate) requests: usize,
    pub(crate) at_end: u64,
    /// Growth in bytes per request, after the first thousand.
    pub(crate) growth: f64,
}

/// Measures get-seats with this many reads.
#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) async fn measure(
    kind: CallKind,
    traces: TraceIds,
    requests: usize,
    fixture: &Fixture,
    reader: &Instance,
    mut tick: impl FnMut(u64),
) -> Result<Memory> {
    let case = &mut Case::ready(kind, fixture, reader).await?;
    let function = Function { traces, ..instance::built(kind.function(), &fixture.direct())? };
    let instance = Instance::start(&function).await?;
    let mut warm = 0;
    for number in 0..requests {
        if number == WARM_UP {
            warm = instance.usage()?.peak_kib;
        }
        if number % FILL_EVERY == FILL_EVERY - 1 {
            case.fill(fixture, reader).await?;
        }
        let answered = instance.invoke(case.event(fixture).await?).await?;
        if number % WARM_UP == 0 {
            case.check(&answered, number == 0)?;
            tick(WARM_UP as u64);
        }
    }
    let at_end = instance.usage()?.peak_kib;
    let growth = (at_end - warm) as f64 * 1_024.0 / requests.saturating_sub(WARM_UP).max(1) as f64;
    let (distinct_traces, at_start) = (traces == TraceIds::Distinct, instance.at_start.peak_kib);
    Ok(Memory { distinct_traces, at_start, warm, requests, at_end, growth })
}
