//! Where to go from an answer: `Location` of what was made, and `Link`s to the next sensible calls (RFC 8288).

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{LINK, LOCATION};
use lambda_http::{Request, RequestExt};

use super::content::Answer;
use crate::rules::names::{BookingId, ReservationId, TheaterId};

/// Links within one theater, as paths from the API's root on: they hold whatever the address.
pub(super) struct Links {
    theater: String,
    links: Vec<String>,
}

impl Links {
    /// Links as seen from a request: what its path has before `/theaters` (the stage, as a rule) they have too.
    pub(super) fn of(request: &Request, theater: &TheaterId) -> Self {
        let path = request.raw_http_path();
        let base = path.find("/theaters").map_or("", |end| &path[..end]);
        // A theater id holds nothing that would have to be encoded in a path.
        Self { theater: format!("{base}/theaters/{theater}"), links: Vec::new() }
    }

    /// Links of the list of theaters: to what follows.
    pub(super) fn list(request: &Request, next: Option<&str>, limit: usize) -> Self {
        let path = request.raw_http_path();
        let links = next.map(|after| format!("<{path}?limit={limit}&after={after}>; rel=\"next\""));
        Self { theater: String::new(), links: links.into_iter().collect() }
    }

    /// The path of the theater.
    pub(super) fn theater(&self) -> String {
        self.theater.clone()
    }

    /// Where its seats can be looked at.
    pub(super) fn with_seats(self) -> Self {
        let seats = format!("{}/seats", self.theater);
        self.to("seats", &seats)
    }

    /// The path of a reservation.
    pub(super) fn reservation(&self, id: ReservationId) -> String {
        format!("{}/reservations/{id}", self.theater)
    }

    /// The path of a booking.
    pub(super) fn booking(&self, id: BookingId) -> String {
        format!("{}/bookings/{id}", self.theater)
    }

    /// What can be done with a reservation that runs.
    pub(super) fn with_reservation(self, id: ReservationId, extended: bool) -> Self {
        let (book, reservation) = (format!("{}/book", self.theater), self.reservation(id));
        let links = self.to("reservation", &reservation).to("book", &book);
        let links = if extended { links } else { links.to("extend", &format!("{reservation}/extend")) };
        links.to("release", &reservation)
    }

    /// What can be done with a booking that stands.
    pub(super) fn with_booking(self, id: BookingId) -> Self {
        let (booking, seats) = (self.booking(id), format!("{}/seats", self.theater));
        self.to("booking", &booking).to("cancel", &booking).to("seats", &seats)
    }

    /// One more link, with a relation of ours.
    fn to(mut self, relation: &str, path: &str) -> Self {
        self.links.push(format!("<{path}>; rel=\"urn:rel:boxoffice:{relation}\""));
        self
    }

    /// Puts the links into an answer, and where that is what it tells of.
    pub(super) fn put(self, mut response: Answer, location: Option<String>) -> Answer {
        let link = (!self.links.is_empty()).then(|| self.links.join(", "));
        let headers = [(LINK, link), (LOCATION, location)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            // A path that can't stand in a header is one that nobody's request has led to.
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
