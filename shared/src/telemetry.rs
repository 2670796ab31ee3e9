//! Logs: one JSON object a line on standard output, where Lambda collects them.

use std::io::Write;

use serde::Serialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The SDK's module that logs at ERROR that it found no connection to close, after each attempt that found none. The line
/// says nothing about the request, and looks like its cause.
const MISLEADING: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// Starts logging at a level. Only this program's own lines follow it. Libraries log warnings and errors: below that their lines
/// may hold request bodies, and those hold reservation ids. Starting twice does nothing.
pub fn start(level: tracing::Level) {
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(MISLEADING, LevelFilter::OFF)
        .with_target("boxoffice", LevelFilter::from_level(level));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

/// A line as those of events look.
#[derive(Serialize)]
struct Line<'a, F, S> {
    timestamp: &'a str,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    fields: &'a F,
    span: &'a S,
}

/// Logs that something was done, with its fields and those of its span, if the level INFO is logged. For what each request
/// logs: an event that goes through `tracing` costs several times as much.
pub(crate) fn info(message: &'static str, fields: &impl Serialize, span: &impl Serialize) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let mut timestamp = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let line = Line { timestamp: &timestamp, level: "INFO", message, fields, span };
    if let Ok(mut line) = serde_json::to_vec(&line) {
        line.push(b'\n');
        // In one piece, and nobody is left to tell if it fails.
        let _ = std::io::stdout().write_all(&line);
    }
}

/// A duration as log lines give it: milliseconds, to the microsecond.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
