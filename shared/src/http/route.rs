//! A route of the API: everything that it reads, what it costs a caller, and the function that serves it.

use crate::domain::rate_limit::Activity;
use crate::observability::metrics::Made;

/// A route, as API Gateway knows it, and everything that it reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    pub operation: Operation,
    /// The method, and the path below the stage with its parameters in braces: `GET /theaters/{theaterId}`.
    pub key: &'static str,
    /// The same for the call on a show, if shows have it.
    pub show_key: Option<&'static str>,
    /// The function that serves it.
    pub function: FunctionName,
    /// The query parameters that it reads. Each may occur once.
    pub query: &'static [&'static str],
    /// The headers that it reads, apart from those that describe the body. A header that isn't a list may occur once.
    pub headers: &'static [&'static str],
    /// The body that it reads.
    pub body: Body,
    /// The activity that decides which of a caller's two budgets it uses.
    pub activity: Activity,
    /// The units of the budget that it takes.
    pub weight: Weight,
    /// The moment at which the rate limit is checked.
    pub admission: Admission,
    /// `true` if its responses are the same for all callers. Only such responses may be compressed, because the length
    /// of a compressed response reveals a part of its content.
    pub(super) is_public: bool,
    /// The resource that a response with 201 has created, if that is counted.
    pub(super) makes: Option<Made>,
}

/// An operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Returns the available seats, or the states of all seats.
    GetSeats,
    /// Returns the parts of a theater that don't change with sales.
    GetMap,
    /// Reserves seats.
    Reserve,
    /// Books seats.
    Book,
    /// Returns a reservation.
    GetReservation,
    /// Releases a reservation.
    Release,
    /// Extends a reservation.
    Extend,
    /// Returns a booking.
    GetBooking,
    /// Cancels a booking.
    Cancel,
    /// Lists theaters.
    ListTheaters,
    /// Returns a layout.
    GetTheater,
    /// Puts a layout.
    PutTheater,
    /// Deletes a theater.
    DeleteTheater,
    /// Lists shows by day.
    ListShows,
    /// Returns a show with a summary of its availability.
    GetShow,
    /// Puts a show.
    PutShow,
    /// Deletes a show.
    DeleteShow,
    /// Puts the sale of a theater or a show.
    PutSale,
    /// Explains an error code.
    GetError,
}

/// A Lambda function that serves routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionName {
    GetSeats,
    Reserve,
    Book,
    Reservations,
    Bookings,
    Theaters,
}

/// The body that a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// No body. A request with a body is rejected.
    Nothing,
    /// A JSON object with some of these fields, and its maximum size in bytes.
    Fields(&'static [&'static str], usize),
    /// The same, or no body at all.
    OptionalFields(&'static [&'static str], usize),
    /// A layout as JSON, which has its own parser, and its maximum size in bytes.
    Document(usize),
}

/// The units that a call takes of its caller's budget. An ordinary call takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The units of an ordinary call.
    pub base: u32,
    /// The units of a call that reads more: DynamoDB instead of the cache, or a whole reservation.
    pub expensive: u32,
}

/// The moment at which the rate limit of a request is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Never. The call uses no other service.
    Free,
    /// In a call of its own, before the operation begins.
    Before,
    /// By the operation itself, in the same round trip as its first read of the cache.
    WithFirstRead,
}

impl Operation {
    /// Returns the id in docs/openapi.yaml of the same call on a show, if it has one.
    pub fn show_id(self) -> Option<&'static str> {
        Some(match self {
            Self::GetSeats => "getShowSeats",
            Self::GetMap => "getShowMap",
            Self::Reserve => "reserveInShow",
            Self::Book => "bookInShow",
            Self::GetReservation => "getShowReservation",
            Self::Release => "releaseShowReservation",
            Self::Extend => "extendShowReservation",
            Self::GetBooking => "getShowBooking",
            Self::Cancel => "cancelShowBooking",
            Self::PutSale => "putShowSale",
            Self::ListTheaters
            | Self::GetTheater
            | Self::PutTheater
            | Self::DeleteTheater
            | Self::ListShows
            | Self::GetShow
            | Self::PutShow
            | Self::DeleteShow
            | Self::GetError => return None,
        })
    }

    /// Returns the operation's id in docs/openapi.yaml. Access logs use it too, also for calls on shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GetSeats => "getSeats",
            Self::GetMap => "getMap",
            Self::Reserve => "reserve",
            Self::Book => "book",
            Self::GetReservation => "getReservation",
            Self::Release => "releaseReservation",
            Self::Extend => "extendReservation",
            Self::GetBooking => "getBooking",
            Self::Cancel => "cancelBooking",
            Self::ListTheaters => "listTheaters",
            Self::GetTheater => "getTheater",
            Self::PutTheater => "putTheater",
            Self::DeleteTheater => "deleteTheater",
            Self::ListShows => "listShows",
            Self::GetShow => "getShow",
            Self::PutShow => "putShow",
            Self::DeleteShow => "deleteShow",
            Self::PutSale => "putTheaterSale",
            Self::GetError => "getErrorPage",
        }
    }
}

impl FunctionName {
    /// Returns the name of the binary, which the template and Cargo.toml use too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GetSeats => "get-seats",
            Self::Reserve => "reserve",
            Self::Book => "book",
            Self::Reservations => "reservations",
            Self::Bookings => "bookings",
            Self::Theaters => "theaters",
        }
    }
}

impl Route {
    /// Returns the method.
    pub fn method(&self) -> &'static str {
        split_key(self.key).0
    }

    /// Returns the path below the stage.
    pub fn path(&self) -> &'static str {
        split_key(self.key).1
    }

    /// Returns `true` for routes that change nothing.
    pub fn is_safe(&self) -> bool {
        self.method() == "GET"
    }

    /// Returns the key, and that of the call on a show if there is one.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.key).chain(self.show_key)
    }

    /// Returns the paths of the keys.
    pub fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.keys().map(|key| split_key(key).1)
    }

    /// Returns the names of the parameters of the path.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        path_parameters(self.path())
    }

    /// Returns the names of the body's fields that the table lists.
    pub fn fields(&self) -> &'static [&'static str] {
        match self.body {
            Body::Fields(fields, _) | Body::OptionalFields(fields, _) => fields,
            Body::Nothing | Body::Document(_) => &[],
        }
    }
}

/// Splits a key into the method and the path.
fn split_key(key: &'static str) -> (&'static str, &'static str) {
    key.split_once(' ').expect("a route's key has a method and a path")
}

/// Returns the names of the parameters of a path.
pub fn path_parameters(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The number of further seats of a call that take one more unit.
const SEATS_PER_UNIT: usize = 5;

impl Weight {
    /// Returns the units of a call that names this number of seats.
    pub(super) fn of_seats(self, seats: usize) -> u32 {
        let more = seats.saturating_sub(1) / SEATS_PER_UNIT;
        self.base + u32::try_from(more).expect("a call has a maximum number of seats")
    }

    /// Returns the units of a call for some seats of a reservation. `None` means all of them. Their number isn't known
    /// in advance, so such a call is an expensive one.
    pub(super) fn of_reserved<T>(self, seats: Option<&[T]>) -> u32 {
        seats.map_or(self.expensive, |seats| self.of_seats(seats.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_seats_take_more_units() {
        let weight = Weight { base: 1, expensive: 1 };
        assert_eq!([0, 1, 5, 6, 10, 11, 49].map(|seats| weight.of_seats(seats)), [1, 1, 1, 2, 2, 3, 10]);
    }
}
