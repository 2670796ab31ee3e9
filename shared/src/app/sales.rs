//! Putting the sales of theaters and shows.

use super::shows::MAX_ATTEMPTS;
use super::{BoxOffice, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::inventory::InventoryId;
use crate::domain::sale::{OverBeforeOpening, SaleTerms, TheaterSale};
use crate::domain::time::EpochSeconds;
use crate::store::{LayoutWithSale, PutSaleError, PutShowError};

/// A sale as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentSale {
    pub terms: SaleTerms,
    /// The end of a sale without `closes_at`: the start of a show. A theater's has none.
    pub default_end: Option<EpochSeconds>,
}

/// The reasons why a sale isn't put.
#[derive(Debug, thiserror::Error)]
pub enum SaleError {
    #[error("no such theater or show")]
    NotFound,
    /// The sale would be over when it opens.
    #[error(transparent)]
    OverBeforeOpening(#[from] OverBeforeOpening),
    /// Other callers keep changing the sale or the show.
    #[error("other callers keep changing this sale")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Puts the sale of a theater or a show. Every instance follows it within 10 seconds. It may open later than the
    /// terms say, so that no instance opens it before another one ([`Sale::replaced_by`]).
    ///
    /// Repeating it is safe, because the same terms change nothing.
    ///
    /// [`Sale::replaced_by`]: crate::domain::sale::Sale::replaced_by
    pub async fn put_sale(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        terms: SaleTerms,
    ) -> Result<CurrentSale, SaleError> {
        for _ in 0..MAX_ATTEMPTS {
            let put = match id {
                InventoryId::Theater(theater) => self.try_put_theater_sale(ctx, theater, terms).await?,
                InventoryId::Show(show) => self.try_put_show_sale(ctx, show, terms).await?,
            };
            if let Some(sale) = put {
                self.inventories.forget(id);
                return Ok(sale);
            }
        }
        Err(SaleError::Contended)
    }

    /// Returns `None` if another request has put a sale in the meantime.
    async fn try_put_theater_sale(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        terms: SaleTerms,
    ) -> Result<Option<CurrentSale>, SaleError> {
        let read = self.store.layout_with_sale(ctx, theater).await?;
        let LayoutWithSale { sale: existing, .. } = read.ok_or(SaleError::NotFound)?;
        let sale = TheaterSale::put(existing.as_ref(), terms, self.clock.now())?;
        let current = CurrentSale { terms: sale.sale.terms, default_end: None };
        if existing.is_some_and(|existing| existing.sale.terms == sale.sale.terms) {
            return Ok(Some(current));
        }
        match self.store.put_theater_sale(ctx, theater, &sale, existing.map(|existing| existing.version)).await {
            Ok(()) => Ok(Some(current)),
            Err(PutSaleError::Changed) => Ok(None),
            Err(PutSaleError::Store(error)) => Err(error.into()),
        }
    }

    /// Returns `None` if another request has changed the show in the meantime.
    async fn try_put_show_sale(
        &self,
        ctx: &RequestContext,
        show: &ShowId,
        terms: SaleTerms,
    ) -> Result<Option<CurrentSale>, SaleError> {
        let existing = self.store.show(ctx, show).await?.ok_or(SaleError::NotFound)?;
        let show = existing.with_sale(terms, self.clock.now())?;
        let current = CurrentSale { terms: show.sale.terms, default_end: Some(show.starts_at.instant()) };
        if existing.sale.terms == show.sale.terms {
            return Ok(Some(current));
        }
        match self.store.put_show(ctx, &show, Some(&existing)).await {
            Ok(()) => Ok(Some(current)),
            Err(PutShowError::Changed) => Ok(None),
            Err(PutShowError::Store(error)) => Err(error.into()),
        }
    }
}
