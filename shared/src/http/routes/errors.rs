//! `GET /errors/{code}`: the page of an error, to which the `type` of its problem leads.

use lambda_http::Response;

use crate::http::codes::Code;
use crate::http::input;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::response_body::ResponseBody;
use crate::http::routed_request::RoutedRequest;

/// The pages of docs/errors.
macro_rules! pages {
    ($($code:ident $name:literal),* $(,)?) => {
        /// Every code with its page.
        pub const PAGES: &[(Code, &str)] =
            &[$((Code::$code, include_str!(concat!("../../../../docs/errors/", $name, ".md")))),*];
    };
}

pages! {
    MalformedRequest "malformed_request",
    Unauthorized "unauthorized",
    Forbidden "forbidden",
    ReservationRequired "reservation_required",
    NotOnSale "not_on_sale",
    TheaterNotFound "theater_not_found",
    ShowNotFound "show_not_found",
    SeatNotFound "seat_not_found",
    TicketTypeNotFound "ticket_type_not_found",
    LayoutVersionNotFound "layout_version_not_found",
    ReservationNotFound "reservation_not_found",
    BookingNotFound "booking_not_found",
    ErrorCodeNotFound "error_code_not_found",
    SeatUnavailable "seat_unavailable",
    NotEnoughSeats "not_enough_seats",
    ReservationLimit "reservation_limit",
    BookingLimit "booking_limit",
    ReservationNotExtendable "reservation_not_extendable",
    ReservationAlreadyExtended "reservation_already_extended",
    ReservationReleased "reservation_released",
    ReservationChanged "reservation_changed",
    TicketTypeFixed "ticket_type_fixed",
    BookingCancelled "booking_cancelled",
    SeatsInUse "seats_in_use",
    TheaterFixed "theater_fixed",
    TheaterHasShows "theater_has_shows",
    ReservationExpired "reservation_expired",
    LayoutChanged "layout_changed",
    ShowChanged "show_changed",
    BodyTooLarge "body_too_large",
    UnsupportedMediaType "unsupported_media_type",
    IdempotencyKeyReused "idempotency_key_reused",
    IfMatchRequired "if_match_required",
    TooManyRequests "too_many_requests",
    Internal "internal",
    TryAgain "try_again",
}

/// Finds the page of the code in the path.
pub(super) fn read(routed: &RoutedRequest<'_>) -> Result<&'static str, Problem> {
    routed.input().finish(|| Some(()))?;
    let page = page_of(input::path_parameter(routed.request, "code"));
    page.ok_or_else(|| Problem::of_field(Code::ErrorCodeNotFound, "code", "a code that this API answers"))
}

/// Answers 200 with the page as text. It needs no other service, and changes only with a release.
pub(super) async fn get(_: &RoutedRequest<'_>, page: &'static str) -> Result<Reply, Problem> {
    let response = Response::builder()
        .header("content-type", "text/plain; charset=utf-8")
        .header("cache-control", "public, max-age=3600")
        .body(ResponseBody::Text(page.to_owned()));
    Ok(response.map_err(Problem::internal)?.into())
}

fn page_of(code: &str) -> Option<&'static str> {
    PAGES.iter().find(|(known, _)| known.as_str() == code).map(|(_, page)| *page)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::http::route::Body;
    use crate::http::router::ROUTES;

    #[test]
    fn each_code_has_a_page_with_an_example() {
        assert_eq!(PAGES.len(), Code::ALL.len());
        for code in Code::ALL {
            let page = page_of(code.as_str()).unwrap_or_else(|| panic!("no page of {}", code.as_str()));
            assert!(page.starts_with(&format!("# {}\n\nStatus {}: ", code.as_str(), code.status())), "{page}");
            let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
            let example: Value = serde_json::from_str(example).unwrap();
            assert_eq!((&example["code"], &example["status"]), (&code.as_str().into(), &code.status().into()));
            assert_eq!(example["title"], code.title());
            assert!(example["type"].as_str().unwrap().ends_with(&format!("/errors/{}", code.as_str())));
        }
        assert_eq!(page_of("nonsense"), None);
    }

    #[test]
    fn page_of_large_bodies_names_the_limits_of_the_routes() {
        let page = page_of(Code::BodyTooLarge.as_str()).unwrap();
        let page = page.replace(',', "");
        for route in ROUTES {
            let (Body::Fields(_, limit) | Body::OptionalFields(_, limit) | Body::Document(limit)) = route.body else {
                continue;
            };
            assert!(page.contains(&format!("{limit} bytes")), "{}: {limit}", route.key);
        }
    }
}
