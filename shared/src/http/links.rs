//! Addresses: where a request was sent, `Location` of what was made, and `Link`s to the next sensible calls (RFC 8288).

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{LINK, LOCATION};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use super::Outcome;
use super::codes::Code;
use super::routes::Route;
use crate::rules::names::{BookingId, ReservationId, TheaterId};

/// The address of a request, as far as its answer refers to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'r> {
    request: &'r Request,
    /// The part of the path before the route's own: the stage.
    base: &'r str,
}

impl<'r> Address<'r> {
    /// Returns the address of a request that takes a route.
    pub(super) fn of(request: &'r Request, route: &Route) -> Self {
        let path = request.raw_http_path();
        let own = route.path().matches('/').count();
        let begin = path.rmatch_indices('/').nth(own.saturating_sub(1)).map(|(begin, _)| begin);
        let first = route.path().split('/').nth(1).unwrap_or_default();
        let fits = |begin: &usize| path[begin + 1..].split('/').next() == Some(first);
        Self { request, base: begin.filter(fits).map_or("", |begin| &path[..begin]) }
    }

    /// Returns the path, which is a valid URI reference.
    pub(super) fn path(&self) -> &'r str {
        self.request.raw_http_path()
    }

    /// Returns the address of the page that explains an error.
    ///
    /// The host is the one that API Gateway says it served, never a header that the caller chooses. Without it the address is
    /// relative to the request's own.
    pub(super) fn of_error(&self, code: Code) -> String {
        let path = format!("{}/errors/{}", self.base, code.as_str());
        match self.host() {
            Some(host) => format!("{}://{host}{path}", self.scheme()),
            None => path,
        }
    }

    fn host(&self) -> Option<&'r str> {
        let host = match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.as_deref()?,
            _ => return None,
        };
        let may = |c: u8| c.is_ascii_alphanumeric() || b"-._:[]".contains(&c);
        (!host.is_empty() && host.len() <= 255 && host.bytes().all(may)).then_some(host)
    }

    /// API Gateway writes this header itself.
    fn scheme(&self) -> &'static str {
        match self.request.headers().get("x-forwarded-proto").map(HeaderValue::as_bytes) {
            Some(b"http") => "http",
            _ => "https",
        }
    }
}

/// Links within one theater, as paths from the API's root on: they hold whatever the address.
pub(super) struct Links {
    theater: String,
    links: Vec<String>,
}

impl Links {
    /// Links to a theater's resources, under the same stage as a request.
    pub(super) fn of(address: &Address<'_>, theater: &TheaterId) -> Self {
        // A theater id holds nothing that would have to be encoded in a path.
        Self { theater: format!("{}/theaters/{theater}", address.base), links: Vec::new() }
    }

    /// A link from a part of the list of theaters to the next one.
    pub(super) fn list(address: &Address<'_>, next: Option<&str>, limit: usize) -> Self {
        let path = address.path();
        let links = next.map(|after| format!("<{path}?limit={limit}&after={after}>; rel=\"next\""));
        Self { theater: String::new(), links: links.into_iter().collect() }
    }

    /// Returns the path of the theater.
    pub(super) fn theater(&self) -> String {
        self.theater.clone()
    }

    /// Adds a link to the theater's seats.
    pub(super) fn with_seats(self) -> Self {
        let seats = format!("{}/seats", self.theater);
        self.to("seats", &seats)
    }

    /// Returns the path of a reservation.
    pub(super) fn reservation(&self, id: ReservationId) -> String {
        format!("{}/reservations/{id}", self.theater)
    }

    /// Returns the path of a booking.
    pub(super) fn booking(&self, id: BookingId) -> String {
        format!("{}/bookings/{id}", self.theater)
    }

    /// Adds links to the calls that use a running reservation.
    pub(super) fn with_reservation(self, id: ReservationId, extended: bool) -> Self {
        let (book, reservation) = (format!("{}/book", self.theater), self.reservation(id));
        let links = self.to("reservation", &reservation).to("book", &book);
        let links = if extended { links } else { links.to("extend", &format!("{reservation}/extend")) };
        links.to("release", &reservation)
    }

    /// Adds links to the calls that use a booking.
    pub(super) fn with_booking(self, id: BookingId) -> Self {
        let (booking, seats) = (self.booking(id), format!("{}/seats", self.theater));
        self.to("booking", &booking).to("cancel", &booking).to("seats", &seats)
    }

    /// Adds a link with a relation of this API's own.
    fn to(mut self, relation: &str, path: &str) -> Self {
        self.links.push(format!("<{path}>; rel=\"urn:rel:boxoffice:{relation}\""));
        self
    }

    /// Puts the links into an answer, and the location of what was made or shown.
    pub(super) fn put(self, mut outcome: Outcome, location: Option<String>) -> Outcome {
        let link = (!self.links.is_empty()).then(|| self.links.join(", "));
        let headers = [(LINK, link), (LOCATION, location)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            // Each path is visible ASCII: event.rs encodes the rest.
            if let Ok(value) = HeaderValue::try_from(value) {
                outcome.response.headers_mut().insert(name, value);
            }
        }
        outcome
    }
}
