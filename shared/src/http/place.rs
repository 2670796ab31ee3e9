//! The members of an answer that say whose seats it is about.

use super::routed_request::RoutedRequest;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::inventory::InventoryId;

/// The show that an answer is about, if it is a show, and the theater.
#[derive(Debug)]
pub(super) struct Place {
    show: Option<ShowId>,
    theater: Option<TheaterId>,
}

impl Place {
    /// Finds the theater of an inventory. Costs nothing for a theater, and for a show that the instance knows.
    ///
    /// It never fails, because it runs after a write. An answer without the theater is better than none.
    pub(super) async fn of(routed: &RoutedRequest<'_>, inventory: &InventoryId) -> Self {
        let theater = routed.office.theater_of(routed.ctx, inventory).await.ok().flatten();
        Self { show: inventory.show().cloned(), theater }
    }

    pub(super) fn show_id(&self) -> Option<&str> {
        self.show.as_ref().map(ShowId::as_str)
    }

    /// Returns the theater. It is missing only if a show was deleted or couldn't be read.
    pub(super) fn theater_id(&self) -> Option<&str> {
        self.theater.as_ref().map(TheaterId::as_str)
    }
}
