//! A reservation as a whole: look it up, give its seats back, let it end later.

use uuid::Uuid;

use super::BoxOffice;
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::store::{
    ChangedSeats, ExtendOutcome, Extension, HeldSeat, Reservation, ReservationRef, ReservedSeat, StoreError,
};
use crate::tally::Tally;

/// Which reservation a caller means.
#[derive(Debug)]
pub struct ReservationAsk {
    /// Where.
    pub theater: TheaterId,
    /// Which.
    pub reservation: ReservationId,
    /// The seats that it is about. `None` means all.
    pub seats: Option<Vec<SeatLabel>>,
    /// Who asks.
    pub caller: Caller,
}

/// A reservation as it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservationView {
    /// The seats that it holds in layout order, each with its end.
    pub seats: Vec<HeldSeat>,
    /// The end of the first of them.
    pub expires_at: EpochSeconds,
    /// The instant from which seconds are counted.
    pub now: EpochMillis,
    /// True if each seat has had its extension.
    pub extended: bool,
}

/// A reservation that was extended.
#[derive(Debug, PartialEq, Eq)]
pub struct Extended {
    /// As it stands now.
    pub view: ReservationView,
    /// An earlier request had extended it.
    pub replayed: bool,
}

/// Why a reservation can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReservationError {
    /// There is no such theater.
    #[error("no such theater")]
    TheaterNotFound,
    /// There is none, or it isn't theirs.
    #[error("no such reservation")]
    NotFound,
    /// All its seats have run out: these.
    #[error("the reservation has run out")]
    Expired(Vec<SeatLabel>),
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a reservation wasn't extended.
#[derive(Debug, thiserror::Error)]
pub enum ExtendError {
    /// There is nothing to extend.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
    /// It doesn't hold these of the named seats.
    #[error("named seats are missing")]
    Missing(Vec<SeatLabel>),
    /// It was extended before.
    #[error("it was extended before")]
    ExtendedBefore,
    /// It would end no later than it does, which is then.
    #[error("it would end no later")]
    NoLonger(EpochSeconds),
    /// The caller may have `most` seats reserved at once, and has `reserved` others by now.
    #[error("{reserved} seats are reserved of {most}")]
    LimitReached {
        /// Seats that are reserved.
        reserved: usize,
        /// Seats that may be reserved.
        most: usize,
    },
}

impl BoxOffice {
    /// Shows what a reservation holds.
    pub async fn reservation(&self, ask: &ReservationAsk, tally: &Tally) -> Result<ReservationView, ReservationError> {
        match self.store.reservation(&ask.wanted(), tally).await? {
            Reservation::Running(seats) => Ok(self.reservation_view(ask, seats, tally).await),
            Reservation::Expired(seats) => Err(ReservationError::Expired(seats)),
            Reservation::None => Err(self.not_found(ask, tally).await),
        }
    }

    /// Gives back what a reservation holds, which may be nothing. Its id is spent.
    pub async fn release(&self, ask: &ReservationAsk, tally: &Tally) -> Result<(), ReservationError> {
        let released = self.store.release(&ask.wanted(), tally).await;
        if let Err(StoreError::Undecided(_)) = &released {
            self.forget(&ask.theater, tally).await;
        }
        self.tell_cache_of(&ask.theater, &released?, tally).await;
        Ok(())
    }

    /// Lets a reservation end `expires_in` seconds from now, once. Without an `id` the request can't be recognised when it
    /// comes again.
    pub async fn extend(
        &self,
        ask: &ReservationAsk,
        id: Option<Uuid>,
        expires_in: u32,
        tally: &Tally,
    ) -> Result<Extended, ExtendError> {
        let id = id.unwrap_or_else(entropy::new_id);
        let (longest, allowance) = (self.terms.longest_reservation, self.allowance(&ask.caller));
        let extension = Extension { id, expires_in, longest, allowance };
        let outcome = self.store.extend(&ask.wanted(), &extension, tally).await.map_err(ReservationError::Store)?;
        let (seats, replayed) = match outcome {
            ExtendOutcome::Extended(seats, changed) => {
                self.tell_cache_of(&ask.theater, &changed, tally).await;
                (seats, false)
            }
            ExtendOutcome::Replayed(seats) => {
                // Whoever extended it may have been killed before the cache was told.
                self.tell_cache_of(&ask.theater, &ChangedSeats::to(&seats, false), tally).await;
                (seats, true)
            }
            ExtendOutcome::ExtendedBefore => return Err(ExtendError::ExtendedBefore),
            ExtendOutcome::NoLonger(end) => return Err(ExtendError::NoLonger(end)),
            ExtendOutcome::LimitReached(reserved) => {
                return Err(ExtendError::LimitReached { reserved, most: self.terms.max_reserved_per_caller });
            }
            ExtendOutcome::Missing(seats) => return Err(ExtendError::Missing(seats)),
            ExtendOutcome::Expired(seats) => return Err(ReservationError::Expired(seats).into()),
            ExtendOutcome::NotFound => return Err(self.not_found(ask, tally).await.into()),
        };
        Ok(Extended { view: self.reservation_view(ask, seats, tally).await, replayed })
    }

    /// Finds out whether the reservation or the theater is missing.
    async fn not_found(&self, ask: &ReservationAsk, tally: &Tally) -> ReservationError {
        match self.layouts.get(&ask.theater, tally).await {
            Ok(Some(_)) => ReservationError::NotFound,
            Ok(None) => ReservationError::TheaterNotFound,
            Err(error) => error.into(),
        }
    }

    async fn reservation_view(
        &self,
        ask: &ReservationAsk,
        mut seats: Vec<ReservedSeat>,
        tally: &Tally,
    ) -> ReservationView {
        // In layout order, as everywhere. By label should the layout not be readable now.
        seats.sort_unstable_by(|a, b| a.seat.cmp(&b.seat));
        if let Ok(Some(layout)) = self.layouts.get(&ask.theater, tally).await {
            seats.sort_by_key(|seat| layout.position(seat.seat.as_str()));
        }
        ReservationView {
            expires_at: seats.iter().map(|seat| seat.expires_at).min().unwrap_or_default(),
            now: self.clock.now(),
            extended: seats.iter().all(|seat| seat.extension.is_some()),
            seats: seats.into_iter().map(|seat| HeldSeat { seat: seat.seat, expires_at: seat.expires_at }).collect(),
        }
    }
}

impl ReservationAsk {
    pub(super) fn wanted(&self) -> ReservationRef<'_> {
        ReservationRef {
            theater: &self.theater,
            id: self.reservation,
            owner: self.caller.owner(),
            seats: self.seats.as_deref(),
        }
    }
}
