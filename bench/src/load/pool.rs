//! Instances that several callers share. Each handles one event at a time.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use hyper::body::Bytes;
use tokio::sync::Semaphore;

use crate::instance::{Instance, TimedAnswer};

pub(super) struct Pool {
    pub(super) instances: Vec<Instance>,
    free: Mutex<Vec<usize>>,
    permits: Semaphore,
}

impl Pool {
    pub(super) fn of(instances: Vec<Instance>) -> Self {
        let count = instances.len();
        Self { instances, free: Mutex::new((0..count).collect()), permits: Semaphore::new(count) }
    }

    /// Waits for a free instance, sends it an event, and releases it.
    pub(super) async fn invoke(&self, event: Bytes) -> Result<TimedAnswer> {
        let _permit = self.permits.acquire().await?;
        let at = self.free().pop().context("more permits than instances")?;
        let answered = self.instances.get(at).context("no such instance")?.invoke(event).await;
        self.free().push(at);
        answered
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<usize>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
