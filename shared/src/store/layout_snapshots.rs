//! Snapshots of layouts: the versions that shows are pinned to. A snapshot never changes.

use super::schema::layout::LayoutItems;
use super::schema::{Item, attribute, layout_snapshot, unreadable};
use super::write::retry::RetryLoop;
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;

impl Store {
    /// Reads the snapshot of one version of a theater's layout. Returns `None` if there is none.
    ///
    /// Costs one strongly consistent GetItem. The largest layouts also need a BatchGetItem for their parts. A snapshot
    /// never changes, so callers may keep it for good.
    pub async fn layout_snapshot(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        version: LayoutVersion,
    ) -> Result<Option<Layout>, StoreError> {
        let Some(item) = self.read_item(ctx, layout_snapshot::snapshot_key(theater, version)).await? else {
            return Ok(None);
        };
        let stored = layout_snapshot::read(&item, version)?;
        let keys: Vec<_> = layout_snapshot::part_keys(theater, version, stored.parts).collect();
        let parts = if keys.is_empty() {
            Vec::new()
        } else {
            let parts = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
            parts.into_iter().collect::<Option<Vec<Item>>>().ok_or_else(|| {
                unreadable(&item, attribute::PLAN_PARTS, "a part is missing, although all were written together")
            })?
        };
        stored.into_layout(theater, &item, &parts).map(Some)
    }

    /// Puts the snapshot of a layout, with its parts in one transaction. Does nothing if there is one already.
    ///
    /// Repeating it is safe, because a version of a layout has one content only. A refused put costs as much as a
    /// carried out one, so callers read the snapshot first.
    pub async fn put_layout_snapshot(&self, ctx: &RequestContext, layout: &Layout) -> Result<(), StoreError> {
        let LayoutItems { own, parts } = layout_snapshot::write(layout)?;
        let puts = std::iter::once(own).chain(parts);
        let puts = puts.map(|item| self.put_if(item, "attribute_not_exists(pk)", None)).collect::<Result<_, _>>()?;
        self.transact_until_decided(puts, &mut RetryLoop::for_write(ctx, self)).await?;
        Ok(())
    }
}
