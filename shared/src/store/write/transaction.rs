//! Several writes as one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use uuid::Uuid;

use super::rejection::WriteRejection;
use super::retry::{CallFailure, RetryLoop};
use crate::context::RequestContext;
use crate::random;
use crate::store::schema::Item;
use crate::store::{Store, StoreError};

/// The outcome of a transaction that reached DynamoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Outcome {
    Applied,
    /// A condition doesn't hold.
    Refused,
}

/// Condition that holds whether or not there is an item.
pub(in crate::store) const ANYTHING: &str = "attribute_exists(pk) OR attribute_not_exists(pk)";

impl Store {
    /// Puts something with a transaction, which is sent until it is applied or refused.
    ///
    /// If an answer was lost, an own earlier attempt may be the reason for the refusal. Then `read` reads what is
    /// there, and the transaction counts as applied if that is `wanted`.
    pub(in crate::store) async fn put_or_recognize<T: PartialEq>(
        &self,
        ctx: &RequestContext,
        items: Vec<TransactWriteItem>,
        wanted: &T,
        read: impl AsyncFnOnce() -> Result<Option<T>, StoreError>,
    ) -> Result<Outcome, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let outcome = self.transact_until_decided(items, &mut retry_loop).await?;
        let is_own = outcome == Outcome::Refused && retry_loop.unknown && read().await?.as_ref() == Some(wanted);
        Ok(if is_own { Outcome::Applied } else { outcome })
    }

    /// Removes something with a transaction, which is sent until it is applied or refused. Counts as applied if nothing
    /// is left under the key.
    pub(in crate::store) async fn remove_or_find_removed(
        &self,
        ctx: &RequestContext,
        items: Vec<TransactWriteItem>,
        key: Item,
    ) -> Result<Outcome, StoreError> {
        let outcome = self.transact_until_decided(items, &mut RetryLoop::for_write(ctx, self)).await?;
        let is_gone = outcome == Outcome::Refused && self.read_item(ctx, key).await?.is_none();
        Ok(if is_gone { Outcome::Applied } else { outcome })
    }

    /// Sends a transaction until it is applied or refused.
    pub(in crate::store) async fn transact_until_decided(
        &self,
        items: Vec<TransactWriteItem>,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<Outcome, StoreError> {
        let token = random::random_id();
        loop {
            let Err(refusal) = self.transact(Ok(items.clone()), token, retry_loop).await else {
                return Ok(Outcome::Applied);
            };
            match refusal.into_failure() {
                Some(failure) => retry_loop.pause(failure).await?,
                None => return Ok(Outcome::Refused),
            }
        }
    }

    /// Sends a transaction once. DynamoDB treats all attempts under one token as the same transaction, so repeating it
    /// with the same token is safe.
    pub(in crate::store) async fn transact(
        &self,
        items: Result<Vec<TransactWriteItem>, StoreError>,
        token: Uuid,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<(), WriteRejection> {
        let items = items.map_err(|error| WriteRejection::Call(CallFailure::Final(error.to_string())))?;
        let call = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            // Replaces the SDK's own token, which would be new for each attempt. Then DynamoDB couldn't recognize a
            // repeated one.
            .client_request_token(token.to_string())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send();
        retry_loop.send("TransactWriteItems", call, |answer| answer.consumed_capacity()).await?;
        Ok(())
    }

    /// Builds a conditional put for a transaction. If the condition fails, the rejection returns the existing item.
    pub(in crate::store) fn put_if(
        &self,
        item: Item,
        condition: &str,
        values: Option<HashMap<String, AttributeValue>>,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error: BuildError| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Builds a check for a transaction, which changes nothing.
    pub(in crate::store) fn check_if(&self, key: Item, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression(condition)
            .build()
            .map_err(|error: BuildError| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Builds a conditional deletion for a transaction.
    pub(in crate::store) fn delete_if(
        &self,
        key: Item,
        condition: &str,
        values: Option<HashMap<String, AttributeValue>>,
    ) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .build()
            .map_err(|error: BuildError| StoreError::Permanent(error.to_string()))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
