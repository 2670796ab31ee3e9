//! `GET /theaters`, and `GET`, `PUT` and `DELETE /theaters/{theaterId}`

use std::convert::Infallible;

use lambda_http::http::Method;
use lambda_http::{Request, RequestExt, Response};
use serde::Serialize;

use super::content::{Answer, Content};
use super::input;
use super::links::Links;
use super::problem::{Code, Problem};
use super::{answer, json_response, no_content};
use crate::document::{Document, LayoutBody, MAX_DOCUMENT, NewLayout};
use crate::json::{self, Faults};
use crate::rules::names::TheaterId;
use crate::tally::Tally;
use crate::usecases::{BoxOffice, Expected, Put};

/// Lists theaters.
pub const LIST: &str = "GET /theaters";
/// Shows a theater's layout.
pub const GET: &str = "GET /theaters/{theaterId}";
/// Puts a theater's layout.
pub const PUT: &str = "PUT /theaters/{theaterId}";
/// Removes a theater.
pub const DELETE: &str = "DELETE /theaters/{theaterId}";

/// How many theaters are listed at once, unless the caller says otherwise, and at the most.
const DEFAULT_LIMIT: usize = 50;
const MOST_LIMIT: usize = 100;

/// The list, or a part of it.
#[derive(Serialize)]
struct TheatersBody<'a> {
    theaters: Vec<TheaterBody<'a>>,
    /// What `after` has to be for those that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
}

#[derive(Serialize)]
struct TheaterBody<'a> {
    theater_id: &'a str,
    name: &'a str,
    seats: u64,
    layout_version: u64,
}

/// What became of a layout.
#[derive(Serialize)]
struct PutBody<'a> {
    message: &'static str,
    #[serde(flatten)]
    theater: TheaterBody<'a>,
}

/// Serves one request of one of the routes.
pub async fn serve(office: &BoxOffice, request: &Request) -> Result<Answer, Infallible> {
    let names_one = request.path_parameters_ref().is_some_and(|parameters| parameters.first("theaterId").is_some());
    match (request.method(), names_one) {
        (&Method::PUT, _) => answer(office, PUT, request, async |tally| put(office, request, tally).await).await,
        (&Method::DELETE, _) => {
            answer(office, DELETE, request, async |tally| delete(office, request, tally).await).await
        }
        (_, true) => answer(office, GET, request, async |tally| get(office, request, tally).await).await,
        (_, false) => answer(office, LIST, request, async |tally| list(office, request, tally).await).await,
    }
}

/// Answers 200 with some of the theaters, in the order of their ids.
async fn list(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let limit =
        match input::query(request, "limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text.parse().ok().filter(|limit| (1..=MOST_LIMIT).contains(limit)).ok_or_else(|| {
                Problem::malformed("limit", format!("expected a whole number from 1 to {MOST_LIMIT}"))
            })?,
        };
    let after = input::query(request, "after").map(TheaterId::parse).transpose();
    let after = after.map_err(|error| Problem::malformed("after", error))?;
    office.admit(tally).await?;
    let (theaters, more) = office.theaters(after.as_ref(), limit, tally).await?;
    let next = theaters.last().filter(|_| more).map(|last| last.theater.as_str());
    let body = theaters.iter().map(|entry| TheaterBody {
        theater_id: entry.theater.as_str(),
        name: &entry.name,
        seats: entry.seats,
        layout_version: entry.layout_version,
    });
    let response = json_response(200, &TheatersBody { theaters: body.collect(), next }, false)?;
    Ok(Links::list(request, next, limit).put(response, None))
}

/// Answers 200 with the layout, or 304 when that is what the caller has already.
async fn get(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let theater = input::theater_id(request)?;
    office.admit(tally).await?;
    let layout = office.theater(&theater, tally).await?.ok_or_else(Problem::theater_not_found)?;
    let etag = etag(layout.version);
    let response = Response::builder().header("etag", &etag).header("cache-control", "no-cache");
    let response = if input::none_match(request).is_some_and(|wanted| input::matches(wanted, &etag)) {
        response.status(304).body(Content::Nothing)
    } else {
        let body = serde_json::to_string(&LayoutBody::of(&layout)).map_err(Problem::internal)?;
        response.status(200).header("content-type", "application/json").body(Content::Text(body))
    };
    Ok(Links::of(request, &theater).with_seats().put(response.map_err(Problem::internal)?, None))
}

/// Answers 201 when there was none, 200 when there was another, or the very same.
async fn put(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    input::administrator(office, request)?;
    let theater = input::theater_id(request)?;
    let expected = expected(request)?;
    let wanted = document(&theater, request)?;
    office.admit(tally).await?;
    let (put, version) = office.put_theater(&theater, &wanted, expected, tally).await?;
    let body = PutBody {
        message: match put {
            Put::Created => "Theater created",
            Put::Changed => "Theater changed",
            Put::Unchanged => "Theater unchanged",
        },
        theater: TheaterBody {
            theater_id: theater.as_str(),
            name: &wanted.name,
            seats: wanted.seats.len() as u64,
            layout_version: version,
        },
    };
    let mut response = json_response(if put == Put::Created { 201 } else { 200 }, &body, false)?;
    let etag = etag(version).parse().map_err(Problem::internal)?;
    response.headers_mut().insert("etag", etag);
    let links = Links::of(request, &theater);
    let location = (put == Put::Created).then(|| links.theater());
    Ok(links.with_seats().put(response, location))
}

/// Answers 204, whether there was one or not.
async fn delete(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    input::administrator(office, request)?;
    let theater = input::theater_id(request)?;
    let expected = expected(request)?;
    office.admit(tally).await?;
    office.remove_theater(&theater, expected, tally).await?;
    no_content()
}

fn document(theater: &TheaterId, request: &Request) -> Result<NewLayout, Problem> {
    let faults = Faults::default();
    let document = json::read(input::json(request, MAX_DOCUMENT)?, "body", &faults, Document::read);
    let named = document.as_ref().and_then(|document| document.theater_id.as_ref());
    if named.is_some_and(|named| named != theater) {
        faults.named("theater_id", "that of the path, or none");
    }
    match document {
        Some(document) if faults.is_empty() => Ok(document.layout),
        _ => {
            let first = faults.into_list().into_iter().next();
            Err(first.map_or_else(
                || Problem::malformed("body", "expected a layout"),
                |fault| Problem::malformed(&fault.field, format!("expected {}", fault.expected)),
            ))
        }
    }
}

/// What `If-Match` and `If-None-Match` (RFC 9110, 13.1) say of the layout to be replaced.
fn expected(request: &Request) -> Result<Expected, Problem> {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default().trim());
    match (header("if-match"), header("if-none-match")) {
        (None, None) => Ok(Expected::Unsaid),
        (Some("*"), None) => Ok(Expected::Any),
        (None, Some("*")) => Ok(Expected::Nothing),
        (Some(tag), None) => {
            let version =
                tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|tag| tag.parse().ok());
            let expected = "expected a layout_version in quotes, as in ETag, or *";
            version.map(Expected::Version).ok_or_else(|| Problem::malformed("If-Match", expected))
        }
        (None, Some(_)) => Err(Problem::malformed("If-None-Match", "expected *")),
        (Some(_), Some(_)) => Err(Problem::malformed("If-Match", "expected either If-Match or If-None-Match")),
    }
}

fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

impl Problem {
    pub(super) fn if_match_required(version: u64) -> Self {
        let detail = format!("If-Match: expected the layout_version that is to be replaced; it is \"{version}\" now");
        Self::new(Code::IfMatchRequired, detail)
    }
}
