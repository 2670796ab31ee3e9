//! Logs: one JSON object per line on standard output, where Lambda collects them.
//!
//! Each line has `timestamp` and `level` in the form that Lambda expects of JSON lines, so that Lambda adds none of
//! its own: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;
use crate::domain::time::EpochMillis;
use crate::observability::metrics::{Counts, Members};

/// Duration of this instance's start in microseconds, until an access log line includes it.
static INIT_MICROS: AtomicU64 = AtomicU64::new(0);

/// Module of the SDK that logs an ERROR after each attempt without a connection to close. The line says nothing about
/// the request, but looks like the cause of its failure.
const MISLEADING_SDK_MODULE: &str = "aws_smithy_runtime::client::http::connection_poisoning";

/// Starts logging at a level. Starting twice does nothing.
///
/// The level applies only to this program's own lines. Libraries log only warnings and errors, because their lines
/// below that level may hold request bodies with reservation ids.
pub fn start(level: Level) {
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(MISLEADING_SDK_MODULE, LevelFilter::OFF)
        .with_target("boxoffice", LevelFilter::from_level(level));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}

/// Records the duration of this instance's start. The next access log line includes it, so that cold starts can be
/// counted in the log.
pub fn record_init_duration(duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).expect("the microseconds of a start fit into 64 bits");
    INIT_MICROS.store(micros.max(1), Ordering::Relaxed);
}

/// An access log line: the time, its own fields, and the metrics.
#[derive(Serialize)]
struct Line<'a, F> {
    timestamp: String,
    level: &'static str,
    #[serde(flatten)]
    fields: &'a F,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_ms: Option<f64>,
    #[serde(flatten)]
    metrics: Members<'a>,
}

/// Writes the access log line of a request or a batch, if its level is logged or it holds metrics. The level is INFO
/// or ERROR.
///
/// It bypasses `tracing`, which takes several times as much for an event. The types of the fields leave out zero and
/// empty values, because the log is billed by its bytes.
pub fn write_access_log_line(level: Level, fields: &impl Serialize, counts: Counts) {
    let is_logged = match level {
        Level::ERROR => tracing::enabled!(Level::ERROR),
        _ => tracing::enabled!(Level::INFO),
    };
    if !is_logged && !counts.must_be_logged() {
        return;
    }
    let now = Clock::System.now();
    let init = INIT_MICROS.swap(0, Ordering::Relaxed);
    let line = Line {
        timestamp: rfc3339(now),
        level: level.as_str(),
        fields,
        init_ms: (init > 0).then(|| millis(Duration::from_micros(init))),
        metrics: Members::of(counts, now),
    };
    if let Ok(mut line) = serde_json::to_vec(&line) {
        line.push(b'\n');
        // One write, so that lines don't mix. A failed write can't be reported anywhere.
        let _ = std::io::stdout().write_all(&line);
    }
}

/// Formats a time as `2026-11-30T15:32:07.123Z`.
fn rfc3339(time: EpochMillis) -> String {
    let time = i64::try_from(time.as_millis()).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    format!("{:.3}", time.unwrap_or(Timestamp::MAX))
}

/// Returns a duration in milliseconds with one decimal, the form of log lines.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 1e1
}

/// Returns `true` for a number that an access log line leaves out.
pub fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_times_have_milliseconds_and_durations_tenths() {
        assert_eq!(rfc3339(EpochMillis::new(1_764_516_727_120)), "2025-11-30T15:32:07.120Z");
        assert_eq!(rfc3339(EpochMillis::new(u64::MAX)).len(), 24);
        assert_eq!(
            [0, 49, 50, 2_549].map(|micros| millis(Duration::from_micros(micros)).to_string()),
            ["0", "0", "0.1", "2.5"]
        );
    }
}
