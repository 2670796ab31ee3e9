//! Book seats, once, however often it is asked.

use super::{Booking, BoxOffice, SelectError};
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::names::{BookingId, ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::Conflict;
use crate::store::{BookOutcome, BookRequest, StoreError};
use crate::tally::Tally;

/// What a caller asks for.
#[derive(Debug)]
pub struct Book {
    /// Where.
    pub theater: TheaterId,
    /// Which seats, in any order: all or none.
    pub seats: Vec<SeatLabel>,
    /// Under which id; `None` makes one, and then the request can't be recognised when it comes again.
    pub booking: Option<BookingId>,
    /// The reservation under which seats may be reserved.
    pub reservation: Option<ReservationId>,
    /// Who asks.
    pub caller: Caller,
}

/// Seats booked.
#[derive(Debug, PartialEq, Eq)]
pub struct Booked {
    /// Under which id.
    pub id: BookingId,
    /// The booking.
    pub booking: Booking,
    /// An earlier request had booked them.
    pub replayed: bool,
}

/// Why nothing was booked.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The seats weren't found.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Others have these.
    #[error("seats are taken")]
    SeatUnavailable(Vec<Conflict>),
    /// The id has booked other seats.
    #[error("the id has booked other seats")]
    IdReused,
    /// The store couldn't decide.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BoxOffice {
    /// Books seats that can be had or that are reserved under the given reservation: one write to DynamoDB, told to
    /// the cache.
    pub async fn book(&self, ask: &Book, tally: &Tally) -> Result<Booked, BookError> {
        let (layout, selection) = self.select(&ask.theater, &ask.seats, tally).await?;
        if ask.booking.is_none() && ask.reservation.is_none() {
            let conflicts = self.refuse_early(&layout, &selection, tally).await;
            if !conflicts.is_empty() {
                return Err(BookError::SeatUnavailable(conflicts));
            }
        }
        let id = ask.booking.unwrap_or_else(|| BookingId(entropy::new_id()));
        let request = BookRequest {
            theater: &ask.theater,
            seats: &selection,
            booking: id,
            reservation: ask.reservation,
            owner: ask.caller.owner(),
        };
        let outcome = self.store.book(&request, tally).await?;
        let (BookOutcome::Booked(_, learned)
        | BookOutcome::Replayed(_, learned)
        | BookOutcome::IdReused(learned)
        | BookOutcome::Refused(_, learned)) = &outcome;
        let _ = self.tell_cache(&layout, learned, tally).await;
        match outcome {
            BookOutcome::Booked(booking, _) => Ok(Booked { id, booking, replayed: false }),
            BookOutcome::Replayed(booking, _) => Ok(Booked { id, booking, replayed: true }),
            BookOutcome::IdReused(_) => Err(BookError::IdReused),
            BookOutcome::Refused(conflicts, _) => Err(BookError::SeatUnavailable(conflicts)),
        }
    }
}
