//! `boxoffice-bench`: how large the release binaries are, what they take from exec to asking for the first event, and what
//! choosing the best seats takes.
//!
//! The real binaries (`make build`), the real engines on loopback, a Lambda Runtime API of our own.

mod choose;
mod growth;
mod runtime_api;
mod simulate;
mod start;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use boxoffice_local::{LocalStack, checkout};

use crate::start::{Measured, Setting};

const FUNCTIONS: [&str; 7] = ["get-seats", "reserve", "book", "reservations", "bookings", "theaters", "sync-cache"];
const TABLE: &str = "boxoffice-bench";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let out = &mut std::io::stdout().lock();
    match std::env::args().nth(1).as_deref() {
        Some("simulate") => return simulate::all(&checkout::root()?, out),
        Some("growth") => return growth::all(&checkout::root()?, out).await,
        _ => {}
    }
    let folder = checkout::root()?.join("target/lambda");
    let stack = LocalStack::start()?;
    stack.create_table(TABLE).await?;
    writeln!(out, "{}", choose::table()?)?;
    writeln!(
        out,
        "| function | setting | KiB | ms to first /next, median (least to most) of {} | instructions |",
        start::RUNS
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- |")?;
    for function in FUNCTIONS {
        let binary = folder.join(function).join("bootstrap");
        if !binary.is_file() {
            bail!("{} isn't there: run `make build`", binary.display());
        }
        for setting in [Setting::Connected, Setting::WithoutCache] {
            let measured = start::measure(&binary, setting, &stack.environment(TABLE))?;
            row(out, function, &binary, setting, &measured)?;
        }
    }
    Ok(())
}

fn row(out: &mut impl Write, function: &str, binary: &Path, setting: Setting, measured: &Measured) -> Result<()> {
    let size = std::fs::metadata(binary).context("the binary")?.len() / 1024;
    let Measured { median, least, most, instructions } = measured;
    let instructions = match instructions {
        Some(count) => format!("{:.2} M", *count as f64 / 1e6),
        None => "no valgrind here".to_owned(),
    };
    writeln!(out, "| {function} | {setting} | {size} | {median:.1} ({least:.1} to {most:.1}) | {instructions} |")?;
    out.flush()?;
    Ok(())
}
