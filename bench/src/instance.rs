//! A function's release binary in the Lambda host, with its resources.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boxoffice_local::checkout;
use boxoffice_local::lambda_host::{EndedAtStart, Function, FunctionProcess, Report, Supervision, TIMEOUT, TraceIds};
use hyper::body::Bytes;

use crate::callgrind::Callgrind;
use crate::paths::{binaries, scratch};
use crate::process::Usage;

/// Time limit for an answer. Valgrind runs some fifty times slower, and the machine may be busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns a function built by `make build`, or the echo.
pub(crate) fn built(name: &str, environment: &[(String, String)]) -> Result<Function> {
    let binary = binaries()?.join(name).join("bootstrap");
    if !binary.is_file() {
        bail!("{} is missing: run `make bench`, or `make build` and `make bench-echo`", binary.display());
    }
    function(name, binary, environment)
}

/// Returns a function of the Python reference, which may be missing.
pub(crate) fn python(name: &str, environment: &[(String, String)]) -> Result<Function> {
    let binary = checkout::root()?.join("bench/python/run");
    if !binary.is_file() {
        return Err(NotInstalled("bench/python/run isn't there".to_owned()).into());
    }
    Ok(Function { args: vec![name.into()], ..function("python", binary, environment)? })
}

/// Nothing of this process's environment reaches the function, so that figures don't depend on it.
fn function(name: &str, binary: PathBuf, environment: &[(String, String)]) -> Result<Function> {
    let path = ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned());
    Ok(Function {
        name: name.to_owned(),
        binary,
        args: Vec::new(),
        environment: [environment, &[path]].concat(),
        without_environment: env::vars_os().map(|(name, _)| name).collect(),
        folder: scratch()?,
        timeout: TIMEOUT,
        traces: TraceIds::Distinct,
        supervision: Supervision::Direct,
    })
}

/// An answer, and the time from sending the event to receiving the answer.
#[derive(Debug)]
pub(crate) struct TimedAnswer {
    pub(crate) body: Bytes,
    pub(crate) latency: Duration,
}

/// A running process. Dropping it ends it and removes its log.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    process: FunctionProcess,
    /// The resources used up to the first request for an event.
    pub(crate) at_start: Usage,
    pub(crate) callgrind: Option<Callgrind>,
}

impl Instance {
    /// Starts an instance and waits until it asks for its first event.
    pub(crate) async fn start(function: &Function) -> Result<Self> {
        let process =
            FunctionProcess::start(function).await.map_err(|error| match error.downcast::<EndedAtStart>() {
                Ok(ended) if ended.status.code() == Some(3) => NotInstalled(ended.log).into(),
                Ok(ended) => ended.into(),
                Err(error) => error,
            })?;
        let at_start = Usage::of(process.pid())?;
        Ok(Self { name: function.name.clone(), process, at_start, callgrind: None })
    }

    /// Starts an instance under valgrind.
    pub(crate) async fn start_counted(function: &Function) -> Result<Self> {
        let callgrind = Callgrind::new()?;
        let mut instance = Self::start(&callgrind.wrap(function)).await?;
        instance.callgrind = Some(callgrind);
        Ok(instance)
    }

    /// Returns the time just before the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.process.started()
    }

    /// Returns the time from the start to the first request for an event.
    pub(crate) fn cold_start(&self) -> Duration {
        self.process.cold_start()
    }

    /// Sends an event and returns the answer.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<TimedAnswer> {
        let reported = self.process.api().send_event(event)?;
        let reported = tokio::time::timeout(ANSWER_TIMEOUT, reported).await.context("no answer");
        let answered = match reported {
            Ok(Ok(timed)) => match timed.report {
                Report::Answer(body) => Ok(TimedAnswer { body, latency: timed.latency }),
                Report::Error(error) => {
                    Err(anyhow::anyhow!("the function reports {}", String::from_utf8_lossy(&error)))
                }
            },
            Ok(Err(_)) => Err(anyhow::anyhow!("the event was not answered")),
            Err(error) => Err(error),
        };
        answered.with_context(|| format!("{}\n{}", self.name, self.process.log_tail()))
    }

    /// Waits until the instance asks for the next event. All work of the previous event is then done.
    pub(crate) async fn idle(&self) -> Result<()> {
        tokio::time::timeout(ANSWER_TIMEOUT, self.process.api().asked())
            .await
            .context("the function doesn't ask for an event")??;
        Ok(())
    }

    /// Returns the resources used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.process.pid())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Returns the length of the log.
    pub(crate) fn log_length(&self) -> Result<u64> {
        Ok(fs::metadata(self.process.log_path())?.len())
    }

    /// Returns the log from this position on.
    pub(crate) fn log_from(&self, start: u64) -> Result<String> {
        let mut file = File::open(self.process.log_path())?;
        file.seek(SeekFrom::Start(start))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(fs::remove_file(self.process.log_path()));
    }
}

/// The program is missing, or its exit status 3 reports missing packages.
#[derive(Debug)]
pub(crate) struct NotInstalled(pub(crate) String);

impl std::fmt::Display for NotInstalled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.trim())
    }
}

impl std::error::Error for NotInstalled {}
