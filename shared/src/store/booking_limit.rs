//! The booking limit: the number of seats that one caller has booked in one theater, and changes of it.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use super::schema::{booked_count_key, n};
use super::{Store, StoreError};
use crate::domain::caller::Owner;
use crate::domain::inventory::InventoryId;

/// The limit of the seats that one caller may have booked in one theater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookingLimit {
    pub owner: Owner,
    /// The largest number of seats.
    pub most: usize,
}

/// A change of the number of seats that a caller has booked in a theater.
#[derive(Clone, Copy, Debug)]
pub(super) enum BookedCountChange {
    /// Adds seats, unless they would exceed the limit.
    Add { seats: usize, limit: BookingLimit },
    /// Subtracts seats that were counted.
    Subtract { seats: usize, owner: Owner },
}

impl BookedCountChange {
    fn owner(self) -> Owner {
        match self {
            Self::Add { limit, .. } => limit.owner,
            Self::Subtract { owner, .. } => owner,
        }
    }

    /// Returns the number that is added. It may be negative.
    fn difference(self) -> AttributeValue {
        match self {
            Self::Add { seats, .. } => n(seats as u64),
            Self::Subtract { seats, .. } => AttributeValue::N(format!("-{seats}")),
        }
    }
}

impl Store {
    /// Builds a change of the number of seats that a caller has booked in a theater. Repeating it never counts twice,
    /// because the booking in the same transaction can be made once and cancelled once.
    pub(super) fn change_booked_count(
        &self,
        inventory: &InventoryId,
        change: BookedCountChange,
    ) -> Result<TransactWriteItem, StoreError> {
        let (condition, room) = match change {
            BookedCountChange::Add { seats, limit } => match limit.most.checked_sub(seats) {
                Some(room) => ("attribute_not_exists(pk) OR booked_seats <= :room", Some(room)),
                // Never holds. A repeated booking is still recognized, because the booking's item is checked first.
                None => ("booked_seats < :room", Some(0)),
            },
            BookedCountChange::Subtract { .. } => ("attribute_exists(pk)", None),
        };
        let room = room.map(|room| (":room".to_owned(), n(room as u64)));
        let seats = (":seats".to_owned(), change.difference());
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(booked_count_key(change.owner(), inventory)))
            .update_expression("ADD booked_seats :seats")
            .condition_expression(condition)
            .set_expression_attribute_values(Some(room.into_iter().chain([seats]).collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}
