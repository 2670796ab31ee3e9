//! A child process that ends when this process ends.
//!
//! Usually a small shell script runs between this process and the child. The script reads from a pipe that only this process
//! keeps open. So it notices every end of this process, even `kill -9`, and then ends the child. (The usual means is a
//! death signal that is set between fork and exec. It needs unsafe code and exists on Linux only.)

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

const SCRIPT: &str = include_str!("supervised_process/supervise.sh");

/// Longer than the script's own time limit for the child, so the wait always ends.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// A program to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// The name for messages.
    pub name: String,
    pub path: PathBuf,
    pub args: Vec<OsString>,
    /// Environment variables that are added to this process's environment.
    pub env: Vec<(OsString, OsString)>,
    /// Environment variables of this process that the child doesn't inherit.
    pub without_env: Vec<OsString>,
    /// The working directory.
    pub folder: PathBuf,
    /// The file that the output is appended to.
    pub log: PathBuf,
}

/// A running child. Dropping it ends the child. [`SupervisedProcess::stop`] also waits until the child has ended.
#[derive(Debug)]
pub struct SupervisedProcess {
    name: String,
    log: PathBuf,
    pid: Pid,
    started: Instant,
    /// The script, or the direct child.
    spawned: Option<Child>,
    lifeline: Option<Lifeline>,
    ended: Option<ExitStatus>,
}

/// The connection that keeps the child running.
#[derive(Debug)]
enum Lifeline {
    /// The script ends the child when this pipe closes.
    Pipe(#[allow(dead_code, reason = "it is kept open")] ChildStdin),
    /// A direct child is killed.
    Kill,
}

impl SupervisedProcess {
    pub fn start(program: &Program) -> Result<Self> {
        let name = &program.name;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "supervise"]).arg(&program.log).arg(&program.path).args(&program.args);
        set_environment(&mut command, program);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Keeps the terminal's Ctrl-C away from the child. This process ends its children itself, in order.
            .process_group(0);
        let started = Instant::now();
        let mut script = command.spawn().with_context(|| format!("can't start {name}"))?;
        let lifeline = script.stdin.take().map(Lifeline::Pipe);
        let pid = read_pid(&mut script).with_context(|| format!("can't start {name}"))?;
        Ok(Self::of(program, pid, started, script, lifeline))
    }

    /// Starts the program without the script, so that its start can be timed. If this process is killed, the child goes
    /// on.
    pub fn start_direct(program: &Program) -> Result<Self> {
        let log = File::options().create(true).append(true).open(&program.log);
        let log = log.with_context(|| format!("can't write {}", program.log.display()))?;
        let mut command = Command::new(&program.path);
        command.args(&program.args).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        set_environment(&mut command, program);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("can't start {}", program.path.display()))?;
        Ok(Self::of(program, Pid::from_child(&child), started, child, Some(Lifeline::Kill)))
    }

    fn of(program: &Program, pid: Pid, started: Instant, spawned: Child, lifeline: Option<Lifeline>) -> Self {
        let (name, log) = (program.name.clone(), program.log.clone());
        Self { name, log, pid, started, spawned: Some(spawned), lifeline, ended: None }
    }

    /// Returns the time just before the program was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns the path of the log.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Returns the child's process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Returns the exit status, or `None` while the child runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.spawned.as_mut().and_then(|spawned| spawned.try_wait().ok().flatten());
        }
        self.ended
    }

    /// Returns an error with the end of the log if the child has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => bail!("{} has ended by itself ({status})\n{}", self.name, self.log_tail()),
        }
    }

    /// Returns the log up to now.
    pub fn log(&self) -> Result<String> {
        let text = fs::read(&self.log).with_context(|| format!("can't read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Returns the end of the log, indented, with the path of the log.
    pub fn log_tail(&self) -> String {
        let text = self.log().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(15)).map(|line| format!("    {line}\n"));
        format!("  the end of {}:\n{}", self.log.display(), last.collect::<String>())
    }

    /// Sends the child a signal, unless the child has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_none() {
            rustix::process::kill_process(self.pid, signal).with_context(|| format!("can't signal {}", self.name))?;
        }
        Ok(())
    }

    /// Asks the child to end and waits. After five seconds the child is killed, a direct child at once. Repeating the
    /// call does nothing.
    pub fn stop(&mut self) -> Result<()> {
        self.release();
        self.wait_for_end()
    }

    /// Kills the child at once, as in a crash, and waits until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait_for_end()
    }

    fn release(&mut self) {
        if let Some(Lifeline::Kill) = self.lifeline.take() {
            let _ = self.signal(Signal::KILL);
        }
    }

    fn wait_for_end(&mut self) -> Result<()> {
        let deadline = Instant::now() + STOP_TIMEOUT;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                bail!("{} (process {}) does not end", self.name, self.pid());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for SupervisedProcess {
    fn drop(&mut self) {
        let is_direct = matches!(self.lifeline, Some(Lifeline::Kill));
        self.release();
        if self.ended().is_none()
            && let Some(mut spawned) = self.spawned.take()
        {
            // The exit status has to be collected. Without that the child would stay in the process table. A killed
            // child ends at once, but the script may wait for seconds.
            if is_direct {
                drop(spawned.wait());
            } else {
                thread::spawn(move || spawned.wait());
            }
        }
    }
}

fn set_environment(command: &mut Command, program: &Program) {
    for variable in &program.without_env {
        command.env_remove(variable);
    }
    command.envs(program.env.iter().map(|(key, value)| (key, value))).current_dir(&program.folder);
}

fn read_pid(script: &mut Child) -> Result<Pid> {
    let output = script.stdout.take().context("it has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let number = line.trim().parse().ok();
    number.and_then(Pid::from_raw).context("`sh` did not start it")
}

/// Empties a log, or creates it with its parent folders.
pub fn create_log(path: &Path) -> Result<()> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, ""));
    made.with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests;
