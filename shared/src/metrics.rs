//! Metrics: a line for each request or batch in CloudWatch's embedded metric format, which Lambda collects with the logs.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
//!
//! Written only where something is to be counted, and nowhere unless `METRICS_NAMESPACE` is set. All are sums over a stack, not
//! of single functions: each further dimension is a metric more to pay for, and Lambda has its own of each function.

use std::sync::OnceLock;

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::tally::Costs;

/// What is counted, with its meaning. The README has the same list.
const COUNTED: [(&str, &str); 13] = [
    (BOOKINGS, "bookings made"),
    (RESERVATIONS, "reserve calls that reserved seats"),
    (REPLAYS, "repeated requests, answered as the first time"),
    (CONFLICTS, "requests refused because others have the seats"),
    (CACHE_HITS, "looks answered by the cache"),
    (CACHE_MISSES, "looks answered by DynamoDB, past the cache or on the way into it"),
    (CACHE_ERRORS, "calls to the cache that failed"),
    (STALE_ANSWERS, "seats the cache showed as available that others had had for more than two seconds"),
    (DYNAMODB_RETRIES, "calls to DynamoDB that were repeated"),
    (COLD_STARTS, "instances started"),
    (EXPIRED_TAKEOVERS, "seats whose reservation had run out that went to another one, or were booked"),
    (SKIPPED_RECORDS, "records of the stream, and messages of the queue, that can't be read"),
    (EVENTS, "events told on the bus"),
];

const BOOKINGS: &str = "Bookings";
const RESERVATIONS: &str = "Reservations";
const REPLAYS: &str = "Replays";
const CONFLICTS: &str = "Conflicts";
const CACHE_HITS: &str = "CacheHits";
const CACHE_MISSES: &str = "CacheMisses";
const CACHE_ERRORS: &str = "CacheErrors";
const STALE_ANSWERS: &str = "StaleAnswers";
const DYNAMODB_RETRIES: &str = "DynamoDBRetries";
const COLD_STARTS: &str = "ColdStarts";
const EXPIRED_TAKEOVERS: &str = "ExpiredTakeovers";
const SKIPPED_RECORDS: &str = "SkippedRecords";
const EVENTS: &str = "Events";
/// How far the oldest record of a batch lay behind when the cache was told, in milliseconds; DynamoDB tells whole seconds.
const REPAIR_LAG: &str = "RepairLag";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Where metrics go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// `METRICS_NAMESPACE`
    pub namespace: String,
    /// `METRICS_SERVICE`: the value of the only dimension, `Service`.
    pub service: String,
}

/// What came of a request, as far as it is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answered<'a> {
    /// Which kind of thing a success of this route makes, if any.
    pub(crate) makes: Option<Made>,
    pub(crate) status: u16,
    /// The problem's code, or nothing.
    pub(crate) code: &'a str,
    /// `hit`, `miss`, `bypass` or nothing.
    pub(crate) cache: &'a str,
    pub(crate) replayed: bool,
}

/// What a call makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Reservation,
    Booking,
}

/// Starts counting; the start itself is the first thing counted. Starting twice does nothing.
pub fn start(config: Option<MetricsConfig>) {
    let Some(MetricsConfig { namespace, service }) = config else { return };
    match Builder::new().cloudwatch_namespace(namespace).with_dimension("Service", service).init() {
        Ok(collector) => drop(COLLECTOR.set(collector)),
        Err(error) => return tracing::warn!(error, "there are no metrics"),
    }
    for (name, meaning) in COUNTED {
        describe_counter!(name, Unit::Count, meaning);
    }
    describe_histogram!(REPAIR_LAG, Unit::Milliseconds, "how old the oldest record of a batch is");
    add(COLD_STARTS, 1);
}

/// Counts a request, and writes what was counted since the last time.
pub(crate) fn request(answered: Answered<'_>, costs: &Costs) {
    let one = |name, counts: bool| add(name, u64::from(counts));
    let made = |kind| answered.status == 201 && answered.makes == Some(kind);
    one(BOOKINGS, made(Made::Booking));
    one(RESERVATIONS, made(Made::Reservation));
    one(REPLAYS, answered.replayed);
    one(CONFLICTS, answered.code == "seat_unavailable");
    one(CACHE_HITS, answered.cache == "hit");
    one(CACHE_MISSES, matches!(answered.cache, "miss" | "bypass"));
    add(STALE_ANSWERS, costs.stale_answers.into());
    calls(costs);
    write();
}

/// Counts a batch that was merged into the cache, and writes.
pub(crate) fn merged(lag: Option<u64>, skipped: usize, costs: &Costs) {
    #[allow(clippy::cast_precision_loss, reason = "no lag is that long")]
    if let Some(lag) = lag.filter(|_| COLLECTOR.get().is_some()) {
        histogram!(REPAIR_LAG).record(lag as f64);
    }
    add(SKIPPED_RECORDS, skipped as u64);
    calls(costs);
    write();
}

/// Counts a batch of which `events` were told, and in which `takeovers` seats went from a reservation that had run out to
/// another one or to a booking; writes.
pub fn told(skipped: usize, events: usize, takeovers: usize) {
    add(SKIPPED_RECORDS, skipped as u64);
    add(EVENTS, events as u64);
    add(EXPIRED_TAKEOVERS, takeovers as u64);
    write();
}

fn calls(costs: &Costs) {
    add(CACHE_ERRORS, costs.redis_failures.into());
    add(DYNAMODB_RETRIES, costs.dynamodb_retries.into());
}

/// Nothing is written of what is zero.
fn add(name: &'static str, count: u64) {
    if count > 0 && COLLECTOR.get().is_some() {
        counter!(name).increment(count);
    }
}

fn write() {
    let Some(collector) = COLLECTOR.get() else { return };
    // In one piece: log lines go the same way.
    let mut lines = Vec::new();
    let written = collector.flush(&mut lines).and_then(|()| std::io::Write::write_all(&mut std::io::stdout(), &lines));
    if let Err(error) = written {
        tracing::warn!(%error, "metrics were lost");
    }
}
