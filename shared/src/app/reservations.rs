//! Reading, releasing and extending a reservation.

use super::BoxOffice;
use super::reserve::lines_of;
use crate::context::RequestContext;
use crate::domain::caller::Caller;
use crate::domain::ids::ExtensionId;
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Lines;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::random;
use crate::store::{
    ChangedSeats, ExtendOutcome, Extension, Reservation, ReservationRef, ReservedSeat, SeatExpiry, StoreError,
};

/// A caller's reference to a reservation.
#[derive(Debug)]
pub struct ReservationRequest {
    pub inventory: InventoryId,
    pub reservation: ReservationId,
    /// The seats of the reservation that are meant. `None` means all.
    pub seats: Option<Vec<SeatLabel>>,
    pub caller: Caller,
}

/// The present state of a reservation.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservationView {
    /// The seats of the reservation in layout order, each with its expiry.
    pub seats: Vec<SeatExpiry>,
    /// The earliest expiry of these seats.
    pub expires_at: EpochSeconds,
    /// The instant from which seconds are counted.
    pub now: EpochMillis,
    /// `true` if each seat has been extended.
    pub extended: bool,
    /// The seats with their prices. `None` if they are sold without money.
    pub lines: Option<Lines>,
}

/// The outcome of an extension.
#[derive(Debug, PartialEq, Eq)]
pub struct Extended {
    /// The reservation after the extension.
    pub view: ReservationView,
    /// `true` if an earlier request had extended it.
    pub replayed: bool,
}

/// The reasons why a reservation can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReservationError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The reservation doesn't exist, or belongs to another caller.
    #[error("no such reservation")]
    NotFound,
    /// All seats of the reservation have expired: these.
    #[error("the reservation has expired")]
    Expired(Vec<SeatLabel>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The reasons why a reservation isn't extended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// The reservation doesn't exist, has expired or can't be read.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
    /// These of the named seats aren't in the reservation.
    #[error("the reservation doesn't have these seats")]
    Missing(Vec<SeatLabel>),
    /// The reservation was extended before.
    #[error("the reservation was extended before")]
    ExtendedBefore,
    /// The extension would not end later than the reservation does. Holds that end.
    #[error("the extension would not end later than the reservation")]
    EndsNoLater(EpochSeconds),
    /// The caller may have `most` seats reserved at once, and by now has `reserved` others.
    #[error("{reserved} of at most {most} seats are reserved")]
    LimitReached {
        /// Seats that are reserved.
        reserved: usize,
        /// Seats that may be reserved.
        most: usize,
    },
}

impl BoxOffice {
    /// Returns the seats of a reservation.
    pub async fn reservation(
        &self,
        ctx: &RequestContext,
        ask: &ReservationRequest,
    ) -> Result<ReservationView, ReservationError> {
        match self.store.reservation(ctx, &ask.wanted()).await? {
            Reservation::Running(seats) => Ok(self.reservation_view(ctx, ask, seats).await),
            Reservation::Expired(seats) => Err(ReservationError::Expired(seats)),
            Reservation::None => Err(self.not_found(ctx, ask).await),
        }
    }

    /// Releases the seats of a reservation, if it has any. Its id can't be used again.
    pub async fn release(&self, ctx: &RequestContext, ask: &ReservationRequest) -> Result<(), ReservationError> {
        let released = self.store.release(ctx, &ask.wanted()).await;
        if let Err(StoreError::OutcomeUnknown(_)) = &released {
            self.forget(ctx, &ask.inventory).await;
        }
        self.update_cache_of_seats(ctx, &ask.inventory, &released?).await;
        Ok(())
    }

    /// Extends a reservation once, so that it ends `expires_in` seconds from now. Without an `id` a repeat of the
    /// request can't be recognized.
    pub async fn extend(
        &self,
        ctx: &RequestContext,
        ask: &ReservationRequest,
        id: Option<ExtensionId>,
        expires_in: u32,
    ) -> Result<Extended, ExtendError> {
        let id = id.unwrap_or_else(|| ExtensionId::new(random::random_id()));
        let (longest, reservation_quota) = (self.policy.longest_reservation, self.reservation_quota(&ask.caller));
        let extension = Extension { id, expires_in, longest, reservation_quota };
        let outcome = self.store.extend(ctx, &ask.wanted(), &extension).await.map_err(ReservationError::Store)?;
        let (seats, replayed) = match outcome {
            ExtendOutcome::Extended { seats, changed } => {
                self.update_cache_of_seats(ctx, &ask.inventory, &changed).await;
                (seats, false)
            }
            ExtendOutcome::Replayed(seats) => {
                // The function that extended it may have died before it updated the cache.
                self.update_cache_of_seats(ctx, &ask.inventory, &ChangedSeats::to(&seats, false)).await;
                (seats, true)
            }
            ExtendOutcome::ExtendedBefore => return Err(ExtendError::ExtendedBefore),
            ExtendOutcome::EndsNoLater(end) => return Err(ExtendError::EndsNoLater(end)),
            ExtendOutcome::LimitReached(reserved) => {
                return Err(ExtendError::LimitReached { reserved, most: self.policy.max_reserved_per_caller });
            }
            ExtendOutcome::Missing(seats) => return Err(ExtendError::Missing(seats)),
            ExtendOutcome::Expired(seats) => return Err(ReservationError::Expired(seats).into()),
            ExtendOutcome::NotFound => return Err(self.not_found(ctx, ask).await.into()),
        };
        Ok(Extended { view: self.reservation_view(ctx, ask, seats).await, replayed })
    }

    /// Returns an error that says whether the reservation or the theater is missing.
    async fn not_found(&self, ctx: &RequestContext, ask: &ReservationRequest) -> ReservationError {
        match self.inventories.get(ctx, &ask.inventory).await {
            Ok(Some(_)) => ReservationError::NotFound,
            Ok(None) => ReservationError::TheaterNotFound,
            Err(error) => error.into(),
        }
    }

    async fn reservation_view(
        &self,
        ctx: &RequestContext,
        ask: &ReservationRequest,
        mut seats: Vec<ReservedSeat>,
    ) -> ReservationView {
        // In layout order, or by label if the layout can't be read now.
        seats.sort_unstable_by(|a, b| a.seat.cmp(&b.seat));
        let inventory = self.inventories.get(ctx, &ask.inventory).await.ok().flatten();
        if let Some(inventory) = &inventory {
            seats.sort_by_key(|seat| inventory.layout.seat_index(seat.seat.as_str()));
        }
        let expires_at = seats.iter().map(|seat| seat.expires_at).min();
        let extended = seats.iter().all(|seat| seat.extension.is_some());
        let seats: Vec<_> = seats.into_iter().map(SeatExpiry::from).collect();
        ReservationView {
            expires_at: expires_at.expect("a running reservation has a seat"),
            now: self.clock.now(),
            extended,
            lines: inventory.and_then(|inventory| lines_of(&inventory, &seats)),
            seats,
        }
    }
}

impl ReservationRequest {
    pub(super) fn wanted(&self) -> ReservationRef<'_> {
        ReservationRef {
            inventory: &self.inventory,
            id: self.reservation,
            owner: self.caller.owner(),
            seats: self.seats.as_deref(),
            by: self.caller.role(),
        }
    }
}
