//! Reads, puts and removals of shows.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem};

use super::schema::{n, s, show, theater_pk};
use super::write::retry::RetryLoop;
use super::write::transaction::{ANYTHING, Outcome};
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::show::Show;

/// The reason why a show wasn't put or removed.
#[derive(Debug, thiserror::Error)]
pub enum PutShowError {
    /// Another request has put or removed the show, or removed its theater, in the meantime. Read both and decide
    /// again.
    #[error("the show or its theater changed in the meantime")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Reads a show with its sale. Returns `None` if there is no such show. Costs one strongly consistent GetItem.
    pub async fn show(&self, ctx: &RequestContext, show: &ShowId) -> Result<Option<Show>, StoreError> {
        let item = self.read_item(ctx, show::show_key(show)).await?;
        item.as_ref().map(show::read).transpose()
    }

    /// Puts a show in place of another version of it, or where there is none. Its item and its entry in the list are
    /// written in one transaction. A new show's theater has to exist, and gets a pointer to it. An old entry at another
    /// place of the list is deleted.
    ///
    /// A change of the sale is put in the same way, with the show of [`Show::with_sale`].
    ///
    /// Repeating it is safe, because the condition holds for one writer only and the others get an error. If an answer
    /// was lost, the show is read again and compared.
    pub async fn put_show(
        &self,
        ctx: &RequestContext,
        show: &Show,
        replaces: Option<&Show>,
    ) -> Result<(), PutShowError> {
        let items = self.build_show_put(show, replaces)?;
        match self.put_or_recognize(ctx, items, show, async || self.show(ctx, &show.id).await).await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused => Err(PutShowError::Changed),
        }
    }

    /// Removes a show of a given version, with its entry in the list and its theater's pointer. Repeating it is safe,
    /// because a show that no longer exists counts as removed.
    pub async fn remove_show(&self, ctx: &RequestContext, show: &Show) -> Result<(), PutShowError> {
        let items = self.build_show_removal(show)?;
        match self.remove_or_find_removed(ctx, items, show::show_key(&show.id)).await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused => Err(PutShowError::Changed),
        }
    }

    /// Returns shows of a theater in the order of their ids, at most `most`. Costs one strongly consistent Query.
    pub async fn shows_of_theater(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        most: usize,
    ) -> Result<Vec<ShowId>, StoreError> {
        let mut retry_loop = RetryLoop::for_read(ctx, self);
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :show)")
                .expression_attribute_values(":pk", theater_pk(theater))
                .expression_attribute_values(":show", s(show::POINTER_PREFIX))
                .limit(i32::try_from(most).unwrap_or(i32::MAX))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            match retry_loop.send("Query", query.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => return answer.items().iter().map(show::read_pointer).collect(),
                Err(failed) => retry_loop.pause(failed.call_failure()).await?,
            }
        }
    }

    fn build_show_put(&self, show: &Show, replaces: Option<&Show>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (condition, values) = match replaces {
            None => ("attribute_not_exists(pk)", None),
            Some(old) => version_condition(old),
        };
        let mut items = vec![self.put_if(show::write(show), condition, values)?];
        // The entry follows the show, which alone is the condition. But an older entry never replaces a newer one.
        let newer = HashMap::from([(":version".to_owned(), n(show.version.as_u64()))]);
        let condition = "attribute_not_exists(pk) OR show_version < :version";
        items.push(self.put_if(show::write_entry(show), condition, Some(newer))?);
        match replaces {
            None => {
                items.push(self.put_if(show::pointer_key(&show.theater, &show.id), ANYTHING, None)?);
                items.extend(self.build_show_added(&show.theater)?);
            }
            Some(old) if old.place() == show.place() => {}
            Some(old) => items.push(self.delete_if(show::entry_key(&old.place()), ANYTHING, None)?),
        }
        Ok(items)
    }

    fn build_show_removal(&self, show: &Show) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (condition, values) = version_condition(show);
        Ok(vec![
            self.delete_if(show::show_key(&show.id), condition, values)?,
            self.delete_if(show::entry_key(&show.place()), ANYTHING, None)?,
            self.delete_if(show::pointer_key(&show.theater, &show.id), ANYTHING, None)?,
        ])
    }
}

/// Returns the condition that a show still has the version that was read.
fn version_condition(read: &Show) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    ("show_version = :replaces", Some(HashMap::from([(":replaces".to_owned(), n(read.version.as_u64()))])))
}
