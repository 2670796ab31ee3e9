//! Reading all seats of a theater at once, or the few that a write was refused for.

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};

use super::attempts::Attempts;
use super::items::{Item, SEAT_PREFIX, SeatItem, attribute, s, theater_pk};
use super::{Store, StoreError};
use crate::rules::availability::{SeatState, Slot};
use crate::rules::layout::Layout;
use crate::rules::names::TheaterId;
use crate::rules::time::EpochMillis;
use crate::tally::Tally;

/// What a Query of a theater's seats brings.
#[derive(Debug)]
enum Selected {
    /// Of each what it takes to tell its slot.
    Slots,
    /// All of those that have something.
    Holding(Filter),
}

/// What items have to have to be handed over.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) attribute: &'static str,
    pub(super) value: String,
}

impl Store {
    /// The slots of all seats of a layout, as they are now: one strongly consistent Query (its pages).
    ///
    /// Costs what the seats weigh that were ever written and not yet collected by the TTL. Items of seats that the
    /// layout doesn't have are passed over; a seat whose item can't be read is shown as booked, and nobody can buy it
    /// until somebody has mended it, while the rest of the theater goes on being sold.
    pub async fn slots(&self, layout: &Layout, tally: &Tally) -> Result<Vec<Slot>, StoreError> {
        let mut slots = vec![Slot::default(); layout.seats().len()];
        let take = |item: &Item| {
            let position = layout.position(SeatItem::label(item)?);
            let position = position.and_then(|position| usize::try_from(position).ok());
            if let Some(slot) = position.and_then(|position| slots.get_mut(position)) {
                *slot = SeatItem::slot(item).unwrap_or_else(spoilt);
            }
            Ok(())
        };
        self.each_seat(&layout.theater, &Selected::Slots, tally, take).await?;
        Ok(slots)
    }

    /// The items of a theater's seats that pass a filter, as they are now: one strongly consistent Query (its pages). Costs
    /// what all seats weigh that were ever written and not yet collected, as filters are applied after reading.
    pub(super) async fn seat_items(
        &self,
        theater: &TheaterId,
        filter: Filter,
        tally: &Tally,
    ) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let take = |item: &Item| {
            items.push(item.clone());
            Ok(())
        };
        self.each_seat(theater, &Selected::Holding(filter), tally, take).await?;
        Ok(items)
    }

    async fn each_seat(
        &self,
        theater: &TheaterId,
        selected: &Selected,
        tally: &Tally,
        mut take: impl FnMut(&Item) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut start = None;
        // One bound for all pages together.
        let mut attempts = Attempts::to_read(self, tally);
        loop {
            let (items, next) = self.page(theater, selected, start, &mut attempts).await?;
            attempts.start_over();
            items.iter().try_for_each(&mut take)?;
            match next {
                Some(key) => start = Some(key),
                None => return Ok(()),
            }
        }
    }

    async fn page(
        &self,
        theater: &TheaterId,
        selected: &Selected,
        start: Option<Item>,
        attempts: &mut Attempts<'_>,
    ) -> Result<(Vec<Item>, Option<Item>), StoreError> {
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :seat)")
                .expression_attribute_values(":pk", theater_pk(theater))
                .expression_attribute_values(":seat", s(SEAT_PREFIX))
                .set_exclusive_start_key(start.clone())
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let query = match selected {
                // Nobody but those who want the seat needs to know who has it.
                Selected::Slots => query
                    .projection_expression("pk, sk, #status, expires_at, changed_at")
                    .expression_attribute_names("#status", attribute::STATUS),
                Selected::Holding(filter) => query
                    .filter_expression("#filter = :filter")
                    .expression_attribute_names("#filter", filter.attribute)
                    .expression_attribute_values(":filter", s(&filter.value)),
            };
            match attempts.send("Query", query.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => return Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key)),
                Err(failed) => attempts.pause(failed.trouble()).await?,
            }
        }
    }

    /// The last look of a write whose attempts are used up: what stands under each of its keys. Nothing if that can't be
    /// read either: then the write stays undecided.
    pub(super) async fn last_look(&self, keys: &[Item], tally: &Tally) -> Option<Vec<Option<Item>>> {
        match self.standing(keys, &mut Attempts::to_look_again(self, tally)).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(%error, "the last look failed too");
                None
            }
        }
    }

    /// One item as it is now (strongly consistent).
    pub(super) async fn item(&self, key: Item, tally: &Tally) -> Result<Option<Item>, StoreError> {
        let mut attempts = Attempts::to_read(self, tally);
        loop {
            let call = self
                .client
                .get_item()
                .table_name(&self.table)
                .set_key(Some(key.clone()))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            match attempts.send("GetItem", call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => return Ok(answer.item),
                Err(failed) => attempts.pause(failed.trouble()).await?,
            }
        }
    }

    /// What stands under each of these keys now (strongly consistent), in their order; at most 100 keys, each once.
    pub(super) async fn standing(
        &self,
        keys: &[Item],
        attempts: &mut Attempts<'_>,
    ) -> Result<Vec<Option<Item>>, StoreError> {
        let mut found = vec![None; keys.len()];
        let mut wanted = keys.to_vec();
        loop {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted.clone()))
                .consistent_read(true)
                .build()
                .map_err(|error| StoreError::Broken(error.to_string()))?;
            let call = self
                .client
                .batch_get_item()
                .request_items(&self.table, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            let mut answer = match attempts.send("BatchGetItem", call, |answer| answer.consumed_capacity()).await {
                Ok(answer) => answer,
                Err(failed) => {
                    attempts.pause(failed.trouble()).await?;
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
            attempts.pause(super::attempts::Trouble::Throttled("BatchGetItem left keys unprocessed".into())).await?;
        }
    }
}

fn spoilt(error: StoreError) -> Slot {
    tracing::error!(%error, "a seat is shown as booked");
    Slot { changed_at: EpochMillis(0), state: SeatState::Booked }
}
