//! Layouts: reading one, and putting one in the place of another that is known.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::attempts::{Attempts, Failed};
use super::items::{self, n};
use super::{Store, StoreError};
use crate::rules::layout::Layout;
use crate::rules::names::TheaterId;
use crate::tally::Tally;

/// Why a layout wasn't put.
#[derive(Debug, thiserror::Error)]
pub enum PutLayoutError {
    /// Somebody else put one in the meantime: read it, decide again.
    #[error("the theater's layout changed in the meantime")]
    Changed,
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The theater's layout as it is now (one strongly consistent GetItem), or `None` when there is no such theater.
    pub async fn layout(&self, theater: &TheaterId, tally: &Tally) -> Result<Option<Layout>, StoreError> {
        let mut attempts = Attempts::to_read(self, tally);
        loop {
            let call = self
                .client
                .get_item()
                .table_name(&self.table)
                .set_key(Some(items::layout_key(theater)))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send();
            match attempts.send(call, |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => return answer.item().map(|item| items::read_layout(theater, item)).transpose(),
                Err(failed) => attempts.pause(failed.trouble()).await?,
            }
        }
    }

    /// Puts a layout where the one of version `replaces` is, or where there is none. Repeating it is safe: the
    /// condition holds for one writer only, and whoever lost is told.
    pub async fn put_layout(
        &self,
        layout: &Layout,
        replaces: Option<u64>,
        tally: &Tally,
    ) -> Result<(), PutLayoutError> {
        let mut attempts = Attempts::to_write(self, tally);
        loop {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(items::write_layout(layout)))
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let put = match replaces {
                None => put.condition_expression("attribute_not_exists(pk)"),
                Some(version) => put
                    .condition_expression("layout_version = :replaces")
                    .expression_attribute_values(":replaces", n(version)),
            };
            let failed = match attempts.send(put.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Ok(_) => return Ok(()),
                Err(failed) => failed,
            };
            if matches!(&failed, Failed::Answered(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()))
            {
                // Refused by the work of our own earlier attempt, whose answer was lost?
                let standing = if attempts.unknown { self.layout(&layout.theater, tally).await? } else { None };
                return if standing.as_ref() == Some(layout) { Ok(()) } else { Err(PutLayoutError::Changed) };
            }
            attempts.pause(failed.trouble()).await?;
        }
    }
}
