//! Start-up: from exec to the first `/next`, in time and in instructions.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::runtime_api::RuntimeApi;

/// Starts that are timed.
pub(crate) const RUNS: usize = 21;
/// Valgrind runs some fifty times slower.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a function finds when it starts.
#[derive(Clone, Copy)]
pub(crate) enum Setting {
    /// Both engines, to which it connects before it asks for an event.
    Connected,
    /// DynamoDB alone.
    WithoutCache,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connected => "connects to DynamoDB and Valkey",
            Self::WithoutCache => "connects to DynamoDB",
        })
    }
}

/// Times in milliseconds; instructions where valgrind is there to count them.
pub(crate) struct Measured {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) instructions: Option<u64>,
}

/// Starts a binary again and again.
pub(crate) fn measure(binary: &Path, setting: Setting, environment: &[(String, String)]) -> Result<Measured> {
    let mut millis = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let api = RuntimeApi::listen()?;
        let mut command = Command::new(binary);
        prepare(&mut command, &api, setting, environment)?;
        let started = Instant::now();
        let mut child = command.stderr(Stdio::null()).spawn().context("can't start the function")?;
        let asked = api.first_next(PATIENCE);
        child.kill()?;
        child.wait()?;
        millis.push(asked?.0.duration_since(started).as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    let at = |place: usize| millis.get(place).copied().unwrap_or_default();
    let instructions = instructions(binary, setting, environment)?;
    Ok(Measured { median: at(RUNS / 2), least: at(0), most: at(RUNS - 1), instructions })
}

/// Counts with callgrind, which says how much it has collected when it is asked to end.
fn instructions(binary: &Path, setting: Setting, environment: &[(String, String)]) -> Result<Option<u64>> {
    let api = RuntimeApi::listen()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(binary);
    prepare(&mut command, &api, setting, environment)?;
    let Ok(child) = command.stderr(Stdio::piped()).spawn() else { return Ok(None) };
    let asked = api.first_next(PATIENCE);
    Command::new("kill").arg(child.id().to_string()).status()?;
    let said = child.wait_with_output()?.stderr;
    asked?;
    let said = String::from_utf8_lossy(&said);
    let collected = said.lines().find_map(|line| line.split("Collected :").nth(1));
    Ok(collected.and_then(|count| count.trim().parse().ok()))
}

fn prepare(command: &mut Command, api: &RuntimeApi, setting: Setting, environment: &[(String, String)]) -> Result<()> {
    command
        .env_clear()
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_LAMBDA_RUNTIME_API", api.address()?)
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if matches!(setting, Setting::WithoutCache) {
        command.env("CACHE_URL", "");
    }
    Ok(())
}
