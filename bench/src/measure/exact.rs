//! Figures that don't depend on the load of the machine: instructions, round trips, bytes, capacity.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cases::{CallKind, Case};
use crate::fixture::Fixture;
use crate::instance::{self, Instance};
use crate::stats::median;
use crate::wiretap::Traffic;

/// The number of starts. Their median counts.
const STARTS: usize = 3;
/// Requests until connections and caches are in place.
const WARM_UP: usize = 4;
/// The number of requests that are counted together in a batch.
const COUNTED: usize = 8;
/// The number of batches. Their median counts.
const BATCHES: usize = 3;
/// The number of attempts. Some work happens once a minute and disturbs a batch: a layout is read again, or a cache is
/// renewed.
const MAX_ATTEMPTS: usize = 6;

/// The cost of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExactFigures {
    /// `None` without valgrind.
    pub(crate) instructions: Option<f64>,
    pub(crate) redis: Traffic,
    pub(crate) dynamodb: Traffic,
    /// Capacity units, as the function logged them.
    pub(crate) capacity: f64,
}

/// Starts a function whose traffic is counted, under valgrind if it is available.
pub(crate) async fn start(function: &str, fixture: &Fixture, counted: bool) -> Result<Instance> {
    let function = instance::built(function, &fixture.tapped())?;
    if counted { Instance::start_counted(&function).await } else { Instance::start(&function).await }
}

/// Starts a function under valgrind and returns the instructions of the start. The order of concurrent work is random,
/// so the median of several starts counts. Returns the last instance.
#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) async fn counted_start(function: &str, fixture: &Fixture) -> Result<(Instance, f64)> {
    let mut counts = Vec::with_capacity(STARTS);
    loop {
        let instance = start(function, fixture, true).await?;
        let callgrind = instance.callgrind.as_ref().context("the function doesn't run under valgrind")?;
        counts.push(callgrind.take(instance.pid()).await? as f64);
        if counts.len() == STARTS {
            return Ok((instance, median(&mut counts)));
        }
    }
}

/// Measures a function with repeated calls of the same kind.
pub(crate) async fn measure(
    kind: CallKind,
    fixture: &Fixture,
    function: &Instance,
    reader: &Instance,
) -> Result<ExactFigures> {
    let case = &mut Case::ready(kind, fixture, reader).await?;
    for number in 0..WARM_UP {
        let answered = function.invoke(case.event(fixture).await?).await?;
        case.check(&answered, number == 0)?;
    }
    let mut batches = Vec::with_capacity(BATCHES);
    for _ in 0..MAX_ATTEMPTS {
        let batch = batch(case, fixture, function).await?;
        if is_whole(batch.redis.trips) && is_whole(batch.dynamodb.trips) {
            batches.push(batch);
        }
        if batches.len() == BATCHES {
            batches.sort_by(|a, b| a.instructions.partial_cmp(&b.instructions).unwrap_or(std::cmp::Ordering::Equal));
            return Ok(batches.swap_remove(BATCHES / 2));
        }
    }
    bail!("{} takes a different number of round trips each time", kind.name())
}

fn is_whole(count: f64) -> bool {
    count.fract() == 0.0
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
async fn batch(case: &mut Case, fixture: &Fixture, function: &Instance) -> Result<ExactFigures> {
    function.idle().await?;
    if let Some(callgrind) = &function.callgrind {
        callgrind.take(function.pid()).await?;
    }
    fixture.to_redis.take();
    fixture.to_dynamodb.take();
    let log = function.log_length()?;
    for _ in 0..COUNTED {
        let answered = function.invoke(case.event(fixture).await?).await?;
        case.check(&answered, false)?;
    }
    function.idle().await?;
    let counted = COUNTED as f64;
    let instructions = match &function.callgrind {
        Some(callgrind) => Some(callgrind.take(function.pid()).await? as f64 / counted),
        None => None,
    };
    let capacity = logged(&function.log_from(log)?, "units") / counted;
    let (redis, dynamodb) = (fixture.to_redis.take().per(counted), fixture.to_dynamodb.take().per(counted));
    Ok(ExactFigures { instructions, redis, dynamodb, capacity })
}

/// Returns the sum of a number in the access log.
pub(crate) fn logged(log: &str, field: &str) -> f64 {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line[field].as_f64()).fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::logged;

    #[test]
    fn log_sum_ignores_other_lines() {
        let log = "{\"capacity_units\":1.5}\nnot JSON\n{\"other\":3}\n{\"capacity_units\":2}\n";
        assert!((logged(log, "capacity_units") - 3.5).abs() < f64::EPSILON);
        assert!(logged(log, "nothing").is_sign_positive(), "none is 0 and not -0");
    }
}
