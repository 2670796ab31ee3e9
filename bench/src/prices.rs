//! Prices of AWS and assumptions, read from bench/prices.toml.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file of prices.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Prices {
    /// The day of the list.
    pub(crate) date: String,
    pub(crate) region: String,
    pub(crate) lambda: Lambda,
    pub(crate) api_gateway: Requests,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) elasticache: ElastiCache,
    pub(crate) transfer: Transfer,
    pub(crate) cloudfront: CloudFront,
    pub(crate) logs: Logs,
    pub(crate) assumed: Assumed,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Lambda {
    pub(crate) million_requests: f64,
    pub(crate) gb_second: f64,
    pub(crate) provisioned_gb_second: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Requests {
    pub(crate) million_requests: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DynamoDb {
    pub(crate) million_write_units: f64,
    pub(crate) million_read_units: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ElastiCache {
    pub(crate) million_ecpus: f64,
    pub(crate) gb_hour: f64,
    pub(crate) least_gb: f64,
    pub(crate) node_hour: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Transfer {
    pub(crate) gb_out: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CloudFront {
    pub(crate) million_requests: f64,
    pub(crate) gb_out: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Logs {
    pub(crate) gb_ingested: f64,
}

/// Assumptions in place of measurements.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Assumed {
    pub(crate) memory_mb: f64,
    pub(crate) core_mb: f64,
    pub(crate) redis_ms: f64,
    pub(crate) dynamodb_ms: f64,
}

impl Prices {
    /// Reads the file.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} doesn't have the expected fields", file.display()))
    }
}
