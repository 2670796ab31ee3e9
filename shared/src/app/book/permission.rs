//! The permission to book, and the limit of booked seats.

use super::{Book, BookError};
use crate::app::{BoxOffice, RequestId, SelectError};
use crate::context::RequestContext;
use crate::domain::caller::Caller;
use crate::domain::ids::is_server_generated;
use crate::store::BookingLimit;

impl BoxOffice {
    /// Rejects a new booking that the caller may not make. If the booking exists already, the request is a repeat and
    /// passes.
    pub(super) async fn check_permitted(&self, ctx: &RequestContext, ask: &Book) -> Result<(), BookError> {
        let named = match ask.booking {
            Some(RequestId::Given(id)) if is_server_generated(id.as_uuid()) => Some(BookError::IdNotAllowed),
            _ => None,
        };
        let required =
            (self.needs_reservation(ask) && ask.reservation.is_none()).then_some(BookError::ReservationRequired);
        let Some(error) = named.or(required) else { return Ok(()) };
        self.admit(ctx).await.map_err(SelectError::TooManyRequests)?;
        match self.read_booking_of_request(ctx, ask).await? {
            Some(_) => Ok(()),
            None => Err(error),
        }
    }

    /// Returns `true` if the caller may only book seats that they have reserved before. Staff may book any seat.
    pub(super) fn needs_reservation(&self, ask: &Book) -> bool {
        self.policy.booking_needs_reservation && !ask.caller.is_staff()
    }

    /// Returns the limit of seats that the caller may have booked, if the limit is set and the caller is signed in.
    /// Staff have none, and their bookings don't count in the limit of a buyer.
    pub(super) fn booking_limit(&self, caller: &Caller) -> Option<BookingLimit> {
        let most = self.policy.max_booked_per_caller;
        caller.owner().filter(|_| most > 0 && !caller.is_staff()).map(|owner| BookingLimit { owner, most })
    }
}
