//! `boxoffice-bench`: what the release binaries take, as Lambda runs them.
//!
//! ```text
//! boxoffice-bench [--quick]            measures all, and writes docs/performance (--quick: less, into target/bench)
//! boxoffice-bench render               writes tables and plots anew, from the figures that are there
//! boxoffice-bench budgets [--write]    compares with bench/budgets.toml, or writes it
//! boxoffice-bench growth               what is kept of halls of all sizes, into docs/scaling and docs/scaling.md
//! boxoffice-bench simulate             on-sales simulated, into the same
//! ```
//!
//! | module | what it is |
//! | --- | --- |
//! | [`runtime_api`], [`instance`] | Lambda: the API that a function asks for events, and a function's process |
//! | [`process`], [`callgrind`], [`wiretap`], [`cores`] | what a process takes: processor and memory, instructions, traffic; and which core it may have |
//! | [`stand`], [`halls`], [`events`], [`cases`] | what there is to measure: engines, halls, events, kinds of calls |
//! | [`measure`] | single processes measured |
//! | [`load`] | many at once |
//! | [`budgets`] | what they may take |
//! | [`growth`], [`simulate`] | what is kept of a hall, and on-sales simulated, for docs/scaling.md |
//! | [`prices`] | what AWS asks |
//! | [`full`], [`report`] | all of it in order, and what is written of it |

mod budgets;
mod callgrind;
mod cases;
mod choose;
mod cores;
mod events;
mod full;
mod growth;
mod halls;
mod ids;
mod instance;
mod load;
mod measure;
mod prices;
mod process;
mod progress;
mod report;
mod runtime_api;
mod simulate;
mod stand;
mod stats;
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

/// A line on standard output.
fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}
