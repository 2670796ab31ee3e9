//! Putting, deleting, showing and listing theaters.

use super::withdrawal::{Removal, WithdrawalError};
use super::{BoxOffice, StoreError};
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout::{InvalidLayout, Layout};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::new_layout::NewLayout;
use crate::store::{ExistingLayout, KnownVersion, PutLayoutError, Store, TheaterPage};

/// The maximum number of attempts to change a layout that another caller keeps changing.
const MAX_ATTEMPTS: u32 = 3;

/// A phrase that describes a layout that fits into the table.
pub const STORABLE: &str = "a layout that is stored in at most 1.5 MB, packed";

/// The caller's condition on the layout that is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// No condition.
    Unsaid,
    /// Any layout or none. For operators' commands.
    Whatever,
    /// Any layout, but there has to be one.
    Any,
    /// A layout with one of these versions. An empty list is a condition that is never met.
    OneOf(Vec<LayoutVersion>),
    /// No layout.
    Nothing,
}

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
    /// The layout is larger than the table accepts.
    #[error("the layout is too large to be stored")]
    TooLarge,
    /// The theater has a layout, of this version, and the request has no condition that allows to replace it.
    #[error("the theater has a layout, of version {0}")]
    PreconditionRequired(LayoutVersion),
    /// The layout isn't the one that the caller expects. Holds its version, if there is one.
    #[error("the theater's layout has changed")]
    PreconditionFailed(Option<LayoutVersion>),
    /// Seats that the layout doesn't have can't be withdrawn.
    #[error(transparent)]
    Withdrawal(#[from] WithdrawalError),
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
        expected: Precondition,
    ) -> Result<PutTheater, PutError> {
        for _ in 0..MAX_ATTEMPTS {
            let existing = self.store.layout_to_replace(ctx, theater).await?;
            let known = existing.as_ref().map(|existing| existing.known);
            let old = existing.map(|existing| existing.layout);
            if let Some(old) = &old
                && (&old.name, old.seats(), old.plan(), old.details())
                    == (&wanted.name, &wanted.seats[..], &wanted.plan, &wanted.details)
            {
                check_repeat(&expected, old.version)?;
                return Ok(PutTheater { put: Put::Unchanged, layout_version: old.version });
            }
            let version = old.as_ref().map(|old| old.version);
            check_precondition(&expected, version)?;
            let next = LayoutVersion::following(version, self.clock.now());
            let new = wanted.clone().into_layout(theater.clone(), next)?;
            // Checked before any seat is withdrawn, so that a rejection changes nothing.
            if !Store::fits(&new) {
                return Err(PutError::TooLarge);
            }
            let old = old.map(|old| Inventory::of_theater(old));
            let new = Inventory::of_theater(new);
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
        expected: Precondition,
    ) -> Result<bool, PutError> {
        for _ in 0..MAX_ATTEMPTS {
            let existing = self.store.layout_to_replace(ctx, theater).await?;
            let Some(ExistingLayout { layout: old, known }) = existing else { return Ok(false) };
            if expected != Precondition::Unsaid {
                check_precondition(&expected, Some(old.version))?;
            }
            let old = Inventory::of_theater(old);
            let all: Vec<_> = old.layout.seats().iter().collect();
            let removal = self.withdraw(ctx, Some(&old), &all).await?;
            match self.delete_or_undo(ctx, &old.id, theater, known, removal).await {
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
        removal: Removal,
    ) -> Result<(), PutLayoutError> {
        self.check_tombstones_last(ctx, id, &removal).await?;
        let removed = self.store.remove_layout(ctx, theater, replaces).await;
        self.undo_if_not_applied(ctx, id, removed, &removal).await
    }
}

/// Rejects a request whose condition isn't met.
fn check_precondition(expected: &Precondition, there: Option<LayoutVersion>) -> Result<(), PutError> {
    match (expected, there) {
        (Precondition::Unsaid, Some(version)) => Err(PutError::PreconditionRequired(version)),
        (Precondition::OneOf(wanted), there) if !there.is_some_and(|there| wanted.contains(&there)) => {
            Err(PutError::PreconditionFailed(there))
        }
        (Precondition::Nothing, Some(version)) => Err(PutError::PreconditionFailed(Some(version))),
        (Precondition::Any, None) => Err(PutError::PreconditionFailed(None)),
        _ => Ok(()),
    }
}

/// Rejects a request for the layout that is already there, unless an earlier request of the same caller may have put
/// it.
///
/// Such a request named this version or an earlier one (RFC 9110, 13.1.1), or no version at all. `there` is the
/// layout's version.
fn check_repeat(expected: &Precondition, there: LayoutVersion) -> Result<(), PutError> {
    match expected {
        Precondition::Nothing => Err(PutError::PreconditionFailed(Some(there))),
        Precondition::OneOf(wanted) if !wanted.iter().any(|wanted| *wanted <= there) => {
            Err(PutError::PreconditionFailed(Some(there)))
        }
        _ => Ok(()),
    }
}
