//! Repeated requests. Each gets the answer of the first request.

use super::{Book, BookError, Booked};
use crate::app::{Booking, BoxOffice, RequestId, SelectError};
use crate::context::RequestContext;
use crate::domain::ids::BookingId;
use crate::domain::offers::is_allowed;
use crate::domain::seat_request::SeatRequest;
use crate::store::{BookingRef, ExistingBooking};

impl BoxOffice {
    /// Returns the existing booking if the request repeats an earlier one, and `error` if it doesn't.
    pub(super) async fn find_previous_booking(
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
    pub(super) async fn find_previous_whole_booking(
        &self,
        ctx: &RequestContext,
        ask: &Book,
    ) -> Result<Option<Booked>, BookError> {
        if let Some(first) = self.read_booking_of_request(ctx, ask).await? {
            let same = first.booking.reservation == ask.reservation && first.booking.reference == ask.reference;
            return first.replay(same).map(Some);
        }
        if self.inventories.get(ctx, &ask.inventory).await?.is_none() {
            return Err(SelectError::TheaterNotFound.into());
        }
        Ok(None)
    }

    /// Reads the booking that exists under the request's id.
    pub(super) async fn read_booking_of_request(
        &self,
        ctx: &RequestContext,
        ask: &Book,
    ) -> Result<Option<PreviousBooking>, BookError> {
        let Some(id) = ask.booking.map(RequestId::id) else { return Ok(None) };
        let wanted = BookingRef { inventory: &ask.inventory, id, owner: ask.caller.owner(), by: ask.caller.role() };
        Ok(self.store.booking(ctx, &wanted).await?.map(|booking| PreviousBooking { id, booking }))
    }
}

/// The booking that exists under a request's id.
pub(super) struct PreviousBooking {
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
                let ExistingBooking { seats, booked_at, lines, reference, by, .. } = booking;
                let booking = Booking { seats, booked_at, lines, reference, by };
                Ok(Booked { id, booking, replayed: true })
            }
        }
    }
}
