//! Reserving the best available seats for a seat preference. If another caller takes one of them first, others are
//! chosen.

mod escaped;
mod preference;
mod preference_text;
mod repeat;
mod snapshot;

use std::sync::Arc;

use super::reserve::{must_exist, reservation_id};
use super::select::CachedView;
use super::selling_to::SellingTo;
use super::{BoxOffice, GetSeatsError, RequestId, ReserveError, Reserved, Source};
use crate::context::RequestContext;
use crate::domain::best_available::Shortage;
use crate::domain::caller::Caller;
use crate::domain::ids::{ReservationId, WishId};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::offers::Offers;
use crate::domain::prices::TicketType;
use crate::domain::selection::Selection;
use crate::random;
use crate::store::{Decision, ReserveChosenOutcome, ReserveOutcome, ReserveRequest, StoreError, Wish};

/// The maximum number of times that seats are chosen. After that the caller gets a conflict.
const MAX_ATTEMPTS: usize = 8;
/// The first attempt that reads seats from DynamoDB and no longer from the cache.
const FIRST_CONSISTENT_ATTEMPT: usize = 3;

/// The accessible seats that a party needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessibleSeats {
    /// None. It gets some only if the theater doesn't protect them.
    None,
    /// Each of its seats is accessible.
    All,
    /// At least this number.
    Some(usize),
}

/// A request to reserve the best available seats.
#[derive(Debug)]
pub struct ReserveBest {
    pub inventory: InventoryId,
    /// The number of seats, next to each other.
    pub quantity: usize,
    /// The only section to choose from.
    pub section: Option<String>,
    /// The only category to choose from.
    pub category: Option<String>,
    /// The accessible seats that the party needs.
    pub accessible: AccessibleSeats,
    /// The ticket type of each seat, in layout order. With `None` all are `standard`.
    pub ticket_types: Option<Vec<TicketType>>,
    /// The length of the reservation, in seconds.
    pub expires_in: u32,
    /// The id of the reservation. For `None` the server makes one.
    pub reservation: Option<RequestId<ReservationId>>,
    /// The id by which a repeat of the request is recognized. With `None` it can't be.
    pub request: Option<WishId>,
    pub caller: Caller,
}

/// The reasons why nothing is reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveBestError {
    /// There is no such theater, or its seats couldn't be read.
    #[error(transparent)]
    GetSeats(#[from] GetSeatsError),
    /// The theater has no such section. Holds the names of its sections.
    #[error("no such section")]
    UnknownSection(Vec<String>),
    /// The theater has no such category. Holds the names of its categories.
    #[error("no such category")]
    UnknownCategory(Vec<String>),
    /// Not enough seats are available next to each other.
    #[error("not enough seats together")]
    NotEnough(Shortage),
    /// The id was used with another seat preference.
    #[error("the id was used with another seat preference")]
    IdReused,
    /// An error of the reservation itself, as for named seats.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
}

impl BoxOffice {
    /// Reserves the best available seats for a seat preference.
    ///
    /// Reads availability, usually from the cache, then makes one write to DynamoDB and merges it into the cache. If
    /// another caller has taken a seat in the meantime, chooses other seats.
    ///
    /// Repeating it under the same id is safe. The chosen seats are part of the reservation's record, which is written
    /// in the same transaction as the seats. So a repeat finds those seats and never others.
    pub async fn reserve_best(&self, ctx: &RequestContext, ask: &ReserveBest) -> Result<Reserved, ReserveBestError> {
        let repeatable = ask.request.is_some();
        match self.check_sale_admitted(ctx, &ask.inventory, SellingTo::reserve(&ask.caller), repeatable).await {
            Ok(()) => {}
            Err(error) if error.may_have_passed_before() => {
                return self.remembered(ctx, ask, None, ReserveError::from(error).into()).await;
            }
            Err(error) => return Err(ReserveError::from(error).into()),
        }
        let mut snapshot = match self.snapshot(ctx, &ask.inventory, false).await {
            Ok(snapshot) => snapshot,
            Err(GetSeatsError::TheaterNotFound) => {
                return self.remembered(ctx, ask, None, GetSeatsError::TheaterNotFound.into()).await;
            }
            Err(error) => return Err(error.into()),
        };
        let reservation = reservation_id(ask.reservation);
        let seed = random::random_u64();
        let text = ask.text();
        let mut conflicts = Vec::new();
        for attempt in 0..MAX_ATTEMPTS {
            if attempt == FIRST_CONSISTENT_ATTEMPT {
                snapshot = self.snapshot(ctx, &ask.inventory, true).await?;
            }
            let inventory = &snapshot.inventory;
            let selection = match self.choose(&snapshot, ask, seed, attempt) {
                Ok(selection) => selection,
                // The first request may have got the last seats, or the section may have had another name then.
                Err(refused) => return self.remembered(ctx, ask, Some(inventory), refused).await,
            };
            let shown = snapshot.source == Source::Hit && attempt == 0;
            let cached = if shown { CachedView::AllFree } else { CachedView::NotAsked };
            let offers = match ask.offers(inventory, &selection) {
                Ok(offers) => offers,
                Err(refused) => return self.remembered(ctx, ask, Some(inventory), refused).await,
            };
            let request = self.request(ask, reservation, &selection, offers.as_ref());
            let wish = ask.request.map(|id| Wish { id, text: &text });
            let asked_at = self.clock.now();
            let outcome = self.try_reserve_chosen(ctx, inventory, &request, wish, &cached).await;
            match outcome.map_err(ReserveError::Store)? {
                ReserveChosenOutcome::Decided(ReserveOutcome::Refused(taken)) => {
                    snapshot.mark_taken(&taken, self.clock.now());
                    conflicts = taken;
                }
                ReserveChosenOutcome::Decided(outcome) => {
                    return Ok(self.answer(inventory, &request, outcome, asked_at)?);
                }
                ReserveChosenOutcome::ChosenBefore(before) => {
                    return self.replay_choice(ctx, ask, Some(inventory), &before).await;
                }
            }
        }
        Err(ReserveError::SeatUnavailable(conflicts).into())
    }

    /// Makes one attempt for chosen seats. They are stored as the choice for the preference if the request has an id.
    async fn try_reserve_chosen(
        &self,
        ctx: &RequestContext,
        inventory: &Arc<Inventory>,
        request: &ReserveRequest<'_>,
        wish: Option<Wish<'_>>,
        cached: &CachedView,
    ) -> Result<ReserveChosenOutcome, StoreError> {
        let Some(wish) = wish else {
            return Ok(ReserveChosenOutcome::Decided(
                self.reserve_and_update_cache(ctx, inventory, request, cached).await?,
            ));
        };
        let Decision { outcome, observed } = self.store.reserve_chosen(ctx, request, wish).await?;
        Ok(match outcome {
            ReserveChosenOutcome::Decided(outcome) => {
                let decision = Decision { outcome, observed };
                ReserveChosenOutcome::Decided(self.merge_observed(ctx, inventory, cached, decision).await)
            }
            ReserveChosenOutcome::ChosenBefore(before) => ReserveChosenOutcome::ChosenBefore(before),
        })
    }

    fn request<'a>(
        &self,
        ask: &'a ReserveBest,
        reservation: ReservationId,
        seats: &'a Selection,
        offers: Option<&'a Offers>,
    ) -> ReserveRequest<'a> {
        ReserveRequest {
            inventory: &ask.inventory,
            seats,
            reservation,
            must_exist: must_exist(ask.reservation),
            owner: ask.caller.owner(),
            by: ask.caller.role(),
            expires_in: ask.expires_in,
            reservation_quota: self.reservation_quota(&ask.caller),
            offers,
        }
    }
}
