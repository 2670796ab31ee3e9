//! Finding the seats that a request names, and rejecting early what DynamoDB would reject.

use std::sync::Arc;
use std::time::Duration;

use super::selling_to::SellingTo;
use super::{BoxOffice, TooManyRequests};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::offers::{Offers, UnknownTicketType, unknown_ticket_types};
use crate::domain::sale::NotOnSale;
use crate::domain::seat_request::SeatRequest;
use crate::domain::selection::{Conflict, Selection};
use crate::domain::time::EpochMillis;
use crate::store::StoreError;

/// Age of a write that the cache should know. It is longer than a writer takes to update the cache, and longer than
/// clocks usually differ.
const EXPECTED_IN_CACHE_AFTER: Duration = Duration::from_secs(2);

/// The reasons why the seats of a request aren't found.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has no such seats.
    #[error("no such seats")]
    SeatNotFound(Vec<SeatLabel>),
    /// These seats aren't sold as the requested ticket types.
    #[error("no such ticket types")]
    TicketTypeNotFound(Vec<UnknownTicketType>),
    /// The sale isn't open.
    #[error("not on sale")]
    NotOnSale {
        refusal: NotOnSale,
        /// The instant of the check.
        now: EpochMillis,
        /// Seats may have been sold before, so the request may repeat an earlier one.
        may_be_repeat: bool,
    },
    /// The caller writes too often.
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
    /// The layout couldn't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SelectError {
    /// Returns `true` if an earlier request with the same id may have passed: the layout, its prices or the sale may have
    /// changed since.
    pub(super) fn may_have_passed_before(&self) -> bool {
        match self {
            Self::TheaterNotFound | Self::SeatNotFound(_) | Self::TicketTypeNotFound(_) => true,
            Self::NotOnSale { may_be_repeat, .. } => *may_be_repeat,
            Self::TooManyRequests(_) | Self::Store(_) => false,
        }
    }
}

/// The seats that a request asks for.
#[derive(Clone, Copy)]
pub(super) struct WantedSeats<'a> {
    pub(super) seats: &'a [SeatRequest],
    /// The seats may be reserved already, and a reserved seat keeps a ticket type that isn't sold any more.
    pub(super) may_be_reserved: bool,
}

/// The seats of a request, found in a layout.
pub(super) struct SelectedSeats {
    pub(super) inventory: Arc<Inventory>,
    pub(super) selection: Selection,
    /// The prices of the seats. `None` if they are sold without money.
    pub(super) offers: Option<Offers>,
    pub(super) cached: CachedView,
}

/// The cache's view of the seats of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CachedView {
    /// The cache wasn't asked.
    NotAsked,
    /// The cache has no answer.
    Unknown,
    /// All seats are available.
    AllFree,
    /// These seats are taken.
    Taken(Vec<Conflict>),
}

impl BoxOffice {
    /// Checks the rate limit and the sale, finds the seats, and asks the cache whether they are taken. Skips the cache
    /// for `repeatable` requests, because a repeat must get the first answer and not a conflict.
    ///
    /// The rate limit is checked in the same call to the cache. If that call is skipped, or the inventory or its sale
    /// would have to be read first, the rate limit is checked separately before everything else. The early check of the
    /// seats is then skipped too, so that a write makes at most two calls to Redis.
    pub(super) async fn select_admitted(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        wanted: WantedSeats<'_>,
        selling: SellingTo,
        repeatable: bool,
    ) -> Result<SelectedSeats, SelectError> {
        let known = self.check_known_sale(ctx, id, selling, repeatable).await?;
        let known = known.and_then(|inventory| SelectedSeats::find(inventory, wanted).ok());
        let peeks = !repeatable && (!ctx.has_unchecked_rate_limit() || known.is_some());
        if !peeks {
            self.admit(ctx).await?;
        }
        let mut selected = match known {
            Some(found) => found,
            None => {
                self.check_sale(ctx, id, selling).await?;
                self.select(ctx, id, wanted).await?
            }
        };
        if peeks {
            selected.cached = self.peek_at_seats(ctx, &selected).await?;
        }
        Ok(selected)
    }

    /// Finds seats in a theater's layout, without the cache. A missing seat or ticket type may be new, so the layout is
    /// read again in that case.
    async fn select(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        wanted: WantedSeats<'_>,
    ) -> Result<SelectedSeats, SelectError> {
        let inventory = self.inventories.get(ctx, id).await?.ok_or(SelectError::TheaterNotFound)?;
        if let Ok(selected) = SelectedSeats::find(inventory, wanted) {
            return Ok(selected);
        }
        let inventory = self.inventories.get_newer(ctx, id).await?.ok_or(SelectError::TheaterNotFound)?;
        SelectedSeats::find(inventory, wanted)
    }

    /// Finds the seats of a reservation, as [`Self::select`] does.
    pub(super) async fn select_reserved(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        seats: &[SeatLabel],
    ) -> Result<SelectedSeats, SelectError> {
        let inventory = self.inventories.get(ctx, id).await?.ok_or(SelectError::TheaterNotFound)?;
        if let Ok(selected) = SelectedSeats::find_reserved(inventory, seats) {
            return Ok(selected);
        }
        let inventory = self.inventories.get_newer(ctx, id).await?.ok_or(SelectError::TheaterNotFound)?;
        SelectedSeats::find_reserved(inventory, seats)
    }

    /// Finds the seats of a request again if the inventory has other prices by now. Returns `None` if it hasn't.
    pub(super) async fn select_at_newer_prices(
        &self,
        ctx: &RequestContext,
        selected: &SelectedSeats,
        wanted: WantedSeats<'_>,
    ) -> Result<Option<SelectedSeats>, SelectError> {
        let old = &selected.inventory;
        let newer = self.inventories.get_newer(ctx, &old.id).await?.ok_or(SelectError::TheaterNotFound)?;
        if newer.prices == old.prices {
            return Ok(None);
        }
        SelectedSeats::find(newer, wanted).map(Some)
    }

    /// Returns the error for conflicts with withdrawn seats: if the layout no longer has them, they aren't found.
    pub(super) async fn withdrawn_seats_error(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        conflicts: &[Conflict],
    ) -> Option<SelectError> {
        let withdrawn = conflicts.iter().filter(|conflict| conflict.state.is_withdrawn());
        let withdrawn: Vec<_> = withdrawn.map(|conflict| conflict.seat.clone()).collect();
        if withdrawn.is_empty() {
            return None;
        }
        let inventory = match self.inventories.get_newer(ctx, id).await {
            Ok(Some(inventory)) => inventory,
            Ok(None) => return Some(SelectError::TheaterNotFound),
            Err(error) => return Some(error.into()),
        };
        // While the layout still has them, they may come back.
        Selection::of(&withdrawn, &inventory.layout).err().map(|unknown| SelectError::SeatNotFound(unknown.0))
    }

    /// Asks the cache whether the seats are taken.
    ///
    /// Used only for requests without an id and without a reservation. Such a request can't be a repeat, so DynamoDB
    /// would only answer that the seats are taken. The cache says so at no cost.
    async fn peek_at_seats(
        &self,
        ctx: &RequestContext,
        selected: &SelectedSeats,
    ) -> Result<CachedView, TooManyRequests> {
        let Some(cache) = &self.cache else { return Ok(CachedView::Unknown) };
        let SelectedSeats { inventory, selection, .. } = selected;
        let seat_indexes: Vec<_> = selection.seats().iter().map(|seat| seat.seat_index).collect();
        let Some(slots) = Self::peek_admitted(ctx, cache, inventory, &seat_indexes).await? else {
            return Ok(CachedView::Unknown);
        };
        let now = self.clock.now();
        let states = selection.labels().zip(slots).map(|(label, slot)| (label, slot.state_at(now)));
        let taken = states.filter(|(_, state)| *state != SeatState::Available);
        let taken: Vec<_> = taken.map(|(label, state)| Conflict { seat: label.clone(), state, yours: false }).collect();
        Ok(if taken.is_empty() { CachedView::AllFree } else { CachedView::Taken(taken) })
    }

    /// Counts the seats that the cache had shown as available although they had been taken for a while. The cache was
    /// behind on these seats. A seat that was taken a moment ago is an ordinary race and doesn't count.
    pub(super) fn count_stale_answers(&self, ctx: &RequestContext, learned: &[SlotUpdate]) {
        let now = self.clock.now();
        let taken = |slot: &Slot| slot.state_at(now) != SeatState::Available;
        let long_ago = |slot: &Slot| slot.changed_at + EXPECTED_IN_CACHE_AFTER < now;
        let stale = learned.iter().filter(|known| taken(&known.slot) && long_ago(&known.slot)).count();
        let stale = u32::try_from(stale).expect("a layout's seats are counted by a u32");
        ctx.record_costs(|costs| costs.stale_answers += stale);
    }
}

impl SelectedSeats {
    fn find(inventory: Arc<Inventory>, wanted: WantedSeats<'_>) -> Result<Self, SelectError> {
        let WantedSeats { seats, may_be_reserved } = wanted;
        let labels = seats.iter().map(|request| &request.seat);
        let selection =
            Selection::of(labels, &inventory.layout).map_err(|unknown| SelectError::SeatNotFound(unknown.0))?;
        if !may_be_reserved || inventory.prices.is_none() {
            let unknown = unknown_ticket_types(seats, &inventory);
            if !unknown.is_empty() {
                return Err(SelectError::TicketTypeNotFound(unknown));
            }
        }
        let offers = Offers::of(seats, &selection, &inventory);
        Ok(Self { inventory, selection, offers, cached: CachedView::NotAsked })
    }

    fn find_reserved(inventory: Arc<Inventory>, seats: &[SeatLabel]) -> Result<Self, SelectError> {
        let selection =
            Selection::of(seats, &inventory.layout).map_err(|unknown| SelectError::SeatNotFound(unknown.0))?;
        Ok(Self { inventory, selection, offers: None, cached: CachedView::NotAsked })
    }
}
