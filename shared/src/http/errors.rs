//! `GET /errors/{code}`: the page of an error, to which the `type` of its problem leads.

use lambda_http::Response;

use super::codes::Code;
use super::content::Content;
use super::problem::Problem;
use super::{Context, Outcome};
use crate::rules::names::InvalidName;

/// The pages of docs/errors.
macro_rules! pages {
    ($($code:ident $name:literal),* $(,)?) => {
        /// Every code with its page.
        pub const PAGES: &[(Code, &str)] =
            &[$((Code::$code, include_str!(concat!("../../../docs/errors/", $name, ".md")))),*];
    };
}

pages! {
    MalformedRequest "malformed_request",
    Unauthorized "unauthorized",
    Forbidden "forbidden",
    ReservationRequired "reservation_required",
    TheaterNotFound "theater_not_found",
    SeatNotFound "seat_not_found",
    LayoutVersionNotFound "layout_version_not_found",
    ReservationNotFound "reservation_not_found",
    BookingNotFound "booking_not_found",
    SeatUnavailable "seat_unavailable",
    NotEnoughSeats "not_enough_seats",
    ReservationLimit "reservation_limit",
    BookingLimit "booking_limit",
    ReservationNotExtendable "reservation_not_extendable",
    ReservationAlreadyExtended "reservation_already_extended",
    ReservationReleased "reservation_released",
    ReservationChanged "reservation_changed",
    BookingCancelled "booking_cancelled",
    SeatsInUse "seats_in_use",
    ReservationExpired "reservation_expired",
    LayoutChanged "layout_changed",
    BodyTooLarge "body_too_large",
    UnsupportedMediaType "unsupported_media_type",
    IdempotencyKeyReused "idempotency_key_reused",
    IfMatchRequired "if_match_required",
    TooManyRequests "too_many_requests",
    Internal "internal",
    TryAgain "try_again",
}

/// Answers 200 with the page, as text. It costs nothing, and changes with a release only.
pub(super) fn get(context: &Context<'_>) -> Result<Outcome, Problem> {
    let input = context.input();
    let page = input.path_parameter("code", "a code that this API answers", page_of);
    let page = input.finish(|| page)?;
    let response = Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .header("cache-control", "public, max-age=3600")
        .body(Content::Text(page.to_owned()));
    Ok(response.map_err(Problem::internal)?.into())
}

fn page_of(code: &str) -> Result<&'static str, InvalidName> {
    let found = PAGES.iter().find(|(known, _)| known.as_str() == code);
    found.map(|(_, page)| *page).ok_or(InvalidName { expected: "a code" })
}
