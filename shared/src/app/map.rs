//! Reading the layout of a theater from the instance's memory, for a page that draws it.

use std::sync::Arc;

use super::BoxOffice;
use crate::context::RequestContext;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout_version::LayoutVersion;
use crate::store::StoreError;

/// The reasons why a map can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The layout has another version.
    #[error("no such version, the current one is {current}")]
    VersionNotFound {
        /// The version of the layout.
        current: LayoutVersion,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Returns a theater's layout, at most a minute old, or its layout of one version. Costs nothing if the instance knows
    /// the layout. For a version newer than the known one, the layout is read again.
    pub async fn map(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        version: Option<LayoutVersion>,
    ) -> Result<Arc<Inventory>, MapError> {
        let mut inventory = self.inventories.get(ctx, id).await?.ok_or(MapError::TheaterNotFound)?;
        if version.is_some_and(|version| version > inventory.layout.version) {
            inventory = self.inventories.get_newer(ctx, id).await?.ok_or(MapError::TheaterNotFound)?;
        }
        match version {
            Some(version) if version != inventory.layout.version => {
                Err(MapError::VersionNotFound { current: inventory.layout.version })
            }
            _ => Ok(inventory),
        }
    }
}
