//! The check whether an inventory is on sale.

use std::sync::Arc;

use super::inventory_cache::InventoryOnSale;
use super::selling_to::SellingTo;
use super::{BoxOffice, SelectError};
use crate::context::RequestContext;
use crate::domain::inventory::{Inventory, InventoryId};

impl BoxOffice {
    /// Checks the sale if this instance knows it, without a read. Returns the inventory, or `None` if something has to
    /// be read first.
    ///
    /// A refusal of a request that can't be a repeat costs nothing at all. Otherwise the rate limit is checked, because
    /// the caller of this function then looks for the first request.
    pub(super) async fn check_known_sale(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        selling: SellingTo,
        repeatable: bool,
    ) -> Result<Option<Arc<Inventory>>, SelectError> {
        let Some(known) = self.inventories.known_on_sale(id) else { return Ok(None) };
        match self.check(&known, selling) {
            Ok(()) => Ok(Some(known.inventory)),
            Err(error) => {
                if repeatable && error.may_have_passed_before() {
                    self.admit(ctx).await?;
                }
                Err(error)
            }
        }
    }

    /// Checks the sale of an inventory. If something has to be read first, the rate limit is checked before that.
    pub(super) async fn check_sale_admitted(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        selling: SellingTo,
        repeatable: bool,
    ) -> Result<(), SelectError> {
        if self.check_known_sale(ctx, id, selling, repeatable).await?.is_some() {
            return Ok(());
        }
        self.admit(ctx).await?;
        self.check_sale(ctx, id, selling).await
    }

    /// Checks the sale, and reads it first if this instance doesn't know it. Costs at most one read per inventory and 10
    /// seconds.
    pub(super) async fn check_sale(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        selling: SellingTo,
    ) -> Result<(), SelectError> {
        let on_sale = self.inventories.get_on_sale(ctx, id).await?.ok_or(SelectError::TheaterNotFound)?;
        self.check(&on_sale, selling)
    }

    fn check(&self, on_sale: &InventoryOnSale, selling: SellingTo) -> Result<(), SelectError> {
        let now = self.clock.now();
        match on_sale.check(selling.operation, now) {
            Err(refusal) if !selling.may_pass(&refusal) => {
                // Staff may have sold before the first opening.
                let may_be_repeat = selling.role.is_some() || !on_sale.sale.nothing_sold_before(now);
                Err(SelectError::NotOnSale { refusal, now, may_be_repeat })
            }
            _ => Ok(()),
        }
    }
}
