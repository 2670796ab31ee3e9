//! Budgets of each function, in figures that don't depend on the load of the machine.
//!
//! They are stored in `bench/budgets.toml`. `make check` measures again and compares.

mod compare;
mod tools;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use boxoffice_local::checkout;
use serde::{Deserialize, Serialize};

use self::compare::{Figures, Finding, compare};
use self::tools::{TOLERANCE, TOLERANCE_WITH_OTHER_TOOLS, Tools};
use crate::FUNCTIONS;
use crate::cases::CallKind;
use crate::fixture::Fixture;
use crate::instance::{self, Instance};
use crate::measure::exact::{self, ExactFigures};
use crate::measure::size;
use crate::progress::Progress;
use crate::say;
use crate::venues::Venue;

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Budgets {
    /// The tools that counted the instructions.
    counted_with: Tools,
    #[serde(flatten)]
    figures: Figures,
}

const HEAD: &str = "\
# The budget of each function. `make budgets` writes this file, and `make check` compares with it. A change that exceeds
# a budget by more than 3 % has to write the file again and give the reason in its commit message. Round trips and
# capacity are exact. With another C library or valgrind than these, instructions may be 15 % more.

";

/// Measures and compares with the file. Returns `true` if no figure exceeds its budget.
pub(crate) async fn check() -> Result<bool> {
    let path = path()?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let old: Budgets = toml::from_str(&text).with_context(|| format!("{} isn't a list of budgets", path.display()))?;
    let new = measure().await?;
    let difference = old.counted_with.difference(&new.counted_with);
    if let Some(difference) = &difference {
        say(&format!("{difference}: instructions may be 15 % more instead of 3 %"))?;
    }
    let tolerance = if difference.is_some() { TOLERANCE_WITH_OTHER_TOOLS } else { TOLERANCE };
    let findings = compare(&old.figures, &new.figures, tolerance);
    for finding in &findings {
        say(&finding.to_string())?;
    }
    let held: usize = new.figures.values().map(BTreeMap::len).sum();
    let is_good = !findings.iter().any(Finding::is_failure);
    let word = if is_good { "met" } else { "NOT met: reduce the use, or run `make budgets` and give the reason" };
    say(&format!("{held} budgets of {}: {word}", path.file_name().unwrap_or_default().display()))?;
    Ok(is_good)
}

/// Measures and writes the file.
pub(crate) async fn write() -> Result<()> {
    let (path, new) = (path()?, measure().await?);
    std::fs::write(&path, format!("{HEAD}{}", toml::to_string(&new)?))?;
    say(&format!("written: {}", path.display()))
}

fn path() -> Result<PathBuf> {
    Ok(checkout::root()?.join("bench/budgets.toml"))
}

async fn measure() -> Result<Budgets> {
    let counted_with = Tools::here();
    let counted = counted_with.valgrind.is_some();
    if !counted {
        say("valgrind is missing: instructions are not checked (Debian: apt-get install valgrind)")?;
    }
    let kinds = CallKind::budgeted();
    let progress = Progress::new("budgets", (kinds.len() + FUNCTIONS.len()) as u64);
    let fixture = Fixture::start().await?;
    let mut venues: Vec<Venue> = Vec::new();
    for venue in kinds.iter().filter_map(|kind| kind.venue()) {
        if !venues.contains(&venue) {
            venue.prepare(&fixture).await?;
            venues.push(venue);
        }
    }
    let mut figures = Figures::new();
    let reader = Instance::start(&instance::built("get-seats", &fixture.direct())?).await?;
    for function in FUNCTIONS {
        progress.step(function);
        let (instance, start) = started(function, &fixture, counted).await?;
        figures.insert(format!("{function}, start"), start);
        for kind in kinds.iter().filter(|kind| kind.function() == function) {
            progress.step(&kind.name());
            let exact = exact::measure(*kind, &fixture, &instance, &reader).await?;
            figures.insert(kind.name(), of_request(&exact));
        }
    }
    progress.done();
    Ok(Budgets { counted_with, figures })
}

/// Starts a function and measures its start.
#[allow(clippy::cast_precision_loss, reason = "no size is that large")]
async fn started(function: &str, fixture: &Fixture, counted: bool) -> Result<(Instance, BTreeMap<String, f64>)> {
    let mut figures = BTreeMap::from([("binary_bytes".to_owned(), size::measure(function)?.binary as f64)]);
    if !counted {
        return Ok((exact::start(function, fixture, false).await?, figures));
    }
    let (instance, instructions) = exact::counted_start(function, fixture).await?;
    figures.insert("instructions".to_owned(), instructions);
    Ok((instance, figures))
}

fn of_request(exact: &ExactFigures) -> BTreeMap<String, f64> {
    let ExactFigures { instructions, redis, dynamodb, capacity } = exact;
    let mut figures: BTreeMap<String, f64> = [
        ("redis_trips", redis.trips),
        ("redis_bytes_sent", redis.sent),
        ("redis_bytes_received", redis.received),
        ("dynamodb_trips", dynamodb.trips),
        ("dynamodb_bytes_sent", dynamodb.sent),
        ("dynamodb_bytes_received", dynamodb.received),
        ("capacity_units", *capacity),
    ]
    .map(|(name, value)| (name.to_owned(), value.round_to(1)))
    .into();
    figures.extend(instructions.map(|count| ("instructions".to_owned(), count.round())));
    figures
}

trait RoundTo {
    fn round_to(self, digits: i32) -> Self;
}

impl RoundTo for f64 {
    fn round_to(self, digits: i32) -> Self {
        let factor = 10_f64.powi(digits);
        (self * factor).round() / factor
    }
}
