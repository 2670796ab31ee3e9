//! The cost of a million calls on AWS, computed from the measurements and a list of prices.

use anyhow::Result;
use boxoffice_local::checkout;

use super::results::{CallFigures, Results};
use super::table::{Table, number};
use crate::prices::Prices;

/// The names of the calls in the table.
const SHOWN_CALLS: [&str; 9] = [
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
    let prices = Prices::read(&checkout::root()?.join("bench/prices.toml"))?;
    let head = ["dollars per million calls", "API", "requests", "Lambda time", "DynamoDB", "transfer", "total"];
    let mut table = Table::new(&head);
    for call in SHOWN_CALLS.iter().filter_map(|name| results.call(name)) {
        let parts = parts(call, &prices);
        let mut row = vec![call.name.clone()];
        row.extend(parts.iter().chain([&parts.iter().sum()]).map(|dollars| format!("{dollars:.2}")));
        table.row(&row);
    }
    let Prices { date, region, assumed, .. } = &prices;
    let (memory, redis, dynamodb) = (number(assumed.memory_mb), number(assumed.redis_ms), number(assumed.dynamodb_ms));
    Ok(format!(
        "{}\n\
         Prices of {region} as of {date} from `bench/prices.toml`, which marks the unchecked ones.\n\
         Lambda time is the measured CPU time, scaled to the share of a processor that {memory} MB have, \
         plus {redis} ms for each trip to Redis and {dynamodb} ms for each trip to DynamoDB, \
         rounded up to a millisecond.\n\
         Transfer is the body to the internet.\n\
         The cache's own price, logs and the first start are not included.\n",
        table.text()
    ))
}

/// Returns the dollars for the API, requests, time, DynamoDB and transfer.
fn parts(call: &CallFigures, prices: &Prices) -> [f64; 5] {
    let Prices { lambda, dynamodb, assumed, .. } = prices;
    let exact = call.exact.unwrap_or_default();
    let on_processor = call.timed.cpu / 1e3 * (assumed.core_mb / assumed.memory_mb).max(1.0);
    let waiting = exact.redis.trips * assumed.redis_ms + exact.dynamodb.trips * assumed.dynamodb_ms;
    let seconds = (on_processor + waiting).ceil() * 1e-3;
    let time = 1e6 * seconds * assumed.memory_mb / 1_024.0 * lambda.gb_second;
    let unit = if call.seats.is_some() { dynamodb.million_read_units } else { dynamodb.million_write_units };
    #[allow(clippy::cast_precision_loss, reason = "no body is that large")]
    let transfer = call.timed.body as f64 * 1e6 / 1e9 * prices.transfer.gb_out;
    [prices.api_gateway.million_requests, lambda.million_requests, time, exact.capacity * unit, transfer]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::exact::ExactFigures;
    use crate::measure::timed::TimedFigures;
    use crate::prices::Assumed;
    use crate::wiretap::Traffic;

    #[test]
    fn cost_is_the_sum_of_its_parts() {
        let prices: Prices = toml::from_str(include_str!("../../prices.toml")).unwrap();
        let assumed = Assumed { memory_mb: 512.0, core_mb: 1_024.0, redis_ms: 0.5, dynamodb_ms: 4.0 };
        let prices = Prices { assumed, ..prices };
        let trips = |trips| Traffic { trips, ..Traffic::default() };
        let exact = ExactFigures { redis: trips(1.0), dynamodb: trips(1.0), capacity: 4.0, ..ExactFigures::default() };
        let timed = TimedFigures { cpu: 100.0, body: 1_000, ..TimedFigures::default() };
        let call = CallFigures { timed, exact: Some(exact), ..CallFigures::default() };
        let [api, requests, time, dynamodb, transfer] = parts(&call, &prices);
        // 0.2 ms on half a core and 4.5 ms of waiting are billed as 5 ms of half a gigabyte.
        let expected = 1e6 * 0.005 * 0.5 * prices.lambda.gb_second;
        assert!((time - expected).abs() < 1e-9, "{time}");
        assert!((dynamodb - 4.0 * prices.dynamodb.million_write_units).abs() < 1e-9);
        assert!((transfer - prices.transfer.gb_out).abs() < 1e-9);
        assert!(
            (api - prices.api_gateway.million_requests).abs() + (requests - prices.lambda.million_requests).abs()
                < 1e-9
        );
    }
}
