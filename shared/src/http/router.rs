//! The table of all routes of the API, and the search for the route of a request.
//!
//! The table decides what a request may contain. A query parameter, a body or a field that isn't listed here is
//! rejected, so no call can do more than it says. Tests compare the template, Cargo.toml and docs/openapi.yaml with the
//! table.

use lambda_http::http::Method;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

pub use super::route::{Admission, Body, FunctionName, Operation, Route, Weight, path_parameters};
use crate::domain::rate_limit::Activity;
use crate::http::input::ON_BEHALF_OF;
use crate::http::show_json::{SALE_FIELDS, SHOW_FIELDS};
use crate::layout_json::MAX_DOCUMENT;
use crate::observability::metrics::Made;

/// The maximum size of a call's body, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// A call that takes one unit, whatever it asks for.
const PLAIN: Weight = Weight { base: 1, expensive: 1 };

/// A route that reads only its path. The other routes are written as changes to it.
const READS_NOTHING: Route = Route {
    operation: Operation::GetSeats,
    key: "",
    show_key: None,
    function: FunctionName::GetSeats,
    query: &[],
    headers: &[],
    body: Body::Nothing,
    activity: Activity::Reading,
    weight: PLAIN,
    admission: Admission::Before,
    is_public: false,
    makes: None,
};

/// All routes of the API. `HEAD` isn't listed, because each `GET` route serves it too.
pub const ROUTES: &[Route] = &[
    Route {
        operation: Operation::GetSeats,
        key: "GET /theaters/{theaterId}/seats",
        show_key: Some("GET /shows/{showId}/seats"),
        function: FunctionName::GetSeats,
        query: &["view", "section", "consistent"],
        headers: &["If-None-Match", "Reservation-Id", ON_BEHALF_OF],
        weight: Weight { base: 1, expensive: 20 },
        admission: Admission::WithFirstRead,
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetMap,
        key: "GET /theaters/{theaterId}/map",
        show_key: Some("GET /shows/{showId}/map"),
        function: FunctionName::GetSeats,
        query: &["version"],
        headers: &["If-None-Match"],
        weight: Weight { base: 2, expensive: 2 },
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Reserve,
        key: "POST /theaters/{theaterId}/reserve",
        show_key: Some("POST /shows/{showId}/reserve"),
        function: FunctionName::Reserve,
        headers: &["Idempotency-Key", ON_BEHALF_OF],
        body: Body::Fields(
            &[
                "seat",
                "seats",
                "quantity",
                "section",
                "category",
                "accessible",
                "ticket_types",
                "expires_in",
                "reservation_id",
            ],
            MAX_BODY,
        ),
        activity: Activity::Writing,
        admission: Admission::WithFirstRead,
        makes: Some(Made::Reservation),
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Book,
        key: "POST /theaters/{theaterId}/book",
        show_key: Some("POST /shows/{showId}/book"),
        function: FunctionName::Book,
        headers: &["Idempotency-Key", ON_BEHALF_OF],
        body: Body::Fields(&["seat", "seats", "booking_id", "reservation_id", "expect", "reference"], MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 1, expensive: 2 },
        admission: Admission::WithFirstRead,
        makes: Some(Made::Booking),
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetReservation,
        key: "GET /theaters/{theaterId}/reservations/{reservationId}",
        show_key: Some("GET /shows/{showId}/reservations/{reservationId}"),
        function: FunctionName::Reservations,
        query: &["seats"],
        headers: &[ON_BEHALF_OF],
        weight: Weight { base: 1, expensive: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Release,
        key: "DELETE /theaters/{theaterId}/reservations/{reservationId}",
        show_key: Some("DELETE /shows/{showId}/reservations/{reservationId}"),
        function: FunctionName::Reservations,
        query: &["seats"],
        headers: &[ON_BEHALF_OF],
        activity: Activity::Writing,
        weight: Weight { base: 1, expensive: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Extend,
        key: "POST /theaters/{theaterId}/reservations/{reservationId}/extend",
        show_key: Some("POST /shows/{showId}/reservations/{reservationId}/extend"),
        function: FunctionName::Reservations,
        headers: &["Idempotency-Key", ON_BEHALF_OF],
        body: Body::OptionalFields(&["expires_in", "seats"], MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 1, expensive: 2 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetBooking,
        key: "GET /theaters/{theaterId}/bookings/{bookingId}",
        show_key: Some("GET /shows/{showId}/bookings/{bookingId}"),
        function: FunctionName::Bookings,
        headers: &[ON_BEHALF_OF],
        ..READS_NOTHING
    },
    Route {
        operation: Operation::Cancel,
        key: "DELETE /theaters/{theaterId}/bookings/{bookingId}",
        show_key: Some("DELETE /shows/{showId}/bookings/{bookingId}"),
        function: FunctionName::Bookings,
        headers: &[ON_BEHALF_OF],
        activity: Activity::Writing,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::ListTheaters,
        key: "GET /theaters",
        function: FunctionName::Theaters,
        query: &["limit", "after"],
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetTheater,
        key: "GET /theaters/{theaterId}",
        function: FunctionName::Theaters,
        headers: &["If-None-Match"],
        weight: Weight { base: 10, expensive: 10 },
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::PutTheater,
        key: "PUT /theaters/{theaterId}",
        function: FunctionName::Theaters,
        headers: &["If-Match", "If-None-Match"],
        body: Body::Document(MAX_DOCUMENT),
        activity: Activity::Writing,
        weight: Weight { base: 20, expensive: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::DeleteTheater,
        key: "DELETE /theaters/{theaterId}",
        function: FunctionName::Theaters,
        headers: &["If-Match", "If-None-Match"],
        activity: Activity::Writing,
        weight: Weight { base: 20, expensive: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::ListShows,
        key: "GET /shows",
        query: &["from", "to", "theater", "limit", "after"],
        weight: Weight { base: 2, expensive: 32 },
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetShow,
        key: "GET /shows/{showId}",
        admission: Admission::Before,
        weight: Weight { base: 2, expensive: 2 },
        is_public: true,
        ..READS_NOTHING
    },
    Route {
        operation: Operation::PutShow,
        key: "PUT /shows/{showId}",
        function: FunctionName::Theaters,
        headers: &["If-Match", "If-None-Match"],
        body: Body::Fields(SHOW_FIELDS, MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 20, expensive: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::DeleteShow,
        key: "DELETE /shows/{showId}",
        function: FunctionName::Theaters,
        headers: &["If-Match", "If-None-Match"],
        activity: Activity::Writing,
        weight: Weight { base: 20, expensive: 20 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::PutSale,
        key: "PUT /theaters/{theaterId}/sale",
        show_key: Some("PUT /shows/{showId}/sale"),
        function: FunctionName::Theaters,
        body: Body::Fields(SALE_FIELDS, MAX_BODY),
        activity: Activity::Writing,
        weight: Weight { base: 5, expensive: 5 },
        ..READS_NOTHING
    },
    Route {
        operation: Operation::GetError,
        key: "GET /errors/{code}",
        function: FunctionName::Theaters,
        weight: Weight { base: 0, expensive: 0 },
        admission: Admission::Free,
        ..READS_NOTHING
    },
];

impl Route {
    /// Returns the route of an operation.
    pub fn of(operation: Operation) -> &'static Self {
        ROUTES.iter().find(|route| route.operation == operation).expect("each operation has a route")
    }

    /// Finds the route of a request to a function.
    ///
    /// API Gateway reports it in `routeKey`. If that is something else (`$default`), the method and the shape of the
    /// path decide. A function gets no requests for other routes. An unknown request is treated as one for the
    /// function's first route.
    pub(super) fn find(function: FunctionName, request: &Request) -> &'static Self {
        let own = || ROUTES.iter().filter(|route| route.function == function);
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let key = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref(),
            _ => None,
        };
        let named = key
            .and_then(|key| key.split_once(' '))
            .and_then(|(_, path)| own().find(|route| route.method() == method && route.paths().any(|own| own == path)));
        let shaped = || own().filter(|route| route.method() == method && route.has_shape_of(request)).last();
        let by_method = || own().find(|route| route.method() == method);
        named.or_else(shaped).or_else(by_method).or_else(|| own().next()).expect("each function has a route")
    }

    /// Returns `true` if the request has the parameters of one of the route's paths, and its path ends as that one does.
    fn has_shape_of(&self, request: &Request) -> bool {
        let given = request.path_parameters_ref();
        let has = |name: &str| given.is_some_and(|given| given.first(name).is_some());
        self.paths().any(|path| {
            // The last name in the path stands at the same place in the request, counted from the end.
            let names =
                path.rsplit('/').zip(request.raw_http_path().rsplit('/')).find(|(own, _)| !own.starts_with('{'));
            let ends = names.is_some_and(|(own, given)| own == given);
            ends && path_parameters(path).all(has)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_operation_and_key_has_one_route() {
        let operations: HashSet<_> = ROUTES.iter().map(|route| route.operation).collect();
        let keys: Vec<_> = ROUTES.iter().flat_map(Route::keys).collect();
        let different: HashSet<_> = keys.iter().collect();
        assert_eq!((operations.len(), different.len()), (ROUTES.len(), keys.len()));
        for route in ROUTES {
            assert_eq!(Route::of(route.operation), route);
        }
    }

    #[test]
    fn all_that_a_theater_sells_a_show_sells_the_same_way() {
        for route in ROUTES {
            let show = route
                .key
                .contains("/theaters/{theaterId}/")
                .then(|| route.key.replace("/theaters/{theaterId}/", "/shows/{showId}/"));
            assert_eq!(route.show_key, show.as_deref(), "{}", route.key);
        }
    }

    #[test]
    fn safe_routes_use_the_read_budget_and_no_body() {
        for route in ROUTES {
            assert_eq!(route.admission == Admission::Free, route.weight.base == 0, "{}", route.key);
            assert_eq!(route.is_safe(), route.activity == Activity::Reading, "{}", route.key);
            let reads = ["POST", "PUT"].contains(&route.method());
            assert_eq!(reads, route.body != Body::Nothing, "{}", route.key);
            assert!(route.weight.base <= route.weight.expensive);
        }
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
        let show = &[("showId", "map")][..];
        for key in [Some("$default"), None] {
            assert_eq!(
                found(FunctionName::GetSeats, "GET", "/v1/theaters/map/seats", key, theater),
                Operation::GetSeats
            );
            assert_eq!(found(FunctionName::GetSeats, "GET", "/v1/shows/map/seats", key, show), Operation::GetSeats);
            assert_eq!(found(FunctionName::GetSeats, "GET", "/v1/shows/map/map", key, show), Operation::GetMap);
            assert_eq!(found(FunctionName::GetSeats, "HEAD", "/v1/theaters/map/map", key, theater), Operation::GetMap);
            assert_eq!(found(FunctionName::Theaters, "GET", "/v1/theaters", key, &[]), Operation::ListTheaters);
            assert_eq!(found(FunctionName::Theaters, "GET", "/v1/theaters/map", key, theater), Operation::GetTheater);
            assert_eq!(found(FunctionName::Theaters, "PUT", "/v1/theaters/map", key, theater), Operation::PutTheater);
            assert_eq!(
                found(FunctionName::Theaters, "GET", "/v1/errors/x", key, &[("code", "x")]),
                Operation::GetError
            );
        }
        let key = Some("GET /theaters/{theaterId}/map");
        assert_eq!(found(FunctionName::GetSeats, "GET", "/odd", key, &[]), Operation::GetMap);
        let key = Some("HEAD /theaters/{theaterId}/map");
        assert_eq!(found(FunctionName::GetSeats, "HEAD", "/odd", key, &[]), Operation::GetMap);
        assert_eq!(found(FunctionName::GetSeats, "POST", "/odd", None, &[]), Operation::GetSeats);
    }
}
