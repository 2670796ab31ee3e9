//! The stable codes of the API's errors, each with its status and a title that can be shown to a buyer.

/// A stable code. Each has a page, `docs/errors/<code>.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request doesn't have the form that the route reads.
    MalformedRequest,
    /// An expensive read without a token, on a route that is open to all.
    Unauthorized,
    /// The operation is only for administrators.
    Forbidden,
    /// The deployment requires a reservation before a booking.
    ReservationRequired,
    /// Seats aren't sold now.
    NotOnSale,
    TheaterNotFound,
    ShowNotFound,
    SeatNotFound,
    /// Some seats aren't sold as the requested ticket types.
    TicketTypeNotFound,
    /// The theater's layout has another version.
    LayoutVersionNotFound,
    /// The caller has no such reservation.
    ReservationNotFound,
    /// The caller has no such booking.
    BookingNotFound,
    /// No page exists for this code.
    ErrorCodeNotFound,
    /// Other callers have some of the seats.
    SeatUnavailable,
    /// Fewer seats are available next to each other than the request asks for.
    NotEnoughSeats,
    /// The caller or the reservation has as many seats reserved as allowed.
    ReservationLimit,
    /// The caller has as many seats booked as one caller may have.
    BookingLimit,
    /// The extension would not end later than the reservation does.
    ReservationNotExtendable,
    /// The reservation was extended before, and can be extended only once.
    ReservationAlreadyExtended,
    /// The reservation was released. Its id can't be used again.
    ReservationReleased,
    /// Some seats of the reservation are gone and the request needs all of them, or the booking isn't the expected one.
    ReservationChanged,
    /// Some seats are in the reservation already, as other ticket types.
    TicketTypeFixed,
    /// The booking was cancelled. Its id can't be used again.
    BookingCancelled,
    /// The layout would withdraw seats that are reserved or booked.
    SeatsInUse,
    /// The show belongs to another theater.
    TheaterFixed,
    /// The theater can't be deleted, because it has shows.
    TheaterHasShows,
    ReservationExpired,
    /// The layout isn't the one that the request's condition names.
    LayoutChanged,
    /// The show, or a sale, isn't the one that the request's condition names.
    ShowChanged,
    /// The body is larger than the route accepts.
    BodyTooLarge,
    /// The body isn't JSON, or is compressed.
    UnsupportedMediaType,
    /// The id or key was used for another request.
    IdempotencyKeyReused,
    /// Replacing a layout needs a condition.
    IfMatchRequired,
    /// The caller's rate limit is used up for now.
    TooManyRequests,
    /// A fault of the server.
    Internal,
    /// The outcome is unknown. Repeating the request is safe.
    TryAgain,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 36] = [
        Self::MalformedRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ReservationRequired,
        Self::NotOnSale,
        Self::TheaterNotFound,
        Self::ShowNotFound,
        Self::SeatNotFound,
        Self::TicketTypeNotFound,
        Self::LayoutVersionNotFound,
        Self::ReservationNotFound,
        Self::BookingNotFound,
        Self::ErrorCodeNotFound,
        Self::SeatUnavailable,
        Self::NotEnoughSeats,
        Self::ReservationLimit,
        Self::BookingLimit,
        Self::ReservationNotExtendable,
        Self::ReservationAlreadyExtended,
        Self::ReservationReleased,
        Self::ReservationChanged,
        Self::TicketTypeFixed,
        Self::BookingCancelled,
        Self::SeatsInUse,
        Self::TheaterFixed,
        Self::TheaterHasShows,
        Self::ReservationExpired,
        Self::LayoutChanged,
        Self::ShowChanged,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::IfMatchRequired,
        Self::TooManyRequests,
        Self::Internal,
        Self::TryAgain,
    ];

    /// Returns the code as it is written in responses.
    pub fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// Returns the status of a response with this code.
    pub fn status(self) -> u16 {
        self.parts().1
    }

    /// Returns the title, in words for a buyer.
    pub fn title(self) -> &'static str {
        self.parts().2
    }

    fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::MalformedRequest => ("malformed_request", 400, "Something in this request is not right"),
            Self::Unauthorized => ("unauthorized", 401, "Please sign in first"),
            Self::Forbidden => ("forbidden", 403, "You are not allowed to do this"),
            Self::ReservationRequired => ("reservation_required", 403, "Please reserve the seats before you book them"),
            Self::NotOnSale => ("not_on_sale", 403, "These seats are not on sale at the moment"),
            Self::TheaterNotFound => ("theater_not_found", 404, "This theater does not exist"),
            Self::ShowNotFound => ("show_not_found", 404, "This show does not exist"),
            Self::SeatNotFound => ("seat_not_found", 404, "This theater does not have such a seat"),
            Self::TicketTypeNotFound => ("ticket_type_not_found", 404, "There is no such ticket type for this seat"),
            Self::LayoutVersionNotFound => ("layout_version_not_found", 404, "This seating plan has changed"),
            Self::ReservationNotFound => ("reservation_not_found", 404, "You have no such reservation"),
            Self::BookingNotFound => ("booking_not_found", 404, "You have no such booking"),
            Self::ErrorCodeNotFound => ("error_code_not_found", 404, "This explanation does not exist"),
            Self::SeatUnavailable => ("seat_unavailable", 409, "Some seats are no longer available"),
            Self::NotEnoughSeats => ("not_enough_seats", 409, "There are not enough seats left together"),
            Self::ReservationLimit => ("reservation_limit", 409, "You can't reserve more seats at once"),
            Self::BookingLimit => ("booking_limit", 409, "You can't book more seats"),
            Self::ReservationNotExtendable => {
                ("reservation_not_extendable", 409, "Your reservation can't be extended any further")
            }
            Self::ReservationAlreadyExtended => {
                ("reservation_already_extended", 409, "Your reservation has been extended before")
            }
            Self::ReservationReleased => ("reservation_released", 409, "This reservation was given back"),
            Self::ReservationChanged => ("reservation_changed", 409, "Your reservation has changed"),
            Self::TicketTypeFixed => ("ticket_type_fixed", 409, "The ticket type of a reserved seat can't be changed"),
            Self::BookingCancelled => ("booking_cancelled", 409, "This booking was cancelled"),
            Self::SeatsInUse => ("seats_in_use", 409, "Some of these seats are reserved or booked"),
            Self::TheaterFixed => ("theater_fixed", 409, "A show can't move to another theater"),
            Self::TheaterHasShows => ("theater_has_shows", 409, "This theater still has shows"),
            Self::ReservationExpired => ("reservation_expired", 410, "Your reservation has run out"),
            Self::LayoutChanged => ("layout_changed", 412, "The seating plan has changed meanwhile"),
            Self::ShowChanged => ("show_changed", 412, "The show has changed meanwhile"),
            Self::BodyTooLarge => ("body_too_large", 413, "This request is too large"),
            Self::UnsupportedMediaType => ("unsupported_media_type", 415, "This request is in a form we can't read"),
            Self::IdempotencyKeyReused => {
                ("idempotency_key_reused", 422, "This request was used for something else before")
            }
            Self::IfMatchRequired => ("if_match_required", 428, "This change needs the plan's current version"),
            Self::TooManyRequests => ("too_many_requests", 429, "Too many requests. Please wait a moment"),
            Self::Internal => ("internal", 500, "Something went wrong on our side"),
            Self::TryAgain => ("try_again", 503, "Please try again in a moment"),
        }
    }
}
