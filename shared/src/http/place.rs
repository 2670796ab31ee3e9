//! The members of an answer that say whose seats it is about.

use super::problem::Problem;
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
    pub(super) async fn of(routed: &RoutedRequest<'_>, inventory: &InventoryId) -> Result<Self, Problem> {
        let theater = routed.office.theater_of(routed.ctx, inventory).await?;
        Ok(Self { show: inventory.show().cloned(), theater })
    }

    pub(super) fn show_id(&self) -> Option<&str> {
        self.show.as_ref().map(ShowId::as_str)
    }

    /// Returns the theater. It is missing only if a show was deleted.
    pub(super) fn theater_id(&self) -> Option<&str> {
        self.theater.as_ref().map(TheaterId::as_str)
    }
}
