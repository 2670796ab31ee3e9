//! One process of a function with its own Runtime API.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::Signal;
use thiserror::Error;

use super::runtime_api::{RuntimeApi, TraceIds};
use crate::checkout;
use crate::stack::REAL_AWS;
use crate::supervised_process::{Program, SupervisedProcess, create_log};

/// The time between two checks of whether a process has ended. A short one would disturb measurements.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// Time limit for the start. A function starts within milliseconds, except on a very busy machine and under valgrind,
/// which runs some fifty times slower.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(120);

/// The time limit for each event, as in `infra/template.yaml`.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// A function to run.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name, such as `get-seats`.
    pub name: String,
    /// The function's binary, or a tool that runs the binary, such as valgrind.
    pub binary: PathBuf,
    pub args: Vec<OsString>,
    /// Environment variables, on top of this process's own and of Lambda's.
    pub environment: Vec<(String, String)>,
    /// Environment variables of this process that the function doesn't inherit.
    pub without_environment: Vec<OsString>,
    /// The folder of the log. It is created if it is missing.
    pub folder: PathBuf,
    /// The time limit for an event. [`super::Lambda`] ends a function that exceeds it.
    pub timeout: Duration,
    pub traces: TraceIds,
    pub supervision: Supervision,
}

/// The way in which a process ends together with this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    /// A script ends it even if this process is killed.
    Script,
    /// It is a direct child and ends when it is dropped, so its start can be timed.
    Direct,
}

impl Function {
    /// Returns a function of this checkout, with the template's timeout and a log below `target/tmp`.
    pub fn from_checkout(name: &str, environment: Vec<(String, String)>) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            binary: checkout::function(name)?,
            args: Vec::new(),
            environment,
            without_environment: REAL_AWS.map(Into::into).into(),
            folder: checkout::scratch()?.join("lambda"),
            timeout: TIMEOUT,
            traces: TraceIds::Repeating(100),
            supervision: Supervision::Script,
        })
    }

    /// Returns the program with the variables that Lambda sets and that our functions or their libraries read
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
    fn program(&self, api: &RuntimeApi) -> Program {
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", api.address()),
            ("AWS_LAMBDA_FUNCTION_NAME", self.name.as_str()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "local"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ];
        let set = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(lambda);
        Program {
            name: self.name.clone(),
            path: self.binary.clone(),
            args: self.args.clone(),
            env: set.map(|(name, value)| (name.into(), value.into())).collect(),
            without_env: self.without_environment.clone(),
            folder: self.folder.clone(),
            log: self.folder.join(format!("{}-{}.log", self.name, api.port())),
        }
    }
}

/// A running process. Dropping it ends it.
#[derive(Debug)]
pub struct FunctionProcess {
    process: SupervisedProcess,
    api: RuntimeApi,
    cold_start: Duration,
}

/// The process ended before it asked for an event.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct EndedAtStart {
    pub status: ExitStatus,
    /// The output of the process.
    pub log: String,
    message: String,
}

impl FunctionProcess {
    /// Starts the process and waits until it asks for its first event.
    pub async fn start(function: &Function) -> Result<Self> {
        let api = RuntimeApi::listen(&function.name, function.traces, function.timeout).await?;
        let program = function.program(&api);
        // An earlier process may have used this port, and so a log of this name.
        create_log(&program.log)?;
        let mut process = match function.supervision {
            Supervision::Script => SupervisedProcess::start(&program)?,
            Supervision::Direct => SupervisedProcess::start_direct(&program)?,
        };
        let asked = tokio::select! {
            biased;
            asked = api.asked() => asked?,
            status = end(&mut process) => {
                let message = process.check().err().map(|error| error.to_string()).unwrap_or_default();
                return Err(EndedAtStart { status, log: process.log()?, message }.into());
            }
            () = tokio::time::sleep(START_TIMEOUT) => {
                bail!("{} does not ask for an event\n{}", function.name, process.log_tail());
            }
        };
        let cold_start = asked.saturating_duration_since(process.started());
        Ok(Self { process, api, cold_start })
    }

    pub fn api(&self) -> &RuntimeApi {
        &self.api
    }

    /// Returns the time just before the process was started.
    pub fn started(&self) -> Instant {
        self.process.started()
    }

    /// Returns the time from the start to the first request for an event.
    pub fn cold_start(&self) -> Duration {
        self.cold_start
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Sends the process a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Kills the process at once, and waits until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Returns the log since the start of the process.
    pub fn log(&self) -> Result<String> {
        self.process.log()
    }

    /// Returns the path of the log.
    pub fn log_path(&self) -> &Path {
        self.process.log_path()
    }

    /// Returns the end of the log.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }
}

async fn end(process: &mut SupervisedProcess) -> ExitStatus {
    loop {
        if let Some(status) = process.ended() {
            return status;
        }
        tokio::time::sleep(POLL).await;
    }
}
