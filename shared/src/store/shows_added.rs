//! The number of shows that a theater was ever given. A theater is only removed while this number is the one that was
//! read before its shows were listed, so no show is left without its theater.
//!
//! The number has an item of its own, because an update of the layout's item would cost as much as the layout is large.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};

use super::schema::{attribute, layout_key, n, number, show};
use super::write::transaction::ANYTHING;
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;

/// The number of shows that a theater was ever given, as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShowsAdded(u64);

impl Store {
    /// Reads the number of shows that a theater was ever given. Costs one strongly consistent GetItem.
    ///
    /// Read it before the theater's shows are listed. Then a show that isn't in the list raises it.
    pub async fn shows_added(&self, ctx: &RequestContext, theater: &TheaterId) -> Result<ShowsAdded, StoreError> {
        let item = self.read_item(ctx, show::shows_added_key(theater)).await?;
        let added = item.as_ref().map(|item| number(item, attribute::SHOWS_ADDED)).transpose()?;
        Ok(ShowsAdded(added.unwrap_or_default()))
    }

    /// Builds the items with which a transaction adds a show to a theater that exists.
    pub(super) fn build_show_added(&self, theater: &TheaterId) -> Result<[TransactWriteItem; 2], StoreError> {
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(show::shows_added_key(theater)))
            .update_expression("ADD shows_added :one")
            .condition_expression(ANYTHING)
            .expression_attribute_values(":one", n(1))
            .build()
            .map_err(|error: BuildError| StoreError::Permanent(error.to_string()))?;
        Ok([self.build_theater_exists(theater)?, TransactWriteItem::builder().update(count).build()])
    }

    /// Builds the check of a transaction that a theater exists.
    pub(super) fn build_theater_exists(&self, theater: &TheaterId) -> Result<TransactWriteItem, StoreError> {
        self.check_if(layout_key(theater), "attribute_exists(pk)")
    }

    /// Builds the deletion of the number. Its condition is that no show was added since the number was read.
    pub(super) fn build_none_added_since(
        &self,
        theater: &TheaterId,
        ShowsAdded(added): ShowsAdded,
    ) -> Result<TransactWriteItem, StoreError> {
        let (condition, values) = match added {
            0 => ("attribute_not_exists(pk)", None),
            added => ("shows_added = :added", Some(HashMap::from([(":added".to_owned(), n(added))]))),
        };
        self.delete_if(show::shows_added_key(theater), condition, values)
    }
}
