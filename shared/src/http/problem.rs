//! Errors as problem details (RFC 9457), and their logging. `from_errors.rs` converts the operations' errors.

mod from_errors;
mod seat_problem;
mod seats;

use std::fmt::Display;

use lambda_http::Response;
use lambda_http::http::HeaderValue;
use serde::Serialize;

use super::address::Address;
use super::response_body::{Answer, ResponseBody};
use crate::domain::lines::{Expect, Totals};
use crate::json::{Fault, Faults};

pub use super::codes::Code;
use seat_problem::SeatProblem;

/// The delay in seconds after which a retry makes sense.
const RETRY_AFTER: u64 = 1;
/// Name of the theater in the path of a request, for messages.
const THEATER_OF_PATH: &str = "theaterId";
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
    /// The reason why seats aren't sold: `not_yet`, `paused` or `closed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_state: Option<&'static str>,
    /// The instant at which the sale opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
    /// The totals that the request expects.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Expect>,
    /// The totals of the booking that would be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<Totals>,
    /// The number of seats that the new layout would drop and that are in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use: Option<usize>,
    /// The present end of the reservation.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Some shows of the theater.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shows: Vec<String>,
    /// The version of the current show.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The whole seconds after which a retry makes sense. Also a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
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
        let mut named = 0;
        for text in errors.iter().map(Fault::to_string) {
            if named > 0 && detail.len() + text.len() > MAX_DETAIL {
                break;
            }
            detail.push_str(if named > 0 { "; " } else { "" });
            detail.extend(text.chars().take(MAX_DETAIL));
            named += 1;
        }
        if named < all {
            detail.push_str(&format!("; and {} more", all - named));
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

    /// Changes the problem for a request about a show, if it says that the theater in the path doesn't exist. A theater
    /// in the body stays.
    pub(super) fn worded_for_show(self) -> Self {
        let names_path = self.members.errors.iter().any(|fault| fault.field == THEATER_OF_PATH);
        if self.code == Code::TheaterNotFound && names_path { Self::show_not_found() } else { self }
    }

    pub(super) fn show_not_found() -> Self {
        Self::of_field(Code::ShowNotFound, "showId", "the id of a show")
    }

    pub(super) fn theater_not_found() -> Self {
        Self::of_field(Code::TheaterNotFound, THEATER_OF_PATH, "the id of a theater")
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
        let body = serde_json::to_string(&details).expect("texts and numbers can be written as JSON");
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
        response.body(ResponseBody::Text(body)).expect("each code has a valid status, and each header a valid value")
    }
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
