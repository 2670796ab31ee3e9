//! Which of the machine's cores may be had.

#[cfg(target_os = "linux")]
use anyhow::Context;
use anyhow::Result;
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread to one core, and what it starts from then on, until it is dropped.
///
/// What answers one request at a time has no use for a second. Where the parts of a request wake one another on two cores, what waking
/// takes is chance, and may be as much as all else.
pub(crate) struct OneCore(#[cfg(target_os = "linux")] CpuSet);

#[cfg(target_os = "linux")]
impl OneCore {
    pub(crate) fn keep() -> Result<Self> {
        let before = sched_getaffinity(None)?;
        let mut core = CpuSet::new();
        core.set((0..CpuSet::MAX_CPU).rfind(|core| before.is_set(*core)).context("no core")?);
        sched_setaffinity(None, &core)?;
        Ok(Self(before))
    }
}

#[cfg(target_os = "linux")]
impl Drop for OneCore {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, &self.0);
    }
}

#[cfg(not(target_os = "linux"))]
impl OneCore {
    pub(crate) fn keep() -> Result<Self> {
        anyhow::bail!("the bench measures on Linux alone")
    }
}
