//! A function as Lambda runs it: one process, one event at a time, over the Lambda Runtime API.
//!
//! The process can be treated as Lambda treats it. It can be frozen, or killed while it handles an event. It is ended
//! when an event takes too long, and started again for the next event.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

use super::process::{Function, FunctionProcess, POLL};
use super::runtime_api::Report;

/// The result of an event.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub outcome: Outcome,
    /// The time from sending the event to its outcome, including a cold start.
    pub elapsed: Duration,
}

/// The outcome of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function returned this answer.
    Answered(Value),
    /// The function reported this error: `errorType`, `errorMessage`.
    Failed(Value),
    /// The process ended before it answered.
    Ended,
    /// The event took too long, and the process was killed.
    TimedOut,
}

impl Outcome {
    /// Parses the report of a process.
    pub(super) fn of_report(report: &Report) -> Result<Self> {
        let parse = |body| serde_json::from_slice(body).context("the function's report isn't JSON");
        Ok(match report {
            Report::Answer(body) => Self::Answered(parse(body)?),
            Report::Error(body) => Self::Failed(parse(body)?),
        })
    }
}

impl Invocation {
    /// Returns the answer, or an error for any other outcome.
    pub fn body(&self) -> Result<&Value> {
        match &self.outcome {
            Outcome::Answered(body) => Ok(body),
            other => bail!("the function did not answer after {:?}: {other:?}", self.elapsed),
        }
    }
}

/// A running function. Dropping it ends its process. The process also ends with this one.
#[derive(Debug)]
pub struct Lambda {
    function: Function,
    /// Allows one event at a time.
    turn: tokio::sync::Mutex<()>,
    /// Has its own Runtime API. So a new process never receives an event or an answer of the previous one.
    process: Mutex<FunctionProcess>,
}

impl Lambda {
    /// Starts the process and waits until it asks for its first event.
    pub async fn start(function: &Function) -> Result<Self> {
        let process = Mutex::new(FunctionProcess::start(function).await?);
        Ok(Self { function: function.clone(), turn: tokio::sync::Mutex::default(), process })
    }

    /// Sends an event and waits for its outcome. Starts another process first if the previous one has ended.
    pub async fn invoke(&self, event: &Value) -> Result<Invocation> {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        if self.has_ended() {
            self.replace_process().await?;
        }
        let reported = self.process().api().send_event(event.to_string().into())?;
        let outcome = tokio::select! {
            biased;
            reported = reported => match reported {
                Ok(timed) => Outcome::of_report(&timed.report)?,
                Err(_) => Outcome::Ended,
            },
            () = self.end() => Outcome::Ended,
            () = tokio::time::sleep(self.function.timeout) => {
                self.kill()?;
                Outcome::TimedOut
            }
        };
        Ok(Invocation { outcome, elapsed: started.elapsed() })
    }

    /// Kills the process at once, even while it handles an event. The next event starts another process.
    pub fn kill(&self) -> Result<()> {
        self.process().kill()
    }

    /// Kills the process and starts another one now. An event in flight ends with the old process.
    pub async fn restart(&self) -> Result<()> {
        self.kill()?;
        let _turn = self.turn.lock().await;
        self.replace_process().await
    }

    /// Freezes the process, as Lambda does between events. Its connections stay open, but it does nothing. Waits until
    /// the process has stopped.
    pub fn freeze(&self) -> Result<()> {
        self.process().signal(Signal::STOP)?;
        while !self.status("State:")?.starts_with(['T', 't']) {
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Continues the process after [`Lambda::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.process().signal(Signal::CONT)
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Returns the resident memory of the process in KiB, as Linux counts it.
    pub fn resident_kib(&self) -> Result<u64> {
        let resident = self.status("VmRSS:")?;
        resident.trim_end_matches(" kB").parse().with_context(|| format!("{resident} isn't a size"))
    }

    /// Returns the log since the start of the process.
    pub fn log(&self) -> Result<String> {
        self.process().log()
    }

    /// Returns the end of the log.
    pub fn log_tail(&self) -> String {
        self.process().log_tail()
    }

    /// Returns a field of the process's status in Linux.
    fn status(&self, field: &str) -> Result<String> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        Ok(value.with_context(|| format!("no {field} in {path}"))?.trim().to_owned())
    }

    fn has_ended(&self) -> bool {
        self.process().has_ended()
    }

    async fn end(&self) {
        while !self.has_ended() {
            tokio::time::sleep(POLL).await;
        }
    }

    async fn replace_process(&self) -> Result<()> {
        let process = FunctionProcess::start(&self.function).await?;
        *self.process() = process;
        Ok(())
    }

    fn process(&self) -> MutexGuard<'_, FunctionProcess> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
