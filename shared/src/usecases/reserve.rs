//! Reserve seats for a limited time.

use std::sync::Arc;

use super::{BoxOffice, SelectError};
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::layout::Layout;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::Conflict;
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::store::{Allowance, ChosenBefore, HeldSeat, ReserveOutcome, ReserveRequest, StoreError};
use crate::tally::Tally;

/// What a caller asks for.
#[derive(Debug)]
pub struct Reserve {
    /// Where.
    pub theater: TheaterId,
    /// Which seats, in any order: all or none.
    pub seats: Vec<SeatLabel>,
    /// For how many seconds.
    pub expires_in: u32,
    /// Under which reservation; `None` makes one, and then the request can't be recognised when it comes again.
    pub reservation: Option<ReservationId>,
    /// Who asks.
    pub caller: Caller,
}

/// Seats reserved.
#[derive(Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The right to book them.
    pub reservation: ReservationId,
    /// The seats in layout order.
    pub seats: Vec<SeatLabel>,
    /// When the first of them runs out.
    pub expires_at: EpochSeconds,
    /// Whole seconds until then.
    pub expires_in: u64,
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
    /// The caller may have `most` seats reserved at once, and has `reserved`.
    #[error("{reserved} seats are reserved of {most}")]
    LimitReached {
        /// How many seats the caller has reserved.
        reserved: usize,
        /// How many the caller may have.
        most: usize,
    },
    /// The store couldn't decide.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Reserves seats that can be had: one write to DynamoDB, told to the cache.
    pub async fn reserve(&self, ask: &Reserve, tally: &Tally) -> Result<Reserved, ReserveError> {
        let repeatable = ask.reservation.is_some();
        let (layout, selection, taken) = self.select_admitted(&ask.theater, &ask.seats, repeatable, tally).await?;
        let shown = taken.is_some();
        if let Some(taken) = taken.filter(|taken| !taken.is_empty()) {
            return Err(ReserveError::SeatUnavailable(taken));
        }
        let reservation = ask.reservation.unwrap_or_else(|| ReservationId(entropy::new_id()));
        let request = ReserveRequest {
            theater: &ask.theater,
            seats: &selection,
            reservation,
            owner: ask.caller.owner(),
            expires_in: ask.expires_in,
            allowance: self.allowance(&ask.caller),
            choice: None,
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

    /// How much a caller may have reserved at once, if that is limited.
    pub(super) fn allowance(&self, caller: &Caller) -> Option<Allowance> {
        let most = self.terms.max_reserved_per_caller;
        caller.owner().filter(|_| most > 0).map(|owner| Allowance { owner, most })
    }

    /// Reserves by one write to DynamoDB, told to the cache, which had `shown` the seats as available or wasn't asked.
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
        }
    }
}

/// What became of one attempt to reserve.
pub(super) enum Attempt {
    Reserved(Reserved),
    Taken(Vec<Conflict>),
    ChosenBefore(ChosenBefore),
}

/// The answer as of `now`: for a new reservation when it was asked for, so that it shows what was asked (`promised`) and
/// not what the write has left of it. A cart's earlier seats may end sooner.
fn reserved(reservation: ReservationId, held: Vec<HeldSeat>, now: EpochMillis, promised: Option<u32>) -> Reserved {
    let expires_at = held.iter().map(|seat| seat.expires_at).min().unwrap_or_default();
    let left = expires_at.remaining(now);
    Reserved {
        reservation,
        seats: held.into_iter().map(|seat| seat.seat).collect(),
        expires_at,
        expires_in: promised.map_or(left, |promised| left.min(u64::from(promised))),
        replayed: promised.is_none(),
    }
}
