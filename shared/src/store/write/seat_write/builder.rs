//! The parts of a seat's write: attributes to set and to remove, the condition, and the values of both.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use super::{OWNER_ATTRIBUTES, SeatHolder, SeatWrite};
use crate::domain::caller::Role;
use crate::domain::seat_state::table_status::{AVAILABLE, REMOVED, RESERVED};
use crate::domain::time::EpochMillis;
use crate::store::StoreError;
use crate::store::schema::{Item, attribute, n, s};

const ALL_OLD: ReturnValuesOnConditionCheckFailure = ReturnValuesOnConditionCheckFailure::AllOld;

/// Returns an attribute as expressions have it. `status` and `by` are reserved words.
fn escaped(attribute: &'static str) -> &'static str {
    match attribute {
        attribute::STATUS => "#status",
        attribute::BY => "#by",
        other => other,
    }
}

/// Returns the names that the expressions of every update use.
fn names_of_update() -> HashMap<String, String> {
    [attribute::STATUS, attribute::BY].map(|name| (escaped(name).to_owned(), name.to_owned())).into()
}

impl SeatWrite {
    /// Sets an attribute to a value. Attributes are written in the order of the calls.
    pub(super) fn set(mut self, attribute: &'static str, name: &'static str, value: AttributeValue) -> Self {
        self.sets.push((attribute, name));
        self.value(name, value)
    }

    /// Removes an attribute.
    pub(super) fn remove(mut self, attribute: &'static str) -> Self {
        self.removes.push(attribute);
        self
    }

    /// Removes the attributes of the seat's former owner, except those that this update sets.
    pub(super) fn clear_owner(mut self) -> Self {
        let is_set = |attribute: &&str| self.sets.iter().any(|(set, _)| set == attribute);
        self.removes.extend(OWNER_ATTRIBUTES.into_iter().filter(|attribute| !is_set(attribute)));
        self
    }

    /// Does the same as [`Self::clear_owner`] for a seat that is available. Such a seat has no booking.
    pub(super) fn clear_owner_of_available(self) -> Self {
        let mut write = self.clear_owner();
        write.removes.retain(|attribute| *attribute != attribute::BOOKING_ID);
        write
    }

    /// Stores the role of the caller. A write of a buyer removes the role of an earlier write.
    pub(in crate::store) fn by(mut self, by: Option<Role>) -> Self {
        let Some(role) = by else { return self };
        self.removes.retain(|attribute| *attribute != attribute::BY);
        self.set(attribute::BY, ":by", s(role.as_str()))
    }

    /// Replaces the condition.
    pub(super) fn condition(self, condition: impl Into<String>) -> Self {
        Self { condition: condition.into(), ..self }
    }

    /// Requires that the seat is reserved under this reservation, and what follows in `and`.
    pub(super) fn if_reserved_under(self, holder: &SeatHolder, and: &str) -> Self {
        let owned = if holder.owner.is_some() { "owner_id = :owner" } else { "attribute_not_exists(owner_id)" };
        let write = self
            .condition(format!("#status = :reserved AND reservation_id = :reservation AND {owned}{and}"))
            .value(":reserved", s(RESERVED))
            .value(":reservation", s(holder.reservation.to_string()));
        match holder.owner {
            Some(owner) => write.value(":owner", s(owner.0.to_string())),
            None => write,
        }
    }

    /// Adds a value that the condition uses.
    pub(super) fn value(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Adds the values of a condition that the seat is available.
    pub(super) fn availability_values(self, now: EpochMillis) -> Self {
        self.value(":reserved", s(RESERVED))
            .value(":available", s(AVAILABLE))
            .value(":removed", s(REMOVED))
            .value(":now", n(now.seconds().as_secs()))
    }

    /// Returns the update, or `None` for a check.
    fn update(&self) -> Option<String> {
        if self.sets.is_empty() {
            return None;
        }
        let mut update = String::with_capacity(256);
        for (place, (attribute, value)) in self.sets.iter().enumerate() {
            update.push_str(if place == 0 { "SET " } else { ", " });
            update.push_str(escaped(attribute));
            update.push_str(" = ");
            update.push_str(value);
        }
        for (place, attribute) in self.removes.iter().enumerate() {
            update.push_str(if place == 0 { " REMOVE " } else { ", " });
            update.push_str(escaped(attribute));
        }
        Some(update)
    }

    /// Converts the update into an item of a transaction.
    pub(in crate::store) fn into_transaction_item(
        self,
        table: &str,
        key: Item,
    ) -> Result<TransactWriteItem, StoreError> {
        let broken = |error: BuildError| StoreError::Permanent(error.to_string());
        let item = TransactWriteItem::builder();
        Ok(match self.update() {
            Some(update) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key))
                    .update_expression(update)
                    .condition_expression(self.condition)
                    .set_expression_attribute_names(Some(names_of_update()))
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
            .set_update_expression(self.update())
            .condition_expression(self.condition)
            .set_expression_attribute_names(Some(names_of_update()))
            .set_expression_attribute_values(Some(self.values))
            .return_values_on_condition_check_failure(ALL_OLD)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }
}
