//! Seeded histories: clients that reserve, book, release, extend, cancel and look at once, with faults on every way, and a checker that holds
//! all answers against a reference model.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`plan`] | what is asked, when clocks go on, what fails: drawn from one number, the seed |
//! | [`faults`] | what a call meets at the proxies |
//! | [`lane`] | carries a plan out, through the real handlers on real engines |
//! | [`record`], [`seats`] | what was asked and answered |
//! | [`model`], `reservation`, [`checker`] | the reference, and whether the answers can be put in an order that it allows |
//! | [`looks`] | what the cache answered, held against what had been answered before |
//! | [`summary`] | how much of everything there was |
//!
//! A plan is replayed exactly from its seed. How its calls interleave is up to the machine: a seed that failed once may
//! have to be replayed some times before it fails again, and what is printed when it fails is the history that was.

pub mod checker;
pub mod faults;
pub mod lane;
pub mod looks;
pub mod model;
pub mod plan;
pub mod record;
mod reservation;
pub mod seats;
pub mod summary;

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::World;
use lane::Lane;
use plan::{MOST_RESERVED, Plan};
use record::{Answer, Record};
use summary::Summary;

/// The number of histories at once, as many of each kind of plan.
const LANES: usize = 12;
/// Kinds of plans, which follow each other by the seed: with a cache that is well or fails, without a limit or with one.
const KINDS: usize = 4;

/// Carries out and checks the histories of the seeds from `first` on, as long as `go_on` says so of their number;
/// panics at the first that is wrong, with all that is known of it.
pub async fn check_many(first: u64, go_on: impl Fn(u64) -> bool + Send + Sync + 'static, summary: &Arc<Summary>) {
    let world = Arc::new(World::new().await);
    let go_on = Arc::new(go_on);
    let next: Arc<[AtomicU64; KINDS]> = Arc::new(std::array::from_fn(|kind| AtomicU64::new(kind as u64)));
    let mut lanes = tokio::task::JoinSet::new();
    for number in 0..LANES {
        let (world, go_on, next, summary) = (world.clone(), go_on.clone(), next.clone(), summary.clone());
        lanes.spawn(async move {
            let own = number % KINDS;
            let mut lane = Lane::new(world, &Plan::of(first + own as u64)).await;
            loop {
                let number = next[own].fetch_add(KINDS as u64, Ordering::Relaxed);
                if !go_on(number) {
                    return;
                }
                check_one(&mut lane, first + number, &summary).await;
            }
        });
    }
    while let Some(lane) = lanes.join_next().await {
        if let Err(failed) = lane {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

/// Carries out and checks the history of one seed, so many times: the machine interleaves it differently each time.
pub async fn replay(seed: u64, times: usize, summary: &Summary) {
    let mut lane = Lane::new(Arc::new(World::new().await), &Plan::of(seed)).await;
    for _ in 0..times {
        check_one(&mut lane, seed, summary).await;
    }
}

async fn check_one(lane: &mut Lane, seed: u64, summary: &Summary) {
    let plan = Plan::of(seed);
    let records = lane.carry_out(&plan, summary).await;
    if let Err(wrong) = judge(&plan, &records, summary) {
        panic!("{wrong}\n\n{}\nSEED={seed} replays this plan\n\n{plan}", history(&records));
    }
}

/// Judges a history, and counts it.
fn judge(plan: &Plan, records: &[Record], summary: &Summary) -> Result<(), String> {
    let cached = looks::judge(plan.seats, records);
    summary.count(plan, records, &cached);
    for (index, record) in records.iter().enumerate() {
        let done = matches!(
            record.answer,
            Answer::Reserved { replayed: false, .. }
                | Answer::Booked { replayed: false, .. }
                | Answer::Extended { replayed: false, .. }
        );
        if matches!(record.answer, Answer::Odd(_)) || done && record.carried_out == 0 {
            return Err(format!("call {index} was answered what it can't be"));
        }
    }
    if let Some((index, seats)) = cached.invented.first() {
        return Err(format!("call {index} was told by the cache that {seats} is taken, and nobody had taken it"));
    }
    // A cache that fails may be behind for as long as its key lives.
    if let Some((index, seats)) = cached.stale.first().filter(|_| !plan.lossy) {
        return Err(format!("call {index} was told by the cache that {seats} is free, or not sold, after it was"));
    }
    let limit = plan.limited.then_some(MOST_RESERVED);
    checker::check(plan.seats, limit, records).map_err(|stuck| format!("the history isn't linearizable\n{stuck}"))
}

fn history(records: &[Record]) -> String {
    records.iter().enumerate().fold(String::new(), |mut text, (index, record)| {
        let _ = writeln!(text, "{index:>3} {record}");
        text
    })
}
