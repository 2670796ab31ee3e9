//! Seeded histories. Clients reserve, book, release, extend, cancel and read at the same time, while prices change and
//! the sale is paused and opened, with faults on every connection. A checker compares all answers with a reference model.
//!
//! | module | content |
//! | --- | --- |
//! | [`plan`] | calls, clock changes and faults, drawn from a single number (the seed) |
//! | [`faults`] | faults that a call meets at the proxies |
//! | [`worker`] | execution of plans, through the real handlers on real engines |
//! | [`call_log`], [`seats`], [`money`] | requests and answers |
//! | [`terms`] | the prices and the sale that each call may have seen |
//! | [`model`], `reservation`, [`checker`] | the reference model, and the search for a valid order of the calls |
//! | [`cached_answers`] | checks of cached answers against earlier answers |
//! | [`summary`] | counts of calls, answers and faults |
//!
//! A seed always gives the same plan. The machine decides how the calls interleave. So a seed that failed once may have
//! to be replayed several times before it fails again. The output of a failure is the history that really happened.

pub mod cached_answers;
pub mod call_log;
pub mod checker;
pub mod faults;
pub mod model;
pub mod money;
pub mod plan;
mod price;
mod reservation;
pub mod seats;
pub mod summary;
pub mod terms;
pub mod worker;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::World;
use call_log::{Answer, CallRecord};
use checker::Rules;
use plan::{MAX_RESERVED, Plan};
use summary::Summary;
use terms::Terms;
use worker::Worker;

/// The number of concurrent histories, with an equal share for each kind of plan.
const WORKERS: usize = 12;
/// The number of kinds of plans: with a working or a failing cache, and with or without a limit. The kinds alternate by
/// seed.
const KINDS: usize = 4;

/// Executes and checks the histories of the seeds from `first` on, while `go_on` returns `true` for their number.
/// Panics at the first wrong history and prints everything known about it.
pub async fn check_many(first: u64, go_on: impl Fn(u64) -> bool + Send + Sync + 'static, summary: &Arc<Summary>) {
    let world = Arc::new(World::new().await);
    let go_on = Arc::new(go_on);
    let next: Arc<[AtomicU64; KINDS]> = Arc::new(std::array::from_fn(|kind| AtomicU64::new(kind as u64)));
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..WORKERS {
        let (world, go_on, next, summary) = (world.clone(), go_on.clone(), next.clone(), summary.clone());
        workers.spawn(async move {
            let own = number % KINDS;
            let mut worker = Worker::new(world, &Plan::of(first + own as u64)).await;
            loop {
                let number = next[own].fetch_add(KINDS as u64, Ordering::Relaxed);
                if !go_on(number) {
                    return;
                }
                check_one(&mut worker, first + number, &summary).await;
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        if let Err(failed) = worker {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

/// Executes and checks the plan of one seed several times, because the machine interleaves the calls differently each
/// time.
pub async fn replay(seed: u64, times: usize, summary: &Summary) {
    let mut worker = Worker::new(Arc::new(World::new().await), &Plan::of(seed)).await;
    for _ in 0..times {
        check_one(&mut worker, seed, summary).await;
    }
}

async fn check_one(worker: &mut Worker, seed: u64, summary: &Summary) {
    let plan = Plan::of(seed);
    let records = worker.run(&plan, summary).await;
    if let Err(wrong) = validate(&plan, &records, summary) {
        panic!("{wrong}\n\n{}\nSEED={seed} replays this plan\n\n{plan}", history(&records));
    }
}

/// Checks a history and adds it to the summary.
fn validate(plan: &Plan, records: &[CallRecord], summary: &Summary) -> Result<(), String> {
    let cached = cached_answers::validate(plan.seats, records);
    let max_price_age = plan.has_prices.then_some(plan.inventory.max_price_age());
    let terms = Terms::of(records, max_price_age);
    summary.count(plan, records, &terms, &cached);
    for (index, record) in records.iter().enumerate() {
        let done = matches!(
            record.answer,
            Answer::Reserved { replayed: false, .. }
                | Answer::Booked { replayed: false, .. }
                | Answer::Extended { replayed: false, .. }
        );
        if matches!(record.answer, Answer::Unexpected(_)) || done && record.carried_out == 0 {
            return Err(format!("call {index} got an answer that isn't possible"));
        }
    }
    if let Some((index, seats)) = cached.invented.first() {
        return Err(format!("call {index}: the cache shows {seats} as taken, but no caller had taken it"));
    }
    // After a failure the cache may be stale until its key expires.
    if let Some((index, seats)) = cached.stale.first().filter(|_| !plan.cache_fails) {
        return Err(format!(
            "call {index}: the cache shows {seats} as available or not booked, but it was taken before"
        ));
    }
    let rules = Rules { seats: plan.seats, limit: plan.limited.then_some(MAX_RESERVED), max_price_age };
    terms::check_sales(records, &terms)?;
    checker::check(&rules, records).map_err(|failure| format!("the history isn't linearizable\n{failure}"))
}

fn history(records: &[CallRecord]) -> String {
    records.iter().enumerate().fold(String::new(), |mut text, (index, record)| {
        let _ = writeln!(text, "{index:>3} {record}");
        text
    })
}
