//! A child process that ends when this process ends.
//!
//! A small shell script runs between this process and the child. The script reads from a pipe that only this process
//! keeps open. So it notices every end of this process, even `kill -9`, and then ends the child. (The usual means is a
//! death signal that is set between fork and exec. It needs unsafe code and exists on Linux only.)

use std::ffi::OsString;
use std::fs;
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
    script: Option<Child>,
    lifeline: Option<ChildStdin>,
    ended: Option<ExitStatus>,
}

impl SupervisedProcess {
    pub fn start(program: &Program) -> Result<Self> {
        let name = &program.name;
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "supervise"]).arg(&program.log).arg(&program.path).args(&program.args);
        for variable in &program.without_env {
            command.env_remove(variable);
        }
        command
            .envs(program.env.iter().map(|(key, value)| (key, value)))
            .current_dir(&program.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Keeps the terminal's Ctrl-C away from the child. This process ends its children itself, in order.
            .process_group(0);
        let mut script = command.spawn().with_context(|| format!("can't start {name}"))?;
        let lifeline = script.stdin.take();
        let pid = read_pid(&mut script).with_context(|| format!("can't start {name}"))?;
        Ok(Self { name: name.clone(), log: program.log.clone(), pid, script: Some(script), lifeline, ended: None })
    }

    /// Returns the child's process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Returns the exit status, or `None` while the child runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.script.as_mut().and_then(|script| script.try_wait().ok().flatten());
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

    /// Asks the child to end and waits. After five seconds the child is killed. Repeating the call does nothing.
    pub fn stop(&mut self) -> Result<()> {
        self.lifeline = None;
        self.wait_for_end()
    }

    /// Kills the child at once, as in a crash, and waits until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait_for_end()
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
        self.lifeline = None;
        if self.ended().is_none()
            && let Some(mut script) = self.script.take()
        {
            // Another thread collects the exit status. Without it the child would stay in the process table.
            thread::spawn(move || script.wait());
        }
    }
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
