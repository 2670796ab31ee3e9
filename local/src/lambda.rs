//! A function as Lambda runs it: one process, one event at a time, over the Lambda Runtime API.
//!
//! The process can be treated as Lambda treats it. It can be frozen, or killed while it handles an event. It is ended
//! when an event takes too long, and started again for the next event.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;

pub(crate) use self::runtime_api::RuntimeApi;
use crate::checkout;
use crate::stack::REAL_AWS;
use crate::supervised_process::{Program, SupervisedProcess, create_log};

mod runtime_api;

/// The time between two checks of whether the process has ended.
const POLL: Duration = Duration::from_millis(5);

/// Time limit for the start. A function starts within milliseconds, except on a very busy machine.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The time limit for each event, as in `infra/template.yaml`.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// A function to run.
#[derive(Debug, Clone)]
pub struct Function {
    /// The name, such as `get-seats`.
    pub name: String,
    pub binary: PathBuf,
    /// Environment variables, on top of this process's own and of Lambda's.
    pub environment: Vec<(String, String)>,
    /// The folder of the log. It is created if it is missing.
    pub folder: PathBuf,
    /// The time limit for an event. A function that exceeds it is ended.
    pub timeout: Duration,
}

impl Function {
    /// Returns a function of this checkout, with the template's timeout and a log below `target/tmp`.
    pub fn from_checkout(name: &str, environment: Vec<(String, String)>) -> Result<Self> {
        let binary = checkout::function(name)?;
        let folder = checkout::scratch()?.join("lambda");
        Ok(Self { name: name.to_owned(), binary, environment, folder, timeout: TIMEOUT })
    }
}

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
    instance: Mutex<Instance>,
}

/// One process with its own Runtime API. So a new process never receives an event or an answer of the previous one.
#[derive(Debug)]
struct Instance {
    process: SupervisedProcess,
    api: RuntimeApi,
}

impl Lambda {
    /// Starts the process and waits until it asks for its first event.
    pub async fn start(function: &Function) -> Result<Self> {
        let instance = Mutex::new(Instance::start(function).await?);
        Ok(Self { function: function.clone(), turn: tokio::sync::Mutex::default(), instance })
    }

    /// Sends an event and waits for its outcome. Starts another process first if the previous one has ended.
    pub async fn invoke(&self, event: &Value) -> Result<Invocation> {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        if self.has_ended() {
            self.replace_process().await?;
        }
        let answer = self.instance().api.send_event(event, self.function.timeout)?;
        let outcome = tokio::select! {
            biased;
            answer = answer => answer.unwrap_or(Outcome::Ended),
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
        self.instance().process.kill()
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
        self.instance().process.signal(Signal::STOP)?;
        while !self.status("State:")?.starts_with(['T', 't']) {
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Continues the process after [`Lambda::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.instance().process.signal(Signal::CONT)
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.instance().process.pid()
    }

    /// Returns the resident memory of the process in KiB, as Linux counts it.
    pub fn resident_kib(&self) -> Result<u64> {
        let resident = self.status("VmRSS:")?;
        resident.trim_end_matches(" kB").parse().with_context(|| format!("{resident} isn't a size"))
    }

    /// Returns the log since the start of the process.
    pub fn log(&self) -> Result<String> {
        self.instance().process.log()
    }

    /// Returns the end of the log.
    pub fn log_tail(&self) -> String {
        self.instance().process.log_tail()
    }

    /// Returns a field of the process's status in Linux.
    fn status(&self, field: &str) -> Result<String> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        Ok(value.with_context(|| format!("no {field} in {path}"))?.trim().to_owned())
    }

    fn has_ended(&self) -> bool {
        self.instance().process.ended().is_some()
    }

    async fn end(&self) {
        while !self.has_ended() {
            tokio::time::sleep(POLL).await;
        }
    }

    async fn replace_process(&self) -> Result<()> {
        let instance = Instance::start(&self.function).await?;
        *self.instance() = instance;
        Ok(())
    }

    fn instance(&self) -> MutexGuard<'_, Instance> {
        self.instance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    async fn start(function: &Function) -> Result<Self> {
        let api = RuntimeApi::listen(&function.name).await?;
        let program = program(function, &api);
        // An earlier process may have used this port, and so a log of this name.
        create_log(&program.log)?;
        let mut process = SupervisedProcess::start(&program)?;
        let deadline = Instant::now() + START_TIMEOUT;
        while !api.has_asked_for_event().await? {
            process.check()?;
            if Instant::now() > deadline {
                bail!("{} does not ask for an event\n{}", function.name, process.log_tail());
            }
        }
        Ok(Self { process, api })
    }
}

/// Returns the program with the variables that Lambda sets and that our functions or their libraries read
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn program(function: &Function, api: &RuntimeApi) -> Program {
    let lambda = [
        ("AWS_LAMBDA_RUNTIME_API", api.address()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "local"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
    ];
    let set = function.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(lambda);
    Program {
        name: function.name.clone(),
        path: function.binary.clone(),
        args: Vec::new(),
        env: set.map(|(name, value)| (name.into(), value.into())).collect(),
        without_env: REAL_AWS.map(Into::into).into(),
        folder: function.folder.clone(),
        log: function.folder.join(format!("{}-{}.log", function.name, api.port())),
    }
}
