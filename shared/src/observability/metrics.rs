//! Metrics, as members of the access log lines of requests and batches.
//!
//! CloudWatch's embedded metric format allows other members, so one line serves as log and as metrics:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! This module writes the members itself. The crates for the format write separate lines, with a unit for each
//! metric, and a second line costs as much as the first one.
//!
//! A metric costs $0.30 a month. So only metrics that an alarm or the dashboard reads exist. Everything else is a
//! field of the access log, for queries. A value of zero is left out, together with its declaration, because most
//! lines hold no metric. Each metric is the sum over a stack, because a further dimension would be a further metric.

use std::sync::OnceLock;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use crate::domain::time::EpochMillis;

static CONFIG: OnceLock<MetricsConfig> = OnceLock::new();

/// The destination of the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// `METRICS_NAMESPACE`
    pub namespace: String,
    /// `METRICS_SERVICE`: the value of the only dimension, `Service`.
    pub service: String,
}

/// The metrics of a request or a batch. `docs/observability.md` has the same list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New bookings. Repeated requests don't count.
    pub bookings: u32,
    /// Requests that reserved seats. Repeated requests don't count.
    pub reservations: u32,
    /// Requests rejected because other callers have the seats.
    pub conflicts: u32,
    /// Requests for seats that DynamoDB answered. The cache answered the function's other invocations.
    pub cache_misses: u32,
    /// Calls to the cache that failed.
    pub cache_errors: u32,
}

/// The kind of object that a request creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Reservation,
    Booking,
}

/// Turns metrics on. A second call changes nothing. Without a configuration the values remain ordinary fields of the
/// log.
pub fn start(config: Option<MetricsConfig>) {
    if let Some(config) = config {
        let _ = CONFIG.set(config);
    }
}

impl Counts {
    /// Returns the nonzero metrics.
    fn nonzero(self) -> impl Iterator<Item = (&'static str, u32)> {
        let all = [
            ("Bookings", self.bookings),
            ("Reservations", self.reservations),
            ("Conflicts", self.conflicts),
            ("CacheMisses", self.cache_misses),
            ("CacheErrors", self.cache_errors),
        ];
        all.into_iter().filter(|(_, count)| *count > 0)
    }

    /// Returns `true` if the metrics must be logged at any log level, because CloudWatch reads them.
    pub(crate) fn must_be_logged(self) -> bool {
        CONFIG.get().is_some() && self != Self::default()
    }
}

/// Members of an access log line: each metric, and the declaration that makes CloudWatch count them.
pub(crate) struct Members<'a> {
    counts: Counts,
    now: EpochMillis,
    config: Option<&'a MetricsConfig>,
}

impl Members<'_> {
    /// Returns the members for a line that is written now.
    pub(crate) fn of(counts: Counts, now: EpochMillis) -> Self {
        Self { counts, now, config: CONFIG.get() }
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        for (name, count) in self.counts.nonzero() {
            members.serialize_entry(name, &count)?;
        }
        if let Some(MetricsConfig { namespace, service }) = self.config
            && self.counts != Counts::default()
        {
            let metrics: Vec<_> = self.counts.nonzero().map(|(name, _)| json!({ "Name": name })).collect();
            members.serialize_entry("Service", service)?;
            let directive = json!({ "Namespace": namespace, "Dimensions": [["Service"]], "Metrics": metrics });
            members.serialize_entry(
                "_aws",
                &json!({ "Timestamp": self.now.as_millis(), "CloudWatchMetrics": [directive] }),
            )?;
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(counts: Counts, config: Option<&MetricsConfig>) -> String {
        serde_json::to_string(&Members { counts, now: EpochMillis::new(1_764_516_727_123), config }).unwrap()
    }

    #[test]
    fn log_line_declares_only_its_own_metrics() {
        let config = MetricsConfig { namespace: "halls".to_owned(), service: "stack".to_owned() };
        let counts = Counts { bookings: 1, cache_errors: 2, ..Counts::default() };
        let expected = json!({
            "Bookings": 1,
            "CacheErrors": 2,
            "Service": "stack",
            "_aws": {
                "Timestamp": 1_764_516_727_123_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "halls",
                    "Dimensions": [["Service"]],
                    "Metrics": [{ "Name": "Bookings" }, { "Name": "CacheErrors" }],
                }],
            },
        });
        let written = written(counts, Some(&config));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), expected);
    }

    #[test]
    fn nothing_is_declared_without_a_namespace_or_a_metric() {
        let config = MetricsConfig { namespace: "halls".to_owned(), service: "stack".to_owned() };
        assert_eq!(written(Counts::default(), Some(&config)), "{}");
        assert_eq!(written(Counts { conflicts: 1, ..Counts::default() }, None), r#"{"Conflicts":1}"#);
    }
}
