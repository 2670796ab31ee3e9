//! Reads, puts and removals of layouts, and the list of all theaters.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem};

use super::schema::layout::{LayoutItems, StoredLayout, TheaterEntry};
use super::schema::{n, s, sale};
use super::write::retry::RetryLoop;
use super::write::transaction::{ANYTHING, Outcome};
use super::{ShowsAdded, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::store::schema;
use crate::store::schema::layout;

/// Number of times that a layout is read while its parts are being replaced.
const MAX_READS: u32 = 4;

/// The reason why a layout wasn't put or removed.
#[derive(Debug, thiserror::Error)]
pub enum PutLayoutError {
    /// Another request has put a layout, or added a show to a theater to be removed, in the meantime. Read both and
    /// decide again.
    #[error("the theater's layout changed in the meantime")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The version of a layout as it was read, and the number of its items. A put or a removal requires that the layout is
/// still of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownVersion {
    pub version: LayoutVersion,
    /// Number of further items that it is split into.
    pub(super) parts: usize,
}

/// A layout that can be replaced or removed.
#[derive(Debug)]
pub struct ExistingLayout {
    pub layout: Layout,
    pub known: KnownVersion,
}

/// A part of the list of all theaters.
#[derive(Debug, PartialEq, Eq)]
pub struct TheaterPage {
    /// Theaters in the order of their ids.
    pub theaters: Vec<TheaterEntry>,
    /// `true` if there are more after these.
    pub more: bool,
}

impl Store {
    /// Reads the theater's current layout. Returns `None` if there is no such theater. Costs one strongly consistent
    /// GetItem. The largest layouts with the most irregular seating plans also need a BatchGetItem for their parts.
    pub async fn layout(&self, ctx: &RequestContext, theater: &TheaterId) -> Result<Option<Layout>, StoreError> {
        Ok(self.layout_to_replace(ctx, theater).await?.map(|existing| existing.layout))
    }

    /// Reads the layout, and the values that are needed to replace it.
    pub async fn layout_to_replace(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
    ) -> Result<Option<ExistingLayout>, StoreError> {
        for _ in 0..MAX_READS {
            let Some(item) = self.read_item(ctx, schema::layout_key(theater)).await? else { return Ok(None) };
            let stored = StoredLayout::read(&item)?;
            let known = KnownVersion { version: stored.version, parts: stored.parts };
            if stored.parts == 0 {
                return stored.into_layout(theater, &item, &[]).map(|layout| Some(ExistingLayout { layout, known }));
            }
            let keys: Vec<_> = layout::part_keys(theater, stored.version, stored.parts).collect();
            let parts = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
            // If a part is missing, the layout has been replaced since its own item was read.
            if let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() {
                return stored.into_layout(theater, &item, &parts).map(|layout| Some(ExistingLayout { layout, known }));
            }
        }
        Err(StoreError::OutcomeUnknown("the layout keeps changing".to_owned()))
    }

    /// Returns `true` if a layout fits into the items that one may take.
    pub fn fits(layout: &Layout) -> bool {
        layout::fits(layout)
    }

    /// Puts a layout in place of the given version, or where there is none. Its item, its parts and its entry in the
    /// list of theaters are written in one transaction.
    ///
    /// Repeating it is safe, because the condition holds for one writer only and the others get an error. If an answer
    /// was lost, the layout is read again and compared.
    pub async fn put_layout(
        &self,
        ctx: &RequestContext,
        layout: &Layout,
        replaces: Option<KnownVersion>,
    ) -> Result<(), PutLayoutError> {
        let items = self.build_put(layout, replaces)?;
        match self.put_or_recognize(ctx, items, layout, async || self.layout(ctx, &layout.theater).await).await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused => Err(PutLayoutError::Changed),
        }
    }

    /// Removes a layout of a given version, with everything that was put with it. `shows_added` was read before the
    /// theater's shows were listed, so a theater that was given a show in the meantime stays. Repeating it is safe,
    /// because a layout that no longer exists counts as removed.
    pub async fn remove_layout(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        replaces: KnownVersion,
        shows_added: ShowsAdded,
    ) -> Result<(), PutLayoutError> {
        let items = self.build_removal(theater, replaces, shows_added)?;
        match self.remove_or_find_removed(ctx, items, schema::layout_key(theater)).await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused => Err(PutLayoutError::Changed),
        }
    }

    /// Reads theaters in the order of their ids, starting after `after` (strongly consistent). Returns at most `most`
    /// of them.
    pub async fn theaters(
        &self,
        ctx: &RequestContext,
        after: Option<&TheaterId>,
        most: usize,
    ) -> Result<TheaterPage, StoreError> {
        let mut retry_loop = RetryLoop::for_read(ctx, self);
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .expression_attribute_values(":theaters", s(schema::THEATERS))
                .limit(i32::try_from(most + 1).unwrap_or(i32::MAX))
                .consistent_read(true)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let query = match after {
                None => query.key_condition_expression("pk = :theaters"),
                Some(after) => query
                    .key_condition_expression("pk = :theaters AND sk > :after")
                    .expression_attribute_values(":after", s(after.as_str())),
            };
            match retry_loop.send("Query", query.send(), |answer| answer.consumed_capacity.as_slice()).await {
                Ok(answer) => {
                    let items = answer.items.unwrap_or_default();
                    let more = items.len() > most;
                    let theaters = items.iter().take(most).map(layout::read_entry).collect::<Result<_, _>>()?;
                    return Ok(TheaterPage { theaters, more });
                }
                Err(failed) => retry_loop.pause(failed.call_failure()).await?,
            }
        }
    }

    fn build_put(&self, layout: &Layout, replaces: Option<KnownVersion>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let LayoutItems { own, parts } = layout::write(layout)?;
        let (condition, values) = version_condition(replaces);
        let mut items = vec![self.put_if(own, condition, values)?];
        // The entry follows the layout, which alone is the condition. But an older entry never replaces a newer one.
        let newer = HashMap::from([(":version".to_owned(), n(layout.version.as_u64()))]);
        let condition = "attribute_not_exists(pk) OR layout_version < :version";
        items.push(self.put_if(layout::entry(layout), condition, Some(newer))?);
        for part in parts {
            items.push(self.put_if(part, "attribute_not_exists(pk)", None)?);
        }
        let old = replaces.iter().flat_map(|old| layout::part_keys(&layout.theater, old.version, old.parts));
        for key in old {
            items.push(self.delete_if(key, "attribute_exists(pk)", None)?);
        }
        Ok(items)
    }

    fn build_removal(
        &self,
        theater: &TheaterId,
        replaces: KnownVersion,
        shows_added: ShowsAdded,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (condition, values) = version_condition(Some(replaces));
        let mut items = vec![self.delete_if(schema::layout_key(theater), condition, values)?];
        items.push(self.build_none_added_since(theater, shows_added)?);
        // A theater that is created again begins without a sale. An older theater may have no entry.
        items.push(self.delete_if(sale::theater_sale_key(theater), ANYTHING, None)?);
        items.push(self.delete_if(layout::entry_key(theater), ANYTHING, None)?);
        for key in layout::part_keys(theater, replaces.version, replaces.parts) {
            items.push(self.delete_if(key, "attribute_exists(pk)", None)?);
        }
        Ok(items)
    }
}

fn version_condition(replaces: Option<KnownVersion>) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    match replaces {
        None => ("attribute_not_exists(pk)", None),
        Some(KnownVersion { version, .. }) => {
            ("layout_version = :replaces", Some(HashMap::from([(":replaces".to_owned(), n(version.as_u64()))])))
        }
    }
}
