//! A thousand seeded histories. Each has some concurrent clients and faults on every connection, and all its responses
//! must be consistent.
//!
//! `SEED=n` replays the plan of one seed. `SEEDS=n` runs that many seeds. `SOAK_MINUTES=n` runs new seeds for that
//! long, and prints its progress every ten seconds.

#![allow(clippy::print_stderr, reason = "the figures are what a soak is run for")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_tests::history::summary::Summary;
use boxoffice_tests::history::{check_many, replay};

/// The first seed in CI, so that CI runs the same plans each time.
const FIRST: u64 = 2_026_000_000;
const SEEDS: u64 = 1_000;
/// The number of replays of one seed. The machine interleaves each replay differently.
const REPLAYS: usize = 20;

pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var_os(name).filter(|text| !text.is_empty())?;
    let text = text.into_string().expect("a number");
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, got {text:?}")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_random_history_is_linearizable() {
    let summary = Arc::new(Summary::default());
    if let Some(seed) = setting("SEED") {
        replay(seed, REPLAYS, &summary).await;
    } else if let Some(minutes) = setting("SOAK_MINUTES").filter(|minutes| *minutes > 0) {
        soak(Duration::from_secs(60 * minutes), &summary).await;
    } else {
        let seeds = setting("SEEDS").unwrap_or(SEEDS);
        check_many(FIRST, move |number| number < seeds, &summary).await;
        if seeds >= SEEDS {
            assert_eq!(summary.missing(), Vec::<&str>::new(), "the plans no longer cover every case\n{summary}");
        }
    }
    say(&summary.to_string());
}

async fn soak(time: Duration, summary: &Arc<Summary>) {
    let (started, first) = (Instant::now(), fastrand::u64(..1 << 48) << 1);
    say(&format!("seeds from {first} on"));
    let progress = tokio::spawn({
        let summary = summary.clone();
        async move {
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
                say(&format!("{} s: {}", started.elapsed().as_secs(), summary.line()));
            }
        }
    });
    check_many(first, move |_| started.elapsed() < time, summary).await;
    progress.abort();
}

#[allow(clippy::print_stderr, reason = "what a soak is watched by")]
fn say(text: &str) {
    eprintln!("{text}");
}
