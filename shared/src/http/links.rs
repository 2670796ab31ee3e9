//! The `Location` of new resources, and `Link`s to the next useful calls (RFC 8288).

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{LINK, LOCATION};

use super::address::Address;
use super::reply::Reply;
use crate::domain::ids::{BookingId, ReservationId};
use crate::domain::inventory::InventoryId;

/// Links within one theater or show. They are paths from the API's root, so they work under any address.
pub(super) struct Links {
    /// The path of the theater or the show.
    inventory: String,
    links: Vec<String>,
}

impl Links {
    /// Creates links to the resources of a theater or a show.
    pub(super) fn of(address: &Address<'_>, inventory: &InventoryId) -> Self {
        // Neither id has characters that need encoding in a path.
        let inventory = match inventory {
            InventoryId::Theater(theater) => format!("{}/theaters/{theater}", address.base()),
            InventoryId::Show(show) => format!("{}/shows/{show}", address.base()),
        };
        Self { inventory, links: Vec::new() }
    }

    /// Creates the link from one page of the list of theaters to the next.
    pub(super) fn list(address: &Address<'_>, next: Option<&str>, limit: usize) -> Self {
        let base = address.base();
        let links = next.map(|after| format!("<{base}/theaters?limit={limit}&after={after}>; rel=\"next\""));
        Self { inventory: String::new(), links: links.into_iter().collect() }
    }

    /// Creates the link from one page of the list of shows to the next. `query` has the parameters of every page.
    pub(super) fn shows(address: &Address<'_>, query: &str, next: Option<&str>) -> Self {
        let base = address.base();
        // A place has digits, dashes, an id, and `#`, which would begin a fragment.
        let next = next.map(|after| after.replace('#', "%23"));
        let links = next.map(|after| format!("<{base}/shows?{query}&after={after}>; rel=\"next\""));
        Self { inventory: String::new(), links: links.into_iter().collect() }
    }

    /// Returns the path of the theater or the show.
    pub(super) fn inventory(&self) -> String {
        self.inventory.clone()
    }

    /// Adds a link to the seats.
    pub(super) fn with_seats(self) -> Self {
        let seats = format!("{}/seats", self.inventory);
        self.to("seats", &seats)
    }

    /// Returns the path of a reservation.
    pub(super) fn reservation(&self, id: ReservationId) -> String {
        format!("{}/reservations/{id}", self.inventory)
    }

    /// Returns the path of a booking.
    pub(super) fn booking(&self, id: BookingId) -> String {
        format!("{}/bookings/{id}", self.inventory)
    }

    /// Adds links to the calls that use a running reservation.
    pub(super) fn with_reservation(self, id: ReservationId, extended: bool) -> Self {
        let (book, reservation) = (format!("{}/book", self.inventory), self.reservation(id));
        let links = self.to("reservation", &reservation).to("book", &book);
        let links = if extended { links } else { links.to("extend", &format!("{reservation}/extend")) };
        links.to("release", &reservation)
    }

    /// Adds links to the calls that use a booking.
    pub(super) fn with_booking(self, id: BookingId) -> Self {
        let (booking, seats) = (self.booking(id), format!("{}/seats", self.inventory));
        self.to("booking", &booking).to("cancel", &booking).to("seats", &seats)
    }

    /// Adds a link with a relation that this API defines.
    fn to(mut self, relation: &str, path: &str) -> Self {
        self.links.push(format!("<{path}>; rel=\"urn:rel:boxoffice:{relation}\""));
        self
    }

    /// Adds the links to a response.
    pub(super) fn put(self, reply: Reply) -> Reply {
        self.put_with_location(reply, None)
    }

    /// Adds the links to a response, and the location of the resource if there is one.
    pub(super) fn put_with_location(self, mut reply: Reply, location: Option<String>) -> Reply {
        let link = (!self.links.is_empty()).then(|| self.links.join(", "));
        let headers = [(LINK, link), (LOCATION, location)];
        for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let value = HeaderValue::try_from(value).expect("ids and the base path are visible ASCII");
            reply.headers_mut().insert(name, value);
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::{Request, RequestExt};

    use super::*;
    use crate::app::BasePath;
    use crate::http::codes::Code;
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
                for (inventory, path) in [("1", "/theaters/1"), ("show/1", "/shows/1")] {
                    let links = Links::of(&address, &InventoryId::parse(inventory).unwrap());
                    assert_eq!(links.inventory(), format!("{}{path}", base.as_str()));
                }
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
