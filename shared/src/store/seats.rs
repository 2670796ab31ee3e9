//! Reads of all seats of a theater, and of the few seats that a write was rejected for.

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};

use super::schema::{Item, SEAT_PREFIX, SeatItem, attribute, inventory_pk, s};
use super::write::retry::{CallFailure, RetryLoop};
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::time::EpochMillis;

/// The part of a theater's seats that a Query reads.
#[derive(Debug)]
enum Selected {
    /// All seats, with the attributes that make up a slot.
    Slots,
    /// The seats that pass a filter, with all attributes.
    Matching(Filter),
}

/// One page of a Query.
struct Page {
    items: Vec<Item>,
    /// The key after which the next page starts.
    next: Option<Item>,
}

/// An attribute that an item must have, and its value.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) attribute: &'static str,
    pub(super) value: String,
}

impl Store {
    /// Reads the current slots of all seats of a layout: one strongly consistent Query (its pages).
    ///
    /// The cost depends on the size of all seat items that were ever written and that the TTL has not yet deleted.
    /// Items of seats that the layout doesn't have are skipped. A seat whose item can't be read is shown as booked. No
    /// caller can buy it until the item is fixed, while the rest of the theater stays on sale.
    pub async fn slots(&self, ctx: &RequestContext, inventory: &Inventory) -> Result<Vec<Slot>, StoreError> {
        let mut slots = vec![Slot::default(); inventory.layout.seats().len()];
        let take = |item: &Item| {
            let seat_index = inventory.layout.seat_index(SeatItem::label(item)?);
            if let Some(slot) = seat_index.and_then(|seat_index| slots.get_mut(seat_index.as_usize())) {
                *slot = SeatItem::slot(item).unwrap_or_else(show_unreadable_as_booked);
            }
            Ok(())
        };
        self.visit_seat_items(ctx, &inventory.id, &Selected::Slots, take).await?;
        Ok(slots)
    }

    /// Reads the current items of a theater's seats that pass a filter: one strongly consistent Query (its pages). The
    /// cost is that of all seat items, because DynamoDB applies a filter after reading.
    pub(super) async fn read_seat_items(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        filter: Filter,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let take = |item: &Item| {
            items.push(item.clone());
            Ok(())
        };
        self.visit_seat_items(ctx, inventory, &Selected::Matching(filter), take).await?;
        Ok(items)
    }

    async fn visit_seat_items(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        selected: &Selected,
        mut take: impl FnMut(&Item) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut start = None;
        // One time limit for all pages together.
        let mut retry_loop = RetryLoop::for_read(ctx, self);
        loop {
            let Page { items, next } = self.page(inventory, selected, start, &mut retry_loop).await?;
            retry_loop.reset_attempts();
            items.iter().try_for_each(&mut take)?;
            match next {
                Some(key) => start = Some(key),
                None => return Ok(()),
            }
        }
    }

    async fn page(
        &self,
        inventory: &InventoryId,
        selected: &Selected,
        start: Option<Item>,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<Page, StoreError> {
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :seat)")
                .expression_attribute_values(":pk", inventory_pk(inventory))
                .expression_attribute_values(":seat", s(SEAT_PREFIX))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let query = match selected {
                // Only callers who want the seat need to know who has it.
                Selected::Slots => query
                    .projection_expression("pk, sk, #status, expires_at, changed_at")
                    .expression_attribute_names("#status", attribute::STATUS),
                Selected::Matching(filter) => query
                    .filter_expression("#filter = :filter")
                    .expression_attribute_names("#filter", filter.attribute)
                    .expression_attribute_values(":filter", s(&filter.value)),
            };
            match retry_loop.send("Query", query.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => {
                    return Ok(Page { items: answer.items.unwrap_or_default(), next: answer.last_evaluated_key });
                }
                Err(failed) => retry_loop.pause(failed.call_failure()).await?,
            }
        }
    }

    /// Reads the item of each key for a write whose attempts are used up. Returns `None` if this read fails too, and
    /// then the outcome of the write stays unknown.
    pub(super) async fn last_read(&self, ctx: &RequestContext, keys: &[Item]) -> Option<Vec<Option<Item>>> {
        match self.read_items(keys, &mut RetryLoop::for_last_read(ctx, self)).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(%error, "the last read failed too");
                None
            }
        }
    }

    /// Reads one item (strongly consistent).
    pub(super) async fn read_item(&self, ctx: &RequestContext, key: Item) -> Result<Option<Item>, StoreError> {
        let mut retry_loop = RetryLoop::for_read(ctx, self);
        loop {
            let call = self
                .client
                .get_item()
                .table_name(&self.table)
                .set_key(Some(key.clone()))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            match retry_loop.send("GetItem", call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => return Ok(answer.item),
                Err(failed) => retry_loop.pause(failed.call_failure()).await?,
            }
        }
    }

    /// Reads the items of these keys (strongly consistent), in their order. There may be at most 100 keys, each once.
    pub(super) async fn read_items(
        &self,
        keys: &[Item],
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<Vec<Option<Item>>, StoreError> {
        let mut found = vec![None; keys.len()];
        let mut wanted = keys.to_vec();
        loop {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted.clone()))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::Permanent(error.to_string()))?;
            let call = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let mut answer = match retry_loop.send("BatchGetItem", call, |answer| answer.consumed_capacity()).await {
                Ok(answer) => answer,
                Err(failed) => {
                    retry_loop.pause(failed.call_failure()).await?;
                    continue;
                }
            };
            let items = answer.responses.take().and_then(|mut tables| tables.remove(&self.table));
            for item in items.unwrap_or_default() {
                let place = keys.iter().position(|key| key.iter().all(|(name, value)| item.get(name) == Some(value)));
                if let Some(slot) = place.and_then(|place| found.get_mut(place)) {
                    *slot = Some(item);
                }
            }
            let left = answer.unprocessed_keys.take().and_then(|mut tables| tables.remove(&self.table));
            match left {
                Some(left) if !left.keys.is_empty() => wanted = left.keys,
                _ => return Ok(found),
            }
            retry_loop.pause(CallFailure::Throttled("BatchGetItem left keys unprocessed".into())).await?;
        }
    }
}

fn show_unreadable_as_booked(error: StoreError) -> Slot {
    tracing::error!(%error, "a seat is shown as booked");
    Slot { changed_at: EpochMillis::new(0), state: SeatState::Booked }
}
