//! The address of a request, the `Location` of new resources, and `Link`s to the next useful calls (RFC 8288).

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{LINK, LOCATION};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use super::Outcome;
use super::codes::Code;
use super::router::Route;
use crate::app::BasePath;
use crate::domain::ids::{BookingId, ReservationId, TheaterId};

/// The address of a request, as far as its response refers to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'r> {
    request: &'r Request,
    /// The path in front of the route's path. It is a setting, because events under a custom domain may omit it.
    base: &'r BasePath,
    /// The part of the event's path that the route describes. `None` if the path has another shape.
    own: Option<&'r str>,
}

impl<'r> Address<'r> {
    /// Returns the address of a request for a route.
    ///
    /// API Gateway may put the stage or the mapping in front of the route's path, so the parts are counted from the
    /// end.
    pub(super) fn of(request: &'r Request, route: &Route, base: &'r BasePath) -> Self {
        let path = request.raw_http_path();
        let parts = route.path().matches('/').count();
        let begin = path.rmatch_indices('/').nth(parts.saturating_sub(1)).map(|(begin, _)| begin);
        let first = route.path().split('/').nth(1).unwrap_or_default();
        let fits = |begin: &usize| path[begin + 1..].split('/').next() == Some(first);
        Self { request, base, own: begin.filter(fits).map(|begin| &path[begin..]) }
    }

    /// Returns the path as the client sent it, which is a valid URI reference.
    pub(super) fn path(&self) -> String {
        match self.own {
            Some(own) => format!("{}{own}", self.base.as_str()),
            None => self.request.raw_http_path().to_owned(),
        }
    }

    /// Returns the address of the page that explains an error.
    ///
    /// The host is the one that API Gateway reports, and never a header that the caller chooses. Without it the address
    /// is relative to the request.
    pub(super) fn of_error(&self, code: Code) -> String {
        let path = format!("{}/errors/{}", self.base.as_str(), code.as_str());
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

    /// Returns the scheme of the request. API Gateway sets this header itself.
    fn scheme(&self) -> &'static str {
        match self.request.headers().get("x-forwarded-proto").map(HeaderValue::as_bytes) {
            Some(b"http") => "http",
            _ => "https",
        }
    }
}

/// Links within one theater. They are paths from the API's root, so they work under any address.
pub(super) struct Links {
    theater: String,
    links: Vec<String>,
}

impl Links {
    /// Creates links to a theater's resources.
    pub(super) fn of(address: &Address<'_>, theater: &TheaterId) -> Self {
        // A theater id has no characters that need encoding in a path.
        Self { theater: format!("{}/theaters/{theater}", address.base.as_str()), links: Vec::new() }
    }

    /// Creates the link from one page of the list of theaters to the next.
    pub(super) fn list(address: &Address<'_>, next: Option<&str>, limit: usize) -> Self {
        let base = address.base.as_str();
        let links = next.map(|after| format!("<{base}/theaters?limit={limit}&after={after}>; rel=\"next\""));
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

    /// Adds a link with a relation that this API defines.
    fn to(mut self, relation: &str, path: &str) -> Self {
        self.links.push(format!("<{path}>; rel=\"urn:rel:boxoffice:{relation}\""));
        self
    }

    /// Adds the links to a response, and the location of the resource if there is one.
    pub(super) fn put(self, mut outcome: Outcome, location: Option<String>) -> Outcome {
        let link = (!self.links.is_empty()).then(|| self.links.join(", "));
        let headers = [(LINK, link), (LOCATION, location)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            // Each path is visible ASCII, because event.rs encodes all other characters.
            if let Ok(value) = HeaderValue::try_from(value) {
                outcome.response.headers_mut().insert(name, value);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::router::ROUTES;

    #[test]
    fn addresses_start_with_the_base_path() {
        for base in ["/", "/v1", "/box/office"].map(|base| BasePath::parse(base).unwrap()) {
            for (route, before) in ROUTES.iter().flat_map(|route| ["", "/v1", "/other/mapping"].map(|it| (route, it))) {
                let own = route.path().replace(['{', '}'], "");
                let request = Request::default().with_raw_http_path(format!("{before}{own}"));
                let address = Address::of(&request, route, &base);
                assert_eq!(address.path(), format!("{}{own}", base.as_str()));
                assert_eq!(address.of_error(Code::Internal), format!("{}/errors/internal", base.as_str()));
                let theater = TheaterId::parse("1").unwrap();
                assert_eq!(Links::of(&address, &theater).theater(), format!("{}/theaters/1", base.as_str()));
            }
        }
    }

    #[test]
    fn path_of_another_shape_stays_unchanged() {
        let request = Request::default().with_raw_http_path("/a/b/c");
        let (route, base) = (&ROUTES[0], BasePath::default());
        assert_eq!(Address::of(&request, route, &base).path(), "/a/b/c");
    }
}
