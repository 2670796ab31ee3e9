//! Putting, deleting, showing and listing theaters.

use super::precondition::{Precondition, PreconditionError};
use super::withdrawal::{Removal, WithdrawalError};
use super::{BoxOffice, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout::{InvalidLayout, Layout};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::new_layout::NewLayout;
use crate::domain::prices::Currency;
use crate::store::{ExistingLayout, KnownVersion, PutLayoutError, ShowsAdded, Store, TheaterPage};

/// The maximum number of attempts to change a layout that another caller keeps changing.
const MAX_ATTEMPTS: u32 = 3;

/// The number of shows that are named when a theater can't be deleted.
const MAX_SHOWS_NAMED: usize = 10;

/// A phrase that describes a layout that fits into the table.
pub const STORABLE: &str = "a layout that is stored in at most 1.5 MB, packed";

/// A layout that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PutTheater {
    pub put: Put,
    pub layout_version: LayoutVersion,
}

/// The outcome of putting a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The theater had no layout before.
    Created,
    /// The theater had another layout before.
    Changed,
    /// The theater had this layout already.
    Unchanged,
}

/// The reasons why a layout isn't put or deleted.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The layout is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidLayout),
    /// The layout has another currency than this one, in which seats may be reserved.
    #[error("the theater sells in {0}")]
    CurrencyFixed(Currency),
    /// The layout is larger than the table accepts.
    #[error("the layout is too large to be stored")]
    TooLarge,
    /// The request's condition doesn't allow to replace the layout.
    #[error(transparent)]
    Precondition(#[from] PreconditionError<LayoutVersion>),
    /// Seats that the layout doesn't have can't be withdrawn.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
    /// The theater has shows, which need its layouts. Holds some of them.
    #[error("the theater has shows")]
    HasShows(Vec<ShowId>),
    /// Another caller keeps changing the layout.
    #[error("somebody else is changing the theater's layout; try again")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Returns a theater's layout as the table has it now, and never from the layout cache.
    pub async fn theater(&self, ctx: &RequestContext, theater: &TheaterId) -> Result<Option<Layout>, StoreError> {
        self.store.layout(ctx, theater).await
    }

    /// Returns theaters in the order of their ids, starting after the id `after`.
    pub async fn theaters(
        &self,
        ctx: &RequestContext,
        after: Option<&TheaterId>,
        most: usize,
    ) -> Result<TheaterPage, StoreError> {
        self.store.theaters(ctx, after, most).await
    }

    /// Puts a layout.
    ///
    /// The new version is larger than any that the theater ever had, because versions follow the clock. So a theater
    /// that was deleted and created again never meets old seat indices in the cache.
    ///
    /// Repeating it is safe. A layout that is there already stays unchanged, if the request can be a repeat of the one
    /// that put it. Seats are withdrawn before the layout is written, so that no instance sells them by the old layout.
    /// See [`crate::store`].
    pub async fn put_theater(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        wanted: &NewLayout,
        expected: Precondition<LayoutVersion>,
    ) -> Result<PutTheater, PutError> {
        for _ in 0..MAX_ATTEMPTS {
            let existing = self.store.layout_to_replace(ctx, theater).await?;
            let known = existing.as_ref().map(|existing| existing.known);
            let old = existing.map(|existing| existing.layout);
            if let Some(old) = &old
                && (&old.name, old.seats(), old.plan(), old.details())
                    == (&wanted.name, &wanted.seats[..], &wanted.plan, &wanted.details)
            {
                expected.check_repeat(old.version)?;
                return Ok(PutTheater { put: Put::Unchanged, layout_version: old.version });
            }
            let version = old.as_ref().map(|old| old.version);
            expected.check(version)?;
            let next = LayoutVersion::following(version, self.clock.now());
            let new = wanted.clone().into_layout(theater.clone(), next)?;
            // Checked before any seat is withdrawn, so that a rejection changes nothing.
            if !Store::fits(&new) {
                return Err(PutError::TooLarge);
            }
            let old = old.map(Inventory::of_theater);
            let new = Inventory::of_theater(new);
            if let Some(currency) = old.as_ref().and_then(|old| old.currency_changed_by(&new)) {
                return Err(PutError::CurrencyFixed(currency));
            }
            let dropped = old.as_ref().map(|old| old.layout.dropped_by(&new.layout)).unwrap_or_default();
            let removal = self.withdraw(ctx, old.as_ref(), &dropped).await?;
            match self.put_or_undo(ctx, &new, known, removal).await {
                Ok(()) => {
                    self.make_available_again(ctx, old.as_ref(), &new).await;
                    let put = if old.is_some() { Put::Changed } else { Put::Created };
                    return Ok(PutTheater { put, layout_version: next });
                }
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    /// Deletes a theater in which no seat is reserved or booked. Returns `true` if there was one. Repeating it is safe.
    pub async fn remove_theater(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        expected: Precondition<LayoutVersion>,
    ) -> Result<bool, PutError> {
        for _ in 0..MAX_ATTEMPTS {
            let existing = self.store.layout_to_replace(ctx, theater).await?;
            let Some(ExistingLayout { layout: old, known }) = existing else { return Ok(false) };
            if expected != Precondition::Unsaid {
                expected.check(Some(old.version))?;
            }
            let shows_added = self.store.shows_added(ctx, theater).await?;
            let shows = self.store.shows_of_theater(ctx, theater, MAX_SHOWS_NAMED).await?;
            if !shows.is_empty() {
                return Err(PutError::HasShows(shows));
            }
            let old = Inventory::of_theater(old);
            let all: Vec<_> = old.layout.seats().iter().collect();
            let removal = self.withdraw(ctx, Some(&old), &all).await?;
            match self.delete_or_undo(ctx, &old.id, theater, known, shows_added, removal).await {
                Ok(()) => return Ok(true),
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(PutError::Contended)
    }

    async fn put_or_undo(
        &self,
        ctx: &RequestContext,
        new: &Inventory,
        replaces: Option<KnownVersion>,
        removal: Removal,
    ) -> Result<(), PutLayoutError> {
        self.check_tombstones_last(ctx, &new.id, &removal).await?;
        let put = self.store.put_layout(ctx, &new.layout, replaces).await;
        self.undo_if_not_applied(ctx, &new.id, put, &removal).await
    }

    async fn delete_or_undo(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        theater: &TheaterId,
        replaces: KnownVersion,
        shows_added: ShowsAdded,
        removal: Removal,
    ) -> Result<(), PutLayoutError> {
        self.check_tombstones_last(ctx, id, &removal).await?;
        let removed = self.store.remove_layout(ctx, theater, replaces, shows_added).await;
        self.undo_if_not_applied(ctx, id, removed, &removal).await
    }
}
