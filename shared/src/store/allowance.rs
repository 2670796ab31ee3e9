//! How many seats one caller may have reserved at once: a set of their seats in an item of its own, in the transaction of each
//! reservation, with the size as its condition.
//!
//! The set only grows by reserving: what is released, booked or has run out stays in it until there is no room. Then the
//! seats themselves say which are still reserved, and the set is written again, on the condition that it is the one that
//! was read. An extension demands that the set still has its seats, and raises the turn. So the set never lacks a seat
//! that is reserved: a seat that was counted as ended can't be extended afterwards, and a seat that is extended can't be
//! counted as ended.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use super::attempts::Attempts;
use super::items::{Item, SeatItem, caller_key, n, seat_key};
use super::{Store, StoreError};
use crate::rules::availability::SeatState;
use crate::rules::caller::Owner;
use crate::rules::names::{SeatLabel, TheaterId};
use crate::rules::time::EpochMillis;

/// For how long the set is kept after the last reservation, in seconds: longer than any of them can last.
const KEPT: u32 = 2 * 86_400;

/// How much a caller may reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Who.
    pub owner: Owner,
    /// How many seats at once, in all theaters together; at most 99.
    pub most: usize,
}

/// The set as it is to be written: as it is known to be, or grown by whatever it is.
#[derive(Debug, Default)]
pub(super) enum Seats {
    /// Add to it, if there is room.
    #[default]
    Grow,
    /// Leave it as it is, if it has all of the seats: their reservation is extended.
    Keep,
    /// Write these and those that are wanted, if it still is the one that was seen.
    Rewrite { kept: Vec<String>, seen: u64 },
}

/// What there is room for.
#[derive(Debug)]
pub(super) enum Room {
    /// For what is wanted, when the set is written so.
    Enough(Seats),
    /// So many are reserved already.
    Full(usize),
}

impl Allowance {
    /// Whether so many seats would be too many even if nothing else were reserved.
    pub(super) fn never_has(&self, seats: usize) -> bool {
        seats > self.most
    }

    /// The write that adds the seats to the set.
    pub(super) fn item<'a>(
        &self,
        table: &str,
        theater: &TheaterId,
        wanted: impl IntoIterator<Item = &'a SeatLabel>,
        seats: &Seats,
        now: EpochMillis,
    ) -> Result<TransactWriteItem, StoreError> {
        let wanted = wanted.into_iter().map(|label| entry(theater, label));
        let mut values = HashMap::from([(":one".to_owned(), n(1)), (":collect".to_owned(), n(now.ends_after(KEPT).0))]);
        let (update, condition) = match seats {
            Seats::Grow => {
                let wanted: Vec<_> = wanted.collect();
                values.insert(":room".to_owned(), n((self.most.saturating_sub(wanted.len())) as u64));
                values.insert(":wanted".to_owned(), AttributeValue::Ss(wanted));
                (
                    "SET expires_at = :collect ADD reserved_seats :wanted, turn :one",
                    "attribute_not_exists(pk) OR size(reserved_seats) <= :room".to_owned(),
                )
            }
            Seats::Keep => {
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
            Seats::Rewrite { kept, seen } => {
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
            .set_key(Some(caller_key(self.owner)))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Looks which seats of a set that left no room are still reserved (strongly consistent).
    pub(super) async fn look_for_room<'a>(
        &self,
        store: &Store,
        theater: &TheaterId,
        wanted: impl IntoIterator<Item = &'a SeatLabel>,
        set: &Item,
        attempts: &mut Attempts<'_>,
    ) -> Result<Room, StoreError> {
        let (entries, seen) = super::items::read_caller(set)?;
        let keyed: Vec<_> = entries.iter().filter_map(|entry| Some((entry, key_of(entry)?))).collect();
        let keys: Vec<_> = keyed.iter().map(|(_, key)| key.clone()).collect();
        let now = store.clock.now();
        let standing = store.standing(&keys, attempts).await?;
        let still =
            keyed.iter().zip(standing).filter(|(_, item)| item.as_ref().is_some_and(|item| self.has(item, now)));
        let kept: Vec<_> = still.map(|((entry, _), _)| (*entry).clone()).collect();
        let more = wanted.into_iter().filter(|label| !kept.contains(&entry(theater, label))).count();
        Ok(if kept.len() + more > self.most {
            Room::Full(kept.len())
        } else {
            Room::Enough(Seats::Rewrite { kept, seen })
        })
    }

    /// Whether a seat is reserved for this caller. One that can't be read may be.
    fn has(&self, seat: &Item, now: EpochMillis) -> bool {
        SeatItem::read(seat).map_or(true, |seat| {
            matches!(seat.slot.status(now), SeatState::Reserved { .. }) && seat.owner == Some(self.owner)
        })
    }
}

/// A seat in the set. No theater id has a `#`.
fn entry(theater: &TheaterId, seat: &SeatLabel) -> String {
    format!("{theater}#{seat}")
}

fn key_of(entry: &str) -> Option<Item> {
    let (theater, seat) = entry.split_once('#')?;
    Some(seat_key(&TheaterId::parse(theater).ok()?, &SeatLabel::parse(seat).ok()?))
}

/// The number of entries that a full set may have is what one read takes: 100 keys.
const _: () = assert!(crate::rules::selection::MOST_SEATS_AT_ONCE < 100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_leads_to_its_seat() {
        let (theater, seat) = (TheaterId::parse("a.b:c").unwrap(), SeatLabel::parse("S-A-1").unwrap());
        assert_eq!(key_of(&entry(&theater, &seat)), Some(seat_key(&theater, &seat)));
        assert_eq!(key_of("no seat"), None);
    }
}
