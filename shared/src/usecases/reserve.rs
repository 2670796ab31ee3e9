//! Reserve seats for a limited time.

use super::{BoxOffice, SelectError};
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::Conflict;
use crate::rules::time::{EpochMillis, EpochSeconds};
use crate::store::{HeldSeat, ReserveOutcome, ReserveRequest, StoreError};
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
    /// The store couldn't decide.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Reserves seats that can be had: one write to DynamoDB, told to the cache.
    pub async fn reserve(&self, ask: &Reserve, tally: &Tally) -> Result<Reserved, ReserveError> {
        let (layout, selection) = self.select(&ask.theater, &ask.seats, tally).await?;
        if ask.reservation.is_none() {
            let conflicts = self.refuse_early(&layout, &selection, tally).await;
            if !conflicts.is_empty() {
                return Err(ReserveError::SeatUnavailable(conflicts));
            }
        }
        let reservation = ask.reservation.unwrap_or_else(|| ReservationId(entropy::new_id()));
        let request = ReserveRequest {
            theater: &ask.theater,
            seats: &selection,
            reservation,
            owner: ask.caller.owner(),
            expires_in: ask.expires_in,
        };
        let now = self.clock.now();
        let outcome = self.store.reserve(&request, tally).await?;
        let (ReserveOutcome::Reserved(_, learned)
        | ReserveOutcome::AlreadyHeld(_, learned)
        | ReserveOutcome::Refused(_, learned)) = &outcome;
        let _ = self.tell_cache(&layout, learned, tally).await;
        match outcome {
            ReserveOutcome::Reserved(held, _) => Ok(reserved(reservation, held, now, Some(ask.expires_in))),
            ReserveOutcome::AlreadyHeld(held, _) => Ok(reserved(reservation, held, self.clock.now(), None)),
            ReserveOutcome::Refused(conflicts, _) => Err(ReserveError::SeatUnavailable(conflicts)),
        }
    }
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
