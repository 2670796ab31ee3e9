//! A function's release binary as Lambda runs it: one process, one event at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boxoffice_local::checkout;
use hyper::body::Bytes;

use crate::callgrind::Callgrind;
use crate::process::Usage;
use crate::runtime_api::{RuntimeApi, TimedAnswer, TraceIds};

/// Time limit for an answer. Valgrind runs some fifty times slower, and the machine may be busy.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// A program to start.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The function's name, also the base name of its binary.
    pub(crate) name: String,
    pub(crate) binary: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) traces: TraceIds,
}

impl Program {
    /// Returns a function built by `make build`, or the echo.
    pub(crate) fn built(name: &str, environment: &[(String, String)]) -> Result<Self> {
        let binary = binaries()?.join(name).join("bootstrap");
        if !binary.is_file() {
            bail!("{} is missing: run `make bench`, or `make build` and `make bench-echo`", binary.display());
        }
        Ok(Self::of(name, binary, Vec::new(), environment))
    }

    /// Returns a function of the Python reference, which may be missing.
    pub(crate) fn python(function: &str, environment: &[(String, String)]) -> Result<Self> {
        let binary = checkout::root()?.join("bench/python/run");
        if !binary.is_file() {
            return Err(NotInstalled("bench/python/run isn't there".to_owned()).into());
        }
        Ok(Self::of("python", binary, vec![function.to_owned()], environment))
    }

    fn of(name: &str, binary: PathBuf, args: Vec<String>, environment: &[(String, String)]) -> Self {
        let (name, environment) = (name.to_owned(), environment.to_vec());
        Self { name, binary, args, environment, traces: TraceIds::Distinct }
    }
}

/// Returns the folder of the release binaries.
pub(crate) fn binaries() -> Result<PathBuf> {
    let folder = std::env::var_os("BOXOFFICE_BINARIES").unwrap_or_else(|| "target/lambda".into());
    Ok(checkout::root()?.join(folder))
}

/// A running process. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    child: Child,
    api: RuntimeApi,
    log: PathBuf,
    pub(crate) started: Instant,
    /// The time until the first request for an event.
    pub(crate) start: Duration,
    /// The resources used up to that request.
    pub(crate) at_start: Usage,
    pub(crate) callgrind: Option<Callgrind>,
}

impl Instance {
    /// Starts an instance and waits until it asks for its first event.
    pub(crate) async fn start(program: &Program) -> Result<Self> {
        Self::start_as(program, None).await
    }

    /// Starts an instance under valgrind.
    pub(crate) async fn start_counted(program: &Program) -> Result<Self> {
        Self::start_as(program, Some(Callgrind::new()?)).await
    }

    async fn start_as(program: &Program, callgrind: Option<Callgrind>) -> Result<Self> {
        let api = RuntimeApi::listen(&program.name, program.traces).await?;
        let log = create_log(&program.name)?;
        let mut command = match &callgrind {
            Some(callgrind) => callgrind.command(&program.binary),
            None => Command::new(&program.binary),
        };
        command.args(&program.args).env_clear().envs(program.environment.iter().map(|(name, value)| (name, value)));
        let out = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", &program.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .stdin(Stdio::null())
            .stderr(out.try_clone()?)
            .stdout(out);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("can't start {}", program.binary.display()))?;
        let (name, at_start) = (program.name.clone(), Usage::default());
        let mut instance = Self { name, child, api, log, started, start: Duration::ZERO, at_start, callgrind };
        instance.start = instance.first_asked().await?.duration_since(started);
        instance.at_start = instance.usage()?;
        Ok(instance)
    }

    /// Waits for the first request for an event and returns its time.
    async fn first_asked(&mut self) -> Result<Instant> {
        let ended = async {
            loop {
                match self.child.try_wait() {
                    Ok(None) => tokio::time::sleep(Duration::from_millis(20)).await,
                    ended => return ended,
                }
            }
        };
        let asked = tokio::select! {
            asked = tokio::time::timeout(ANSWER_TIMEOUT, self.api.asked()) => asked.context("the function doesn't ask for an event").flatten(),
            ended = ended => match ended {
                Ok(Some(status)) if status.code() == Some(3) => Err(NotInstalled(log_end(&self.log)).into()),
                other => Err(anyhow::anyhow!("the function ended at the start: {other:?}")),
            },
        };
        asked.map_err(|error| self.blamed(error))
    }

    /// Sends an event and returns the answer.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<TimedAnswer> {
        let answered =
            tokio::time::timeout(ANSWER_TIMEOUT, self.api.invoke(event)).await.context("no answer").flatten();
        answered.map_err(|error| self.blamed(error))
    }

    fn blamed(&self, error: anyhow::Error) -> anyhow::Error {
        error.context(format!("{}\n{}", self.name, log_end(&self.log)))
    }

    /// Waits until the instance asks for the next event. All work of the previous event is then done.
    pub(crate) async fn idle(&self) -> Result<()> {
        tokio::time::timeout(ANSWER_TIMEOUT, self.api.asked())
            .await
            .context("the function doesn't ask for an event")??;
        Ok(())
    }

    /// Returns the resources used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.child.id())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the length of the log.
    pub(crate) fn log_length(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.log)?.len())
    }

    /// Returns the log from this position on.
    pub(crate) fn log_from(&self, start: u64) -> Result<String> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(start))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_file(&self.log));
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

/// Returns the folder for temporary files of the bench.
pub(crate) fn scratch() -> Result<PathBuf> {
    let folder = checkout::root()?.join("target/bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}

fn create_log(name: &str) -> Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Ok(scratch()?.join(format!("{name}-{}-{number}.log", std::process::id())))
}

fn log_end(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
}
