//! The cost of an on-sale: the use of each service multiplied by bench/prices.toml.

use serde::{Deserialize, Serialize};

use super::counters::Counters;
use super::parameters::Parameters;
use super::units::count;
use crate::prices::Prices;

/// A request's log lines. Two lines of a read take 735 bytes (measured). The lines that Lambda adds are assumed.
const LOG_BYTES: f64 = 1_500.0;
const MILLION: f64 = 1e6;
const GB: f64 = 1e9;

/// Dollars by service.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Bill {
    /// Requests and time of functions.
    pub(crate) lambda: f64,
    /// Requests that API Gateway accepted.
    pub(crate) api_gateway: f64,
    /// Read and write units.
    pub(crate) dynamodb: f64,
    /// ECPUs and storage, or nodes.
    pub(crate) elasticache: f64,
    /// Bytes to callers.
    pub(crate) transfer: f64,
    /// Requests and bytes of the CDN.
    pub(crate) cloudfront: f64,
    /// Log lines of the functions.
    pub(crate) logs: f64,
}

impl Bill {
    /// Computes the bill of an on-sale of this length in hours.
    pub(super) fn of(parameters: &Parameters, counters: &Counters, hours: f64, prices: &Prices) -> Self {
        let stack = &parameters.stack;
        let seconds = counters.lambda_ms / 1_000.0 * stack.memory / 1_024.0;
        let provisioned = f64::from(stack.provisioned) * 3.0 * stack.memory / 1_024.0 * hours * 3_600.0;
        let lambda = &prices.lambda;
        let cache = &prices.elasticache;
        let requests = count(counters.lambda_requests);
        Self {
            lambda: requests / MILLION * lambda.million_requests
                + seconds * lambda.gb_second
                + provisioned * lambda.provisioned_gb_second,
            api_gateway: count(counters.gateway_requests) / MILLION * prices.api_gateway.million_requests,
            dynamodb: counters.write_units / MILLION * prices.dynamodb.million_write_units
                + counters.read_units / MILLION * prices.dynamodb.million_read_units,
            elasticache: if stack.cache.serverless {
                counters.cache_units / MILLION * cache.million_ecpus + cache.least_gb * cache.gb_hour * hours
            } else {
                stack.cache.nodes * cache.node_hour * hours
            },
            // Traffic to the CDN is free.
            transfer: if stack.edge.is_some() { 0.0 } else { counters.bytes_out / GB * prices.transfer.gb_out },
            cloudfront: count(counters.edge_requests) / MILLION * prices.cloudfront.million_requests
                + counters.edge_bytes / GB * prices.cloudfront.gb_out,
            logs: requests * LOG_BYTES / GB * prices.logs.gb_ingested,
        }
    }

    /// Returns the sum.
    pub(crate) fn total(&self) -> f64 {
        let Self { lambda, api_gateway, dynamodb, elasticache, transfer, cloudfront, logs } = self;
        lambda + api_gateway + dynamodb + elasticache + transfer + cloudfront + logs
    }
}
