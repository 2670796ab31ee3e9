//! `boxoffice-bench` measures the release binaries as Lambda runs them.
//!
//! ```text
//! boxoffice-bench [--quick]            measures everything into docs/performance (--quick: less, into target/bench)
//! boxoffice-bench render               writes tables and plots again from the stored figures
//! boxoffice-bench budgets [--write]    compares with bench/budgets.toml, or writes it
//! boxoffice-bench growth               measures stored data by venue size, into docs/scaling and docs/scaling.md
//! boxoffice-bench simulate             simulates on-sales, into the same files
//! ```
//!
//! | module | content |
//! | --- | --- |
//! | [`instance`] | a function's process in the Lambda host of `boxoffice_local` |
//! | [`process`], [`callgrind`], [`wiretap`], [`cores`] | resources: time, memory, instructions, traffic, cores |
//! | [`fixture`], [`venues`], [`events`], [`cases`] | the fixture: engines, venues, events, kinds of calls |
//! | [`measure`] | measurements of single processes |
//! | [`load`] | measurements of many processes at once |
//! | [`budgets`] | upper bounds of the figures |
//! | [`growth`], [`simulate`] | stored data and simulated on-sales, for docs/scaling.md |
//! | [`prices`] | prices of AWS |
//! | [`full`], [`report`] | all measurements in order, and their report |

mod budgets;
mod callgrind;
mod cases;
mod choose;
mod cores;
mod events;
mod fixture;
mod full;
mod growth;
mod ids;
mod instance;
mod load;
mod measure;
mod paths;
mod prices;
mod process;
mod progress;
mod report;
mod simulate;
mod stats;
mod venues;
mod wiretap;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use boxoffice_local::checkout;

/// The functions, as in `functions/`.
const FUNCTIONS: [&str; 8] =
    ["get-seats", "reserve", "book", "reservations", "bookings", "theaters", "sync-cache", "publish-events"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => full::run(false).await.map(|()| ExitCode::SUCCESS),
        ["--quick"] => full::run(true).await.map(|()| ExitCode::SUCCESS),
        ["render"] => full::render().map(|()| ExitCode::SUCCESS),
        ["budgets"] => Ok(if budgets::check().await? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        ["budgets", "--write"] => budgets::write().await.map(|()| ExitCode::SUCCESS),
        ["simulate"] => simulate::all(&checkout::root()?).map(|()| ExitCode::SUCCESS),
        ["growth"] => growth::all(&checkout::root()?).await.map(|()| ExitCode::SUCCESS),
        other => bail!("{other:?}: expected nothing, --quick, render, budgets, budgets --write, growth or simulate"),
    }
}

/// Writes a line to standard output.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}
