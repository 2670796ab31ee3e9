//! Batches as Lambda delivers them, of the table's stream or of a queue, and the answer to one.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rules::time::EpochMillis;

/// Of a stream: records of one shard, those of one item in the order of its writes. Of a queue: messages, each for itself.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>, <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Deserialize)]
pub struct Batch {
    /// Each still as it came, so that one that can't be read doesn't spoil the others.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

impl Batch {
    /// How long ago the oldest record of a stream was written, in milliseconds. DynamoDB gives the time of a record in whole
    /// seconds; where none has it, as in a queue's, there is nothing to tell.
    pub fn lag(&self, now: EpochMillis) -> Option<u64> {
        let written = |record: &Value| record["dynamodb"]["ApproximateCreationDateTime"].as_f64();
        let oldest = self.records.iter().filter_map(written).min_by(f64::total_cmp)?;
        // A number that fits no time at all becomes the nearest that does.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and that will do")]
        Some(now.0.saturating_sub((oldest * 1e3) as u64))
    }
}

/// The answer to a batch: what has to be delivered again. Of a stream that is all from the first that is named on, of a queue
/// what is named. With none the batch is done.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    batch_item_failures: Vec<ItemFailure>,
}

/// A record that has to be delivered again.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    /// Of a stream its sequence number, of a queue the message's id.
    item_identifier: String,
}

impl Outcome {
    /// Those of these identifiers come again.
    pub fn failed(identifiers: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| ItemFailure { item_identifier };
        Self { batch_item_failures: identifiers.into_iter().map(failure).collect() }
    }
}
