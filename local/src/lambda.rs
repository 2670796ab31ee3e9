//! A function as Lambda runs it: one process, one event at a time, over the Lambda Runtime API.
//!
//! What Lambda does to a function can be done to it here: it is frozen, killed in the midst of an event, ended when an
//! event takes too long, and started anew for the next event.

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
use crate::child::{Program, Supervised, new_log};
use crate::stack::REAL_AWS;

mod runtime_api;

/// How often it is looked whether the process has ended.
const POLL: Duration = Duration::from_millis(5);

/// It starts within milliseconds; this is for a machine that is very busy.
pub(crate) const LONGEST_START: Duration = Duration::from_secs(60);

/// The time that `infra/template.yaml` gives each event.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// What to run.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name: `get-seats`.
    pub name: String,
    /// Its binary.
    pub binary: PathBuf,
    /// Its environment, on top of ours and of what Lambda sets.
    pub environment: Vec<(String, String)>,
    /// Where its log goes; made if need be.
    pub folder: PathBuf,
    /// How long it may take for an event before it is ended.
    pub timeout: Duration,
}

impl Function {
    /// A function of this checkout, with the template's timeout and its log below `target/tmp`.
    pub fn of_checkout(name: &str, environment: Vec<(String, String)>) -> Result<Self> {
        let binary = checkout::function(name)?;
        let folder = checkout::scratch()?.join("lambda");
        Ok(Self { name: name.to_owned(), binary, environment, folder, timeout: TIMEOUT })
    }
}

/// What became of an event.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// How it ended.
    pub outcome: Outcome,
    /// From handing it over until then, a cold start included.
    pub elapsed: Duration,
}

/// How an event ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function answered this.
    Answered(Value),
    /// The function reported this error: `errorType`, `errorMessage`.
    Failed(Value),
    /// The process ended before it answered.
    Ended,
    /// It took too long, and the process was killed.
    TimedOut,
}

impl Invocation {
    /// The answer, where there is one.
    pub fn body(&self) -> Result<&Value> {
        match &self.outcome {
            Outcome::Answered(body) => Ok(body),
            other => bail!("the function did not answer after {:?}: {other:?}", self.elapsed),
        }
    }
}

/// A running function. Dropping it ends its process, which ends with this one in any case.
#[derive(Debug)]
pub struct Lambda {
    function: Function,
    /// Events are handed over one at a time.
    turn: tokio::sync::Mutex<()>,
    instance: Mutex<Instance>,
}

/// One process, and the API that it alone talks to: a new process never meets an event or an answer of the last one.
#[derive(Debug)]
struct Instance {
    process: Supervised,
    api: RuntimeApi,
}

impl Lambda {
    /// Starts the process and waits until it asks for its first event.
    pub async fn start(function: &Function) -> Result<Self> {
        let instance = Mutex::new(Instance::start(function).await?);
        Ok(Self { function: function.clone(), turn: tokio::sync::Mutex::default(), instance })
    }

    /// Hands over an event and waits for what becomes of it. If the process has ended, another is started first.
    pub async fn invoke(&self, event: &Value) -> Result<Invocation> {
        let _turn = self.turn.lock().await;
        let started = Instant::now();
        if self.has_ended() {
            self.start_anew().await?;
        }
        let answer = self.instance().api.hand_over(event, self.function.timeout)?;
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

    /// Ends the process at once, also in the midst of an event. The next event starts another.
    pub fn kill(&self) -> Result<()> {
        self.instance().process.kill()
    }

    /// Ends the process and starts another now. An event that is under way ends with the old one.
    pub async fn restart(&self) -> Result<()> {
        self.kill()?;
        let _turn = self.turn.lock().await;
        self.start_anew().await
    }

    /// Freezes the process, as Lambda does between events: its connections stay open, and it does nothing. Waits until it
    /// has stopped.
    pub fn freeze(&self) -> Result<()> {
        self.instance().process.signal(Signal::STOP)?;
        while !self.status("State:")?.starts_with(['T', 't']) {
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Lets it go on after [`Lambda::freeze`].
    pub fn thaw(&self) -> Result<()> {
        self.instance().process.signal(Signal::CONT)
    }

    /// The id of the process.
    pub fn pid(&self) -> u32 {
        self.instance().process.pid()
    }

    /// The memory that the process has in use, in KiB, as Linux counts it.
    pub fn resident_kib(&self) -> Result<u64> {
        let resident = self.status("VmRSS:")?;
        resident.trim_end_matches(" kB").parse().with_context(|| format!("{resident} is no size"))
    }

    /// What it has logged since it was started.
    pub fn log(&self) -> Result<String> {
        self.instance().process.log()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        self.instance().process.last_words()
    }

    /// A field of what Linux tells of the process.
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

    async fn start_anew(&self) -> Result<()> {
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
        // An earlier process may have had this port, and so a log of this name.
        new_log(&program.log)?;
        let mut process = Supervised::start(&program)?;
        let deadline = Instant::now() + LONGEST_START;
        while !api.is_asked().await? {
            process.check()?;
            if Instant::now() > deadline {
                bail!("{} does not ask for an event\n{}", function.name, process.last_words());
            }
        }
        Ok(Self { process, api })
    }
}

/// The variables are those that Lambda sets and that our functions, or the libraries in them, look at
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
