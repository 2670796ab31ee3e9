//! Reading requests. Every part has a maximum size, and an error names all faults with what was expected of each.

mod body;
mod caller;
mod precondition;
mod purchase;

use std::fmt;
use std::ops::RangeInclusive;

use lambda_http::http::HeaderValue;
use lambda_http::{Request, RequestExt};

pub(super) use body::{expires_in, labels, optional_id};
pub(super) use caller::{ON_BEHALF_OF, caller, is_staff, require_administrator, require_token, shown_role};
pub(super) use precondition::etag;
pub(super) use purchase::{expect, reference, seat_requests, ticket_types};

use super::api_gateway::{MAX_PART_BYTES, QueryTooLong};
use super::conditional::Condition;
use super::problem::{Code, Problem};
use super::route::{Body, Route};
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::{InvalidId, ReservationId, SeatLabel, ShowId, TheaterId};
use crate::domain::inventory::InventoryId;
use crate::domain::selection::MAX_SEATS_PER_TRANSACTION;
use crate::json::{Faults, plain};

/// The maximum number of seats that a call may name as the seats of a reservation.
pub(super) const MAX_SEATS_NAMED: usize = MAX_SEATS_PER_TRANSACTION;
/// The names of the path parameters that say what is sold.
pub(super) const THEATER_ID: &str = "theaterId";
pub(super) const SHOW_ID: &str = "showId";
/// The form of an id, for messages.
const UUID: &str = "a UUID (not nil)";

/// A request that is being read by the rules of its route. Collects all faults before the request is rejected.
#[derive(Debug)]
pub(super) struct Input<'r> {
    request: &'r Request,
    route: &'static Route,
    faults: Faults,
}

impl<'r> Input<'r> {
    /// Starts to read a request. Records at once everything that its route doesn't read.
    pub(super) fn of(request: &'r Request, route: &'static Route) -> Self {
        let input = Self { request, route, faults: Faults::default() };
        input.check_parameters();
        input.check_headers_once();
        input.check_conditions();
        if route.body == Body::Nothing && !request.body().is_empty() {
            input.faults.named("body", "no body");
        }
        input
    }

    /// Finishes reading. Returns the request, or a problem that names every fault.
    pub(super) fn finish<T>(self, read: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        if !self.faults.is_empty() {
            return Err(Problem::of_faults(Code::MalformedRequest, self.faults));
        }
        read().ok_or_else(|| Problem::internal("a part of a request is missing without a fault"))
    }

    /// Returns the faults found so far, for a separate parser.
    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Records a fault, and returns `None`.
    pub(super) fn fault<T>(&self, field: &str, expected: impl fmt::Display) -> Option<T> {
        self.faults.named(field, expected);
        None
    }

    /// Reads `{theaterId}` or `{showId}` of the path.
    pub(super) fn inventory(&self) -> Option<InventoryId> {
        if path_parameter(self.request, SHOW_ID).is_empty() {
            self.theater_id().map(InventoryId::Theater)
        } else {
            self.show_id().map(InventoryId::Show)
        }
    }

    /// Reads `{showId}` of the path.
    pub(super) fn show_id(&self) -> Option<ShowId> {
        self.path_parameter(SHOW_ID, ShowId::EXPECTED, ShowId::parse)
    }

    /// Reads `{theaterId}` of the path.
    pub(super) fn theater_id(&self) -> Option<TheaterId> {
        self.path_parameter(THEATER_ID, TheaterId::EXPECTED, TheaterId::parse)
    }

    /// Reads an id of the path.
    pub(super) fn path_id<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, InvalidId>) -> Option<T> {
        self.path_parameter(name, UUID, parse)
    }

    /// Reads a parameter of the path. API Gateway has decoded it.
    pub(super) fn path_parameter<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        parse(path_parameter(self.request, name)).ok().or_else(|| self.fault(name, expected))
    }

    /// Returns a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&'r str> {
        debug_assert!(self.route.query.contains(&name), "{name} isn't in the table of routes");
        self.request.query_string_parameters_ref().and_then(|parameters| parameters.first(name))
    }

    /// Reads an optional query parameter.
    pub(super) fn parsed_query<T>(
        &self,
        name: &str,
        expected: impl fmt::Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.query(name)?;
        parse(text).or_else(|| self.fault(name, expected))
    }

    /// Reads an optional query parameter that is `true` or `false`. The default is `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let flag = self.parsed_query(name, "true or false", |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        });
        flag.unwrap_or(false)
    }

    /// Reads a query parameter that is an integer in decimal digits.
    pub(super) fn integer_query(&self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let (from, to) = (range.start(), range.end());
        self.parsed_query(name, format_args!("a whole number from {from} to {to}"), |text| {
            let digits = text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|number| digits && range.contains(number))
        })
    }

    /// Reads the optional seats of `?seats=A1,A2` or `?seats=A1&seats=A2`.
    pub(super) fn named_seats(&self) -> Option<Vec<SeatLabel>> {
        let values = self.request.query_string_parameters_ref()?.all("seats")?;
        // API Gateway joins the values of a repeated parameter the same way.
        let text = values.join(",");
        let count = text.split(',').count();
        if text.is_empty() || count > MAX_SEATS_NAMED {
            return self.fault("seats", format_args!("1 to {MAX_SEATS_NAMED} seat labels, separated by commas"));
        }
        let mut labels = Vec::with_capacity(count);
        for (place, text) in text.split(',').enumerate() {
            let field = format!("seats[{place}]");
            match SeatLabel::parse(text) {
                Err(_) => self.faults.named(field, SeatLabel::EXPECTED),
                Ok(label) if labels.contains(&label) => {
                    self.faults.named(field, format_args!("another seat, as {label} is there twice"));
                }
                Ok(label) => labels.push(label),
            }
        }
        (labels.len() == count).then_some(labels)
    }

    /// Reads the optional `Reservation-Id` header.
    pub(super) fn reservation_header(&self) -> Option<ReservationId> {
        let value = self.request.headers().get("reservation-id")?;
        let id = value.to_str().ok().and_then(|text| ReservationId::parse(text).ok());
        id.or_else(|| self.fault("Reservation-Id", UUID))
    }

    /// Reads the optional `Idempotency-Key` header.
    pub(super) fn idempotency_key(&self) -> Option<IdempotencyKey> {
        let value = self.request.headers().get("idempotency-key")?;
        let key = value.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok());
        key.or_else(|| self.fault("Idempotency-Key", IdempotencyKey::EXPECTED))
    }

    /// Returns a header that is a list. All its lines are joined by commas, as API Gateway joins them.
    pub(super) fn list_header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
        (!values.is_empty()).then(|| String::from_utf8_lossy(&values.join(&b',')).into_owned())
    }

    fn check_parameters(&self) {
        if self.request.extensions().get::<QueryTooLong>().is_some() {
            self.faults.named("query", format_args!("at most {MAX_PART_BYTES} bytes"));
        }
        let Some(given) = self.request.query_string_parameters_ref() else { return };
        let mut names: Vec<_> = given.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        for same in names.chunk_by(|one, other| one == other) {
            let Some(name) = same.first() else { continue };
            if !self.route.query.contains(name) {
                self.faults.named(plain(name), Parameters(self.route.query));
            } else if same.len() > 1 && !LIST_PARAMETERS.contains(name) {
                self.faults.named(plain(name), "this parameter once");
            }
        }
    }

    /// Records conditions that the route doesn't check. Without this a change would be made although its condition
    /// isn't met.
    fn check_conditions(&self) {
        if self.request.method().is_safe() {
            return;
        }
        let given = |name: &str| self.request.headers().contains_key(name) && !self.route.headers.contains(&name);
        for name in CONDITIONS.into_iter().filter(|name| given(name)) {
            self.faults.named(name, "no such condition");
        }
    }

    /// Records headers that occur twice and aren't lists, because it is unclear which value is meant.
    fn check_headers_once(&self) {
        let single = self.route.headers.iter().filter(|name| !LISTS.contains(name));
        let of_body: &[&str] = if self.route.body == Body::Nothing { &[] } else { &["Content-Type"] };
        for name in single.chain(of_body) {
            if self.request.headers().get_all(*name).iter().count() > 1 {
                self.faults.named(name, "this header once");
            }
        }
    }
}

/// The conditions of a request (RFC 9110, 13.1).
const CONDITIONS: [&str; 4] = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];

/// Headers that are lists. Several lines of them mean the same as one.
const LISTS: [&str; 2] = ["If-Match", "If-None-Match"];

/// Query parameters that are lists. Many clients repeat the parameter for each item, whatever docs/openapi.yaml says.
const LIST_PARAMETERS: [&str; 1] = ["seats"];

/// The parameters that a route reads, for a message.
struct Parameters(&'static [&'static str]);

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no query parameter"),
            [only] => write!(f, "no query parameter but {only}"),
            several => write!(f, "no query parameters but {}", several.join(", ")),
        }
    }
}

/// Returns a parameter of the path, or an empty text.
pub(super) fn path_parameter<'r>(request: &'r Request, name: &str) -> &'r str {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default()
}

/// Parses `If-None-Match` of a read. A malformed value is ignored, and the whole answer is sent.
pub(super) fn parse_if_none_match(header: Option<&str>) -> Option<Condition<'_>> {
    header.and_then(Condition::parse)
}
