//! Book seats, once, however often it is asked.

use std::sync::Arc;

use super::{Booking, BoxOffice, ReservationError, SelectError};
use crate::entropy;
use crate::rules::caller::Caller;
use crate::rules::layout::Layout;
use crate::rules::names::{BookingId, ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::{Conflict, MOST_SEATS_AT_ONCE, Selection};
use crate::rules::time::EpochMillis;
use crate::store::{BookOutcome, BookRequest, BookingRef, ReservationRef, StoreError};
use crate::tally::Tally;

/// What a caller asks for.
#[derive(Debug)]
pub struct Book {
    /// Where.
    pub theater: TheaterId,
    /// Which seats, in any order: all or none. `None` is all seats of the reservation.
    pub seats: Option<Vec<SeatLabel>>,
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
    /// What the id had booked was cancelled.
    #[error("the booking was cancelled")]
    Cancelled,
    /// The whole reservation was to be booked, and can't be.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
    /// The whole reservation was to be booked, and holds so many seats that they can't be booked at once.
    #[error("the reservation holds {0} seats")]
    TooMany(usize),
    /// The store couldn't decide.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often a reservation whose seats change meanwhile is read again.
const TRIES: u32 = 4;

impl BoxOffice {
    /// Books seats that can be had or that are reserved under the given reservation, or all seats of that reservation.
    pub async fn book(&self, ask: &Book, tally: &Tally) -> Result<Booked, BookError> {
        match (&ask.seats, ask.reservation) {
            (Some(seats), _) => self.book_seats(ask, seats, tally).await,
            (None, Some(reservation)) => self.book_reservation(ask, reservation, tally).await,
            (None, None) => Err(ReservationError::NotFound.into()),
        }
    }

    /// One write to DynamoDB, told to the cache.
    async fn book_seats(&self, ask: &Book, seats: &[SeatLabel], tally: &Tally) -> Result<Booked, BookError> {
        let repeatable = ask.booking.is_some() || ask.reservation.is_some();
        let (layout, selection, taken) = self.select_admitted(&ask.theater, seats, repeatable, tally).await?;
        let shown = taken.is_some();
        if let Some(taken) = taken.filter(|taken| !taken.is_empty()) {
            return Err(BookError::SeatUnavailable(taken));
        }
        let id = ask.booking.unwrap_or_else(|| BookingId(entropy::new_id()));
        match self.try_book(&layout, &ask.request(&selection, id, None), shown, tally).await? {
            Some(booked) => Ok(booked),
            None => Err(StoreError::Broken("a reservation moved that wasn't asked for".to_owned()).into()),
        }
    }

    /// A read of what the reservation holds, then the write, which demands that it still holds that.
    async fn book_reservation(
        &self,
        ask: &Book,
        reservation: ReservationId,
        tally: &Tally,
    ) -> Result<Booked, BookError> {
        self.admit(tally).await.map_err(SelectError::TooManyRequests)?;
        let owner = ask.caller.owner();
        let wanted = ReservationRef { theater: &ask.theater, id: reservation, owner, seats: None };
        let id = ask.booking.unwrap_or_else(|| BookingId(entropy::new_id()));
        for _ in 0..TRIES {
            let standing = self.store.reserved_under(&wanted, tally).await?;
            let now = self.clock.now();
            if standing.is_empty() || standing.iter().any(|seat| !seat.runs(now)) {
                return self.booked_before(ask, id, standing.is_empty(), tally).await;
            }
            if standing.len() > MOST_SEATS_AT_ONCE {
                return Err(BookError::TooMany(standing.len()));
            }
            let seen = standing.iter().map(|seat| seat.changed_at).max();
            let seats: Vec<_> = standing.into_iter().map(|seat| seat.seat).collect();
            let (layout, selection) = self.select(&ask.theater, &seats, tally).await?;
            if let Some(booked) = self.try_book(&layout, &ask.request(&selection, id, seen), false, tally).await? {
                return Ok(booked);
            }
        }
        Err(StoreError::Undecided("the reservation keeps changing".to_owned()).into())
    }

    /// Where a reservation holds nothing (any more), a repeated request finds its booking.
    async fn booked_before(
        &self,
        ask: &Book,
        id: BookingId,
        nothing_stands: bool,
        tally: &Tally,
    ) -> Result<Booked, BookError> {
        if ask.booking.is_some() {
            let wanted = BookingRef { theater: &ask.theater, id, owner: ask.caller.owner() };
            if let Some(first) = self.store.booking(&wanted, tally).await? {
                return match first.cancelled_at {
                    _ if first.reservation != ask.reservation => Err(BookError::IdReused),
                    Some(_) => Err(BookError::Cancelled),
                    None => {
                        let booking = Booking { seats: first.seats, booked_at: first.booked_at };
                        Ok(Booked { id, booking, replayed: true })
                    }
                };
            }
        }
        if self.layouts.get(&ask.theater, tally).await?.is_none() {
            return Err(SelectError::TheaterNotFound.into());
        }
        Err(if nothing_stands { ReservationError::NotFound.into() } else { ReservationError::Expired.into() })
    }

    /// The cache had `shown` the seats as available, or wasn't asked. `None` when the whole reservation was to be booked, and it has changed.
    async fn try_book(
        &self,
        layout: &Arc<Layout>,
        request: &BookRequest<'_>,
        shown: bool,
        tally: &Tally,
    ) -> Result<Option<Booked>, BookError> {
        let outcome = self.store.book(request, tally).await?;
        let (BookOutcome::Booked(_, learned)
        | BookOutcome::Replayed(_, learned)
        | BookOutcome::IdReused(learned)
        | BookOutcome::Cancelled(learned)
        | BookOutcome::ReservationMoved(learned)
        | BookOutcome::Refused(_, learned)) = &outcome;
        let _ = self.tell_cache(layout, learned, tally).await;
        let id = request.booking;
        match outcome {
            BookOutcome::Booked(booking, _) => Ok(Some(Booked { id, booking, replayed: false })),
            BookOutcome::Replayed(booking, _) => Ok(Some(Booked { id, booking, replayed: true })),
            BookOutcome::IdReused(_) => Err(BookError::IdReused),
            BookOutcome::Cancelled(_) => Err(BookError::Cancelled),
            BookOutcome::ReservationMoved(_) => Ok(None),
            BookOutcome::Refused(conflicts, learned) => {
                if shown {
                    self.count_stale(&learned, tally);
                }
                match self.not_found_after_all(request.theater, &conflicts, tally).await {
                    Some(error) => Err(error.into()),
                    None => Err(BookError::SeatUnavailable(conflicts)),
                }
            }
        }
    }
}

impl Book {
    fn request<'a>(&'a self, seats: &'a Selection, booking: BookingId, seen: Option<EpochMillis>) -> BookRequest<'a> {
        BookRequest {
            theater: &self.theater,
            seats,
            booking,
            reservation: self.reservation,
            whole_reservation: seen,
            owner: self.caller.owner(),
        }
    }
}
