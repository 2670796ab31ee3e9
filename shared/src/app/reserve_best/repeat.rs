//! Repeated requests. Each gets the seats that were chosen for the first request.

use std::sync::Arc;

use super::{ReserveBest, ReserveBestError};
use crate::app::reserve::reservation_id;
use crate::app::select::CachedView;
use crate::app::{BoxOffice, Reserve, ReserveError, Reserved, SelectError};
use crate::context::RequestContext;
use crate::domain::inventory::Inventory;
use crate::domain::offers::{Offers, unknown_ticket_types};
use crate::domain::selection::Selection;
use crate::store::{ChosenBefore, Remembered, ReservationRef};

impl BoxOffice {
    /// Returns the seats that were chosen for an earlier request if this one repeats it, and the error `refused` if it
    /// doesn't.
    pub(super) async fn remembered(
        &self,
        ctx: &RequestContext,
        ask: &ReserveBest,
        inventory: Option<&Arc<Inventory>>,
        refused: ReserveBestError,
    ) -> Result<Reserved, ReserveBestError> {
        let (Some(_), Some(reservation)) = (ask.request, ask.reservation) else { return Err(refused) };
        let (id, owner) = (reservation.id(), ask.caller.owner());
        let wanted = ReservationRef { inventory: &ask.inventory, id, owner, seats: None, by: ask.caller.role() };
        match self.store.remembered(ctx, &wanted, ask.request).await.map_err(ReserveError::Store)? {
            Remembered::Chosen(before) => self.replay_choice(ctx, ask, inventory, &before).await,
            Remembered::Released(seats) => Err(ReserveError::Released(seats).into()),
            Remembered::Nothing | Remembered::Reserved { .. } | Remembered::Expired(_) => Err(refused),
        }
    }

    /// Reserves the seats that were chosen for the same request before, as if the caller had named them.
    pub(super) async fn replay_choice(
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
