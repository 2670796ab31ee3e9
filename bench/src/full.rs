//! All measurements, in order.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use boxoffice_local::checkout;
use boxoffice_local::lambda_host::TraceIds;

use crate::cases::{CallKind, REFERENCE_VENUE};
use crate::cores::OneCore;
use crate::fixture::Fixture;
use crate::instance::{self, Instance, NotInstalled};
use crate::load::conflicts::BuyerArrival;
use crate::load::{cold, conflicts, sale};
use crate::measure::exact::{self, ExactFigures};
use crate::measure::{memory, raw_get, size, start, timed};
use crate::paths::scratch;
use crate::progress::Progress;
use crate::report::{self, CallFigures, Machine, Results, sections};
use crate::venues::{SIZES, SoldShare, Venue};
use crate::{FUNCTIONS, callgrind, choose, say};

const ECHO: &str = "bench-echo";

/// The number of measurements of each kind.
struct RunSize {
    requests: usize,
    starts: usize,
    looks_for_memory: usize,
    buyers: &'static [usize],
    sale: Duration,
    crowd: usize,
    contested: usize,
    rounds: usize,
}

const WHOLE: RunSize = RunSize {
    requests: 2_000,
    starts: 21,
    looks_for_memory: 100_000,
    buyers: &[1, 2, 4, 8, 16, 32, 64],
    sale: Duration::from_secs(15),
    crowd: 16,
    contested: 100,
    rounds: 10,
};

const QUICK: RunSize = RunSize {
    requests: 200,
    starts: 7,
    looks_for_memory: 10_000,
    buyers: &[1, 4, 16, 64],
    sale: Duration::from_secs(2),
    crowd: 8,
    contested: 10,
    rounds: 2,
};

/// Measures everything, prints it and writes it into docs, or below target for a quick run.
pub(crate) async fn run(quick: bool) -> Result<()> {
    let results = measure(quick).await?;
    show(&results)?;
    let folder = if quick { scratch()? } else { docs()?.join("performance") };
    report::write(&results, &folder)?;
    say(&format!("figures and plots: {}", folder.display()))?;
    if quick { Ok(()) } else { write_page(&results) }
}

/// Writes the plots and the page again from the stored figures.
pub(crate) fn render() -> Result<()> {
    let folder = docs()?.join("performance");
    let results = report::read(&folder)?;
    report::write(&results, &folder)?;
    write_page(&results)
}

fn docs() -> Result<PathBuf> {
    Ok(checkout::root()?.join("docs"))
}

fn write_page(results: &Results) -> Result<()> {
    let path = docs()?.join("performance.md");
    report::write_page(&path, &sections(results)?)?;
    say(&format!("tables: {}", path.display()))
}

fn show(results: &Results) -> Result<()> {
    for (name, text) in sections(results)? {
        say(&format!("## {name}\n\n{text}"))?;
    }
    Ok(())
}

async fn measure(quick: bool) -> Result<Results> {
    let effort = if quick { &QUICK } else { &WHOLE };
    let machine = machine()?;
    let day = jiff::Timestamp::from_millisecond(i64::try_from(boxoffice::clock::Clock::System.now().as_millis())?)?;
    let day = day.strftime("%Y-%m-%d").to_string();
    let mut results = Results { day, quick, machine, ..Results::default() };
    single(&mut results, effort).await?;
    crowds(&mut results, effort).await?;
    Ok(results)
}

/// Measures single processes on one core, which each shares with the engines.
async fn single(results: &mut Results, effort: &RunSize) -> Result<()> {
    let _core = OneCore::keep()?;
    results.choosing = choose::measure()?;
    let fixture = Fixture::start().await?;
    let progress = Progress::new("venues", Venue::all().count() as u64);
    for venue in Venue::all() {
        progress.step(&venue.theater());
        venue.prepare(&fixture).await?;
    }
    progress.done();
    let reader = Instance::start(&instance::built("get-seats", &fixture.direct())?).await?;
    starts(results, effort, &fixture).await?;
    calls(results, effort, &fixture, &reader).await?;
    references(results, effort, &fixture, &reader).await?;
    lives(results, effort, &fixture, &reader).await
}

async fn starts(results: &mut Results, effort: &RunSize, fixture: &Fixture) -> Result<()> {
    let counted = callgrind::version().is_some();
    let progress = Progress::new("starts", FUNCTIONS.len() as u64 + 1);
    for function in FUNCTIONS.into_iter().chain([ECHO]) {
        progress.step(function);
        let theater = REFERENCE_VENUE.theater();
        let event = match function {
            "get-seats" | ECHO => Some(fixture.events.look(&theater)),
            // Rejected, because the seat is sold. A cold and a warm instance both take the whole path.
            "book" => Some(fixture.events.book(&theater, &serde_json::json!({ "seat": "A1" }))),
            "reserve" => Some(fixture.events.reserve(&theater, &serde_json::json!({ "seat": "A1" }))),
            _ => None,
        };
        results.sizes.push(size::measure(function)?);
        results.starts.push(start::measure(function, effort.starts, counted, (&theater, event), fixture).await?);
    }
    progress.done();
    Ok(())
}

async fn calls(results: &mut Results, effort: &RunSize, fixture: &Fixture, reader: &Instance) -> Result<()> {
    let kinds = CallKind::all();
    let mut running = Running::new();
    let progress = Progress::new("calls", kinds.len() as u64);
    for kind in kinds {
        progress.step(&kind.name());
        let exact = exactly(kind, results.quick, &mut running, fixture, reader).await?;
        let function = Instance::start(&instance::built(kind.function(), &fixture.direct())?).await?;
        let timed = timed::measure(kind, effort.requests, fixture, &function, reader).await?;
        results.calls.push(CallFigures::of(kind, timed, Some(exact)));
    }
    progress.done();
    Ok(())
}

/// Functions whose traffic is counted, by name and by whether valgrind counts their instructions.
type Running = BTreeMap<(&'static str, bool), Instance>;

/// Measures a call exactly. Counting instructions takes long, so a quick run counts only calls with a budget.
async fn exactly(
    kind: CallKind,
    quick: bool,
    running: &mut Running,
    fixture: &Fixture,
    reader: &Instance,
) -> Result<ExactFigures> {
    let is_wanted = !quick || kind == CallKind::Echo || CallKind::budgeted().contains(&kind);
    let function = kind.function();
    let function = match running.entry((function, is_wanted && callgrind::version().is_some())) {
        Entry::Occupied(running) => running.into_mut(),
        Entry::Vacant(place) => {
            let counted = place.key().1;
            place.insert(exact::start(function, fixture, counted).await?)
        }
    };
    exact::measure(kind, fixture, function, reader).await
}

async fn references(results: &mut Results, effort: &RunSize, fixture: &Fixture, reader: &Instance) -> Result<()> {
    let kinds = [
        CallKind::Hit(REFERENCE_VENUE),
        CallKind::Hit(Venue { seats: 10_000, sold: SoldShare::Half }),
        CallKind::Reserve(1),
        CallKind::Book(1),
    ];
    let progress = Progress::new("references", (SIZES.len() + kinds.len()) as u64);
    for seats in SIZES {
        progress.step("raw GET");
        let hit = results.call(&CallKind::Hit(Venue { seats, sold: SoldShare::Half }).name());
        let received = hit.and_then(|hit| hit.exact).map(|exact| exact.redis.received).unwrap_or_default();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes")]
        let bytes = received as usize;
        results.raw_gets.push(raw_get::measure(fixture.cache_url(), seats, bytes, effort.requests).await?);
    }
    for kind in kinds {
        progress.step(&format!("Python: {}", kind.name()));
        match python(kind, effort, fixture, reader).await {
            Ok(called) => results.python.push(called),
            Err(error) => {
                let why = error.downcast_ref::<NotInstalled>().map(ToString::to_string);
                let why = why.ok_or(error)?;
                say(&format!("without the Python function: {why}"))?;
                results.no_python = Some(why);
                break;
            }
        }
    }
    progress.done();
    Ok(())
}

async fn python(kind: CallKind, effort: &RunSize, fixture: &Fixture, reader: &Instance) -> Result<CallFigures> {
    let function = Instance::start(&instance::python(kind.function(), &fixture.direct())?).await?;
    let timed = timed::measure(kind, effort.requests.min(1_000), fixture, &function, reader).await?;
    Ok(CallFigures::of(kind, timed, None))
}

async fn lives(results: &mut Results, effort: &RunSize, fixture: &Fixture, reader: &Instance) -> Result<()> {
    let progress = Progress::new("memory", 2 * effort.looks_for_memory as u64);
    for traces in [TraceIds::Distinct, TraceIds::Repeating(1)] {
        let tick = |looks| progress.done_more(looks);
        let kind = CallKind::Hit(REFERENCE_VENUE);
        let measured = memory::measure(kind, traces, effort.looks_for_memory, fixture, reader, tick).await?;
        results.memory.push(measured);
    }
    progress.done();
    Ok(())
}

/// Measures many processes at once, on all cores.
async fn crowds(results: &mut Results, effort: &RunSize) -> Result<()> {
    let fixture = &Fixture::start().await?;
    let progress = Progress::new("crowds", (effort.buyers.len() + 1 + BuyerArrival::ALL.len()) as u64);
    for buyers in effort.buyers {
        progress.step(&format!("a sale to {buyers}"));
        results.sales.push(sale::run(*buyers, effort.sale, fixture).await?);
    }
    progress.step("a cold theater");
    let venue = Venue { seats: 1_200, sold: SoldShare::Out };
    venue.prepare(fixture).await?;
    results.cold = cold::run(venue, 1_000, effort.crowd, effort.rounds, fixture).await?;
    for crowd in BuyerArrival::ALL {
        progress.step("a hundred for each seat");
        results.conflicts.push(conflicts::run(crowd, effort.contested, effort.crowd, fixture).await?);
    }
    progress.done();
    Ok(())
}

fn machine() -> Result<Machine> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("can't read {path}"));
    let cpuinfo = read("/proc/cpuinfo")?;
    let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let rustc = std::process::Command::new("rustc").arg("--version").output()?;
    Ok(Machine {
        processor: processor.unwrap_or("an unnamed processor").to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        // Without the suffix of the kernel's builder.
        kernel: read("/proc/sys/kernel/osrelease")?.trim().split('-').next().unwrap_or_default().to_owned(),
        rustc: String::from_utf8_lossy(&rustc.stdout).trim().to_owned(),
        valgrind: callgrind::version(),
        load_before: read("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned(),
    })
}
