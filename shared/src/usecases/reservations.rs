//! A reservation as a whole: look it up, give its seats back, let it end later.

use uuid::Uuid;

use super::BoxOffice;
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::time::EpochSeconds;
use crate::store::{ChangedSeats, ExtendOutcome, Extension, ReservationRef, ReservedSeat, StoreError};
use crate::tally::Tally;

/// Which reservation a caller means.
#[derive(Debug)]
pub struct ReservationAsk {
    /// Where.
    pub theater: TheaterId,
    /// Which.
    pub reservation: ReservationId,
    /// The seats that it is about, if the caller names them: then only these are read, not all that are taken.
    pub seats: Option<Vec<SeatLabel>>,
    /// Who asks.
    pub caller: Caller,
}

/// A reservation as it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservationView {
    /// The seats that it holds, in layout order.
    pub seats: Vec<SeatLabel>,
    /// When the first of them runs out.
    pub expires_at: EpochSeconds,
    /// Whole seconds until then.
    pub expires_in: u64,
    /// Whether it has had its extension.
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
    /// All its seats have run out.
    #[error("the reservation has run out")]
    Expired,
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
    /// It was extended before.
    #[error("it was extended before")]
    ExtendedBefore,
    /// It ends no sooner than it would, or lasts as long as any may.
    #[error("it would end no later")]
    NoLonger,
    /// It holds so many seats that they can't be extended at once.
    #[error("it holds {0} seats")]
    TooMany(usize),
}

impl BoxOffice {
    /// Shows what a reservation holds.
    pub async fn reservation(&self, ask: &ReservationAsk, tally: &Tally) -> Result<ReservationView, ReservationError> {
        self.theater_is_there(ask, tally).await?;
        let standing = self.store.reserved_under(&ask.wanted(), tally).await?;
        let now = self.clock.now();
        let running: Vec<_> = standing.iter().filter(|seat| seat.runs(now)).cloned().collect();
        match (running.is_empty(), standing.is_empty()) {
            (false, _) => Ok(self.reservation_view(ask, running, tally).await),
            (true, false) => Err(ReservationError::Expired),
            (true, true) => Err(ReservationError::NotFound),
        }
    }

    /// Gives back what a reservation holds, which may be nothing.
    pub async fn release(&self, ask: &ReservationAsk, tally: &Tally) -> Result<(), ReservationError> {
        self.theater_is_there(ask, tally).await?;
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
        self.theater_is_there(ask, tally).await?;
        let id = id.unwrap_or_else(entropy::new_id);
        let extension = Extension { id, expires_in, longest: self.terms.longest_reservation };
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
            ExtendOutcome::NoLonger => return Err(ExtendError::NoLonger),
            ExtendOutcome::TooMany(seats) => return Err(ExtendError::TooMany(seats)),
            ExtendOutcome::Expired => return Err(ReservationError::Expired.into()),
            ExtendOutcome::NotFound => return Err(ReservationError::NotFound.into()),
        };
        Ok(Extended { view: self.reservation_view(ask, seats, tally).await, replayed })
    }

    async fn theater_is_there(&self, ask: &ReservationAsk, tally: &Tally) -> Result<(), ReservationError> {
        let layout = self.layouts.get(&ask.theater, tally).await?;
        layout.map(drop).ok_or(ReservationError::TheaterNotFound)
    }

    async fn reservation_view(
        &self,
        ask: &ReservationAsk,
        mut seats: Vec<ReservedSeat>,
        tally: &Tally,
    ) -> ReservationView {
        // In layout order, as everywhere; by label should the layout not be to be had.
        if let Ok(Some(layout)) = self.layouts.get(&ask.theater, tally).await {
            seats.sort_by_key(|seat| layout.position(seat.seat.as_str()));
        }
        let expires_at = seats.iter().map(|seat| seat.expires_at).min().unwrap_or_default();
        ReservationView {
            expires_at,
            expires_in: expires_at.remaining(self.clock.now()),
            extended: seats.iter().any(|seat| seat.extension.is_some()),
            seats: seats.into_iter().map(|seat| seat.seat).collect(),
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
