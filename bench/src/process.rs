//! Resources used by a process, as Linux counts them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The resources used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time of all threads together, in nanoseconds.
    pub(crate) cpu: Duration,
    /// Peak memory, in KiB.
    pub(crate) peak_kib: u64,
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Ok(Self { cpu: cpu_of_process(pid)?, peak_kib: peak_of(pid)? })
    }
}

/// Returns the processor time of a process. The first number of each thread's `schedstat` is its processor time
/// (<https://docs.kernel.org/scheduler/sched-stats.html>).
fn cpu_of_process(pid: u32) -> Result<Duration> {
    let folder = format!("/proc/{pid}/task");
    let mut nanos = 0;
    for thread in fs::read_dir(&folder).with_context(|| format!("can't read {folder}"))? {
        // A thread may have ended meanwhile.
        nanos += fs::read_to_string(thread?.path().join("schedstat")).ok().and_then(|text| first(&text)).unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanos))
}

/// Returns the processor time of the calling thread.
pub(crate) fn cpu_of_this_thread() -> Result<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").context("this needs Linux' scheduler statistics")?;
    Ok(Duration::from_nanos(first(&text).context("no time in schedstat")?))
}

fn first(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn peak_of(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    first(line).context("VmHWM isn't a number")
}
