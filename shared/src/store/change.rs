//! The conditional changes of a seat: expressions that serve alone (UpdateItem) and in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use uuid::Uuid;

use super::StoreError;
use super::items::{AVAILABLE, BOOKED, Item, REMOVED, RESERVED, attribute, n, s};
use crate::rules::caller::Owner;
use crate::rules::names::ReservationId;
use crate::rules::time::{EpochMillis, EpochSeconds};

/// For how long an item is kept that says of a seat that it was given back, in seconds: longer than any attempt can be on
/// its way, and than clocks differ.
const KEPT_AVAILABLE: u32 = 600;

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// For whom a seat can be had: never written, given back, or reserved (or removed) until an instant that has come.
macro_rules! can_be_had {
    () => {
        "(#status = :available OR (#status IN (:reserved, :removed) AND expires_at <= :now))"
    };
}

/// What all but the status goes with, when a seat changes hands.
const FORGET: &str = "reservation_id, request_token, booking_id, owner_id, layout_version";

/// Sold, and with no end to it: so the TTL never collects a booked seat.
const BOOK: &str = "SET #status = :booked, booking_id = :booking, changed_at = :stamp \
    REMOVE reservation_id, request_token, owner_id, layout_version, expires_at";

/// A conditional change of one seat's item, or with no `update` a condition on it alone.
#[derive(Clone, Debug)]
pub(super) struct Change {
    update: Option<String>,
    condition: String,
    values: HashMap<String, AttributeValue>,
}

impl Change {
    /// A stamp above the one that was seen.
    pub(super) fn raised(seen: EpochMillis, now: EpochMillis) -> EpochMillis {
        now.max(EpochMillis(seen.0 + 1))
    }

    /// Reserves a seat that can be had.
    ///
    /// Once carried out its own condition no longer holds, so that repeating it changes nothing. The stamp must rise:
    /// then the order of a seat's writes can be read from the seat, whatever the writers' clocks say. By the token a request
    /// whose answer was lost knows its own work: two may have tried the same stamp.
    pub(super) fn reserve(
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
            condition: concat!("attribute_not_exists(pk) OR (changed_at < :stamp AND ", can_be_had!(), ")").to_owned(),
            values,
        }
    }

    /// Holds only while the seat is reserved under this very reservation, by the write that bore this stamp: made anew
    /// since, it would end at another time than is going to be answered.
    pub(super) fn still_held(reservation: ReservationId, stamp: EpochMillis, now: EpochMillis) -> Self {
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

    /// Never holds. The refusal brings back what stands under the seat.
    pub(super) fn show() -> Self {
        Self { update: None, condition: "#status = :nothing".to_owned(), values: values([(":nothing", s("nothing"))]) }
    }

    /// Lets a seat that is reserved under this reservation end later.
    ///
    /// Once carried out its own condition no longer holds, because the end is another one. The record of the
    /// reservation, which is written in the same transaction, allows it once.
    pub(super) fn extend(
        reservation: &Holder,
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

    /// Gives back a seat that is reserved under this reservation, run out or not.
    ///
    /// The item stays and says so, with its stamp. A delayed attempt to reserve or book it finds a larger stamp and is
    /// refused.
    pub(super) fn release(reservation: &Holder, stamp: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::give_back(stamp, now);
        let held = reservation.holds(&mut change.values);
        change.condition = format!("{held} AND changed_at < :stamp");
        change
    }

    /// Gives back a seat that is booked under the booking with this mark.
    pub(super) fn cancel(booking: Uuid, stamp: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::give_back(stamp, now);
        change.condition = "#status = :booked AND booking_id = :booking AND changed_at < :stamp".to_owned();
        change.values.extend(values([(":booked", s(BOOKED)), (":booking", s(booking.to_string()))]));
        change
    }

    /// Takes a seat out of the layout that can be had, or that was taken out before by an earlier stamp: until `until` nobody
    /// can have it.
    pub(super) fn remove(decided_on: u64, until: EpochSeconds, stamp: EpochMillis, now: EpochMillis) -> Self {
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

    /// Puts a seat back into the layout that was taken out by the write of this stamp.
    pub(super) fn take_back(seen: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::give_back(Self::raised(seen, now), now);
        change.condition = "#status = :removed AND changed_at = :seen".to_owned();
        change.values.extend(values([(":removed", s(REMOVED)), (":seen", n(seen.0))]));
        change
    }

    fn give_back(stamp: EpochMillis, now: EpochMillis) -> Self {
        Self {
            update: Some(format!(
                "SET #status = :available, changed_at = :stamp, expires_at = :collect REMOVE {FORGET}"
            )),
            condition: String::new(),
            values: values([
                (":available", s(AVAILABLE)),
                (":stamp", n(stamp.0)),
                (":collect", n(now.ends_after(KEPT_AVAILABLE).0)),
            ]),
        }
    }

    /// Books a seat only if it is reserved under this reservation, run out or not.
    pub(super) fn book_reserved(booking: Uuid, reservation: &Holder, stamp: EpochMillis) -> Self {
        let mut values = values([(":booked", s(BOOKED)), (":booking", s(booking.to_string())), (":stamp", n(stamp.0))]);
        let held = reservation.holds(&mut values);
        Self { update: Some(BOOK.to_owned()), condition: format!("{held} AND changed_at < :stamp"), values }
    }

    /// Books a seat only while it is reserved under this reservation and has not run out.
    pub(super) fn book_running(booking: Uuid, reservation: &Holder, stamp: EpochMillis, now: EpochMillis) -> Self {
        let mut change = Self::book_reserved(booking, reservation, stamp);
        change.condition.push_str(" AND expires_at > :now");
        change.values.insert(":now".to_owned(), n(now.seconds().0));
        change
    }

    /// Books a seat that can be had, or that is reserved under the given reservation (run out or not: as long as it
    /// stands there, nobody took it over). Loses its expiry with it, so that the TTL never collects a booked seat.
    pub(super) fn book(
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
            None => concat!("attribute_not_exists(pk) OR (changed_at < :stamp AND ", can_be_had!(), ")").to_owned(),
            Some(reservation) => {
                values.insert(":reservation".to_owned(), s(reservation.to_string()));
                let theirs = theirs(owner, &mut values);
                format!(
                    "attribute_not_exists(pk) OR (changed_at < :stamp AND ({} OR \
                    (#status = :reserved AND reservation_id = :reservation AND {theirs})))",
                    can_be_had!()
                )
            }
        };
        Self { update: Some(BOOK.to_owned()), condition, values }
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
pub(super) struct Holder {
    pub(super) reservation: ReservationId,
    pub(super) owner: Option<Owner>,
}

impl Holder {
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

/// The condition that an item belongs to this caller: to nobody in particular, or to them.
pub(super) fn theirs(owner: Option<Owner>, values: &mut HashMap<String, AttributeValue>) -> &'static str {
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
