//! Reading a table's stream from the embedded DynamoDB, which gives each table one shard.

use anyhow::{Context, Result};
use dynoxide::Database;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use serde_json::Value;

/// Reads on from where it was made: what was written before is not delivered.
pub struct StreamReader {
    database: Database,
    iterator: String,
}

impl StreamReader {
    /// From now on.
    pub(crate) fn from_now_on(database: &Database, table: &str) -> Result<Self> {
        let request = ListStreamsRequest { table_name: Some(table.to_owned()), ..Default::default() };
        let streams = database.list_streams(request)?.streams;
        let arn = streams.into_iter().next().with_context(|| format!("the table {table} has no stream"))?.stream_arn;
        let request = DescribeStreamRequest { stream_arn: arn.clone(), ..Default::default() };
        let shards = database.describe_stream(request)?.stream_description.shards;
        let shard = shards.into_iter().next().with_context(|| format!("the stream of {table} has no shard"))?;
        let request = GetShardIteratorRequest {
            stream_arn: arn,
            shard_id: shard.shard_id,
            shard_iterator_type: "LATEST".to_owned(),
            sequence_number: None,
        };
        let iterator = database.get_shard_iterator(request)?.shard_iterator.context("no shard iterator")?;
        Ok(Self { database: database.clone(), iterator })
    }

    /// The next records, in their order; none when it is read to the end.
    pub(super) fn next(&mut self, limit: usize) -> Result<Vec<Value>> {
        let request = GetRecordsRequest { shard_iterator: self.iterator.clone(), limit: Some(limit) };
        let answer = self.database.get_records(request)?;
        self.iterator = answer.next_shard_iterator.context("the stream's shard has ended")?;
        answer.records.into_iter().map(|record| Ok(serde_json::to_value(record)?)).collect()
    }
}
