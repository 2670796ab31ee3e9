//! Booking seats. Repeating a request with an id never books twice.

mod outcome;
mod permission;
mod repeat;

use super::select::{CachedView, SelectedSeats, WantedSeats};
use super::selling_to::SellingTo;
use super::{Booking, BoxOffice, RequestId, ReservationError, SelectError};
use crate::context::RequestContext;
use crate::domain::caller::Caller;
use crate::domain::ids::{BookingId, ReservationId};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Expect;
use crate::domain::seat_request::{Reference, SeatRequest};
use crate::domain::selection::Conflict;
use crate::random;
use crate::store::{
    BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, Decision, OtherBooking, ReservationRef,
    ReservationToBook, StoreError, WholeBookingRejection,
};

/// A request to book seats.
#[derive(Debug)]
pub struct Book {
    pub inventory: InventoryId,
    /// The seats in any order, booked all or none. `None` means all seats of the reservation.
    pub seats: Option<Vec<SeatRequest>>,
    /// The id of the booking. For `None` the server makes an id, and a repeat of the request can't be recognized.
    pub booking: Option<RequestId<BookingId>>,
    /// The reservation under which seats may be reserved.
    pub reservation: Option<ReservationId>,
    /// The totals that the caller has shown to the buyer. Another booking isn't made.
    pub expect: Option<Expect>,
    /// The caller's own reference.
    pub reference: Option<Reference>,
    pub caller: Caller,
}

/// The outcome of a booking.
#[derive(Debug, PartialEq, Eq)]
pub struct Booked {
    pub id: BookingId,
    pub booking: Booking,
    /// `true` if an earlier request had booked the seats.
    pub replayed: bool,
}

/// The reasons why nothing is booked.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// Finding the seats failed.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// Other callers have these seats.
    #[error("seats are taken")]
    SeatUnavailable(Vec<Conflict>),
    /// The id was used to book other seats, or the same ones as other ticket types or under another reference.
    #[error("the id has booked other seats")]
    IdReused,
    /// The id has the form that only the server makes, and no such booking exists.
    #[error("callers may not choose an id of this form")]
    IdNotAllowed,
    /// The booking of this id was cancelled.
    #[error("the booking was cancelled")]
    Cancelled,
    /// The request books a whole reservation, and the reservation doesn't exist or has expired.
    #[error(transparent)]
    Reservation(#[from] ReservationError),
    /// These seats are no longer reserved under the reservation, and the request needs them to be.
    #[error("the reservation is no longer complete")]
    ReservationChanged(Vec<Conflict>),
    /// The booking wouldn't be the one that the request expects.
    #[error("the booking would be another one")]
    Unexpected(Box<OtherBooking>),
    /// Booking needs a reservation, and the request names none.
    #[error("booking needs a reservation")]
    ReservationRequired,
    /// The caller may have `most` seats booked in this theater, and has `booked`.
    #[error("{booked} of at most {most} seats are booked")]
    LimitReached {
        /// Seats that the caller has booked.
        booked: usize,
        /// Seats that the caller may have booked.
        most: usize,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The maximum number of reads of a reservation that keeps changing.
const MAX_ATTEMPTS: u32 = 4;

impl BoxOffice {
    /// Books seats that are available or reserved under the given reservation, or all seats of that reservation.
    pub async fn book(&self, ctx: &RequestContext, ask: &Book) -> Result<Booked, BookError> {
        self.check_permitted(ctx, ask).await?;
        match (&ask.seats, ask.reservation) {
            (Some(seats), _) => self.book_seats(ctx, ask, seats).await,
            (None, Some(reservation)) => self.book_reservation(ctx, ask, reservation).await,
            (None, None) => Err(ReservationError::NotFound.into()),
        }
    }

    /// Books seats by their labels: one write to DynamoDB, which is then merged into the cache.
    ///
    /// The prices that the instance knows may be old. So before it rejects the request because of them, it reads the
    /// inventory again.
    async fn book_seats(&self, ctx: &RequestContext, ask: &Book, seats: &[SeatRequest]) -> Result<Booked, BookError> {
        let repeatable = ask.booking.is_some() || ask.reservation.is_some();
        let wanted = WantedSeats { seats, may_be_reserved: ask.reservation.is_some() };
        let mut selected =
            match self.select_admitted(ctx, &ask.inventory, wanted, SellingTo::book(&ask.caller), repeatable).await {
                Ok(SelectedSeats { cached: CachedView::Taken(taken), .. }) => {
                    return Err(BookError::SeatUnavailable(taken));
                }
                Ok(selected) => selected,
                // The layout, its prices or the sale may have changed since the first request. A repeat gets the
                // answer of the first request.
                Err(error) if error.may_have_passed_before() => {
                    return self.find_previous_booking(ctx, ask, seats, error.into()).await;
                }
                Err(error) => return Err(error.into()),
            };
        let from = match ask.reservation {
            Some(reservation) if self.needs_reservation(ask) => BookableFrom::Reservation(reservation),
            reservation => BookableFrom::Anywhere(reservation),
        };
        let id = booking_id(ask.booking);
        let mut decision = self.store.book(ctx, &self.book_request(ask, id, &selected), from).await?;
        if matches!(decision.outcome, BookOutcome::Unexpected(_) | BookOutcome::UnknownTicketTypes(_))
            && let Some(newer) = self.select_at_newer_prices(ctx, &selected, wanted).await?
        {
            selected = newer;
            decision = self.store.book(ctx, &self.book_request(ask, id, &selected), from).await?;
        }
        let request = self.book_request(ask, id, &selected);
        self.finish_booking(ctx, &selected, &request, decision).await
    }

    /// Books all seats of a reservation. The write succeeds only if the reservation hasn't changed since it was read.
    async fn book_reservation(
        &self,
        ctx: &RequestContext,
        ask: &Book,
        reservation: ReservationId,
    ) -> Result<Booked, BookError> {
        match self.check_sale_admitted(ctx, &ask.inventory, SellingTo::book(&ask.caller), ask.booking.is_some()).await {
            Ok(()) => self.admit(ctx).await.map_err(SelectError::TooManyRequests)?,
            Err(error) if error.may_have_passed_before() => {
                let repeated = self.find_previous_whole_booking(ctx, ask).await?;
                return repeated.ok_or_else(|| error.into());
            }
            Err(error) => return Err(error.into()),
        }
        let owner = ask.caller.owner();
        let wanted =
            ReservationRef { inventory: &ask.inventory, id: reservation, owner, seats: None, by: ask.caller.role() };
        let id = booking_id(ask.booking);
        for _ in 0..MAX_ATTEMPTS {
            let whole = match self.store.read_reservation_to_book(ctx, &wanted).await? {
                ReservationToBook::Whole(whole) => whole,
                ReservationToBook::None => {
                    let repeated = self.find_previous_whole_booking(ctx, ask).await?;
                    return repeated.ok_or_else(|| ReservationError::NotFound.into());
                }
                ReservationToBook::Ended(ended) => {
                    if let Some(repeated) = self.find_previous_whole_booking(ctx, ask).await? {
                        return Ok(repeated);
                    }
                    match self.store.reject_booking(ctx, &wanted, &ended).await? {
                        Some(WholeBookingRejection::Expired(seats)) => {
                            return Err(ReservationError::Expired(seats).into());
                        }
                        Some(WholeBookingRejection::Incomplete(missing)) => {
                            return Err(BookError::ReservationChanged(missing));
                        }
                        None => continue,
                    }
                }
            };
            let selected = self.select_reserved(ctx, &ask.inventory, &whole.seats).await?;
            let request = self.book_request(ask, id, &selected);
            let Decision { outcome, observed } = self.store.book_whole(ctx, &request, &whole).await?;
            match outcome {
                BookWholeOutcome::Decided(outcome) => {
                    return self.finish_booking(ctx, &selected, &request, Decision { outcome, observed }).await;
                }
                BookWholeOutcome::ReservationChanged => {
                    drop(self.update_cache(ctx, &selected.inventory, &observed).await)
                }
            }
        }
        Err(StoreError::OutcomeUnknown("the reservation keeps changing".to_owned()).into())
    }

    fn book_request<'a>(&self, ask: &'a Book, booking: BookingId, selected: &'a SelectedSeats) -> BookRequest<'a> {
        BookRequest {
            inventory: &ask.inventory,
            seats: &selected.selection,
            booking,
            owner: ask.caller.owner(),
            by: ask.caller.role(),
            limit: self.booking_limit(&ask.caller),
            known: &selected.inventory,
            offers: selected.offers.as_ref(),
            expect: ask.expect.as_ref(),
            reference: ask.reference.as_ref(),
        }
    }
}

/// Returns the id of a request's booking. Makes one if the request names none.
fn booking_id(given: Option<RequestId<BookingId>>) -> BookingId {
    given.map_or_else(|| BookingId::new(random::random_id()), RequestId::id)
}
