//! Start-up: the time from exec to the first request for an event, and the first event compared with later ones.

use anyhow::Result;
use boxoffice_local::lambda_host::Function;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};

use super::exact;
use crate::fixture::Fixture;
use crate::instance::{self, Instance};
use crate::stats::{median, micros};

/// The number of events until an instance is warm.
const WARM_UP: usize = 50;
/// The number of measured events of a warm instance.
const WARM: usize = 101;

/// The cost of a start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) function: String,
    pub(crate) starts: usize,
    /// `None` without valgrind.
    pub(crate) instructions: Option<f64>,
    /// Milliseconds from exec to the first request for an event: median, minimum, maximum.
    pub(crate) wall: [f64; 3],
    /// Milliseconds from exec to the first connection to an engine. `None` for a function without a connection.
    pub(crate) before_connecting: Option<f64>,
    /// Milliseconds of processor time.
    pub(crate) cpu: f64,
    /// Peak memory up to that point, in KiB.
    pub(crate) peak_kib: f64,
    /// Microseconds for the first event of an instance that warmed up its theater, of an instance that didn't, and for
    /// later events. `None` for a function that gets no events.
    pub(crate) first: Option<f64>,
    #[serde(default)]
    pub(crate) first_unwarmed: Option<f64>,
    pub(crate) warm: Option<f64>,
}

/// Measures repeated starts of a function.
pub(crate) async fn measure(
    function: &str,
    starts: usize,
    counted: bool,
    (theater, event): (&str, Option<Bytes>),
    fixture: &Fixture,
) -> Result<Start> {
    let direct = instance::built(function, &fixture.direct())?;
    let (mut walls, mut cpus, mut peaks, mut firsts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut warmed = fixture.direct();
    warmed.push(("WARM_THEATERS".to_owned(), theater.to_owned()));
    let warmed = instance::built(function, &warmed)?;
    let mut warmed_firsts = Vec::new();
    for _ in 0..starts {
        let instance = Instance::start(&direct).await?;
        walls.push(micros(instance.cold_start()) / 1e3);
        cpus.push(micros(instance.at_start.cpu) / 1e3);
        #[allow(clippy::cast_precision_loss, reason = "no size is that large")]
        peaks.push(instance.at_start.peak_kib as f64);
        if let Some(event) = &event {
            firsts.push(micros(instance.invoke(event.clone()).await?.latency));
            drop(instance);
            let instance = Instance::start(&warmed).await?;
            warmed_firsts.push(micros(instance.invoke(event.clone()).await?.latency));
        }
    }
    walls.sort_by(f64::total_cmp);
    let ends = |at: usize| walls.get(at).copied().unwrap_or_default();
    let warm = match &event {
        Some(event) => Some(warm(&direct, event).await?),
        None => None,
    };
    Ok(Start {
        function: function.to_owned(),
        starts,
        instructions: if counted { Some(exact::counted_start(function, fixture).await?.1) } else { None },
        wall: [median(&mut walls.clone()), ends(0), ends(walls.len().saturating_sub(1))],
        before_connecting: before_connecting(function, starts, fixture).await?,
        cpu: median(&mut cpus),
        peak_kib: median(&mut peaks),
        first: Some(median(&mut warmed_firsts)).filter(|_| event.is_some()),
        first_unwarmed: Some(median(&mut firsts)).filter(|_| event.is_some()),
        warm,
    })
}

async fn warm(function: &Function, event: &Bytes) -> Result<f64> {
    let instance = Instance::start(function).await?;
    let mut latencies = Vec::with_capacity(WARM);
    for number in 0..WARM_UP + WARM {
        let latency = instance.invoke(event.clone()).await?.latency;
        if number >= WARM_UP {
            latencies.push(micros(latency));
        }
    }
    Ok(median(&mut latencies))
}

/// Measures the time before the first connection. The function connects to the wiretaps instead of the engines.
async fn before_connecting(function: &str, starts: usize, fixture: &Fixture) -> Result<Option<f64>> {
    let tapped = instance::built(function, &fixture.tapped())?;
    let mut times = Vec::with_capacity(starts);
    for _ in 0..starts {
        fixture.to_redis.take_first_connection();
        fixture.to_dynamodb.take_first_connection();
        let started = Instance::start(&tapped).await?.started();
        let first = [fixture.to_redis.take_first_connection(), fixture.to_dynamodb.take_first_connection()]
            .into_iter()
            .flatten()
            .min();
        times.extend(first.map(|first| micros(first.duration_since(started)) / 1e3));
    }
    Ok(Some(median(&mut times)).filter(|_| !times.is_empty()))
}
