//! Conversion of all errors to problem details (RFC 9457), and their logging.

use std::fmt::Display;

use lambda_http::Response;
use lambda_http::http::HeaderValue;
use serde::Serialize;

use super::links::Address;
use super::response_body::{Answer, ResponseBody};
use crate::app::{
    BookError, BookingError, ExtendError, GetSeatsError, MAX_SEATS_WITHDRAWN, MapError, PutError, ReservationError,
    ReserveBestError, ReserveError, STORABLE, SelectError, StoreError, TooManyRequests,
};
use crate::domain::availability::SeatState;
use crate::domain::best_available::Shortage;
use crate::domain::ids::SeatLabel;
use crate::domain::selection::Conflict;
use crate::json::{Fault, Faults};

pub use super::codes::Code;

/// The delay in seconds after which a retry makes sense.
const RETRY_AFTER: u64 = 1;
/// The maximum number of characters that faults take in `detail`. `errors` has all of them.
const MAX_DETAIL: usize = 400;

/// An error to be sent to the caller.
#[derive(Debug)]
pub struct Problem {
    pub code: Code,
    detail: String,
    members: Box<Members>,
    headers: Vec<(&'static str, HeaderValue)>,
    /// The cause, which is only logged.
    cause: Option<String>,
}

/// Members of problems that RFC 9457 doesn't define. Each number in a detail is also a member.
#[derive(Debug, Default, Serialize)]
pub(super) struct Members {
    /// The invalid fields, parameters and headers, each with what was expected.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: Vec<Fault>,
    /// The seats that caused the problem.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    seats: Vec<SeatProblem>,
    /// The number of available seats that fit the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<usize>,
    /// The largest number of them next to each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_block: Option<usize>,
    /// The number of seats that the caller has reserved.
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<usize>,
    /// The number of seats that the caller has booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    booked: Option<usize>,
    /// The permitted maximum: seats, bytes, or requests per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// The limited activity: `looks` or `writes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<&'static str>,
    /// The size of the body, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
    /// The version of the current layout.
    #[serde(skip_serializing_if = "Option::is_none")]
    layout_version: Option<u64>,
    /// The whole seconds after which a retry makes sense. Also a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// A seat that caused the problem.
#[derive(Clone, Debug, Serialize)]
struct SeatProblem {
    seat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// `true` if the caller has it by another request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    yours: bool,
}

/// The body: the members of RFC 9457, and those of this API.
#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: String,
    code: &'a str,
    request_id: &'a str,
    #[serde(flatten)]
    members: &'a Members,
}

impl Problem {
    /// Creates a problem that its detail explains.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), members: Box::default(), headers: Vec::new(), cause: None }
    }

    /// Creates a problem with members of this API.
    fn with(code: Code, detail: impl Into<String>, members: Members) -> Self {
        Self { members: Box::new(members), ..Self::new(code, detail) }
    }

    /// Creates a problem of one field, parameter or header.
    pub(super) fn of_field(code: Code, field: impl Display, expected: impl Display) -> Self {
        let faults = Faults::default();
        faults.named(field, expected);
        Self::of_faults(code, faults)
    }

    /// Creates a problem that names all faults of a request.
    pub(super) fn of_faults(code: Code, faults: Faults) -> Self {
        let all = faults.count();
        let errors = faults.into_list();
        let mut detail = String::new();
        let mut told = 0;
        for text in errors.iter().map(Fault::to_string) {
            if told > 0 && detail.len() + text.len() > MAX_DETAIL {
                break;
            }
            detail.push_str(if told > 0 { "; " } else { "" });
            detail.extend(text.chars().take(MAX_DETAIL));
            told += 1;
        }
        if told < all {
            detail.push_str(&format!("; and {} more", all - told));
        }
        Self::with(code, detail, Members { errors, ..Members::default() })
    }

    /// Creates the problem of a request with one fault.
    pub(super) fn malformed(field: impl Display, expected: impl Display) -> Self {
        Self::of_field(Code::MalformedRequest, field, expected)
    }

    /// Adds a header to the response.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Creates the problem of a fault of the server. Its cause is only logged.
    pub(super) fn internal(cause: impl Display) -> Self {
        let detail = "The request was not carried out. Please tell us its request_id if it happens again.";
        Self { cause: Some(cause.to_string()), ..Self::new(Code::Internal, detail) }
    }

    fn try_again(cause: impl Display) -> Self {
        let detail = "It is not known whether the request was carried out. Repeating it with the same id is safe, and \
            answers what happened. Without an id, read the seats first.";
        let members = Members { retry_after: Some(RETRY_AFTER), ..Members::default() };
        Self { cause: Some(cause.to_string()), ..Self::with(Code::TryAgain, detail, members) }
    }

    /// Changes the detail for a request that only reads, because repeating a read is always safe.
    pub(super) fn worded_for_read(mut self) -> Self {
        if self.code == Code::TryAgain {
            self.detail = "The data could not be read in time. Reading it again is safe.".to_owned();
        }
        self
    }

    /// Creates the problem of a body that is too large.
    pub(super) fn too_large(size: usize, limit: usize) -> Self {
        let problem = Self::of_field(Code::BodyTooLarge, "body", format_args!("at most {limit} bytes, got {size}"));
        let members = Members { size: Some(size), limit: u64::try_from(limit).ok(), ..*problem.members };
        Self { members: Box::new(members), ..problem }
    }

    pub(super) fn theater_not_found() -> Self {
        Self::of_field(Code::TheaterNotFound, "theaterId", "the id of a theater")
    }

    fn seats_not_found(unknown: &[SeatLabel]) -> Self {
        let named: Vec<_> = unknown.iter().map(SeatLabel::as_str).collect();
        let detail = format!("The theater has no seat {}.", named.join(", "));
        Self::with(Code::SeatNotFound, detail, Members { seats: named_seats(unknown), ..Members::default() })
    }

    fn seats_unavailable(conflicts: &[Conflict]) -> Self {
        let named: Vec<_> = conflicts.iter().map(|conflict| conflict.seat.as_str()).collect();
        let detail = format!("Taken: {}. Nothing was changed.", named.join(", "));
        let seats = conflicts.iter().map(seat_problem).collect();
        Self::with(Code::SeatUnavailable, detail, Members { seats, ..Members::default() })
    }

    /// Logs details for operators that callers must not see.
    pub(super) fn log(&self) {
        match (self.code, &self.cause) {
            (Code::Internal, cause) => tracing::error!(cause = cause.as_deref(), "internal error"),
            (Code::TryAgain, cause) => {
                tracing::error!(
                    cause = cause.as_deref(),
                    "DynamoDB gave no answer in time; the caller is told to try again"
                );
            }
            (code, Some(cause)) => tracing::warn!(code = code.as_str(), cause, "not carried out"),
            (_, None) => {}
        }
    }

    pub(super) fn into_response(self, address: &Address<'_>, request_id: &str) -> Answer {
        let details = Details {
            r#type: address.of_error(self.code),
            title: self.code.title(),
            status: self.code.status(),
            detail: &self.detail,
            instance: address.path(),
            code: self.code.as_str(),
            request_id,
            members: &self.members,
        };
        let body = serde_json::to_string(&details).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.code.status())
            .header("content-type", "application/problem+json")
            .header("cache-control", "no-store");
        if let Some(seconds) = self.members.retry_after {
            response = response.header("retry-after", seconds);
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        // Can't fail, because each part is a constant or text.
        response.body(ResponseBody::Text(body)).unwrap_or_default()
    }
}

fn seat_problem(conflict: &Conflict) -> SeatProblem {
    let (status, expires_at) = match conflict.state {
        SeatState::Available => ("available", None),
        SeatState::Reserved { expires_at } => ("reserved", Some(expires_at.to_string())),
        SeatState::Booked => ("booked", None),
    };
    SeatProblem { seat: conflict.seat.to_string(), status: Some(status), expires_at, yours: conflict.yours }
}

/// Lists seats without their status.
fn named_seats(seats: &[SeatLabel]) -> Vec<SeatProblem> {
    let named = |seat: &SeatLabel| SeatProblem { seat: seat.to_string(), status: None, expires_at: None, yours: false };
    seats.iter().map(named).collect()
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutcomeUnknown(_) => Self::try_again(error),
            StoreError::Permanent(_) => Self::internal(error),
        }
    }
}

impl From<TooManyRequests> for Problem {
    fn from(TooManyRequests(standing): TooManyRequests) -> Self {
        let (name, most) = (standing.activity.as_str(), standing.limit.per_minute());
        let seconds = standing.retry_after.unwrap_or(RETRY_AFTER);
        let detail = format!("At most {most} {name} a minute. Nothing was done. Try again in {seconds} s.");
        let members = Members {
            retry_after: Some(seconds),
            limit: Some(u64::from(most)),
            activity: Some(name),
            ..Members::default()
        };
        Self::with(Code::TooManyRequests, detail, members)
    }
}

impl From<SelectError> for Problem {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::TooManyRequests(error) => error.into(),
            SelectError::TheaterNotFound => Self::theater_not_found(),
            SelectError::SeatNotFound(seats) => Self::seats_not_found(&seats),
            SelectError::Store(error) => error.into(),
        }
    }
}

impl From<GetSeatsError> for Problem {
    fn from(error: GetSeatsError) -> Self {
        match error {
            GetSeatsError::TheaterNotFound => Self::theater_not_found(),
            GetSeatsError::UnknownSection(names) => Self::malformed("section", one_of(&names)),
            GetSeatsError::TooManyRequests(error) => error.into(),
            GetSeatsError::Store(error) => error.into(),
        }
    }
}

impl From<MapError> for Problem {
    fn from(error: MapError) -> Self {
        match error {
            MapError::TheaterNotFound => Self::theater_not_found(),
            MapError::VersionNotFound { current } => {
                let detail = format!("The layout of the theater has the version {current}.");
                let members = Members { layout_version: Some(current), ..Members::default() };
                Self::with(Code::LayoutVersionNotFound, detail, members)
            }
            MapError::TooManyRequests(error) => error.into(),
            MapError::Store(error) => error.into(),
        }
    }
}

impl From<ReserveError> for Problem {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Select(error) => error.into(),
            ReserveError::SeatUnavailable(conflicts) => Self::seats_unavailable(&conflicts),
            ReserveError::LimitReached { reserved, most } => Self::reservation_limit(reserved, most),
            ReserveError::Released(seats) => {
                let detail = "The reservation, or a seat of it, was released or booked before. Nothing was changed. Use a new \
                    reservation_id for a new reservation.";
                let members = Members { seats: named_seats(&seats), ..Members::default() };
                Self::with(Code::ReservationReleased, detail, members)
            }
            ReserveError::Expired(seats) => Self::reservation_expired(&seats),
            ReserveError::NotFound => Self::reservation_not_found("reservation_id"),
            ReserveError::Store(error) => error.into(),
        }
    }
}

impl From<ReserveBestError> for Problem {
    fn from(error: ReserveBestError) -> Self {
        match error {
            ReserveBestError::GetSeats(error) => error.into(),
            ReserveBestError::UnknownSection(names) => Self::malformed("section", one_of(&names)),
            ReserveBestError::UnknownCategory(names) => Self::malformed("category", one_of(&names)),
            ReserveBestError::NotEnough(shortage) => {
                let Shortage { available, largest_block } = shortage;
                let detail = format!(
                    "{available} such seats are available, at most {largest_block} of them together. Nothing was changed."
                );
                let members =
                    Members { available: Some(available), largest_block: Some(largest_block), ..Members::default() };
                Self::with(Code::NotEnoughSeats, detail, members)
            }
            ReserveBestError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This reservation_id or Idempotency-Key was used for another request. Nothing was changed. Use a new one \
                    for a new request.",
            ),
            ReserveBestError::Reserve(error) => error.into(),
        }
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Select(error) => error.into(),
            BookError::SeatUnavailable(conflicts) => Self::seats_unavailable(&conflicts),
            BookError::Cancelled => Self::new(
                Code::BookingCancelled,
                "The booking under this booking_id or Idempotency-Key was cancelled. Nothing was changed. Use a new one for \
                    a new booking.",
            ),
            BookError::Reservation(ReservationError::NotFound) => Self::reservation_not_found("reservation_id"),
            BookError::Reservation(error) => error.into(),
            BookError::ReservationChanged(missing) => {
                let detail = not_reserved(missing.iter().map(|conflict| &conflict.seat));
                let seats = missing.iter().map(seat_problem).collect();
                Self::with(Code::ReservationChanged, detail, Members { seats, ..Members::default() })
            }
            BookError::ReservationRequired => {
                Self::of_field(Code::ReservationRequired, "reservation_id", "the reservation of the seats")
            }
            BookError::IdNotAllowed => {
                Self::malformed("booking_id", "a UUID of another version than 8, which only the server's own ids have")
            }
            BookError::LimitReached { booked, most } => Self::with(
                Code::BookingLimit,
                format!(
                    "The caller has {booked} seats of this theater booked, of at most {most}. Nothing was changed."
                ),
                Members { booked: Some(booked), limit: u64::try_from(most).ok(), ..Members::default() },
            ),
            BookError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This booking_id or Idempotency-Key has booked other seats. Nothing was changed. Use a new one for a new \
                    booking.",
            ),
            BookError::Store(error) => error.into(),
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Invalid(error) => {
                let problem = error.to_string();
                Self::malformed("seats", problem.strip_prefix("expected ").unwrap_or(&problem))
            }
            PutError::TooLarge => Self::malformed("sections", STORABLE),
            PutError::PreconditionRequired(version) => Self::if_match_required(version),
            PutError::PreconditionFailed(there) => Self::layout_changed("If-Match", there),
            PutError::InUse(conflicts) => {
                let detail =
                    format!("{} of the seats that would be dropped are in use. Nothing was changed.", conflicts.len());
                let seats = conflicts.iter().map(seat_problem).collect();
                Self::with(Code::SeatsInUse, detail, Members { seats, ..Members::default() })
            }
            PutError::TooManyWithdrawn(dropped) => Self::malformed(
                "seats",
                format_args!("at most {MAX_SEATS_WITHDRAWN} seats to be dropped at once, got {dropped}"),
            ),
            error @ PutError::Contended => Self::new(Code::LayoutChanged, error.to_string()),
            PutError::Store(error) => error.into(),
        }
    }
}

impl From<ReservationError> for Problem {
    fn from(error: ReservationError) -> Self {
        match error {
            ReservationError::TheaterNotFound => Self::theater_not_found(),
            ReservationError::NotFound => Self::reservation_not_found("reservationId"),
            ReservationError::Expired(seats) => Self::reservation_expired(&seats),
            ReservationError::Store(error) => error.into(),
        }
    }
}

impl From<ExtendError> for Problem {
    fn from(error: ExtendError) -> Self {
        match error {
            ExtendError::Reservation(error) => error.into(),
            ExtendError::LimitReached { reserved, most } => Self::reservation_limit(reserved, most),
            ExtendError::Missing(seats) => {
                let detail = not_reserved(seats.iter());
                let members = Members { seats: named_seats(&seats), ..Members::default() };
                Self::with(Code::ReservationChanged, detail, members)
            }
            ExtendError::ExtendedBefore => Self::new(
                Code::ReservationAlreadyExtended,
                "Each seat of it was extended before, and can be once. Nothing was changed.",
            ),
            ExtendError::EndsNoLater(end) => Self::new(
                Code::ReservationNotExtendable,
                format!("It would end no later than it does already, at {end}. Nothing was changed."),
            ),
        }
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::NotFound => {
                Self::of_field(Code::BookingNotFound, "bookingId", "the id of a booking of the caller")
            }
            BookingError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    fn reservation_limit(reserved: usize, limit: usize) -> Self {
        let detail = format!("{reserved} seats are reserved, of at most {limit} at once. Nothing was changed.");
        let members = Members { reserved: Some(reserved), limit: u64::try_from(limit).ok(), ..Members::default() };
        Self::with(Code::ReservationLimit, detail, members)
    }

    fn reservation_expired(seats: &[SeatLabel]) -> Self {
        let detail = "The seats of the reservation have run out. Read which seats are available, or name seats to book those \
            that still are.";
        Self::with(Code::ReservationExpired, detail, Members { seats: named_seats(seats), ..Members::default() })
    }

    fn reservation_not_found(field: &str) -> Self {
        Self::of_field(Code::ReservationNotFound, field, "the id of a reservation of the caller")
    }

    /// Creates the problem of a condition that the present layout doesn't meet.
    pub(super) fn layout_changed(header: &str, there: Option<u64>) -> Self {
        let expected = match there {
            Some(version) if header == "If-Match" => format!("\"{version}\", the version that is there"),
            Some(version) => format!("nothing there, but version \"{version}\" is"),
            None => "a theater that is there".to_owned(),
        };
        let mut problem = Self::of_field(Code::LayoutChanged, header, expected);
        problem.detail.push_str(". Nothing was changed. Read the layout again before you change it.");
        problem.members.layout_version = there;
        problem
    }

    /// Creates the problem of a replacement without a condition.
    pub(super) fn if_match_required(version: u64) -> Self {
        let expected = format_args!("the ETag of the layout that is to be replaced, now \"{version}\"");
        let mut problem = Self::of_field(Code::IfMatchRequired, "If-Match", expected);
        problem.members.layout_version = Some(version);
        problem
    }
}

/// Writes the detail about seats that aren't in the reservation.
fn not_reserved<'a>(seats: impl Iterator<Item = &'a SeatLabel>) -> String {
    let seats: Vec<_> = seats.map(SeatLabel::as_str).collect();
    format!("Not reserved under the reservation: {}. Nothing was changed.", seats.join(", "))
}

/// Writes the fault of an unknown name, with the first of the existing names.
pub(super) fn one_of(names: &[String]) -> String {
    const MOST: usize = 10;
    // A section without a name can't be requested.
    let names: Vec<_> = names.iter().filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return "none, as the theater has none with a name".to_owned();
    }
    let first: Vec<_> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    format!("one of {}{more}", first.join(", "))
}
