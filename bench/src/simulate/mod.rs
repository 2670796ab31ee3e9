//! An on-sale, simulated: a hall, a crowd and a model of the stack, whose every number is a parameter.
//!
//! It is a model and no measurement. It shows what follows from the parameters: which limit is met first, what that does to
//! the others, and what a change would buy. It doesn't show that the parameters are right, and leaves out what they don't name: retries of
//! the network's, transactions that meet on a seat, a slow zone, DynamoDB's and ElastiCache's own scaling while it runs.

mod bill;
mod edge;
mod hall;
mod lambda;
mod limits;
mod outcome;
mod parameters;
mod people;
mod report;
mod sale;
mod scenarios;
mod stack;
mod tally;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::prices::Prices;
use crate::report::write_page;
use crate::say;
use outcome::Outcome;
use parameters::Parameters;
use scenarios::{Scenario, scenarios};

/// The on-sales that are plotted: the first letters of their names.
const PLOTTED: [&str; 5] = ["304s", "+ a node", "+ availability", "+ a CDN", "a CDN"];

/// Runs all on-sales of a hall of ten thousand seats and a million people, and writes them into docs/scaling, and tables of them into
/// docs/scaling.md.
pub(crate) fn all(checkout: &Path) -> Result<()> {
    let prices = Prices::read(&checkout.join("bench/prices.toml"))?;
    let scenarios = scenarios(&Parameters::default());
    let outcomes = run_all(&scenarios, &prices)?;
    let named: Vec<_> = scenarios.iter().zip(&outcomes).map(|(scenario, outcome)| (scenario.name, outcome)).collect();
    let sections = report::sections(&named)?;
    for (name, table) in &sections {
        say(&format!("## {name}\n\n{table}"))?;
    }
    let told: Vec<_> = scenarios.iter().zip(&outcomes).collect();
    let is_plotted = |name: &str| PLOTTED.iter().any(|plotted| name.starts_with(plotted));
    report::write(&checkout.join("docs/scaling"), &told, is_plotted)?;
    write_page(&checkout.join("docs/scaling.md"), &sections)
}

/// As many at once as there are processors.
fn run_all(scenarios: &[Scenario], prices: &Prices) -> Result<Vec<Outcome>> {
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Vec::with_capacity(scenarios.len());
    for some in scenarios.chunks(at_once) {
        thread::scope(|scope| {
            let started: Vec<_> = some.iter().map(|one| scope.spawn(|| run(&one.parameters, prices))).collect();
            for one in started {
                outcomes.push(one.join().map_err(|_| anyhow!("an on-sale has panicked"))??);
            }
            anyhow::Ok(())
        })?;
    }
    Ok(outcomes)
}

/// Runs one on-sale. The same parameters always have the same outcome.
fn run(parameters: &Parameters, prices: &Prices) -> Result<Outcome> {
    let mut sale = sale::Sale::new(parameters).context("the histograms' bounds are wrong")?;
    sale.run();
    Ok(Outcome::of(parameters, &sale, prices))
}

/// The whole part of what isn't negative.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float's cast keeps to the bounds of the integer"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}
