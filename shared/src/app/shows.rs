//! Putting, deleting and reading shows.

mod list;

use std::sync::Arc;

use super::precondition::{Precondition, PreconditionError};
use super::withdrawal::WithdrawalError;
use super::{BoxOffice, StoreError};
use crate::cache::Summary;
use crate::context::RequestContext;
use crate::domain::availability_level::SeatCounts;
use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::local_time::UnknownTimezone;
use crate::domain::new_show::{NewShow, PutShow, ReplaceShowError};
use crate::domain::prices::{Currency, InvalidOverride};
use crate::domain::sale::OverBeforeOpening;
use crate::domain::show::Show;
use crate::domain::version::Version;
use crate::store::{PutLayoutError, PutShowError};
pub use list::{ListShows, ShowList};

/// The maximum number of attempts to change a show that another caller keeps changing.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// A show as it is now.
#[derive(Debug)]
pub struct CurrentShow {
    pub show: Show,
    /// The currency of its prices, if its seats have prices.
    pub currency: Option<Currency>,
}

/// The outcome of putting a show.
#[derive(Debug)]
pub enum ShowPut {
    Created(CurrentShow),
    Changed(CurrentShow),
    /// The show was the same already.
    Unchanged(CurrentShow),
}

/// The reasons why a show isn't put or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The show that `copy_of` names doesn't exist.
    #[error("no such show to copy")]
    CopyNotFound,
    /// The theater has no such layout version any more. Holds the current version.
    #[error("no such layout version, the current one is {0}")]
    LayoutVersionNotFound(LayoutVersion),
    /// The show belongs to another theater: this one.
    #[error("the show belongs to theater {0}")]
    TheaterFixed(TheaterId),
    /// The new layout has another currency than this one, which the show has.
    #[error("the show sells in {0}")]
    CurrencyFixed(Currency),
    #[error(transparent)]
    InvalidPrices(#[from] InvalidOverride),
    #[error(transparent)]
    UnknownTimezone(#[from] UnknownTimezone),
    /// The sale would be over when it opens.
    #[error(transparent)]
    OverBeforeOpening(#[from] OverBeforeOpening),
    /// The request's condition doesn't allow to replace the show.
    #[error(transparent)]
    Precondition(#[from] PreconditionError<Version>),
    /// Seats that the new layout doesn't have can't be withdrawn.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
    /// Another caller keeps changing the show.
    #[error("Another caller is changing this show. Try again.")]
    Contended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Returns a show as the table has it now.
    pub async fn show(&self, ctx: &RequestContext, id: &ShowId) -> Result<Option<CurrentShow>, StoreError> {
        let Some(show) = self.store.show(ctx, id).await? else { return Ok(None) };
        let layout = self.inventories.layout_of(ctx, &show).await?;
        let currency = layout.plan().categories().first().map(|category| category.currency);
        Ok(Some(CurrentShow { show, currency }))
    }

    /// Counts the seats of a show by their status, and stores the summary for lists.
    pub async fn count_seats(
        &self,
        ctx: &RequestContext,
        id: &ShowId,
    ) -> Result<Option<Summary>, super::GetSeatsError> {
        let view = match self.read_seats(ctx, &InventoryId::Show(id.clone()), false).await {
            Ok(view) => view,
            Err(super::GetSeatsError::TheaterNotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let counts = SeatCounts::of_statuses(&view.slots.statuses(view.now));
        let summary = Summary { counts, counted_at: view.now };
        // A fill of the cache has stored it.
        if view.source != super::Source::Miss {
            self.put_summary(ctx, id, &summary).await;
        }
        Ok(Some(summary))
    }

    /// Stores the summary of a show for lists. A failure is ignored, because the list then has an older summary.
    pub(super) async fn put_summary(&self, ctx: &RequestContext, id: &ShowId, summary: &Summary) {
        if let Some(cache) = &self.cache {
            let _ = cache.put_summary(ctx, id, summary).await;
        }
    }

    /// Puts a show.
    ///
    /// Repeating it is safe. A show that is there already stays unchanged, if the request can be a repeat of the one
    /// that put it. A show that moves to another layout has the guarantees of [`BoxOffice::put_theater`]: seats that the
    /// new layout doesn't have are withdrawn before the show is written.
    pub async fn put_show(
        &self,
        ctx: &RequestContext,
        id: &ShowId,
        wanted: &PutShow,
        expected: &Precondition<Version>,
    ) -> Result<ShowPut, ShowError> {
        for _ in 0..MAX_ATTEMPTS {
            let existing = self.store.show(ctx, id).await?;
            let source = match &wanted.copy_of {
                Some(source) => Some(self.store.show(ctx, source).await?.ok_or(ShowError::CopyNotFound)?),
                None => None,
            };
            // A request without `copy_of` was read so that it is complete.
            let new = wanted.clone().complete(source.as_ref()).ok_or(ShowError::CopyNotFound)?;
            let put = match existing {
                None => self.try_create_show(ctx, id, new, expected).await?,
                Some(existing) => self.try_replace_show(ctx, existing, new, expected).await?,
            };
            if let Some(put) = put {
                self.inventories.forget(&InventoryId::Show(id.clone()));
                return Ok(put);
            }
        }
        Err(ShowError::Contended)
    }

    /// Returns `None` if another request has put the show in the meantime.
    async fn try_create_show(
        &self,
        ctx: &RequestContext,
        id: &ShowId,
        new: NewShow,
        expected: &Precondition<Version>,
    ) -> Result<Option<ShowPut>, ShowError> {
        expected.check(None)?;
        let layout = self.layout_of_new_show(ctx, &new.theater, new.layout_version).await?;
        let show = new.create(id.clone(), layout.version, self.clock.now())?;
        let inventory = Inventory::of_show(show.clone(), layout)?;
        match self.store.put_show(ctx, &show, None).await {
            Ok(()) => {}
            Err(PutShowError::Changed) => return Ok(None),
            Err(PutShowError::Store(error)) => return Err(error.into()),
        }
        // A show of the same id may have been deleted a moment ago.
        self.make_available_again(ctx, None, &inventory).await;
        let seats = u32::try_from(inventory.layout.seats().len()).expect("a layout's seats are counted by a u32");
        let summary = Summary { counts: SeatCounts::untouched(seats), counted_at: self.clock.now() };
        self.put_summary(ctx, id, &summary).await;
        Ok(Some(ShowPut::Created(current(show, &inventory))))
    }

    /// Returns `None` if another request has changed the show in the meantime.
    async fn try_replace_show(
        &self,
        ctx: &RequestContext,
        existing: Show,
        new: NewShow,
        expected: &Precondition<Version>,
    ) -> Result<Option<ShowPut>, ShowError> {
        let layout = self.layout_to_pin(ctx, &existing.theater, existing.layout_version).await?;
        let show = match new.replace(&existing, self.clock.now()) {
            Ok(show) => show,
            Err(ReplaceShowError::TheaterFixed) => return Err(ShowError::TheaterFixed(existing.theater)),
            Err(ReplaceShowError::UnknownTimezone(error)) => return Err(error.into()),
            Err(ReplaceShowError::Sale(error)) => return Err(error.into()),
        };
        if show.is_same_but_for_version(&existing) {
            expected.check_repeat(existing.version)?;
            let inventory = Inventory::of_show(existing.clone(), layout)?;
            return Ok(Some(ShowPut::Unchanged(current(existing, &inventory))));
        }
        expected.check(Some(existing.version))?;
        let old = Inventory::of_show(existing.clone(), layout.clone())?;
        let moves = show.layout_version != existing.layout_version;
        let layout = if moves { self.layout_to_pin(ctx, &show.theater, show.layout_version).await? } else { layout };
        let new = Inventory::of_show(show.clone(), layout)?;
        if let Some(currency) = old.currency_changed_by(&new) {
            return Err(ShowError::CurrencyFixed(currency));
        }
        if self.move_show(ctx, &existing, &old, &show, &new).await? {
            Ok(Some(ShowPut::Changed(current(show, &new))))
        } else {
            Ok(None)
        }
    }

    /// Writes a show in place of another version of it, and withdraws before that the seats that it no longer has.
    /// Returns `false` if another request has changed the show in the meantime.
    async fn move_show(
        &self,
        ctx: &RequestContext,
        existing: &Show,
        old: &Inventory,
        show: &Show,
        new: &Inventory,
    ) -> Result<bool, ShowError> {
        let dropped = if old.version == new.version { Vec::new() } else { old.layout.dropped_by(&new.layout) };
        let removal = self.withdraw(ctx, Some(old), &dropped).await?;
        let put = match self.check_tombstones_last(ctx, &old.id, &removal).await {
            Ok(()) => self.store.put_show(ctx, show, Some(existing)).await.map_err(as_layout_error),
            Err(error) => Err(error),
        };
        match self.undo_if_not_applied(ctx, &old.id, put, &removal).await {
            Ok(()) => {
                if old.version != new.version {
                    self.make_available_again(ctx, Some(old), new).await;
                    // The summary counts the seats of the old layout.
                    if let Some(cache) = &self.cache {
                        let _ = cache.drop_summary(ctx, &show.id).await;
                    }
                }
                Ok(true)
            }
            Err(PutLayoutError::Changed) => Ok(false),
            Err(PutLayoutError::Store(error)) => Err(error.into()),
        }
    }

    /// Deletes a show in which no seat is reserved or booked. Returns `true` if there was one. Repeating it is safe.
    pub async fn remove_show(
        &self,
        ctx: &RequestContext,
        id: &ShowId,
        expected: &Precondition<Version>,
    ) -> Result<bool, ShowError> {
        for _ in 0..MAX_ATTEMPTS {
            let Some(existing) = self.store.show(ctx, id).await? else { return Ok(false) };
            if *expected != Precondition::Unsaid {
                expected.check(Some(existing.version))?;
            }
            let layout = self.layout_to_pin(ctx, &existing.theater, existing.layout_version).await?;
            let old = Inventory::of_show(existing.clone(), layout)?;
            let all: Vec<_> = old.layout.seats().iter().collect();
            let removal = self.withdraw(ctx, Some(&old), &all).await?;
            let removed = match self.check_tombstones_last(ctx, &old.id, &removal).await {
                Ok(()) => self.store.remove_show(ctx, &existing).await.map_err(as_layout_error),
                Err(error) => Err(error),
            };
            match self.undo_if_not_applied(ctx, &old.id, removed, &removal).await {
                Ok(()) => {
                    self.inventories.forget(&old.id);
                    self.forget(ctx, &old.id).await;
                    if let Some(cache) = &self.cache {
                        let _ = cache.forget_summary(ctx, id).await;
                    }
                    return Ok(true);
                }
                Err(PutLayoutError::Changed) => {}
                Err(PutLayoutError::Store(error)) => return Err(error.into()),
            }
        }
        Err(ShowError::Contended)
    }

    /// Returns the layout of a new show: a version that other shows have, or the theater's current one. Rejects a
    /// theater that no longer exists, although its snapshots do.
    async fn layout_of_new_show(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        version: Option<LayoutVersion>,
    ) -> Result<Arc<Layout>, ShowError> {
        let current = self.store.layout(ctx, theater).await?.ok_or(ShowError::TheaterNotFound)?;
        let version = version.unwrap_or(current.version);
        match self.inventories.pinned_layout(ctx, theater, version).await? {
            Some(pinned) => Ok(pinned),
            None => self.pin(ctx, current, version).await,
        }
    }

    /// Returns a layout that a show of an existing theater can be pinned to.
    async fn layout_to_pin(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        version: LayoutVersion,
    ) -> Result<Arc<Layout>, ShowError> {
        if let Some(pinned) = self.inventories.pinned_layout(ctx, theater, version).await? {
            return Ok(pinned);
        }
        let current = self.store.layout(ctx, theater).await?.ok_or(ShowError::TheaterNotFound)?;
        self.pin(ctx, current, version).await
    }

    /// Keeps the current layout in the table for as long as shows need it, if it is the wanted version.
    async fn pin(
        &self,
        ctx: &RequestContext,
        current: Layout,
        wanted: LayoutVersion,
    ) -> Result<Arc<Layout>, ShowError> {
        if wanted != current.version {
            return Err(ShowError::LayoutVersionNotFound(current.version));
        }
        self.store.put_layout_snapshot(ctx, &current).await?;
        Ok(self.inventories.keep_pinned(current))
    }
}

fn current(show: Show, inventory: &Inventory) -> CurrentShow {
    CurrentShow { show, currency: inventory.prices.as_ref().map(|prices| prices.currency()) }
}

/// Converts an error of writing a show, for the code that withdraws seats of any inventory.
fn as_layout_error(error: PutShowError) -> PutLayoutError {
    match error {
        PutShowError::Changed => PutLayoutError::Changed,
        PutShowError::Store(error) => PutLayoutError::Store(error),
    }
}
