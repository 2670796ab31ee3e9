//! The table's stream handed to a function, as Lambda's event source mapping does it, by the template's own rules.
//!
//! One batch is under way at a time. A batch whose answer names a record is delivered again from that record on; one
//! that failed as a whole is halved, until the record that is to blame stands alone; what is too old is given up.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use self::mapping::Mapping;
pub use self::reader::StreamReader;

mod mapping;
mod reader;

/// How often the stream is looked at. Lambda looks four times a second.
const POLL: Duration = Duration::from_millis(100);
/// Between two deliveries of the same records.
const PAUSE: Duration = Duration::from_millis(200);

/// Records that are still to be delivered, in their order.
type Batch = Vec<(Instant, Value)>;

/// What became of a stream's records so far.
#[derive(Debug, Default)]
pub struct Delivered {
    /// Records that were read and passed the filter.
    pub records: usize,
    /// Calls of the function.
    pub invocations: usize,
    /// What was given up: for the on-failure destination.
    pub undelivered: Vec<Value>,
}

/// Delivers what the stream has, again and again until nothing is left of it; then it has been read to its end once.
///
/// `invoke` hands an event to the function: its answer, or an error where the function failed.
pub async fn drain(
    reader: &mut StreamReader,
    mapping: &Mapping,
    invoke: &impl AsyncFn(Value) -> Result<Value>,
) -> Result<Delivered> {
    let mut delivered = Delivered::default();
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

/// Delivers for as long as it is polled, and hands over what was given up.
pub async fn follow(
    reader: &mut StreamReader,
    mapping: &Mapping,
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
    mapping: &Mapping,
    invoke: &impl AsyncFn(Value) -> Result<Value>,
    delivered: &mut Delivered,
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

/// The first record that the answer names as failed. One that names none of the batch means all of it.
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
