//! Several writes as one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use uuid::Uuid;

use super::rejection::WriteRejection;
use super::retry::{CallFailure, RetryLoop};
use crate::store::schema::Item;
use crate::store::{Store, StoreError};

/// Condition that holds whether or not there is an item.
pub(in crate::store) const ANYTHING: &str = "attribute_exists(pk) OR attribute_not_exists(pk)";

impl Store {
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
