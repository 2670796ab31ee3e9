//! Reserving named seats for a limited time.

use std::sync::Arc;

use super::select::{CachedView, SelectedSeats, WantedSeats};
use super::selling_to::SellingTo;
use super::{BoxOffice, RequestId, SelectError};
use crate::context::RequestContext;
use crate::domain::availability::SeatState;
use crate::domain::caller::Caller;
use crate::domain::ids::{ReservationId, SeatLabel, is_server_generated};
use crate::domain::inventory::Inventory;
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Lines;
use crate::domain::offers::is_allowed;
use crate::domain::seat_request::SeatRequest;
use crate::domain::selection::{Conflict, OtherTicketType};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;
use crate::store::{
    Decision, MAX_SEATS_PER_RESERVATION, Remembered, ReservationQuota, ReservationRef, ReserveOutcome, ReserveRequest,
    ReservedSeat, ReservedSeats, SeatExpiry, StoreError,
};

/// A request to reserve seats.
#[derive(Debug)]
pub struct Reserve {
    pub inventory: InventoryId,
    /// The seats in any order, reserved all or none.
    pub seats: Vec<SeatRequest>,
    /// The length of the reservation, in seconds.
    pub expires_in: u32,
    /// The id of the reservation. For `None` the server makes an id, and a repeat of the request can't be recognized.
    pub reservation: Option<RequestId<ReservationId>>,
    pub caller: Caller,
}

/// The outcome of a reservation.
#[derive(Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The id of the reservation. It gives the right to book the seats.
    pub reservation: ReservationId,
    /// The seats of the request in layout order, each with its expiry.
    pub seats: Vec<SeatExpiry>,
    /// The earliest expiry of all seats of the reservation, those of earlier requests included.
    pub expires_at: EpochSeconds,
    /// The whole seconds until then.
    pub expires_in: u64,
    /// The instant from which seconds are counted.
    pub now: EpochMillis,
    /// `true` if all of them were in the reservation already.
    pub replayed: bool,
    /// The seats with their prices. `None` if they are sold without money.
    pub lines: Option<Lines>,
}

/// The reasons why nothing is reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Finding the seats failed.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Other callers have these seats.
    #[error("seats are taken")]
    SeatUnavailable(Vec<Conflict>),
    /// The caller or the reservation may have `most` seats reserved at once, and has `reserved`.
    #[error("{reserved} of at most {most} seats are reserved")]
    LimitReached {
        /// Seats that are reserved.
        reserved: usize,
        /// Seats that may be reserved.
        most: usize,
    },
    /// The reservation was released, or these seats of it were.
    #[error("the reservation was released")]
    Released(Vec<SeatLabel>),
    /// These seats of the reservation have expired. They can't be reserved again under it.
    #[error("the reservation has expired")]
    Expired(Vec<SeatLabel>),
    /// These seats are in the reservation already, as other ticket types than the request names.
    #[error("the seats are reserved as other ticket types")]
    TypeFixed(Vec<OtherTicketType>),
    /// The id has the form that only the server makes, and no such reservation exists.
    #[error("no such reservation")]
    NotFound,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Reserves available seats: one write to DynamoDB, which is then merged into the cache.
    pub async fn reserve(&self, ctx: &RequestContext, ask: &Reserve) -> Result<Reserved, ReserveError> {
        let repeatable = ask.reservation.is_some();
        let wanted = WantedSeats { seats: &ask.seats, may_be_reserved: false };
        let selected = match self
            .select_admitted(ctx, &ask.inventory, wanted, SellingTo::reserve(&ask.caller), repeatable)
            .await
        {
            Ok(SelectedSeats { cached: CachedView::Taken(taken), .. }) => {
                return Err(ReserveError::SeatUnavailable(taken));
            }
            Ok(selected) => selected,
            // The layout, its prices or the sale may have changed since the first request. A repeat gets the answer of the first
            // request.
            Err(error) if error.may_have_passed_before() => {
                return self.find_previous_reservation(ctx, ask, error).await;
            }
            Err(error) => return Err(error.into()),
        };
        let request = ReserveRequest {
            inventory: &ask.inventory,
            seats: &selected.selection,
            reservation: reservation_id(ask.reservation),
            must_exist: must_exist(ask.reservation),
            owner: ask.caller.owner(),
            by: ask.caller.role(),
            expires_in: ask.expires_in,
            reservation_quota: self.reservation_quota(&ask.caller),
            offers: selected.offers.as_ref(),
        };
        let asked_at = self.clock.now();
        let outcome = self.reserve_and_update_cache(ctx, &selected.inventory, &request, &selected.cached).await?;
        if let ReserveOutcome::Refused(conflicts) = &outcome
            && let Some(error) = self.withdrawn_seats_error(ctx, &ask.inventory, conflicts).await
        {
            return Err(error.into());
        }
        self.answer(&selected.inventory, &request, outcome, asked_at)
    }

    /// Returns the existing reservation if the request repeats an earlier one, and `error` if it doesn't.
    pub(super) async fn find_previous_reservation(
        &self,
        ctx: &RequestContext,
        ask: &Reserve,
        error: SelectError,
    ) -> Result<Reserved, ReserveError> {
        let Some(reservation) = ask.reservation else { return Err(error.into()) };
        let (id, owner) = (reservation.id(), ask.caller.owner());
        let labels: Vec<_> = ask.seats.iter().map(|request| request.seat.clone()).collect();
        let wanted =
            ReservationRef { inventory: &ask.inventory, id, owner, seats: Some(&labels), by: ask.caller.role() };
        match self.store.remembered(ctx, &wanted, None).await? {
            Remembered::Nothing | Remembered::Chosen(_) => Err(error.into()),
            Remembered::Released(seats) => Err(ReserveError::Released(seats)),
            Remembered::Expired(seats) => Err(ReserveError::Expired(seats)),
            Remembered::Reserved { seats, expires_at } => {
                let other_types = other_types(&ask.seats, &seats);
                if !other_types.is_empty() {
                    return Err(ReserveError::TypeFixed(other_types));
                }
                let seats = ReservedSeats { seats: seats.into_iter().map(SeatExpiry::from).collect(), expires_at };
                let lines = self.lines_if_readable(ctx, &ask.inventory, &seats.seats).await;
                Ok(reserved(id, seats, lines, self.clock.now(), None))
            }
        }
    }

    /// Returns the lines of seats. Returns `None` if they are sold without money, and if the inventory can't be read
    /// now.
    pub(super) async fn lines_if_readable(
        &self,
        ctx: &RequestContext,
        id: &InventoryId,
        seats: &[SeatExpiry],
    ) -> Option<Lines> {
        let inventory = self.inventories.get(ctx, id).await.ok().flatten()?;
        lines_of(&inventory, seats)
    }

    /// Returns the reservation quota of the caller, if one is set and the caller is signed in. Staff have none, and
    /// their calls don't count in the quota of a buyer.
    pub(super) fn reservation_quota(&self, caller: &Caller) -> Option<ReservationQuota> {
        let most = self.policy.max_reserved_per_caller;
        caller.owner().filter(|_| most > 0 && !caller.is_staff()).map(|owner| ReservationQuota { owner, most })
    }

    /// Reserves the seats in the store and merges what the store returned into the cache. `cached` is the cache's view
    /// before the attempt.
    pub(super) async fn reserve_and_update_cache(
        &self,
        ctx: &RequestContext,
        inventory: &Arc<Inventory>,
        request: &ReserveRequest<'_>,
        cached: &CachedView,
    ) -> Result<ReserveOutcome, StoreError> {
        let decision = self.store.reserve(ctx, request).await?;
        Ok(self.merge_observed(ctx, inventory, cached, decision).await)
    }

    /// Merges what the store returned into the cache, and returns the outcome.
    pub(super) async fn merge_observed(
        &self,
        ctx: &RequestContext,
        inventory: &Arc<Inventory>,
        cached: &CachedView,
        Decision { outcome, observed }: Decision<ReserveOutcome>,
    ) -> ReserveOutcome {
        let _ = self.update_cache(ctx, inventory, &observed).await;
        if *cached == CachedView::AllFree && matches!(outcome, ReserveOutcome::Refused(_)) {
            self.count_stale_answers(ctx, &observed);
        }
        outcome
    }

    /// Returns the answer to a request for named seats. `asked_at` is the instant before the attempt.
    pub(super) fn answer(
        &self,
        inventory: &Inventory,
        request: &ReserveRequest<'_>,
        outcome: ReserveOutcome,
        asked_at: EpochMillis,
    ) -> Result<Reserved, ReserveError> {
        let reservation = request.reservation;
        match outcome {
            ReserveOutcome::Reserved(seats) => {
                let lines = lines_of(inventory, &seats.seats);
                Ok(reserved(reservation, seats, lines, asked_at, Some(request.expires_in)))
            }
            ReserveOutcome::AlreadyReserved(seats) => {
                let lines = lines_of(inventory, &seats.seats);
                Ok(reserved(reservation, seats, lines, self.clock.now(), None))
            }
            ReserveOutcome::TypeFixed(seats) => Err(ReserveError::TypeFixed(seats)),
            ReserveOutcome::Refused(conflicts) => Err(ReserveError::SeatUnavailable(conflicts)),
            ReserveOutcome::LimitReached(reserved) => {
                Err(ReserveError::LimitReached { reserved, most: self.policy.max_reserved_per_caller })
            }
            ReserveOutcome::Full(reserved) => {
                Err(ReserveError::LimitReached { reserved, most: MAX_SEATS_PER_RESERVATION })
            }
            ReserveOutcome::Released(seats) => Err(ReserveError::Released(seats)),
            ReserveOutcome::NotFound => Err(ReserveError::NotFound),
        }
    }
}

/// Returns the id of a request's reservation. Makes one if the request names none.
pub(super) fn reservation_id(given: Option<RequestId<ReservationId>>) -> ReservationId {
    given.map_or_else(|| ReservationId::new(random::random_id()), RequestId::id)
}

/// Returns `true` if the reservation has to exist already, because the caller names an id that only the server makes.
pub(super) fn must_exist(given: Option<RequestId<ReservationId>>) -> bool {
    matches!(given, Some(RequestId::Given(id)) if is_server_generated(id.as_uuid()))
}

/// Builds the answer as of `now`.
///
/// For a new reservation `now` is the instant of the request. Then the answer shows the `promised` seconds, and not
/// what was left of them after the write. Earlier seats of the reservation may expire sooner.
fn reserved(
    reservation: ReservationId,
    reserved: ReservedSeats,
    lines: Option<Lines>,
    now: EpochMillis,
    promised: Option<u32>,
) -> Reserved {
    let ReservedSeats { seats, expires_at } = reserved;
    let left = expires_at.remaining(now);
    Reserved {
        reservation,
        seats,
        expires_at,
        expires_in: promised.map_or(left, |promised| left.min(u64::from(promised))),
        now,
        replayed: promised.is_none(),
        lines,
    }
}

/// Returns the lines of seats, in their order. Returns `None` if they are sold without money.
pub(super) fn lines_of(inventory: &Inventory, seats: &[SeatExpiry]) -> Option<Lines> {
    Lines::of(inventory, seats.iter().map(|seat| (&seat.seat, seat.fixed_price.as_ref())))
}

/// Returns the seats that are reserved as other ticket types than the request names.
fn other_types(requests: &[SeatRequest], seats: &[ReservedSeat]) -> Vec<OtherTicketType> {
    let other = |seat: &ReservedSeat| {
        let request = requests.iter().find(|request| request.seat == seat.seat)?;
        if is_allowed(request.ticket_type.as_ref(), seat.fixed_price.as_ref()) {
            return None;
        }
        let state = SeatState::Reserved { expires_at: seat.expires_at };
        let reserved_as = seat.fixed_price.as_ref().map(|fixed| fixed.ticket_type.clone()).unwrap_or_default();
        Some(OtherTicketType { conflict: Conflict { seat: seat.seat.clone(), state, yours: true }, reserved_as })
    };
    seats.iter().filter_map(other).collect()
}
