//! The processor cores that the bench may use.

#[cfg(target_os = "linux")]
use anyhow::Context;
use anyhow::Result;
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins this thread, and the processes that it starts from then on, to one core, until it is dropped.
///
/// A function that answers one request at a time can't use a second core. With two cores, the parts of a request wake
/// one another across cores. The cost of that is random, and can be as large as everything else.
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
        anyhow::bail!("the bench measures on Linux only")
    }
}
