//! Instruction counts from valgrind's callgrind. They don't depend on the load of the machine.
//!
//! While the process waits for an event, `vgdb` makes callgrind write its counts and start from zero again
//! (<https://valgrind.org/docs/manual/cl-manual.html>).

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use boxoffice_local::lambda_host::Function;

use crate::paths::scratch;

/// A process whose instructions are counted.
#[derive(Debug)]
pub(crate) struct Callgrind {
    out: PathBuf,
    dumps: AtomicU64,
}

/// Returns valgrind's version, or `None` if valgrind or one of the tools that it needs is missing.
pub(crate) fn version() -> Option<String> {
    Command::new("vgdb").arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let said = Command::new("valgrind").arg("--version").stderr(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&said.stdout).trim().to_owned()).filter(|version| !version.is_empty())
}

impl Callgrind {
    pub(crate) fn new() -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let out = scratch()?.join(format!("callgrind-{}-{number}", std::process::id()));
        Ok(Self { out, dumps: AtomicU64::new(0) })
    }

    /// Returns the function as a program below valgrind.
    pub(crate) fn wrap(&self, function: &Function) -> Function {
        let out = format!("--callgrind-out-file={}", self.out.display());
        let valgrind = ["--tool=callgrind".into(), "--quiet".into(), out.into(), function.binary.clone().into()];
        let args = valgrind.into_iter().chain(function.args.iter().cloned()).collect();
        Function { binary: "valgrind".into(), args, ..function.clone() }
    }

    /// Returns the instructions since the last call, or since the start.
    pub(crate) async fn take(&self, pid: u32) -> Result<u64> {
        let output = tokio::task::spawn_blocking(move || {
            let mut vgdb = Command::new("vgdb");
            vgdb.arg(format!("--pid={pid}")).arg("dump").stdin(Stdio::null()).output()
        });
        let output = output.await?.context("can't start vgdb")?;
        if !output.status.success() {
            bail!("vgdb: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let dump = self.dump(self.dumps.fetch_add(1, Ordering::Relaxed) + 1);
        let written = std::fs::read_to_string(&dump).with_context(|| format!("no {}", dump.display()))?;
        drop(std::fs::remove_file(&dump));
        total(&written).with_context(|| format!("no total in {}", dump.display()))
    }

    fn dump(&self, number: u64) -> PathBuf {
        PathBuf::from(format!("{}.{number}", self.out.display()))
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // callgrind writes this file when the process ends by itself.
        drop(std::fs::remove_file(&self.out));
    }
}

fn total(dump: &str) -> Option<u64> {
    dump.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_of_a_dump_is_found() {
        assert_eq!(total("events: Ir\nfn=(1)\n0 12\n\ntotals: 4711\n"), Some(4711));
        assert_eq!(total("events: Ir\nsummary: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }
}
