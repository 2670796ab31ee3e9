//! The conditional changes of a seat: expressions that serve alone (UpdateItem) and in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use super::StoreError;
use super::items::{BOOKED, Item, RESERVED, attribute, n, s};
use crate::rules::names::{BookingId, ReservationId};
use crate::rules::time::{EpochMillis, EpochSeconds};

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// A conditional change of one seat's item, or with no `update` a condition on it alone.
#[derive(Clone, Debug)]
pub(super) struct Change {
    update: Option<&'static str>,
    condition: &'static str,
    values: HashMap<String, AttributeValue>,
}

impl Change {
    /// Reserves a seat that can be had: never written, or reserved until an instant that has come.
    ///
    /// Once carried out its own condition no longer holds, so that repeating it changes nothing. The stamp must rise:
    /// then the order of a seat's writes can be read from the seat, whatever the writers' clocks say.
    pub(super) fn reserve(
        reservation: ReservationId,
        expires_at: EpochSeconds,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        Self {
            update: Some(
                "SET #status = :reserved, reservation_id = :reservation, expires_at = :expires_at, changed_at = :stamp",
            ),
            condition: "attribute_not_exists(pk) \
                OR (#status = :reserved AND expires_at <= :now AND changed_at < :stamp)",
            values: values([
                (":reserved", s(RESERVED)),
                (":reservation", s(reservation.to_string())),
                (":expires_at", n(expires_at.0)),
                (":stamp", n(stamp.0)),
                (":now", n(now.seconds().0)),
            ]),
        }
    }

    /// Holds only while the seat is reserved under this very reservation, by the write that bore this stamp: made anew
    /// since, it would end at another time than is going to be answered.
    pub(super) fn still_held(reservation: ReservationId, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self {
            update: None,
            condition: "#status = :reserved AND reservation_id = :reservation AND changed_at = :stamp \
                AND expires_at > :now",
            values: values([
                (":reserved", s(RESERVED)),
                (":reservation", s(reservation.to_string())),
                (":stamp", n(stamp.0)),
                (":now", n(now.seconds().0)),
            ]),
        }
    }

    /// Books a seat that can be had, or that is reserved under the given reservation (run out or not: as long as it
    /// stands there, nobody took it over). Loses its expiry with it, so that the TTL never collects a booked seat.
    pub(super) fn book(
        booking: BookingId,
        reservation: Option<ReservationId>,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let mut values = values([
            (":booked", s(BOOKED)),
            (":booking", s(booking.to_string())),
            (":reserved", s(RESERVED)),
            (":stamp", n(stamp.0)),
            (":now", n(now.seconds().0)),
        ]);
        let condition = match reservation {
            None => "attribute_not_exists(pk) OR (#status = :reserved AND expires_at <= :now AND changed_at < :stamp)",
            Some(reservation) => {
                values.insert(":reservation".to_owned(), s(reservation.to_string()));
                "attribute_not_exists(pk) OR (#status = :reserved AND \
                    (expires_at <= :now OR reservation_id = :reservation) AND changed_at < :stamp)"
            }
        };
        Self {
            update: Some(
                "SET #status = :booked, booking_id = :booking, changed_at = :stamp REMOVE reservation_id, expires_at",
            ),
            condition,
            values,
        }
    }

    /// As an item of a transaction.
    pub(super) fn in_transaction(self, table: &str, key: Item) -> Result<TransactWriteItem, StoreError> {
        let broken = |error: BuildError| StoreError::Broken(error.to_string());
        let item = TransactWriteItem::builder();
        Ok(match self.update {
            Some(update) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(update)
                    .condition_expression(self.condition)
                    .expression_attribute_names("#status", attribute::STATUS)
                    .set_expression_attribute_values(Some(self.values))
                    .return_values_on_condition_check_failure(ALL_OLD);
                item.update(update.build().map_err(broken)?).build()
            }
            None => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .condition_expression(self.condition)
                    .expression_attribute_names("#status", attribute::STATUS)
                    .set_expression_attribute_values(Some(self.values))
                    .return_values_on_condition_check_failure(ALL_OLD);
                item.condition_check(check.build().map_err(broken)?).build()
            }
        })
    }

    /// As a write of its own.
    pub(super) fn alone(self, client: &Client, table: &str, key: Item) -> UpdateItemFluentBuilder {
        client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .set_update_expression(self.update.map(str::to_owned))
            .condition_expression(self.condition)
            .expression_attribute_names("#status", attribute::STATUS)
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

fn values<const N: usize>(pairs: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
