//! Reading the layout of a theater from the instance's memory, for a page that draws it.

use std::sync::Arc;

use super::BoxOffice;
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
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
        theater: &TheaterId,
        version: Option<LayoutVersion>,
    ) -> Result<Arc<Layout>, MapError> {
        let mut layout = self.layouts.get(ctx, theater).await?.ok_or(MapError::TheaterNotFound)?;
        if version.is_some_and(|version| version > layout.version) {
            layout = self.layouts.get_newer(ctx, theater).await?.ok_or(MapError::TheaterNotFound)?;
        }
        match version {
            Some(version) if version != layout.version => Err(MapError::VersionNotFound { current: layout.version }),
            _ => Ok(layout),
        }
    }
}
