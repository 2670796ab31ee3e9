//! A simulated on-sale: a venue, a crowd and a model of the stack. Each number of the model is a parameter.
//!
//! It is a model, not a measurement. It shows consequences of the parameters: the first limit, the effect on the other
//! limits, and the benefit of a change. It doesn't prove the parameters, and it omits everything else: network retries,
//! transactions that conflict on a seat, a slow zone, and the scaling of DynamoDB and ElastiCache during the sale.

mod bill;
mod counters;
mod edge;
mod lambda;
mod limits;
mod outcome;
mod parameters;
mod people;
mod report;
mod sale;
mod scenarios;
mod stack;
mod units;
mod venue;

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

/// The plotted on-sales, by the first letters of their names.
const PLOTTED: [&str; 5] = ["304s", "+ a node", "+ availability", "+ a CDN", "a CDN"];

/// Simulates all on-sales of a venue with ten thousand seats and a million people. Writes them into docs/scaling, and
/// tables into docs/scaling.md.
pub(crate) fn all(checkout: &Path) -> Result<()> {
    let prices = Prices::read(&checkout.join("bench/prices.toml"))?;
    let scenarios = scenarios(&Parameters::default());
    let outcomes = run_all(&scenarios, &prices)?;
    let named: Vec<_> = scenarios.iter().zip(&outcomes).map(|(scenario, outcome)| (scenario.name, outcome)).collect();
    let sections = report::sections(&named)?;
    for (name, table) in &sections {
        say(&format!("## {name}\n\n{table}"))?;
    }
    let stored: Vec<_> = scenarios.iter().zip(&outcomes).collect();
    let is_plotted = |name: &str| PLOTTED.iter().any(|plotted| name.starts_with(plotted));
    report::write(&checkout.join("docs/scaling"), &stored, is_plotted)?;
    write_page(&checkout.join("docs/scaling.md"), &sections)
}

/// Runs all scenarios, as many at once as there are processors.
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

/// Runs one on-sale. The same parameters always give the same outcome.
fn run(parameters: &Parameters, prices: &Prices) -> Result<Outcome> {
    let mut sale = sale::Sale::new(parameters).context("the bounds of the histograms are wrong")?;
    sale.run();
    Ok(Outcome::of(parameters, &sale, prices))
}
