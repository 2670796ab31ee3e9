//! Logs: one JSON object a line on standard output, where Lambda collects them.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging at a level. Only this program's own lines follow it: libraries are heard from a warning on, since
/// what they log below that may hold request bodies, and those hold reservation ids. Starting twice does nothing.
pub fn start(level: tracing::Level) {
    let targets =
        Targets::new().with_default(LevelFilter::WARN).with_target("boxoffice", LevelFilter::from_level(level));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

/// A duration as log lines give it: milliseconds, to the microsecond.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
