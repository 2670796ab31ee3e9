//! What a million calls cost on AWS: computed, of what was measured and of a list of prices.

use anyhow::Result;
use serde::Deserialize;

use super::results::{Called, Results};
use super::table::{Table, number};

/// Prices in dollars, and what has to be assumed.
#[derive(Clone, Debug, Deserialize)]
struct Prices {
    as_of: String,
    region: String,
    http_api_million: f64,
    lambda_million: f64,
    lambda_gb_second: f64,
    write_million: f64,
    read_million: f64,
    transfer_gb: f64,
    memory_mb: f64,
    core_mb: f64,
    redis_ms: f64,
    dynamodb_ms: f64,
}

/// What is shown, by the names of calls.
const SHOWN: [&str; 9] = [
    "get-seats hit, 300 seats, half sold",
    "get-seats hit, 10000 seats, half sold",
    "get-seats 304, 10000 seats, half sold",
    "get-seats miss, 300 seats, sold out",
    "get-seats miss, 10000 seats, sold out",
    "reserve 1 seat",
    "reserve 4 seats",
    "book 1 seat",
    "book, refused by the cache",
];

pub(super) fn table(results: &Results) -> Result<String> {
    let prices: Prices = toml::from_str(include_str!("../../prices.toml"))?;
    let head = ["dollars for a million", "API", "requests", "Lambda's time", "DynamoDB", "transfer", "together"];
    let mut table = Table::new(&head);
    for call in SHOWN.iter().filter_map(|name| results.call(name)) {
        let parts = parts(call, &prices);
        let mut row = vec![call.name.clone()];
        row.extend(parts.iter().chain([&parts.iter().sum()]).map(|dollars| format!("{dollars:.2}")));
        table.row(&row);
    }
    let Prices { as_of, region, memory_mb, redis_ms, dynamodb_ms, .. } = &prices;
    let (memory, redis, dynamodb) = (number(*memory_mb), number(*redis_ms), number(*dynamodb_ms));
    Ok(format!(
        "{}\nPrices of {region} as of {as_of}, `bench/prices.toml`. Lambda's time is the measured time on a processor, \
         on the share of one that {memory} MB have, and {redis} ms for each trip to Redis and {dynamodb} ms for each to \
         DynamoDB, rounded up to a millisecond. Transfer is the body to the internet. Without the cache's own price, logs and the first \
         start.\n",
        table.text()
    ))
}

/// API, requests, time, DynamoDB, transfer.
fn parts(call: &Called, prices: &Prices) -> [f64; 5] {
    let exact = call.exact.unwrap_or_default();
    let on_processor = call.timed.cpu / 1e3 * (prices.core_mb / prices.memory_mb).max(1.0);
    let waiting = exact.redis.trips * prices.redis_ms + exact.dynamodb.trips * prices.dynamodb_ms;
    let seconds = (on_processor + waiting).ceil() * 1e-3;
    let time = 1e6 * seconds * prices.memory_mb / 1_024.0 * prices.lambda_gb_second;
    let unit = if call.seats.is_some() { prices.read_million } else { prices.write_million };
    #[allow(clippy::cast_precision_loss, reason = "no body is that large")]
    let transfer = call.timed.body as f64 * 1e6 / 1e9 * prices.transfer_gb;
    [prices.http_api_million, prices.lambda_million, time, exact.capacity * unit, transfer]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::exact::Exact;
    use crate::measure::timed::Timed;
    use crate::wiretap::Traffic;

    #[test]
    fn a_million_calls_cost_what_their_parts_cost() {
        let prices: Prices = toml::from_str(include_str!("../../prices.toml")).unwrap();
        let prices = Prices { memory_mb: 512.0, core_mb: 1_024.0, redis_ms: 0.5, dynamodb_ms: 4.0, ..prices };
        let trips = |trips| Traffic { trips, ..Traffic::default() };
        let exact = Exact { redis: trips(1.0), dynamodb: trips(1.0), capacity: 4.0, ..Exact::default() };
        let timed = Timed { cpu: 100.0, body: 1_000, ..Timed::default() };
        let call = Called { timed, exact: Some(exact), ..Called::default() };
        let [api, requests, time, dynamodb, transfer] = parts(&call, &prices);
        // 0.2 ms on half a core, 4.5 ms of waiting: 5 ms of half a gigabyte.
        let expected = 1e6 * 0.005 * 0.5 * prices.lambda_gb_second;
        assert!((time - expected).abs() < 1e-9, "{time}");
        assert!((dynamodb - 4.0 * prices.write_million).abs() < 1e-9);
        assert!((transfer - prices.transfer_gb).abs() < 1e-9);
        assert!((api - prices.http_api_million).abs() + (requests - prices.lambda_million).abs() < 1e-9);
    }
}
