//! Delivery of the table's stream to a function, as Lambda's event source mapping does it, with the template's
//! settings.
//!
//! One batch is in flight at a time. If the answer names a record, the batch is delivered again from that record on. If
//! the whole batch fails, it is halved until the failing record is alone. Records that are too old are given up.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use self::mapping::EventSourceMapping;
pub use self::reader::StreamReader;

mod mapping;
mod reader;

/// The time between two reads of the stream. Lambda reads four times a second.
const POLL: Duration = Duration::from_millis(100);
/// The time between two deliveries of the same records.
const PAUSE: Duration = Duration::from_millis(200);

/// Records that are still to be delivered, in order.
type Batch = Vec<(Instant, Value)>;

/// The result of delivering records.
#[derive(Debug, Default)]
pub struct DeliveryReport {
    /// Records that were read and passed the filter.
    pub records: usize,
    /// Calls of the function.
    pub invocations: usize,
    /// Records that were given up, for the on-failure destination.
    pub undelivered: Vec<Value>,
}

/// Delivers the stream until nothing is left of it. The stream has then been read to its end once.
///
/// `invoke` sends an event to the function. It returns the answer, or an error if the function failed.
pub async fn drain(
    reader: &mut StreamReader,
    mapping: &EventSourceMapping,
    invoke: &impl AsyncFn(Value) -> Result<Value>,
) -> Result<DeliveryReport> {
    let mut delivered = DeliveryReport::default();
    loop {
        let records = reader.next(mapping.batch_size)?;
        if records.is_empty() {
            return Ok(delivered);
        }
        let read_at = Instant::now();
        let wanted = records.into_iter().filter(|record| mapping.wants(record));
        let batch: Batch = wanted.map(|record| (read_at, record)).collect();
        delivered.records += batch.len();
        deliver(batch, mapping, invoke, &mut delivered).await;
    }
}

/// Delivers records while it is polled, and passes records that were given up to a callback.
pub async fn follow(
    reader: &mut StreamReader,
    mapping: &EventSourceMapping,
    invoke: &impl AsyncFn(Value) -> Result<Value>,
    undelivered: impl Fn(&[Value]) -> Result<()>,
) -> Result<Infallible> {
    loop {
        let delivered = drain(reader, mapping, invoke).await.context("the table's stream can't be read")?;
        if !delivered.undelivered.is_empty() {
            undelivered(&delivered.undelivered)?;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn deliver(
    batch: Batch,
    mapping: &EventSourceMapping,
    invoke: &impl AsyncFn(Value) -> Result<Value>,
    delivered: &mut DeliveryReport,
) {
    let mut batches = VecDeque::from([batch]);
    while let Some(batch) = batches.pop_front() {
        let (young, old): (Batch, Batch) =
            batch.into_iter().partition(|(read_at, _)| read_at.elapsed() < mapping.longest_age);
        delivered.undelivered.extend(old.into_iter().map(|(_, record)| record));
        if young.is_empty() {
            continue;
        }
        let records: Vec<_> = young.iter().map(|(_, record)| record).collect();
        let event = json!({ "Records": records });
        delivered.invocations += 1;
        match invoke(event).await.map(|answer| first_failure(&answer, &young)) {
            Ok(None) => {}
            Ok(Some(first)) => batches.push_front(young.into_iter().skip(first).collect()),
            Err(_) if young.len() > 1 => {
                let mut first = young;
                let second = first.split_off(first.len() / 2);
                batches.push_front(second);
                batches.push_front(first);
                continue;
            }
            Err(_) => batches.push_front(young),
        }
        if !batches.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Returns the first record that the answer reports as failed. An id that isn't in the batch means the whole batch.
fn first_failure(answer: &Value, batch: &Batch) -> Option<usize> {
    let failures = answer["batchItemFailures"].as_array().filter(|failures| !failures.is_empty())?;
    let named = |failure: &Value| {
        let wanted = &failure["itemIdentifier"];
        batch.iter().position(|(_, record)| record["dynamodb"]["SequenceNumber"] == *wanted)
    };
    failures.iter().map(|failure| named(failure).unwrap_or(0)).min()
}

#[cfg(test)]
mod tests;
