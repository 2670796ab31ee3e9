//! How far it has come, on standard error: a bar where somebody watches, a line a part where nobody does.

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

    /// The next step begins.
    pub(crate) fn step(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        self.bar.inc(1);
    }

    /// So many steps are done.
    pub(crate) fn done_more(&self, steps: u64) {
        self.bar.inc(steps);
    }

    pub(crate) fn done(self) {
        self.bar.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        // Nothing is lost where nobody can be told.
        drop(writeln!(std::io::stderr(), "{:>12} {seconds:.1} s", self.name));
    }
}
