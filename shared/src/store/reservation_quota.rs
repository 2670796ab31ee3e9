//! The reservation quota: a limit on the seats that one caller may have reserved at once. Each caller has an item with
//! the set of their seats. The transaction of each reservation adds to the set, on the condition that its size allows
//! it.
//!
//! Only a reservation adds to the set. Seats that were released, booked or have expired stay in it until there is no room.
//! Then the items of the seats show which of them are still reserved. The set is written again without the others, on
//! the condition that it hasn't changed since it was read.
//!
//! Staff have no quota. Their calls leave the set of the buyer alone, so it lacks seats that staff have reserved. A
//! buyer's extension of such a seat adds it, if there is room.
//!
//! A buyer's extension requires that the set still has its seats, and raises the `turn`. So the set never lacks a seat
//! that the buyer has reserved. A seat that was counted as ended can't be extended by the buyer afterwards, and an
//! extended seat can't be counted as ended.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use super::schema::{Item, ReservedSet, SeatItem, n, read_reserved_set, reserved_set_key, seat_key};
use super::write::retry::RetryLoop;
use super::{Store, StoreError};
use crate::domain::caller::Owner;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::InventoryId;
use crate::domain::time::EpochMillis;

/// Seconds for which the set is kept after the last reservation. This is longer than any reservation can last.
const RETENTION_SECONDS: u32 = 2 * 86_400;

/// The reservation quota of one caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservationQuota {
    pub owner: Owner,
    /// The number of seats at once, in all theaters together. At most 99.
    pub most: usize,
}

/// The change that a transaction makes to the set.
#[derive(Debug, Default)]
pub(super) enum QuotaChange {
    /// Adds the seats, if there is room.
    #[default]
    Grow,
    /// Keeps the set as it is, if it has all of the seats. An extension does this.
    Keep,
    /// Writes `kept` and the wanted seats, if the set is still the one that was read.
    Rewrite { kept: Vec<String>, seen: u64 },
}

/// The result of counting the seats that are still reserved.
#[derive(Debug)]
pub(super) enum QuotaCheck {
    /// There is room, if the set is written in this way.
    Enough(QuotaChange),
    /// There is no room, because this many seats are reserved already.
    Full(usize),
}

impl ReservationQuota {
    /// Returns `true` if this many seats exceed the quota even if no other seat is reserved.
    pub(super) fn exceeds(&self, seats: usize) -> bool {
        seats > self.most
    }

    /// Builds the write that adds the seats to the set. Repeating it is safe, because a set has each seat only once.
    pub(super) fn item<'a>(
        &self,
        table: &str,
        inventory: &InventoryId,
        wanted: impl IntoIterator<Item = &'a SeatLabel>,
        change: &QuotaChange,
        now: EpochMillis,
    ) -> Result<TransactWriteItem, StoreError> {
        let wanted = wanted.into_iter().map(|label| entry(inventory, label));
        let mut values = HashMap::from([
            (":one".to_owned(), n(1)),
            (":collect".to_owned(), n(now.ends_after(RETENTION_SECONDS).as_secs())),
        ]);
        let (update, condition) = match change {
            QuotaChange::Grow => {
                let wanted: Vec<_> = wanted.collect();
                values.insert(":room".to_owned(), n((self.most.saturating_sub(wanted.len())) as u64));
                values.insert(":wanted".to_owned(), AttributeValue::Ss(wanted));
                (
                    "SET expires_at = :collect ADD reserved_seats :wanted, turn :one",
                    "attribute_not_exists(pk) OR size(reserved_seats) <= :room".to_owned(),
                )
            }
            QuotaChange::Keep => {
                let wanted: Vec<_> = wanted.collect();
                let mut has = Vec::with_capacity(wanted.len());
                for (place, entry) in wanted.iter().enumerate() {
                    has.push(format!("contains(reserved_seats, :seat{place})"));
                    values.insert(format!(":seat{place}"), AttributeValue::S(entry.clone()));
                }
                let condition = format!("attribute_not_exists(pk) OR ({})", has.join(" AND "));
                values.insert(":wanted".to_owned(), AttributeValue::Ss(wanted));
                ("SET expires_at = :collect ADD reserved_seats :wanted, turn :one", condition)
            }
            QuotaChange::Rewrite { kept, seen } => {
                let mut all: Vec<_> = kept.iter().cloned().chain(wanted).collect();
                all.sort_unstable();
                all.dedup();
                values.insert(":all".to_owned(), AttributeValue::Ss(all));
                values.insert(":seen".to_owned(), n(*seen));
                ("SET reserved_seats = :all, expires_at = :collect ADD turn :one", "turn = :seen".to_owned())
            }
        };
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(reserved_set_key(self.owner)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Counts which seats of a full set are still reserved (strongly consistent).
    pub(super) async fn recount<'a>(
        &self,
        store: &Store,
        inventory: &InventoryId,
        wanted: impl IntoIterator<Item = &'a SeatLabel>,
        set: &Item,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<QuotaCheck, StoreError> {
        let ReservedSet { entries, turn: seen } = read_reserved_set(set)?;
        let keyed: Vec<_> = entries.iter().filter_map(|entry| Some((entry, parse_entry(entry)?))).collect();
        let keys: Vec<_> = keyed.iter().map(|(_, key)| key.clone()).collect();
        let now = store.clock.now();
        let standing = store.read_items(&keys, retry_loop).await?;
        let still =
            keyed.iter().zip(standing).filter(|(_, item)| item.as_ref().is_some_and(|item| self.has(item, now)));
        let kept: Vec<_> = still.map(|((entry, _), _)| (*entry).clone()).collect();
        let more = wanted.into_iter().filter(|label| !kept.contains(&entry(inventory, label))).count();
        Ok(if kept.len() + more > self.most {
            QuotaCheck::Full(kept.len())
        } else {
            QuotaCheck::Enough(QuotaChange::Rewrite { kept, seen })
        })
    }

    /// Returns `true` if a seat is reserved for this caller. A seat that can't be read counts as reserved.
    fn has(&self, seat: &Item, now: EpochMillis) -> bool {
        SeatItem::read(seat)
            .map_or(true, |seat| seat.slot.state_at(now).reserved_until().is_some() && seat.owner == Some(self.owner))
    }
}

/// Builds a seat's entry in the set. No theater id has a `#`.
fn entry(inventory: &InventoryId, seat: &SeatLabel) -> String {
    format!("{inventory}#{seat}")
}

fn parse_entry(entry: &str) -> Option<Item> {
    let (inventory, seat) = entry.split_once('#')?;
    Some(seat_key(&InventoryId::parse(inventory).ok()?, &SeatLabel::parse(seat).ok()?))
}

/// A full set has at most as many entries as one read takes, which is 100 keys.
const _: () = assert!(crate::domain::selection::MAX_SEATS_PER_TRANSACTION < 100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_entry_parses_to_its_seat_key() {
        let (inventory, seat) = (InventoryId::parse("a.b:c").unwrap(), SeatLabel::parse("S-A-1").unwrap());
        assert_eq!(parse_entry(&entry(&inventory, &seat)), Some(seat_key(&inventory, &seat)));
        assert_eq!(parse_entry("no seat"), None);
    }
}
