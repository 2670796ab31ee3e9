//! Reserve seats for a limited time.

use std::sync::Arc;

use super::{BoxOffice, RequestId, SelectError};
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::layout::Layout;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId, is_made_here};
use crate::rules::selection::Conflict;
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::store::{
    Allowance, ChosenBefore, HeldSeat, Holding, MAX_SEATS_PER_RESERVATION, Remembered, ReservationRef, ReserveOutcome,
    ReserveRequest, StoreError,
};
use crate::tally::Tally;

/// A request to reserve seats.
#[derive(Debug)]
pub struct Reserve {
    /// The theater.
    pub theater: TheaterId,
    /// The seats, in any order: all or none.
    pub seats: Vec<SeatLabel>,
    /// Seconds from now.
    pub expires_in: u32,
    /// The reservation. `None` has one made, and then the request can't be recognized when it comes again.
    pub reservation: Option<RequestId<ReservationId>>,
    /// The caller.
    pub caller: Caller,
}

/// Seats that are reserved.
#[derive(Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The right to book them.
    pub reservation: ReservationId,
    /// The seats of the request in layout order, each with its end.
    pub seats: Vec<HeldSeat>,
    /// The end of the reservation: that of the first of its seats, those of earlier requests included.
    pub expires_at: EpochSeconds,
    /// Whole seconds until then.
    pub expires_in: u64,
    /// The instant from which seconds are counted.
    pub now: EpochMillis,
    /// The reservation held all of them before.
    pub replayed: bool,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// The seats weren't found.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Others have these.
    #[error("seats are taken")]
    SeatUnavailable(Vec<Conflict>),
    /// The caller, or the reservation, may have `most` seats reserved at once, and has `reserved`.
    #[error("{reserved} seats are reserved of {most}")]
    LimitReached {
        /// Seats that are reserved.
        reserved: usize,
        /// Seats that may be reserved.
        most: usize,
    },
    /// The reservation was released, or these seats of it were.
    #[error("the reservation was released")]
    Released(Vec<SeatLabel>),
    /// These seats of the reservation have run out, and can't be reserved again.
    #[error("the reservation has run out")]
    Expired(Vec<SeatLabel>),
    /// The id is of the kind that only the server makes, and there is no such reservation.
    #[error("no such reservation")]
    NotFound,
    /// The store couldn't decide.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Reserves available seats: one write to DynamoDB, merged into the cache.
    pub async fn reserve(&self, ask: &Reserve, tally: &Tally) -> Result<Reserved, ReserveError> {
        let repeatable = ask.reservation.is_some();
        let (layout, selection, taken) = match self.select_admitted(&ask.theater, &ask.seats, repeatable, tally).await {
            Ok(selected) => selected,
            // The layout may have changed since the first request: that one's answer counts.
            Err(error) if error.is_not_found() => return self.reserved_before(ask, error, tally).await,
            Err(error) => return Err(error.into()),
        };
        let shown = taken.is_some();
        if let Some(taken) = taken.filter(|taken| !taken.is_empty()) {
            return Err(ReserveError::SeatUnavailable(taken));
        }
        let request = ReserveRequest {
            theater: &ask.theater,
            seats: &selection,
            reservation: reservation_id(ask.reservation),
            must_exist: must_exist(ask.reservation),
            owner: ask.caller.owner(),
            expires_in: ask.expires_in,
            allowance: self.allowance(&ask.caller),
            wish: None,
        };
        match self.try_reserve(&layout, &request, shown, tally).await? {
            Attempt::Reserved(reserved) => Ok(reserved),
            Attempt::Taken(conflicts) => match self.not_found_after_all(&ask.theater, &conflicts, tally).await {
                Some(error) => Err(error.into()),
                None => Err(ReserveError::SeatUnavailable(conflicts)),
            },
            Attempt::ChosenBefore(_) => Err(StoreError::Broken("a choice where none was made".to_owned()).into()),
        }
    }

    /// Answers a repeated request by its reservation. A first one is refused with `error`.
    pub(super) async fn reserved_before(
        &self,
        ask: &Reserve,
        error: SelectError,
        tally: &Tally,
    ) -> Result<Reserved, ReserveError> {
        let Some(reservation) = ask.reservation else { return Err(error.into()) };
        let (id, owner) = (reservation.id(), ask.caller.owner());
        let wanted = ReservationRef { theater: &ask.theater, id, owner, seats: Some(&ask.seats) };
        match self.store.remembered(&wanted, None, tally).await? {
            Remembered::Nothing | Remembered::Chosen(_) => Err(error.into()),
            Remembered::Released(seats) => Err(ReserveError::Released(seats)),
            Remembered::Expired(seats) => Err(ReserveError::Expired(seats)),
            Remembered::Held(seats) => {
                let expires_at = seats.iter().map(|seat| seat.expires_at).min().unwrap_or_default();
                let held = seats.into_iter().map(|seat| HeldSeat { seat: seat.seat, expires_at: seat.expires_at });
                Ok(reserved(id, Holding { seats: held.collect(), expires_at }, self.clock.now(), None))
            }
        }
    }

    /// The limit of what a caller may have reserved at once, if there is one.
    pub(super) fn allowance(&self, caller: &Caller) -> Option<Allowance> {
        let most = self.terms.max_reserved_per_caller;
        caller.owner().filter(|_| most > 0).map(|owner| Allowance { owner, most })
    }

    /// Makes one attempt, and merges what it revealed into the cache. The cache had `shown` the seats as available, or
    /// wasn't asked.
    pub(super) async fn try_reserve(
        &self,
        layout: &Arc<Layout>,
        request: &ReserveRequest<'_>,
        shown: bool,
        tally: &Tally,
    ) -> Result<Attempt, ReserveError> {
        let (reservation, now) = (request.reservation, self.clock.now());
        let outcome = self.store.reserve(request, tally).await?;
        if let ReserveOutcome::Reserved(_, learned)
        | ReserveOutcome::AlreadyHeld(_, learned)
        | ReserveOutcome::LimitReached(_, learned)
        | ReserveOutcome::Refused(_, learned) = &outcome
        {
            let _ = self.tell_cache(layout, learned, tally).await;
        }
        match outcome {
            ReserveOutcome::Reserved(held, _) => {
                Ok(Attempt::Reserved(reserved(reservation, held, now, Some(request.expires_in))))
            }
            ReserveOutcome::AlreadyHeld(held, _) => {
                Ok(Attempt::Reserved(reserved(reservation, held, self.clock.now(), None)))
            }
            ReserveOutcome::Refused(conflicts, learned) => {
                if shown {
                    self.count_stale(&learned, tally);
                }
                Ok(Attempt::Taken(conflicts))
            }
            ReserveOutcome::ChosenBefore(before) => Ok(Attempt::ChosenBefore(before)),
            ReserveOutcome::LimitReached(reserved, _) => {
                Err(ReserveError::LimitReached { reserved, most: self.terms.max_reserved_per_caller })
            }
            ReserveOutcome::Full(reserved) => {
                Err(ReserveError::LimitReached { reserved, most: MAX_SEATS_PER_RESERVATION })
            }
            ReserveOutcome::Released(seats) => Err(ReserveError::Released(seats)),
            ReserveOutcome::NotFound => Err(ReserveError::NotFound),
        }
    }
}

/// The id of a request's reservation. One that names none gets a new one.
pub(super) fn reservation_id(given: Option<RequestId<ReservationId>>) -> ReservationId {
    given.map_or_else(|| ReservationId(entropy::new_id()), RequestId::id)
}

/// Returns true if a reservation has to exist already, because the caller names an id that only the server makes.
pub(super) fn must_exist(given: Option<RequestId<ReservationId>>) -> bool {
    matches!(given, Some(RequestId::Given(id)) if is_made_here(id.0))
}

/// The outcome of one attempt to reserve.
pub(super) enum Attempt {
    Reserved(Reserved),
    Taken(Vec<Conflict>),
    ChosenBefore(ChosenBefore),
}

/// The answer as of `now`: for a new reservation when it was asked for, so that it shows what was asked (`promised`) and
/// not what the write has left of it. Earlier seats of the reservation may end sooner.
fn reserved(reservation: ReservationId, held: Holding, now: EpochMillis, promised: Option<u32>) -> Reserved {
    let Holding { seats, expires_at } = held;
    let left = expires_at.remaining(now);
    Reserved {
        reservation,
        seats,
        expires_at,
        expires_in: promised.map_or(left, |promised| left.min(u64::from(promised))),
        now,
        replayed: promised.is_none(),
    }
}
