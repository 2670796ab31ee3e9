//! The local replacement for SQS, which delivers expiry timers to `publish-events` when they are due. The timers are
//! the lines of a file.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::stream_poller;
use crate::lambda_host::Lambda;

/// The time between two reads of the file.
const POLL: Duration = Duration::from_millis(200);

pub(super) struct ExpiryTimers {
    function: Lambda,
    file: PathBuf,
}

impl ExpiryTimers {
    /// Starts a process of the function for the timers. Timers of an earlier run are discarded, because the TTL reports
    /// what has expired since.
    pub(super) async fn start(
        name: &'static str,
        events: &Path,
        folder: &Path,
        environment: &[(String, String)],
    ) -> Result<Self> {
        let mut file = events.as_os_str().to_owned();
        file.push(".wake-ups");
        let file = PathBuf::from(file);
        let _ = fs::remove_file(&file);
        let function = stream_poller::start(name, &folder.join("wake-ups"), environment.to_vec()).await?;
        Ok(Self { function, file })
    }

    /// Delivers due timers until an unexpected error.
    pub(super) async fn deliver(&self, warn: &dyn Fn(&str)) -> Result<Infallible> {
        let (mut read, mut number) = (0, 0_u64);
        let mut waiting: BTreeMap<(u64, u64), String> = BTreeMap::new();
        loop {
            let text = fs::read_to_string(&self.file).unwrap_or_default();
            // A line is complete when its newline is there.
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            for line in text.get(read..whole).unwrap_or_default().lines() {
                let wake_up: Value = serde_json::from_str(line).context("an expiry timer can't be read")?;
                number += 1;
                waiting.insert((wake_up["expires_at"].as_u64().unwrap_or_default(), number), line.to_owned());
            }
            read = whole;
            while let Some(first) = waiting.first_entry().filter(|first| first.key().0 <= now()) {
                let ((_, id), body) = first.remove_entry();
                let record = json!({ "eventSource": "aws:sqs", "messageId": id.to_string(), "body": body });
                let answer = self.function.invoke(&json!({ "Records": [record] })).await;
                let failed = match answer.and_then(|invocation| invocation.body().cloned()) {
                    Ok(answer) => !answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty),
                    Err(error) => {
                        warn(&format!("publish-events fails and is retried: {error:#}"));
                        true
                    }
                };
                if failed {
                    waiting.insert((now() + 1, id), body);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    pub(super) fn stop(&self) -> Result<()> {
        self.function.kill()
    }
}

#[allow(clippy::disallowed_methods, reason = "it replaces SQS, which has its own clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
