//! Errors as HTTP: the one place where they become problem details (RFC 9457), and where they are logged.

use std::fmt::Display;

use lambda_http::Response;
use serde::Serialize;

use super::content::{Answer, Content};
use crate::rules::availability::SeatState;
use crate::rules::best_available::Shortage;
use crate::rules::names::SeatLabel;
use crate::rules::selection::{Conflict, MOST_SEATS_AT_ONCE};
use crate::usecases::{
    BookError, BookingError, ExtendError, GetSeatsError, MapError, PutError, ReservationError, ReserveBestError,
    ReserveError, SelectError, StoreError, TooManyRequests,
};

/// Seconds after which it is worth trying again.
const RETRY_AFTER: u64 = 1;

/// The stable codes of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 400
    MalformedRequest,
    /// 403
    Forbidden,
    /// 404
    TheaterNotFound,
    /// 404
    SeatNotFound,
    /// 404
    LayoutVersionNotFound,
    /// 404
    ReservationNotFound,
    /// 404
    BookingNotFound,
    /// 409
    SeatUnavailable,
    /// 409
    NotEnoughSeats,
    /// 409
    ReservationLimit,
    /// 409
    ReservationNotExtendable,
    /// 409
    BookingCancelled,
    /// 409
    SeatsInUse,
    /// 410
    ReservationExpired,
    /// 412
    LayoutChanged,
    /// 413
    BodyTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 422
    IdempotencyKeyReused,
    /// 428
    IfMatchRequired,
    /// 429
    TooManyRequests,
    /// 500
    Internal,
    /// 503
    TryAgain,
}

impl Code {
    /// The code as it is written.
    pub fn as_str(self) -> &'static str {
        self.parts().0
    }

    fn parts(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::MalformedRequest => ("malformed_request", 400, "The request is malformed"),
            Self::Forbidden => ("forbidden", 403, "That is for administrators"),
            Self::TheaterNotFound => ("theater_not_found", 404, "There is no such theater"),
            Self::SeatNotFound => ("seat_not_found", 404, "The theater has no such seat"),
            Self::LayoutVersionNotFound => {
                ("layout_version_not_found", 404, "This version of the seat map is no longer there")
            }
            Self::ReservationNotFound => ("reservation_not_found", 404, "There is no such reservation of yours"),
            Self::BookingNotFound => ("booking_not_found", 404, "There is no such booking of yours"),
            Self::SeatUnavailable => ("seat_unavailable", 409, "A seat is taken"),
            Self::NotEnoughSeats => ("not_enough_seats", 409, "There are not so many seats left together"),
            Self::ReservationLimit => ("reservation_limit", 409, "You have as many seats reserved as you may"),
            Self::ReservationNotExtendable => {
                ("reservation_not_extendable", 409, "The reservation can't be extended any more")
            }
            Self::BookingCancelled => ("booking_cancelled", 409, "The booking was cancelled"),
            Self::SeatsInUse => ("seats_in_use", 409, "Somebody has seats that would be gone"),
            Self::ReservationExpired => ("reservation_expired", 410, "The reservation has run out"),
            Self::LayoutChanged => ("layout_changed", 412, "The layout is another by now"),
            Self::BodyTooLarge => ("body_too_large", 413, "The body is too large"),
            Self::UnsupportedMediaType => ("unsupported_media_type", 415, "The body has to be JSON"),
            Self::IdempotencyKeyReused => {
                ("idempotency_key_reused", 422, "The id or key was used for other seats before")
            }
            Self::IfMatchRequired => ("if_match_required", 428, "Replacing a layout needs If-Match"),
            Self::TooManyRequests => ("too_many_requests", 429, "You are calling too often"),
            Self::Internal => ("internal", 500, "Something went wrong on our side"),
            Self::TryAgain => ("try_again", 503, "The outcome is not known yet; try again"),
        }
    }
}

/// An error on its way out.
#[derive(Debug)]
pub struct Problem {
    /// Which one.
    pub code: Code,
    detail: String,
    seats: Vec<SeatProblem>,
    shortage: Option<Shortage>,
    /// Whole seconds after which it is worth trying again.
    retry_after: Option<u64>,
    /// For the log only.
    cause: Option<String>,
}

/// A seat that stood in the way.
#[derive(Clone, Debug, Serialize)]
struct SeatProblem {
    seat: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

/// The body, as RFC 9457 names its members, and ours.
#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    seats: &'a [SeatProblem],
    /// Seats left that would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<usize>,
    /// The most of them that are together.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_block: Option<usize>,
}

impl Problem {
    /// A problem that its detail explains.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), seats: Vec::new(), shortage: None, retry_after: None, cause: None }
    }

    /// A request that isn't what it has to be: which part, and what was expected of it.
    pub(super) fn malformed(part: impl Display, problem: impl Display) -> Self {
        Self::new(Code::MalformedRequest, format!("{part}: {problem}"))
    }

    /// Something that can't be explained to the caller.
    pub(super) fn internal(cause: impl Display) -> Self {
        let detail = "The request was not carried out. Please tell us its request_id if it happens again.";
        Self { cause: Some(cause.to_string()), ..Self::new(Code::Internal, detail) }
    }

    fn try_again(cause: impl Display) -> Self {
        let detail = "It is not known whether the request was carried out. Repeating it with the same id is safe and \
            tells; without an id, look at the seats first.";
        let cause = Some(cause.to_string());
        Self { cause, retry_after: Some(RETRY_AFTER), ..Self::new(Code::TryAgain, detail) }
    }

    pub(super) fn theater_not_found() -> Self {
        Self::new(Code::TheaterNotFound, "theaterId: there is no theater of this id")
    }

    fn seats_not_found(unknown: &[SeatLabel]) -> Self {
        let named: Vec<_> = unknown.iter().map(SeatLabel::as_str).collect();
        let seats =
            unknown.iter().map(|seat| SeatProblem { seat: seat.to_string(), status: None, expires_at: None }).collect();
        let detail = format!("The theater has no seat {}", named.join(", "));
        Self { seats, ..Self::new(Code::SeatNotFound, detail) }
    }

    fn seats_unavailable(conflicts: &[Conflict]) -> Self {
        let named: Vec<_> = conflicts.iter().map(|conflict| conflict.seat.as_str()).collect();
        let detail = format!("Taken: {}. Nothing was changed.", named.join(", "));
        Self { seats: conflicts.iter().map(seat_problem).collect(), ..Self::new(Code::SeatUnavailable, detail) }
    }

    /// Logs what the operator has to know, and the caller must not.
    pub(super) fn log(&self) {
        match (self.code, &self.cause) {
            (Code::Internal, cause) => tracing::error!(cause = cause.as_deref(), "internal error"),
            (code, Some(cause)) => tracing::warn!(code = code.as_str(), cause, "not carried out"),
            (_, None) => {}
        }
    }

    pub(super) fn into_response(self, instance: &str, request_id: &str) -> Answer {
        let (code, status, title) = self.code.parts();
        let details = Details {
            r#type: format!("urn:problem-type:boxoffice:{code}"),
            title,
            status,
            detail: &self.detail,
            instance,
            code,
            request_id,
            seats: &self.seats,
            available: self.shortage.map(|shortage| shortage.available),
            largest_block: self.shortage.map(|shortage| shortage.largest_block),
        };
        let body = serde_json::to_string(&details).unwrap_or_default();
        let mut response = Response::builder()
            .status(status)
            .header("content-type", "application/problem+json")
            .header("cache-control", "no-store");
        if let Some(seconds) = self.retry_after {
            response = response.header("retry-after", seconds);
        }
        // Can't fail: each part is a constant or text.
        response.body(Content::Text(body)).unwrap_or_default()
    }
}

fn seat_problem(conflict: &Conflict) -> SeatProblem {
    let (status, expires_at) = match conflict.state {
        SeatState::Available => ("available", None),
        SeatState::Reserved { expires_at } => ("reserved", Some(expires_at.to_string())),
        SeatState::Booked => ("booked", None),
    };
    SeatProblem { seat: conflict.seat.to_string(), status: Some(status), expires_at }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Undecided(_) => Self::try_again(error),
            StoreError::Broken(_) => Self::internal(error),
        }
    }
}

impl From<TooManyRequests> for Problem {
    fn from(TooManyRequests(standing): TooManyRequests) -> Self {
        let (name, most) = (standing.activity.as_str(), standing.limit.per_minute());
        let seconds = standing.retry_after.unwrap_or(RETRY_AFTER);
        let detail = format!("At most {most} {name} a minute. Nothing was done; try again in {seconds} s.");
        Self { retry_after: Some(seconds), ..Self::new(Code::TooManyRequests, detail) }
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
            GetSeatsError::TooManyRequests(error) => error.into(),
            GetSeatsError::Store(error) => error.into(),
        }
    }
}

impl From<MapError> for Problem {
    fn from(error: MapError) -> Self {
        match error {
            MapError::TheaterNotFound => Self::theater_not_found(),
            MapError::VersionNotFound { current } => Self::new(
                Code::LayoutVersionNotFound,
                format!("version: the theater's layout has the version {current}"),
            ),
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
            ReserveError::LimitReached { reserved, most } => Self::new(
                Code::ReservationLimit,
                format!("You have {reserved} seats reserved, and may have {most} at once. Nothing was changed."),
            ),
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
                    "{available} seats would do, and at most {largest_block} of them are together. Nothing was changed."
                );
                Self { shortage: Some(shortage), ..Self::new(Code::NotEnoughSeats, detail) }
            }
            ReserveBestError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This reservation_id or Idempotency-Key stood for another wish before. Nothing was changed; use a new one for \
                    a new wish.",
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
                "What was booked under this booking_id or Idempotency-Key was cancelled. Nothing was changed; use a new one \
                    for a new booking.",
            ),
            BookError::Reservation(error) => error.into(),
            BookError::TooMany(seats) => Self::malformed("seats", too_many(seats)),
            BookError::IdReused => Self::new(
                Code::IdempotencyKeyReused,
                "This booking_id or Idempotency-Key has booked other seats before. Nothing was changed; use a new one \
                    for a new booking.",
            ),
            BookError::Store(error) => error.into(),
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Invalid(error) => Self::malformed("seats", error),
            error @ PutError::TooLarge => Self::malformed("sections", error),
            PutError::ReplaceUnsaid(version) => Self::if_match_required(version),
            PutError::Unexpected(there) => {
                let there = there.map_or("There is none".to_owned(), |version| format!("It is \"{version}\""));
                let detail = format!("If-Match: {there} now. Nothing was changed; look at it, and decide again.");
                Self::new(Code::LayoutChanged, detail)
            }
            PutError::InUse(conflicts) => {
                let detail =
                    format!("{} of the seats that would be gone are in use. Nothing was changed.", conflicts.len());
                Self { seats: conflicts.iter().map(seat_problem).collect(), ..Self::new(Code::SeatsInUse, detail) }
            }
            error @ PutError::DropsTooMany(_) => Self::malformed("seats", error),
            error @ PutError::Contended => Self::new(Code::LayoutChanged, error.to_string()),
            PutError::Store(error) => error.into(),
        }
    }
}

impl From<ReservationError> for Problem {
    fn from(error: ReservationError) -> Self {
        match error {
            ReservationError::TheaterNotFound => Self::theater_not_found(),
            ReservationError::NotFound => {
                Self::new(Code::ReservationNotFound, "reservation_id: no seat is reserved under it for you")
            }
            ReservationError::Expired => Self::new(
                Code::ReservationExpired,
                "Seats of the reservation have run out. Look which seats can be had, or name seats to book them if they still \
                    can.",
            ),
            ReservationError::Store(error) => error.into(),
        }
    }
}

impl From<ExtendError> for Problem {
    fn from(error: ExtendError) -> Self {
        let detail = match error {
            ExtendError::Reservation(error) => return error.into(),
            ExtendError::TooMany(seats) => return Self::malformed("seats", too_many(seats)),
            ExtendError::ExtendedBefore => "It was extended before, and can be once.",
            ExtendError::NoLonger => "It would end no later than it does already.",
        };
        Self::new(Code::ReservationNotExtendable, format!("{detail} Nothing was changed."))
    }
}

impl From<BookingError> for Problem {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::NotFound => {
                Self::new(Code::BookingNotFound, "bookingId: there is no booking of this id for you")
            }
            BookingError::Store(error) => error.into(),
        }
    }
}

fn too_many(seats: usize) -> String {
    format!("the reservation holds {seats} seats; name at most {MOST_SEATS_AT_ONCE} of them at once")
}

/// What was expected of a name: the first of those that there are.
pub(super) fn one_of(names: &[String]) -> String {
    const MOST: usize = 10;
    if names.is_empty() {
        return "expected none, as the theater has none".to_owned();
    }
    let first: Vec<_> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    format!("expected one of {}{more}", first.join(", "))
}
