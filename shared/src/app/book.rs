//! Booking seats. Repeating a request with an id never books twice.

use super::select::{CachedView, SelectedSeats, WantedSeats};
use super::{Booking, BoxOffice, RequestId, ReservationError, SelectError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::caller::Caller;
use crate::domain::ids::{BookingId, ReservationId, SeatLabel, is_server_generated};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Expect;
use crate::domain::offers::{is_allowed, unknown_ticket_types};
use crate::domain::sale::Selling;
use crate::domain::seat_request::{Reference, SeatRequest};
use crate::domain::selection::Conflict;
use crate::random;
use crate::store::{
    BookOutcome, BookRequest, BookWholeOutcome, BookableFrom, BookingLimit, BookingRef, Decision, ExistingBooking,
    OtherBooking, ReservationRef, ReservationToBook, StoreError, WholeBookingRejection,
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

    /// Rejects a new booking that the caller may not make. If the booking exists already, the request is a repeat and
    /// passes.
    async fn check_permitted(&self, ctx: &RequestContext, ask: &Book) -> Result<(), BookError> {
        let named = match ask.booking {
            Some(RequestId::Given(id)) if is_server_generated(id.as_uuid()) => Some(BookError::IdNotAllowed),
            _ => None,
        };
        let required = (self.policy.booking_needs_reservation && ask.reservation.is_none())
            .then_some(BookError::ReservationRequired);
        let Some(error) = named.or(required) else { return Ok(()) };
        self.admit(ctx).await.map_err(SelectError::TooManyRequests)?;
        match self.read_booking_of_request(ctx, ask).await? {
            Some(_) => Ok(()),
            None => Err(error),
        }
    }

    async fn read_booking_of_request(
        &self,
        ctx: &RequestContext,
        ask: &Book,
    ) -> Result<Option<PreviousBooking>, BookError> {
        let Some(id) = ask.booking.map(RequestId::id) else { return Ok(None) };
        let wanted = BookingRef { inventory: &ask.inventory, id, owner: ask.caller.owner() };
        Ok(self.store.booking(ctx, &wanted).await?.map(|booking| PreviousBooking { id, booking }))
    }

    /// Books seats by their labels: one write to DynamoDB, which is then merged into the cache.
    ///
    /// The prices that the instance knows may be old. So before it rejects the request because of them, it reads the
    /// inventory again.
    async fn book_seats(&self, ctx: &RequestContext, ask: &Book, seats: &[SeatRequest]) -> Result<Booked, BookError> {
        let repeatable = ask.booking.is_some() || ask.reservation.is_some();
        let wanted = WantedSeats { seats, may_be_reserved: ask.reservation.is_some() };
        let mut selected = match self.select_admitted(ctx, &ask.inventory, wanted, Selling::Book, repeatable).await {
            Ok(SelectedSeats { cached: CachedView::Taken(taken), .. }) => {
                return Err(BookError::SeatUnavailable(taken));
            }
            Ok(selected) => selected,
            // The layout, its prices or the sale may have changed since the first request. A repeat gets the answer of the first
            // request.
            Err(error) if error.may_have_passed_before() => {
                return self.find_previous_booking(ctx, ask, seats, error.into()).await;
            }
            Err(error) => return Err(error.into()),
        };
        let from = match ask.reservation {
            Some(reservation) if self.policy.booking_needs_reservation => BookableFrom::Reservation(reservation),
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
        match self.check_sale_admitted(ctx, &ask.inventory, Selling::Book, ask.booking.is_some()).await {
            Ok(()) => self.admit(ctx).await.map_err(SelectError::TooManyRequests)?,
            Err(error) if error.may_have_passed_before() => {
                let repeated = self.find_previous_whole_booking(ctx, ask).await?;
                return repeated.ok_or_else(|| error.into());
            }
            Err(error) => return Err(error.into()),
        }
        let owner = ask.caller.owner();
        let wanted = ReservationRef { inventory: &ask.inventory, id: reservation, owner, seats: None };
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

    /// Returns the existing booking if the request repeats an earlier one, and `error` if it doesn't.
    async fn find_previous_booking(
        &self,
        ctx: &RequestContext,
        ask: &Book,
        seats: &[SeatRequest],
        error: BookError,
    ) -> Result<Booked, BookError> {
        let Some(first) = self.read_booking_of_request(ctx, ask).await? else { return Err(error) };
        let same = first.has_seats(seats) && first.booking.reference == ask.reference;
        first.replay(same)
    }

    /// Returns the existing booking if the request for a whole reservation repeats an earlier one. Returns `None` if it
    /// doesn't.
    async fn find_previous_whole_booking(&self, ctx: &RequestContext, ask: &Book) -> Result<Option<Booked>, BookError> {
        if let Some(first) = self.read_booking_of_request(ctx, ask).await? {
            let same = first.booking.reservation == ask.reservation && first.booking.reference == ask.reference;
            return first.replay(same).map(Some);
        }
        if self.inventories.get(ctx, &ask.inventory).await?.is_none() {
            return Err(SelectError::TheaterNotFound.into());
        }
        Ok(None)
    }

    /// Merges what an attempt learned into the cache, and evaluates its outcome.
    async fn finish_booking(
        &self,
        ctx: &RequestContext,
        selected: &SelectedSeats,
        request: &BookRequest<'_>,
        Decision { outcome, observed }: Decision<BookOutcome>,
    ) -> Result<Booked, BookError> {
        let id = request.booking;
        let _ = self.update_cache(ctx, &selected.inventory, &observed).await;
        match outcome {
            BookOutcome::Booked(booking) => Ok(Booked { id, booking, replayed: false }),
            BookOutcome::Replayed(booking) => Ok(Booked { id, booking, replayed: true }),
            BookOutcome::IdReused => Err(BookError::IdReused),
            BookOutcome::Cancelled => Err(BookError::Cancelled),
            BookOutcome::NotReserved(missing) => {
                Err(BookError::ReservationChanged(self.show_expired_as_available(missing)))
            }
            BookOutcome::Unexpected(other) => Err(BookError::Unexpected(Box::new(other))),
            BookOutcome::UnknownTicketTypes(seats) => {
                let requests = requests_of(request, &seats);
                let unknown = unknown_ticket_types(&requests, &selected.inventory);
                Err(SelectError::TicketTypeNotFound(unknown).into())
            }
            BookOutcome::LimitReached(booked) => {
                Err(BookError::LimitReached { booked, most: self.policy.max_booked_per_caller })
            }
            BookOutcome::Refused(conflicts) => {
                if selected.cached == CachedView::AllFree {
                    self.count_stale_answers(ctx, &observed);
                }
                match self.withdrawn_seats_error(ctx, request.inventory, &conflicts).await {
                    Some(error) => Err(error.into()),
                    None => Err(BookError::SeatUnavailable(conflicts)),
                }
            }
        }
    }

    fn book_request<'a>(&self, ask: &'a Book, booking: BookingId, selected: &'a SelectedSeats) -> BookRequest<'a> {
        BookRequest {
            inventory: &ask.inventory,
            seats: &selected.selection,
            booking,
            owner: ask.caller.owner(),
            limit: self.booking_limit(&ask.caller),
            known: &selected.inventory,
            offers: selected.offers.as_ref(),
            expect: ask.expect.as_ref(),
            reference: ask.reference.as_ref(),
        }
    }

    /// Returns the limit of seats that the caller may have booked, if the limit is set and the caller is signed in.
    fn booking_limit(&self, caller: &Caller) -> Option<BookingLimit> {
        let most = self.policy.max_booked_per_caller;
        caller.owner().filter(|_| most > 0).map(|owner| BookingLimit { owner, most })
    }

    /// Shows seats whose reservation has expired as available.
    fn show_expired_as_available(&self, mut conflicts: Vec<Conflict>) -> Vec<Conflict> {
        let now = self.clock.now();
        for conflict in &mut conflicts {
            conflict.state = Slot { state: conflict.state, ..Slot::default() }.state_at(now);
            conflict.yours &= conflict.state != SeatState::Available;
        }
        conflicts
    }
}

/// Returns the id of a request's booking. Makes one if the request names none.
fn booking_id(given: Option<RequestId<BookingId>>) -> BookingId {
    given.map_or_else(|| BookingId::new(random::random_id()), RequestId::id)
}

/// Returns what the request asks for these seats.
fn requests_of(request: &BookRequest<'_>, seats: &[SeatLabel]) -> Vec<SeatRequest> {
    let offers = request.offers.map(|offers| offers.seats.as_slice()).unwrap_or_default();
    let asked = request.seats.labels().zip(offers).filter(|(label, _)| seats.contains(label));
    asked.map(|(seat, offer)| SeatRequest { seat: seat.clone(), ticket_type: offer.named.clone() }).collect()
}

/// The booking that exists under a request's id.
struct PreviousBooking {
    id: BookingId,
    booking: ExistingBooking,
}

impl PreviousBooking {
    /// Returns `true` if these seats were booked, and each ticket type that is named was the seat's.
    fn has_seats(&self, seats: &[SeatRequest]) -> bool {
        let booked = &self.booking.seats;
        let lines = self.booking.lines.as_ref();
        let has = |request: &SeatRequest| {
            let line = lines.and_then(|lines| lines.iter().find(|line| line.seat == request.seat));
            let fixed = line.and_then(|line| line.fixed_price.as_ref());
            booked.contains(&request.seat) && is_allowed(request.ticket_type.as_ref(), fixed)
        };
        booked.len() == seats.len() && seats.iter().all(has)
    }

    /// Returns the answer to a repeated request. `same` is `true` if the request asks for the same as the first one.
    fn replay(self, same: bool) -> Result<Booked, BookError> {
        let Self { id, booking } = self;
        match booking.cancelled_at {
            _ if !same => Err(BookError::IdReused),
            Some(_) => Err(BookError::Cancelled),
            None => {
                let ExistingBooking { seats, booked_at, lines, reference, .. } = booking;
                let booking = Booking { seats, booked_at, lines, reference };
                Ok(Booked { id, booking, replayed: true })
            }
        }
    }
}
