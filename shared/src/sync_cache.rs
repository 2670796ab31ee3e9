//! Updates of the cache from batches of the table's stream. The response to a batch is the position for Lambda's
//! retry.

use std::future::ready;
use std::pin::Pin;

use futures_util::stream::{self, StreamExt};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Level};

use crate::app::{BoxOffice, SeatChange, SeatRecord};
use crate::context::RequestContext;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::InventoryId;
use crate::lambda_batch::{Batch, BatchResponse};
use crate::observability::log::{is_zero, millis, write_access_log_line};
use crate::observability::metrics::Counts;

/// Number of inventories to update at the same time.
const CONCURRENT_INVENTORIES: usize = 16;

/// Changes of the seats of one theater or show in a batch.
struct InventoryChanges {
    inventory: InventoryId,
    /// Sequence number of the first change.
    first: String,
    changes: Vec<(SeatLabel, SeatChange)>,
}

/// Merges a batch into the cache, inventory by inventory, and writes its access log line.
///
/// An unreadable record would fail again, so it is logged, counted and skipped. If its inventory is known, the next
/// read gets those seats from DynamoDB. Inventories whose update didn't finish in time are reported, and Lambda
/// delivers their records again. Repeated updates of other inventories do no harm.
///
/// # Errors
///
/// Returns an error if the event isn't a batch of records.
///
/// The future is boxed for the same reason as that of [`crate::startup::start`].
pub fn handle(office: &BoxOffice, event: LambdaEvent<Value>) -> HandledBatch<'_> {
    let request_id = event.context.request_id.clone();
    let span = tracing::info_span!("batch", request_id = request_id.as_str());
    let trace = event.context.xray_trace_id.clone().unwrap_or_default();
    let handled = async move {
        let batch = Batch::deserialize(event.payload).map_err(|error| {
            tracing::error!(%error, "the event isn't a batch of stream records");
            error
        })?;
        Ok(sync(office, &batch, &Ids { request_id: &request_id, trace_header: &trace }).await)
    };
    Box::pin(handled.instrument(span))
}

/// The handling of a batch.
type HandledBatch<'a> = Pin<Box<dyn Future<Output = Result<BatchResponse, Error>> + Send + 'a>>;

/// Ids of a batch.
struct Ids<'a> {
    request_id: &'a str,
    /// Trace header of X-Ray.
    trace_header: &'a str,
}

/// Fields of a batch's access log line. Zero values are left out.
#[derive(Serialize)]
struct Summary<'a> {
    op: &'static str,
    records: usize,
    #[serde(skip_serializing_if = "is_zero")]
    skipped: usize,
    /// Theaters and shows with changed seats.
    inventories: usize,
    #[serde(skip_serializing_if = "is_zero")]
    inventories_failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_ms: Option<u64>,
    ms: f64,
    #[serde(skip_serializing_if = "is_zero")]
    dynamodb: u32,
    #[serde(skip_serializing_if = "is_zero")]
    redis: u32,
    #[serde(skip_serializing_if = "is_zero")]
    redis_ms: f64,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<&'a str>,
}

async fn sync(office: &BoxOffice, batch: &Batch, ids: &Ids<'_>) -> BatchResponse {
    let started = Instant::now();
    let ctx = RequestContext::default();
    let (inventories, skipped) = group_by_inventory(&batch.records);
    let (count, by) = (inventories.len(), &ctx);
    let updated = stream::iter(inventories).map(|changes| update(by, office, changes)).buffered(CONCURRENT_INVENTORIES);
    let failed: Vec<_> = updated.filter_map(ready).collect().await;
    let costs = ctx.costs();
    let summary = Summary {
        op: "syncCache",
        records: batch.records.len(),
        skipped,
        inventories: count,
        inventories_failed: failed.len(),
        lag_ms: batch.lag(office.clock().now()),
        ms: millis(started.elapsed()),
        dynamodb: costs.dynamodb_calls,
        redis: costs.redis_calls,
        redis_ms: millis(costs.redis_time),
        request_id: ids.request_id,
        trace: crate::observability::trace::sampled_trace_id(ids.trace_header),
    };
    write_access_log_line(Level::INFO, &summary, Counts { cache_errors: costs.redis_failures, ..Counts::default() });
    crate::observability::trace::send(ids.trace_header, &ctx.traced_calls());
    BatchResponse::failed(failed)
}

/// Updates the cache for one inventory. If that fails, returns the sequence number of the first record to deliver
/// again.
async fn update(ctx: &RequestContext, office: &BoxOffice, changes: InventoryChanges) -> Option<String> {
    let InventoryChanges { inventory, first, changes } = changes;
    let why = match timeout_at(ctx.deadline(), office.sync_cache(ctx, &inventory, &changes)).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the time limit of the batch is over".to_owned(),
    };
    tracing::warn!(%inventory, why, "the cache isn't up to date with the table, so the records will be delivered again");
    Some(first)
}

/// Groups the changes by inventory, in their order. Also returns the number of unreadable records.
fn group_by_inventory(records: &[Value]) -> (Vec<InventoryChanges>, usize) {
    let mut inventories: Vec<InventoryChanges> = Vec::new();
    let mut skipped = 0;
    for record in records {
        let sequence_number = record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default();
        let SeatRecord { inventory, seat, change } = match SeatRecord::read(record) {
            Ok(Some(read)) => read,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(sequence_number, %error, "skipping a record");
                skipped += 1;
                continue;
            }
        };
        if let SeatChange::Unreadable(error) = &change {
            tracing::error!(sequence_number, error, "skipping a record and dropping its seats from the cache");
            skipped += 1;
        }
        match inventories.iter_mut().find(|known| known.inventory == inventory) {
            Some(known) => known.changes.push((seat, change)),
            None => {
                let first = sequence_number.to_owned();
                inventories.push(InventoryChanges { inventory, first, changes: vec![(seat, change)] });
            }
        }
    }
    (inventories, skipped)
}
