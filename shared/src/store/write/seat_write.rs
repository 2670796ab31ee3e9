//! Conditional updates of one seat. Their expressions serve alone (UpdateItem) and in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use uuid::Uuid;

use crate::domain::caller::Owner;
use crate::domain::ids::ReservationId;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::StoreError;
use crate::store::schema::{AVAILABLE, BOOKED, Item, REMOVED, RESERVED, attribute, n, s};

/// Seconds for which the item of a seat is kept after the seat became available again. This is longer than any attempt
/// can be delayed, and longer than clocks differ.
const AVAILABLE_RETENTION_SECONDS: u32 = 600;

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// Condition that an existing item leaves its seat available: released, or reserved (or withdrawn) until an instant
/// that has passed.
macro_rules! available {
    () => {
        "(#status = :available OR (#status IN (:reserved, :removed) AND expires_at <= :now))"
    };
}

/// Attributes that a seat loses when it becomes available again.
const CLEARED_ATTRIBUTES: &str = "reservation_id, request_token, booking_id, owner_id, layout_version";

/// Update that books a seat. It removes the end, so the TTL never deletes a booked seat.
const BOOK_UPDATE: &str = "SET #status = :booked, booking_id = :booking, changed_at = :stamp \
    REMOVE reservation_id, request_token, owner_id, layout_version, expires_at";

/// A conditional update of one seat's item. Without `update` it only checks the condition.
#[derive(Clone, Debug)]
pub(in crate::store) struct SeatWrite {
    update: Option<String>,
    condition: String,
    values: HashMap<String, AttributeValue>,
}

impl SeatWrite {
    /// Returns a stamp above `seen` that isn't below `now`.
    pub(in crate::store) fn raise_above(seen: EpochMillis, now: EpochMillis) -> EpochMillis {
        now.max(EpochMillis(seen.0 + 1))
    }

    /// Reserves an available seat.
    ///
    /// Repeating it changes nothing, because once it is carried out its own condition fails. The stamp must rise, so
    /// that the stamps give the order of a seat's writes even if the writers' clocks differ. Two requests may have
    /// tried the same stamp, so a request whose answer was lost recognizes its own work by the token.
    pub(in crate::store) fn reserve(
        (reservation, owner): (ReservationId, Option<Owner>),
        token: Uuid,
        expires_at: EpochSeconds,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let mut values = values([
            (":token", s(token.to_string())),
            (":reserved", s(RESERVED)),
            (":available", s(AVAILABLE)),
            (":removed", s(REMOVED)),
            (":reservation", s(reservation.to_string())),
            (":expires_at", n(expires_at.0)),
            (":stamp", n(stamp.0)),
            (":now", n(now.seconds().0)),
        ]);
        let (owned, forget) = match owner {
            Some(owner) => {
                values.insert(":owner".to_owned(), s(owner.0.to_string()));
                (", owner_id = :owner", "layout_version")
            }
            None => ("", "owner_id, layout_version"),
        };
        Self {
            update: Some(format!(
                "SET #status = :reserved, reservation_id = :reservation, request_token = :token, \
                expires_at = :expires_at, changed_at = :stamp{owned} REMOVE {forget}"
            )),
            condition: concat!("attribute_not_exists(pk) OR (changed_at < :stamp AND ", available!(), ")").to_owned(),
            values,
        }
    }

    /// Checks that the seat is still reserved under this reservation by the write with this stamp. A seat that was
    /// reserved again since would end at another time than the answer says.
    pub(in crate::store) fn still_held(reservation: ReservationId, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self {
            update: None,
            condition: "#status = :reserved AND reservation_id = :reservation AND changed_at = :stamp \
                AND expires_at > :now"
                .to_owned(),
            values: values([
                (":reserved", s(RESERVED)),
                (":reservation", s(reservation.to_string())),
                (":stamp", n(stamp.0)),
                (":now", n(now.seconds().0)),
            ]),
        }
    }

    /// Builds a check that always fails. The rejection returns the seat's item.
    pub(in crate::store) fn always_reject() -> Self {
        Self { update: None, condition: "#status = :nothing".to_owned(), values: values([(":nothing", s("nothing"))]) }
    }

    /// Moves the end of a seat that is reserved under this reservation to a later time.
    ///
    /// Repeating it changes nothing, because once it is carried out the seat has another end and the condition fails.
    /// The record of the reservation is written in the same transaction and allows the extension only once.
    pub(in crate::store) fn extend(
        reservation: &SeatHolder,
        (ends, expires_at): (EpochSeconds, EpochSeconds),
        stamp: EpochMillis,
    ) -> Self {
        let mut change = Self {
            update: Some("SET expires_at = :expires_at, changed_at = :stamp".to_owned()),
            condition: String::new(),
            values: values([(":expires_at", n(expires_at.0)), (":ends", n(ends.0)), (":stamp", n(stamp.0))]),
        };
        let held = reservation.holds(&mut change.values);
        change.condition = format!("{held} AND expires_at = :ends AND changed_at < :stamp");
        change
    }

    /// Releases a seat that is reserved under this reservation, even if it has run out.
    ///
    /// The item stays, as available and with its new stamp. So a delayed attempt to reserve or book the seat finds a
    /// higher stamp and is rejected. Repeating it changes nothing, because the seat is no longer reserved.
    pub(in crate::store) fn release(reservation: &SeatHolder, stamp: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::make_available(stamp, now);
        let held = reservation.holds(&mut change.values);
        change.condition = format!("{held} AND changed_at < :stamp");
        change
    }

    /// Makes a seat available again that is booked under this owner-scoped booking id. Repeating it changes nothing,
    /// because the seat is no longer booked.
    pub(in crate::store) fn cancel(booking: Uuid, stamp: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::make_available(stamp, now);
        change.condition = "#status = :booked AND booking_id = :booking AND changed_at < :stamp".to_owned();
        change.values.extend(values([(":booked", s(BOOKED)), (":booking", s(booking.to_string()))]));
        change
    }

    /// Withdraws an available seat from the layout, or replaces a tombstone that has a lower stamp. No caller can have
    /// the seat before `until`. Repeating it is safe: with the same stamp the condition fails, and with a higher stamp
    /// a tombstone replaces a tombstone.
    pub(in crate::store) fn remove(decided_on: u64, until: EpochSeconds, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self {
            update: Some(
                "SET #status = :removed, layout_version = :version, expires_at = :until, changed_at = :stamp \
                REMOVE reservation_id, request_token, owner_id"
                    .to_owned(),
            ),
            condition: "attribute_not_exists(pk) OR (changed_at < :stamp AND (#status IN (:available, :removed) \
                OR (#status = :reserved AND expires_at <= :now)))"
                .to_owned(),
            values: values([
                (":removed", s(REMOVED)),
                (":available", s(AVAILABLE)),
                (":reserved", s(RESERVED)),
                (":version", n(decided_on)),
                (":until", n(until.0)),
                (":stamp", n(stamp.0)),
                (":now", n(now.seconds().0)),
            ]),
        }
    }

    /// Makes a seat available again that was withdrawn by the write with this stamp. Repeating it changes nothing,
    /// because the seat is no longer withdrawn.
    pub(in crate::store) fn take_back(seen: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::make_available(Self::raise_above(seen, now), now);
        change.condition = "#status = :removed AND changed_at = :seen".to_owned();
        change.values.extend(values([(":removed", s(REMOVED)), (":seen", n(seen.0))]));
        change
    }

    fn make_available(stamp: EpochMillis, now: EpochMillis) -> Self {
        Self {
            update: Some(format!(
                "SET #status = :available, changed_at = :stamp, expires_at = :collect REMOVE {CLEARED_ATTRIBUTES}"
            )),
            condition: String::new(),
            values: values([
                (":available", s(AVAILABLE)),
                (":stamp", n(stamp.0)),
                (":collect", n(now.ends_after(AVAILABLE_RETENTION_SECONDS).0)),
            ]),
        }
    }

    /// Books a seat only if it is reserved under this reservation, even if it has run out. Repeating it changes
    /// nothing, because the seat is no longer reserved.
    pub(in crate::store) fn book_reserved(booking: Uuid, reservation: &SeatHolder, stamp: EpochMillis) -> Self {
        let mut values = values([(":booked", s(BOOKED)), (":booking", s(booking.to_string())), (":stamp", n(stamp.0))]);
        let held = reservation.holds(&mut values);
        Self { update: Some(BOOK_UPDATE.to_owned()), condition: format!("{held} AND changed_at < :stamp"), values }
    }

    /// Books a seat only if it is reserved under this reservation and has not run out. Repeating it changes nothing,
    /// because the seat is no longer reserved.
    pub(in crate::store) fn book_running(
        booking: Uuid,
        reservation: &SeatHolder,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let mut change = Self::book_reserved(booking, reservation, stamp);
        change.condition.push_str(" AND expires_at > :now");
        change.values.insert(":now".to_owned(), n(now.seconds().0));
        change
    }

    /// Books a seat that is available or reserved under the given reservation. A reservation that has run out counts
    /// while its item is there, because no other caller has taken the seat over.
    ///
    /// Repeating it changes nothing, because a booked seat is neither available nor reserved. The update removes the
    /// end, so the TTL never deletes a booked seat.
    pub(in crate::store) fn book(
        booking: Uuid,
        reservation: Option<ReservationId>,
        owner: Option<Owner>,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let mut values = values([
            (":booked", s(BOOKED)),
            (":booking", s(booking.to_string())),
            (":reserved", s(RESERVED)),
            (":available", s(AVAILABLE)),
            (":removed", s(REMOVED)),
            (":stamp", n(stamp.0)),
            (":now", n(now.seconds().0)),
        ]);
        let condition = match reservation {
            None => concat!("attribute_not_exists(pk) OR (changed_at < :stamp AND ", available!(), ")").to_owned(),
            Some(reservation) => {
                values.insert(":reservation".to_owned(), s(reservation.to_string()));
                let owner_condition = owner_condition(owner, &mut values);
                format!(
                    "attribute_not_exists(pk) OR (changed_at < :stamp AND ({} OR \
                    (#status = :reserved AND reservation_id = :reservation AND {owner_condition})))",
                    available!()
                )
            }
        };
        Self { update: Some(BOOK_UPDATE.to_owned()), condition, values }
    }

    /// Converts the update into an item of a transaction.
    pub(in crate::store) fn into_transaction_item(
        self,
        table: &str,
        key: Item,
    ) -> Result<TransactWriteItem, StoreError> {
        let broken = |error: BuildError| StoreError::Permanent(error.to_string());
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

    /// Converts the update into a write of its own.
    pub(in crate::store) fn alone(self, client: &Client, table: &str, key: Item) -> UpdateItemFluentBuilder {
        client
            .update_item()
            .table_name(table)
            .set_key(Some(key))
            .set_update_expression(self.update)
            .condition_expression(self.condition)
            .expression_attribute_names("#status", attribute::STATUS)
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}

/// A reservation and the exact owner of its seats.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct SeatHolder {
    pub(in crate::store) reservation: ReservationId,
    pub(in crate::store) owner: Option<Owner>,
}

impl SeatHolder {
    /// Builds the condition that a seat is reserved under this reservation.
    fn holds(&self, values: &mut HashMap<String, AttributeValue>) -> String {
        values.insert(":reserved".to_owned(), s(RESERVED));
        values.insert(":reservation".to_owned(), s(self.reservation.to_string()));
        let owned = match self.owner {
            None => "attribute_not_exists(owner_id)",
            Some(owner) => {
                values.insert(":owner".to_owned(), s(owner.0.to_string()));
                "owner_id = :owner"
            }
        };
        format!("#status = :reserved AND reservation_id = :reservation AND {owned}")
    }
}

/// Builds the condition that an item belongs to this caller or has no owner.
pub(in crate::store) fn owner_condition(
    owner: Option<Owner>,
    values: &mut HashMap<String, AttributeValue>,
) -> &'static str {
    match owner {
        None => "attribute_not_exists(owner_id)",
        Some(owner) => {
            values.insert(":owner".to_owned(), s(owner.0.to_string()));
            "(attribute_not_exists(owner_id) OR owner_id = :owner)"
        }
    }
}

fn values<const N: usize>(pairs: [(&str, AttributeValue); N]) -> HashMap<String, AttributeValue> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests;
