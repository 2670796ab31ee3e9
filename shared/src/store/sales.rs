//! Sales of theaters. The sale of a show is a part of its item.

use std::collections::HashMap;

use super::schema::layout::StoredLayout;
use super::schema::{self, n, sale};
use super::write::retry::RetryLoop;
use super::write::transaction::Outcome;
use super::{Store, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::sale::TheaterSale;
use crate::domain::version::Version;

/// The reason why a sale wasn't put.
#[derive(Debug, thiserror::Error)]
pub enum PutSaleError {
    /// Another request has put a sale or removed the theater in the meantime. Read both and decide again.
    #[error("the theater's sale changed in the meantime")]
    Changed,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A theater's layout and its sale, as one read found them.
#[derive(Debug, PartialEq, Eq)]
pub struct LayoutWithSale {
    pub layout: Layout,
    /// `None` if the theater is always open.
    pub sale: Option<TheaterSale>,
}

impl Store {
    /// Reads a theater's sale. Returns `None` if no sale was ever put, and then the theater is always open. Costs one
    /// strongly consistent GetItem.
    pub async fn theater_sale(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
    ) -> Result<Option<TheaterSale>, StoreError> {
        let item = self.read_item(ctx, sale::theater_sale_key(theater)).await?;
        item.as_ref().map(sale::read_theater_sale).transpose()
    }

    /// Reads a theater's layout together with its sale. Returns `None` if there is no such theater.
    ///
    /// Costs one strongly consistent BatchGetItem. A layout of several items is read again with its parts.
    pub async fn layout_with_sale(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
    ) -> Result<Option<LayoutWithSale>, StoreError> {
        let keys = [schema::layout_key(theater), sale::theater_sale_key(theater)];
        let items = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
        let [Some(item), sale] = items.as_slice() else { return Ok(None) };
        let sale = sale.as_ref().map(sale::read_theater_sale).transpose()?;
        let stored = StoredLayout::read(item)?;
        let layout = if stored.parts == 0 {
            Some(stored.into_layout(theater, item, &[])?)
        } else {
            self.layout(ctx, theater).await?
        };
        Ok(layout.map(|layout| LayoutWithSale { layout, sale }))
    }

    /// Puts a theater's sale in place of the given version, or where there is none. The theater has to exist.
    ///
    /// Repeating it is safe, because the condition holds for one writer only and the others get an error. If an answer
    /// was lost, the sale is read again and compared.
    pub async fn put_theater_sale(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        sale: &TheaterSale,
        replaces: Option<Version>,
    ) -> Result<(), PutSaleError> {
        let (condition, values) = match replaces {
            None => ("attribute_not_exists(pk)", None),
            Some(version) => {
                ("sale_version = :replaces", Some(HashMap::from([(":replaces".to_owned(), n(version.as_u64()))])))
            }
        };
        let put = self.put_if(sale::write_theater_sale(theater, sale), condition, values)?;
        let items = vec![put, self.build_theater_exists(theater)?];
        match self.put_or_recognize(ctx, items, sale, async || self.theater_sale(ctx, theater).await).await? {
            Outcome::Applied => Ok(()),
            Outcome::Refused => Err(PutSaleError::Changed),
        }
    }
}
