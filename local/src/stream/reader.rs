//! A reader of a table's stream in the embedded DynamoDB, which gives each table one shard.

use anyhow::{Context, Result};
use dynoxide::Database;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use serde_json::Value;

/// A reader that starts at the time of its creation. Earlier records are not delivered.
pub struct StreamReader {
    database: Database,
    iterator: String,
}

impl StreamReader {
    /// Creates a reader that starts now.
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

    /// Returns the next records in order, or none at the end of the stream.
    pub(super) fn next(&mut self, limit: usize) -> Result<Vec<Value>> {
        let request = GetRecordsRequest { shard_iterator: self.iterator.clone(), limit: Some(limit) };
        let answer = self.database.get_records(request)?;
        self.iterator = answer.next_shard_iterator.context("the stream's shard has ended")?;
        answer.records.into_iter().map(|record| Ok(serde_json::to_value(record)?)).collect()
    }
}
