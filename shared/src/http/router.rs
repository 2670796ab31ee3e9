//! The table of all routes of the API: what each reads, what it costs a caller, and which function serves it.
//!
//! The table decides what a request may contain. A query parameter, a body or a field that isn't listed here is
//! rejected, so no call can do more than it says. Tests compare the template, Cargo.toml and docs/openapi.yaml with the
//! table.

use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use crate::domain::rate_limit::Activity;
use crate::layout_json::MAX_DOCUMENT;
use crate::observability::metrics::Made;

/// A route, as API Gateway knows it, and everything that it reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation of the route.
    pub operation: Operation,
    /// The method, and the path below the stage with its parameters in braces: `GET /theaters/{theaterId}`.
    pub key: &'static str,
    /// The function that serves it.
    pub function: &'static str,
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
    /// The resource that a response with 201 has created, if that is counted.
    pub(crate) makes: Option<Made>,
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
    /// Explains an error code.
    GetError,
}

impl Operation {
    /// Returns the operation's id in docs/openapi.yaml. Access logs use it too.
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
            Self::GetError => "getErrorPage",
        }
    }
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
    pub dear: u32,
}

/// The number of further seats of a call that take one more unit.
const SEATS_PER_UNIT: usize = 5;

/// The maximum size of a call's body, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// A call that takes one unit, whatever it asks for.
const PLAIN: Weight = Weight { base: 1, dear: 1 };

/// A route that reads only its path. The other routes are written as changes to it.
const READS_NOTHING: Route = Route {
    operation: Operation::GetSeats,
    key: "",
    function: "",
    query: &[],
    headers: &[],
    body: Body::Nothing,
    activity: Activity::Reading,
    weight: PLAIN,
    makes: None,
};

/// All routes of the API. `HEAD` isn't listed, because each `GET` route serves it too.
pub const ROUTES: &[Route] = &[
    Route {
        operation: Operation::GetSeats,
        key: "GET /theaters/{theaterId}/seats",
        function: "get-seats",
        query: &["view", "section", "consistent"],
        headers: &["If-None-Match", "Reservation-Id"],
        weight: Weight { base: 1, dear: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetMap,
        key: "GET /theaters/{theaterId}/map",
        function: "get-seats",
        query: &["version"],
        headers: &["If-None-Match"],
        weight: Weight { base: 2, dear: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Reserve,
        key: "POST /theaters/{theaterId}/reserve",
        function: "reserve",
        headers: &["Idempotency-Key"],
        body: Body::Fields(crate::http::routes::reserve::FIELDS, MAX_BODY),
        activity: Activity::Writing,
        makes: Some(Made::Reservation),
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Book,
        key: "POST /theaters/{theaterId}/book",
        function: "book",
        headers: &["Idempotency-Key"],
        body: Body::Fields(crate::http::routes::book::FIELDS, MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 1, dear: 2 },
        makes: Some(Made::Booking),
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetReservation,
        key: "GET /theaters/{theaterId}/reservations/{reservationId}",
        function: "reservations",
        query: &["seats"],
        weight: Weight { base: 1, dear: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Release,
        key: "DELETE /theaters/{theaterId}/reservations/{reservationId}",
        function: "reservations",
        query: &["seats"],
        activity: Activity::Writing,
        weight: Weight { base: 1, dear: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Extend,
        key: "POST /theaters/{theaterId}/reservations/{reservationId}/extend",
        function: "reservations",
        headers: &["Idempotency-Key"],
        body: Body::OptionalFields(crate::http::routes::reservations::FIELDS, MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 1, dear: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetBooking,
        key: "GET /theaters/{theaterId}/bookings/{bookingId}",
        function: "bookings",
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Cancel,
        key: "DELETE /theaters/{theaterId}/bookings/{bookingId}",
        function: "bookings",
        activity: Activity::Writing,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::ListTheaters,
        key: "GET /theaters",
        function: "theaters",
        query: &["limit", "after"],
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetTheater,
        key: "GET /theaters/{theaterId}",
        function: "theaters",
        headers: &["If-None-Match"],
        weight: Weight { base: 10, dear: 10 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::PutTheater,
        key: "PUT /theaters/{theaterId}",
        function: "theaters",
        headers: &["If-Match", "If-None-Match"],
        body: Body::Document(MAX_DOCUMENT),
        activity: Activity::Writing,
        weight: Weight { base: 20, dear: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::DeleteTheater,
        key: "DELETE /theaters/{theaterId}",
        function: "theaters",
        headers: &["If-Match", "If-None-Match"],
        activity: Activity::Writing,
        weight: Weight { base: 20, dear: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetError,
        key: "GET /errors/{code}",
        function: "theaters",
        weight: Weight { base: 0, dear: 0 },
        ..READS_NOTHING
    },
];

impl Route {
    /// Returns the route of an operation.
    pub fn of(operation: Operation) -> &'static Self {
        // A test checks that each operation has a route.
        ROUTES.iter().find(|route| route.operation == operation).unwrap_or(&ROUTES[0])
    }

    /// Returns the method.
    pub fn method(&self) -> &'static str {
        self.key.split_once(' ').map_or("", |(method, _)| method)
    }

    /// Returns the path below the stage.
    pub fn path(&self) -> &'static str {
        self.key.split_once(' ').map_or("", |(_, path)| path)
    }

    /// Returns `true` for routes that change nothing.
    pub fn is_safe(&self) -> bool {
        self.method() == "GET"
    }

    /// Returns the names of the path's parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Returns the names of the body's fields that the table lists.
    pub fn fields(&self) -> &'static [&'static str] {
        match self.body {
            Body::Fields(fields, _) | Body::OptionalFields(fields, _) => fields,
            Body::Nothing | Body::Document(_) => &[],
        }
    }

    /// Finds the route of a request to a function.
    ///
    /// API Gateway reports it in `routeKey`. If that is something else (`$default`), the method and the shape of the
    /// path decide. A function gets no requests for other routes. An unknown request is treated as one for the
    /// function's first route.
    pub(super) fn find(function: &str, request: &Request) -> &'static Self {
        let own = || ROUTES.iter().filter(|route| route.function == function);
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let key = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref(),
            _ => None,
        };
        let named = key
            .and_then(|key| key.split_once(' '))
            .and_then(|(_, path)| own().find(|route| route.method() == method && route.path() == path));
        let shaped = || own().filter(|route| route.method() == method && route.has_shape_of(request)).last();
        let by_method = || own().find(|route| route.method() == method);
        named.or_else(shaped).or_else(by_method).or_else(|| own().next()).unwrap_or(&ROUTES[0])
    }

    /// Returns `true` if the request has the route's path parameters, and its path ends as the route's path does.
    fn has_shape_of(&self, request: &Request) -> bool {
        let given = request.path_parameters_ref();
        let has = |name: &str| given.is_some_and(|given| given.first(name).is_some());
        let last = self.path().rsplit('/').next().unwrap_or_default();
        let ends = last.starts_with('{') || request.raw_http_path().ends_with(&format!("/{last}"));
        ends && self.parameters().all(has)
    }
}

impl Weight {
    /// Returns the units of an ordinary call that names this number of seats.
    pub(super) fn of_seats(self, seats: usize) -> u32 {
        let more = seats.saturating_sub(1) / SEATS_PER_UNIT;
        self.base + u32::try_from(more).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_operation_and_key_has_one_route() {
        let operations: HashSet<_> = ROUTES.iter().map(|route| route.operation).collect();
        let keys: HashSet<_> = ROUTES.iter().map(|route| route.key).collect();
        assert_eq!((operations.len(), keys.len()), (ROUTES.len(), ROUTES.len()));
        for route in ROUTES {
            assert_eq!(Route::of(route.operation), route);
        }
    }

    #[test]
    fn safe_routes_use_the_read_budget_and_no_body() {
        for route in ROUTES {
            assert_eq!(route.is_safe(), route.activity == Activity::Reading, "{}", route.key);
            let reads = ["POST", "PUT"].contains(&route.method());
            assert_eq!(reads, route.body != Body::Nothing, "{}", route.key);
            assert!(route.weight.base <= route.weight.dear);
        }
    }

    #[test]
    fn more_seats_take_more_units() {
        let units = |seats| PLAIN.of_seats(seats);
        assert_eq!([0, 1, 5, 6, 10, 11, 49].map(units), [1, 1, 1, 2, 2, 3, 10]);
    }

    fn request(method: &str, path: &str, key: Option<&str>, parameters: &[(&str, &str)]) -> Request {
        let mut context = lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext::default();
        context.route_key = key.map(str::to_owned);
        let parameters: std::collections::HashMap<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut request = Request::new(lambda_http::Body::Empty);
        *request.method_mut() = method.parse().unwrap();
        request
            .with_raw_http_path(path)
            .with_path_parameters(parameters)
            .with_request_context(RequestContext::ApiGatewayV2(context))
    }

    #[test]
    fn route_comes_from_the_key_or_else_from_the_shape() {
        let found = |function, method, path: &str, key, parameters: &[(&str, &str)]| {
            Route::find(function, &request(method, path, key, parameters)).operation
        };
        let theater = &[("theaterId", "map")][..];
        for key in [Some("$default"), None] {
            assert_eq!(found("get-seats", "GET", "/v1/theaters/map/seats", key, theater), Operation::GetSeats);
            assert_eq!(found("get-seats", "HEAD", "/v1/theaters/map/map", key, theater), Operation::GetMap);
            assert_eq!(found("theaters", "GET", "/v1/theaters", key, &[]), Operation::ListTheaters);
            assert_eq!(found("theaters", "GET", "/v1/theaters/map", key, theater), Operation::GetTheater);
            assert_eq!(found("theaters", "PUT", "/v1/theaters/map", key, theater), Operation::PutTheater);
            assert_eq!(found("theaters", "GET", "/v1/errors/x", key, &[("code", "x")]), Operation::GetError);
        }
        let key = Some("GET /theaters/{theaterId}/map");
        assert_eq!(found("get-seats", "GET", "/odd", key, &[]), Operation::GetMap);
        let key = Some("HEAD /theaters/{theaterId}/map");
        assert_eq!(found("get-seats", "HEAD", "/odd", key, &[]), Operation::GetMap);
        assert_eq!(found("get-seats", "POST", "/odd", None, &[]), Operation::GetSeats);
    }
}
