//! The cost of the Redis client alone: a GET with the size of a read, over one connection.

use std::time::Instant;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::timed::{Latencies, Percentiles};
use crate::process::cpu_of_this_thread;
use crate::stats::micros;

/// Requests until the connection is warm.
const WARM_UP: usize = 200;
const KEY: &str = "bench:raw";

/// The cost of a GET.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RawGet {
    /// The venue whose reads have this size.
    pub(crate) seats: usize,
    pub(crate) bytes: usize,
    pub(crate) latency: Percentiles,
    /// Microseconds of processor time.
    pub(crate) cpu: f64,
}

/// Measures on a separate thread with a runtime like those of the functions.
pub(crate) async fn measure(cache_url: String, seats: usize, bytes: usize, requests: usize) -> Result<RawGet> {
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(gets(&cache_url, seats, bytes, requests))
    });
    thread.await?
}

#[allow(clippy::cast_precision_loss, reason = "no count is that large")]
async fn gets(cache_url: &str, seats: usize, bytes: usize, requests: usize) -> Result<RawGet> {
    let mut redis = redis::Client::open(cache_url)?.get_multiplexed_async_connection().await?;
    redis::cmd("SET").arg(KEY).arg(vec![1_u8; bytes]).query_async::<()>(&mut redis).await?;
    let get = redis::cmd("GET").arg(KEY).to_owned();
    let mut latencies = Latencies::new()?;
    let mut before = cpu_of_this_thread()?;
    for number in 0..WARM_UP + requests {
        if number == WARM_UP {
            before = cpu_of_this_thread()?;
        }
        let started = Instant::now();
        let value: Vec<u8> = get.query_async(&mut redis).await?;
        if number >= WARM_UP {
            latencies.add(started.elapsed())?;
        }
        (value.len() == bytes).then_some(()).context("the GET returned another value")?;
    }
    let cpu = micros(cpu_of_this_thread()?.saturating_sub(before)) / requests as f64;
    Ok(RawGet { seats, bytes, latency: latencies.percentiles(), cpu })
}
