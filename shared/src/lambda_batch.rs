//! Batches of records as Lambda delivers them, from the table's stream or from a queue, and the response to a batch.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::time::EpochMillis;

/// A batch of records.
///
/// A batch of a stream has the records of one shard, and the records of one item are in the order of its writes. A
/// batch of a queue has independent messages. See <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html> and
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>.
#[derive(Deserialize)]
pub struct Batch {
    /// The records as received, so that one unreadable record doesn't affect the others.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

impl Batch {
    /// Returns the age of the oldest record of a stream in milliseconds. DynamoDB gives the time of a record in whole
    /// seconds. Returns `None` if no record has a time, as in a queue's batch.
    pub fn lag(&self, now: EpochMillis) -> Option<u64> {
        let written = |record: &Value| record["dynamodb"]["ApproximateCreationDateTime"].as_f64();
        let oldest = self.records.iter().filter_map(written).min_by(f64::total_cmp)?;
        // A number that isn't a valid time becomes the nearest valid one.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and that will do")]
        Some(now.as_millis().saturating_sub((oldest * 1e3) as u64))
    }
}

/// The response to a batch: the records to deliver again.
///
/// For a stream, Lambda delivers everything again from the first failed record. For a queue, it delivers only the
/// failed messages again. Without failures the batch is done. See
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<ItemFailure>,
}

/// A record to deliver again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    /// Sequence number of a stream's record, or id of a queue's message.
    item_identifier: String,
}

impl BatchResponse {
    /// Returns the response that requests the records with these identifiers again.
    pub fn failed(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| ItemFailure { item_identifier };
        Self { batch_item_failures: identifiers.into_iter().map(failure).collect() }
    }
}
