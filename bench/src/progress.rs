//! Progress on standard error: a bar on a terminal, otherwise one line per part.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One part of the work.
pub(crate) struct Progress {
    name: &'static str,
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    pub(crate) fn new(name: &'static str, steps: u64) -> Self {
        let bar = ProgressBar::new(steps).with_prefix(name);
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} {bar:32} {pos}/{len} {elapsed:>4} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { name, bar, started: Instant::now() }
    }

    /// Begins the next step.
    pub(crate) fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// Marks this many more steps as done.
    pub(crate) fn done_more(&self, steps: u64) {
        self.bar.inc(steps);
    }

    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        // A closed standard error is no reason to fail.
        drop(writeln!(std::io::stderr(), "{:>12} {seconds:.1} s", self.name));
    }
}
