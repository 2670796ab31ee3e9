//! Reserving the best available seats for a seat preference. If another caller takes one of them first, others are
//! chosen.

mod escaped;
mod preference_text;

use std::sync::Arc;

use super::reserve::{must_exist, reservation_id};
use super::select::CachedView;
use super::{BoxOffice, GetSeatsError, RequestId, Reserve, ReserveError, Reserved, SeatsView, SelectError, Source};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::best_available::{self, Shortage, Steering};
use crate::domain::caller::Caller;
use crate::domain::ids::WishId;
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::offers::{Offers, unknown_ticket_types};
use crate::domain::prices::TicketType;
use crate::domain::sale::Selling;
use crate::domain::seat_request::SeatRequest;
use crate::domain::selection::{Conflict, Selection};
use crate::domain::text;
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::{
    ChosenBefore, Decision, Remembered, ReservationRef, ReserveChosenOutcome, ReserveOutcome, ReserveRequest,
    StoreError, Wish,
};
use preference_text::preference_text;

/// The maximum number of times that seats are chosen. After that the caller gets a conflict.
const MAX_ATTEMPTS: usize = 8;
/// The first attempt that reads seats from DynamoDB and no longer from the cache.
const FIRST_CONSISTENT_ATTEMPT: usize = 3;

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
    /// Choose accessible seats only.
    pub accessible: bool,
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

/// The seats to choose from, as they were read.
struct Snapshot {
    inventory: Arc<Inventory>,
    slots: Vec<Slot>,
    source: Source,
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
        match self.check_sale_admitted(ctx, &ask.inventory, Selling::Reserve, repeatable).await {
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
            let Snapshot { inventory, slots, source } = &mut snapshot;
            let selection = match self.choose(inventory, slots, ask, seed, attempt) {
                Ok(selection) => selection,
                // The first request may have got the last seats, or the section may have had another name then.
                Err(refused) => return self.remembered(ctx, ask, Some(inventory), refused).await,
            };
            let shown = *source == Source::Hit && attempt == 0;
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
                    mark_taken(slots, inventory, &taken, self.clock.now());
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

    /// Reads the seats with the stamps of their slots.
    async fn snapshot(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        consistent: bool,
    ) -> Result<Snapshot, GetSeatsError> {
        let SeatsView { inventory, slots, source, .. } = self.read_seats(ctx, id, consistent).await?;
        let slots = slots.into_vec(&inventory);
        Ok(Snapshot { inventory, slots, source })
    }

    /// Chooses the best seats, or some of the best under contention. The more requests are choosing, and the more often
    /// this request lost a race, the wider the candidates are spread.
    fn choose(
        &self,
        inventory: &Inventory,
        slots: &[Slot],
        ask: &ReserveBest,
        seed: u64,
        attempt: usize,
    ) -> Result<Selection, ReserveBestError> {
        let wish = ask.wish(inventory)?;
        let now = self.clock.now();
        let available: Vec<_> = slots.iter().map(|slot| slot.is_available(now)).collect();
        let spread = best_available::spread(slots, now).max(if attempt == 0 { 0 } else { 8 << attempt });
        let steering = Steering { spread, seed: seed.wrapping_add(attempt as u64) };
        let seat_indexes =
            best_available::choose(inventory.layout.plan(), inventory.layout.neighbors(), &available, &wish, steering);
        Ok(Selection::at(&seat_indexes.map_err(ReserveBestError::NotEnough)?, &inventory.layout))
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
            expires_in: ask.expires_in,
            reservation_quota: self.reservation_quota(&ask.caller),
            offers,
        }
    }

    /// Returns the seats that were chosen for an earlier request if this one repeats it, and the error `refused` if it
    /// doesn't.
    async fn remembered(
        &self,
        ctx: &RequestContext,
        ask: &ReserveBest,
        inventory: Option<&Arc<Inventory>>,
        refused: ReserveBestError,
    ) -> Result<Reserved, ReserveBestError> {
        let (Some(_), Some(reservation)) = (ask.request, ask.reservation) else { return Err(refused) };
        let (id, owner) = (reservation.id(), ask.caller.owner());
        let wanted = ReservationRef { inventory: &ask.inventory, id, owner, seats: None };
        match self.store.remembered(ctx, &wanted, ask.request).await.map_err(ReserveError::Store)? {
            Remembered::Chosen(before) => self.replay_choice(ctx, ask, inventory, &before).await,
            Remembered::Released(seats) => Err(ReserveError::Released(seats).into()),
            Remembered::Nothing | Remembered::Reserved(_) | Remembered::Expired(_) => Err(refused),
        }
    }

    /// Reserves the seats that were chosen for the same request before, as if the caller had named them.
    async fn replay_choice(
        &self,
        ctx: &RequestContext,
        ask: &ReserveBest,
        inventory: Option<&Arc<Inventory>>,
        before: &ChosenBefore,
    ) -> Result<Reserved, ReserveBestError> {
        if before.wish != ask.text() {
            return Err(ReserveBestError::IdReused);
        }
        let named = Reserve {
            inventory: ask.inventory.clone(),
            seats: ask.seat_requests(&before.seats),
            expires_in: ask.expires_in,
            reservation: ask.reservation,
            caller: ask.caller.clone(),
        };
        let selection =
            inventory.and_then(|inventory| Some((inventory, Selection::of(&before.seats, &inventory.layout).ok()?)));
        let Some((inventory, selection)) = selection else {
            let error = SelectError::SeatNotFound(before.seats.clone());
            return Ok(self.find_previous_reservation(ctx, &named, error).await?);
        };
        let unknown = unknown_ticket_types(&named.seats, inventory);
        if !unknown.is_empty() {
            let error = SelectError::TicketTypeNotFound(unknown);
            return Ok(self.find_previous_reservation(ctx, &named, error).await?);
        }
        let offers = Offers::of(&named.seats, &selection, inventory);
        let request = self.request(ask, reservation_id(ask.reservation), &selection, offers.as_ref());
        let asked_at = self.clock.now();
        let outcome = self.reserve_and_update_cache(ctx, inventory, &request, &CachedView::NotAsked).await;
        Ok(self.answer(inventory, &request, outcome.map_err(ReserveError::Store)?, asked_at)?)
    }
}

impl ReserveBest {
    /// Returns the text by which a repeat is compared with the first request.
    fn text(&self) -> String {
        let mut text =
            preference_text(self.quantity, self.section.as_deref(), self.category.as_deref(), self.accessible);
        for ticket_type in self.ticket_types.iter().flatten() {
            text.push(' ');
            text.push_str(ticket_type.as_str());
        }
        text
    }

    /// Returns chosen seats with their ticket types. `seats` are in layout order.
    fn seat_requests<'a>(&self, seats: impl IntoIterator<Item = &'a SeatLabel>) -> Vec<SeatRequest> {
        let mut types = self.ticket_types.iter().flatten().cloned();
        let request = |seat: &SeatLabel| SeatRequest { seat: seat.clone(), ticket_type: types.next() };
        seats.into_iter().map(request).collect()
    }

    /// Returns the prices of chosen seats. Returns an error for a seat that isn't sold as its ticket type.
    fn offers(&self, inventory: &Inventory, selection: &Selection) -> Result<Option<Offers>, ReserveBestError> {
        if inventory.prices.is_none() && self.ticket_types.is_none() {
            return Ok(None);
        }
        let requests = self.seat_requests(selection.labels());
        let unknown = unknown_ticket_types(&requests, inventory);
        if unknown.is_empty() {
            Ok(Offers::of(&requests, selection, inventory))
        } else {
            Err(ReserveError::Select(SelectError::TicketTypeNotFound(unknown)).into())
        }
    }

    /// Converts the seat preference to indices of the layout's sections and categories.
    fn wish(&self, inventory: &Inventory) -> Result<best_available::Wish, ReserveBestError> {
        let plan = inventory.layout.plan();
        let sections = || plan.sections().iter();
        let section = match &self.section {
            None => None,
            Some(name) => Some(
                index_of(name, sections().map(String::as_str))
                    .ok_or_else(|| ReserveBestError::UnknownSection(plan.sections().to_vec()))?,
            ),
        };
        let names = || plan.categories().iter().map(|category| category.name.as_str());
        let category = match &self.category {
            None => None,
            Some(name) => Some(
                index_of(name, names())
                    .ok_or_else(|| ReserveBestError::UnknownCategory(names().map(str::to_owned).collect()))?,
            ),
        };
        Ok(best_available::Wish { quantity: self.quantity, section, category, accessible: self.accessible })
    }
}

/// Returns the index of a name among names in their stored form.
fn index_of<'a>(name: &str, mut names: impl Iterator<Item = &'a str>) -> Option<u16> {
    // A name with a hidden character counts as an empty one.
    let name = text::normalize(name).unwrap_or_default();
    let index = names.position(|stored| stored == name)?;
    Some(u16::try_from(index).expect("a layout has at most 65,536 sections and categories"))
}

/// Updates the slots that were read with the conflicts of a rejected write.
fn mark_taken(slots: &mut [Slot], inventory: &Inventory, taken: &[Conflict], now: EpochMillis) {
    for conflict in taken {
        let seat_index = inventory.layout.seat_index(conflict.seat.as_str());
        if let Some(slot) = seat_index.and_then(|seat_index| slots.get_mut(seat_index.as_usize())) {
            *slot = Slot { changed_at: now, state: conflict.state };
        }
    }
}
