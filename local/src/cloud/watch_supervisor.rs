//! Supervision of `cargo lambda watch`. It detects a standstill, a lost instance or an exit, logs one line, and starts
//! `cargo lambda watch` again. Waiting requests keep waiting meanwhile.

use std::convert::Infallible;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use crate::gateway::Functions;
use crate::lambda_host::TIMEOUT;
use crate::watch::Watch;

/// The time between two checks.
const POLL: Duration = Duration::from_millis(250);
/// After this time without an answer, `cargo lambda watch` itself is asked for one.
const SILENCE_LIMIT: Duration = Duration::from_secs(2);
/// The time limit for that answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// After this time without an answer, the function counts as stuck, because an instance answers each event within its
/// time limit.
const STANDSTILL: Duration = TIMEOUT.saturating_add(Duration::from_secs(3));
/// The time that requests in flight get to finish before a restart, if a graceful restart is possible.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// After this number of restarts without an answer in between, restarting doesn't help.
const MAX_RESTARTS: usize = 5;

/// The reason to restart `cargo lambda watch`.
enum RestartReason {
    Ended,
    LostAnInstance,
    Silent(String),
}

/// Keeps `cargo lambda watch` running while it is polled. Returns an error when restarts don't help.
pub(super) async fn keep(watch: &mut Watch, functions: &Functions, warn: &dyn Fn(&str)) -> Result<Infallible> {
    let (mut restarts, mut answered) = (0, functions.answered());
    loop {
        tokio::time::sleep(POLL).await;
        let Some(restart_reason) = restart_reason(watch, functions).await else { continue };
        restarts = if functions.answered() == answered { restarts + 1 } else { 1 };
        answered = functions.answered();
        if restarts > MAX_RESTARTS {
            return watch.check().and(Err(anyhow::anyhow!(
                "cargo lambda watch was started again {MAX_RESTARTS} times, and no function answers\n{}",
                watch.log_tail()
            )));
        }
        warn(&format!("{}; starting it again", restart_reason.text()));
        functions.pause();
        if matches!(restart_reason, RestartReason::LostAnInstance) {
            drain(functions).await;
        }
        watch.restart().await.context("cargo lambda watch does not start again")?;
        functions.resume();
        warn("cargo lambda watch is running again");
    }
}

async fn restart_reason(watch: &mut Watch, functions: &Functions) -> Option<RestartReason> {
    if watch.check().is_err() {
        return Some(RestartReason::Ended);
    }
    if watch.lost_an_instance() {
        return Some(RestartReason::LostAnInstance);
    }
    let (function, silence) = functions.longest_silence()?;
    let function = function.to_owned();
    if silence > STANDSTILL || (silence > SILENCE_LIMIT && !watch.answers(PROBE_TIMEOUT).await) {
        return Some(RestartReason::Silent(function));
    }
    None
}

async fn drain(functions: &Functions) {
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    while functions.in_flight() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl RestartReason {
    fn text(&self) -> String {
        match self {
            Self::Ended => "cargo lambda watch has ended".to_owned(),
            Self::LostAnInstance => "cargo lambda watch has lost an instance of a function".to_owned(),
            Self::Silent(function) => {
                format!("cargo lambda watch stands still: {function} has requests and does not answer")
            }
        }
    }
}
