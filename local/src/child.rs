//! A child process that can't outlive this one.
//!
//! Between us and the child stands a small shell script. It holds the other end of a pipe that only we keep open, so
//! it sees us end however we end, `kill -9` included, and then ends the child. (The usual means, a death signal set
//! between fork and exec, needs unsafe code, and exists on Linux only.)

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

const SCRIPT: &str = include_str!("child/supervise.sh");

/// Longer than the script gives the child, so the wait ends by itself.
const LONGEST_END: Duration = Duration::from_secs(8);

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// What messages call it.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables, on top of ours.
    pub env: Vec<(OsString, OsString)>,
    /// Environment variables of ours that it doesn't get.
    pub without_env: Vec<OsString>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its output goes; added to what is there.
    pub log: PathBuf,
}

/// A running child. Dropping it ends it; [`Supervised::stop`] also waits for the end.
#[derive(Debug)]
pub struct Supervised {
    name: String,
    log: PathBuf,
    pid: Pid,
    script: Option<Child>,
    lifeline: Option<ChildStdin>,
    ended: Option<ExitStatus>,
}

impl Supervised {
    /// Starts the program.
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
            // Away from the terminal's Ctrl-C: we end our children ourselves, in order.
            .process_group(0);
        let mut script = command.spawn().with_context(|| format!("can't start {name}"))?;
        let lifeline = script.stdin.take();
        let pid = read_pid(&mut script).with_context(|| format!("can't start {name}"))?;
        Ok(Self { name: name.clone(), log: program.log.clone(), pid, script: Some(script), lifeline, ended: None })
    }

    /// The child's process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.script.as_mut().and_then(|script| script.try_wait().ok().flatten());
        }
        self.ended
    }

    /// Fails when the child has ended, with its last words.
    pub fn check(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => bail!("{} has ended by itself ({status})\n{}", self.name, self.last_words()),
        }
    }

    /// Its log as far as it goes.
    pub fn log(&self) -> Result<String> {
        let text = fs::read(&self.log).with_context(|| format!("can't read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The end of its log, indented, and where the rest is.
    pub fn last_words(&self) -> String {
        let text = self.log().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(15)).map(|line| format!("    {line}\n"));
        format!("  the end of {}:\n{}", self.log.display(), last.collect::<String>())
    }

    /// Sends the child a signal, unless it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended().is_none() {
            rustix::process::kill_process(self.pid, signal).with_context(|| format!("can't signal {}", self.name))?;
        }
        Ok(())
    }

    /// Asks the child to end, waits, and insists after five seconds. Repeating it does nothing.
    pub fn stop(&mut self) -> Result<()> {
        self.lifeline = None;
        self.wait_for_end()
    }

    /// Ends it at once, as a crash would, and waits for that.
    pub fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.wait_for_end()
    }

    fn wait_for_end(&mut self) -> Result<()> {
        let deadline = Instant::now() + LONGEST_END;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                bail!("{} (process {}) does not end", self.name, self.pid());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.lifeline = None;
        if self.ended().is_none()
            && let Some(mut script) = self.script.take()
        {
            // Not waited for here, but collected by somebody: a process that nobody waits for stays in the table.
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

/// Empties a log, or makes it, with the folders above.
pub fn new_log(path: &Path) -> Result<()> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, ""));
    made.with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests;
