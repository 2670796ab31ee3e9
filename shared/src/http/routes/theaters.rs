//! `GET /theaters`, `GET`, `PUT` and `DELETE /theaters/{theaterId}`. The function also puts shows and sales, and explains
//! errors.

use lambda_http::Response;
use serde::Serialize;

use super::{errors, put_show};
use crate::app::{Precondition, PreconditionError, Put, PutError, PutTheater, TheaterPage};
use crate::domain::ids::TheaterId;
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::new_layout::NewLayout;
use crate::http::handler::{Function, Handler, read_and_reply};
use crate::http::input::{self, Input};
use crate::http::links::Links;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::response_body::ResponseBody;
use crate::http::route::{FunctionName, Operation};
use crate::http::routed_request::RoutedRequest;
use crate::json;
use crate::layout_json::{Document, LayoutBody};

/// The function that shows and changes theaters, and explains errors.
pub static FUNCTION: Function = Function {
    name: FunctionName::Theaters,
    handlers: &[
        Handler::new(Operation::ListTheaters, |routed| read_and_reply(routed, read_page, list)),
        Handler::new(Operation::GetTheater, |routed| read_and_reply(routed, read, get)),
        Handler::new(Operation::PutTheater, |routed| read_and_reply(routed, read_put, put)),
        Handler::new(Operation::DeleteTheater, |routed| read_and_reply(routed, read_delete, delete)),
        Handler::new(Operation::PutShow, |routed| read_and_reply(routed, put_show::read_put, put_show::put)),
        Handler::new(Operation::DeleteShow, |routed| read_and_reply(routed, put_show::read_delete, put_show::delete)),
        Handler::new(Operation::PutSale, |routed| read_and_reply(routed, put_show::read_sale, put_show::put_sale)),
        Handler::new(Operation::GetError, |routed| read_and_reply(routed, errors::read, errors::get)),
    ],
};

/// The default and the maximum number of theaters in one page of the list.
const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 100;

/// A page of the list of theaters.
#[derive(Serialize)]
struct TheatersBody<'a> {
    theaters: Vec<TheaterBody<'a>>,
    /// The value of `after` for the next page.
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

/// The response body of a layout that was put.
#[derive(Serialize)]
struct PutBody<'a> {
    message: &'static str,
    #[serde(flatten)]
    theater: TheaterBody<'a>,
}

/// A request for a page of the list of theaters.
struct PageRequest {
    /// The id after which the page begins.
    after: Option<TheaterId>,
    limit: usize,
}

/// A request for a layout.
struct LayoutRequest {
    theater: TheaterId,
    /// The value of `If-None-Match`.
    if_none_match: Option<String>,
}

/// A request to put a layout.
struct PutRequest {
    theater: TheaterId,
    expected: Precondition<LayoutVersion>,
    layout: NewLayout,
}

/// A request to delete a theater.
struct DeleteRequest {
    theater: TheaterId,
    expected: Precondition<LayoutVersion>,
}

fn read_page(routed: &RoutedRequest<'_>) -> Result<PageRequest, Problem> {
    let input = routed.input();
    let limit = input.integer_query("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
    let after = input.parsed_query("after", TheaterId::EXPECTED, |text| TheaterId::parse(text).ok());
    let limit = usize::try_from(limit).expect("a limit is at most MAX_LIMIT");
    input.finish(|| Some(PageRequest { after, limit }))
}

/// Answers 200 with a page of theaters, in the order of their ids.
async fn list(routed: &RoutedRequest<'_>, request: PageRequest) -> Result<Reply, Problem> {
    let PageRequest { after, limit } = request;
    let TheaterPage { theaters, more } = routed.office.theaters(routed.ctx, after.as_ref(), limit).await?;
    let next = theaters.last().filter(|_| more).map(|last| last.theater.as_str());
    let body = theaters.iter().map(|entry| TheaterBody {
        theater_id: entry.theater.as_str(),
        name: &entry.name,
        seats: entry.seats,
        layout_version: entry.layout_version.as_u64(),
    });
    let reply = Reply::json(200, &TheatersBody { theaters: body.collect(), next })?;
    Ok(Links::list(&routed.address, next, limit).put(reply))
}

fn read(routed: &RoutedRequest<'_>) -> Result<LayoutRequest, Problem> {
    let input = routed.input();
    let (theater, if_none_match) = (input.theater_id(), input.list_header("if-none-match"));
    input.finish(|| Some(LayoutRequest { theater: theater?, if_none_match }))
}

/// Answers 200 with the layout, or 304 if the caller has it already.
async fn get(routed: &RoutedRequest<'_>, request: LayoutRequest) -> Result<Reply, Problem> {
    let LayoutRequest { theater, if_none_match } = request;
    let layout = routed.office.theater(routed.ctx, &theater).await?.ok_or_else(Problem::theater_not_found)?;
    let tag = layout.version.to_string();
    let is_known = input::parse_if_none_match(if_none_match.as_deref())
        .is_some_and(|wanted| wanted.has_weakly(|known| known == tag));
    let response = Response::builder().header("etag", input::etag(layout.version)).header("cache-control", "no-cache");
    let response = if is_known {
        response.status(304).body(ResponseBody::Nothing)
    } else {
        let body = serde_json::to_string(&LayoutBody::of(&layout)).map_err(Problem::internal)?;
        response.status(200).header("content-type", "application/json").body(ResponseBody::Text(body))
    };
    let links = Links::of(&routed.address, &InventoryId::Theater(theater.clone())).with_seats();
    Ok(links.put(response.map_err(Problem::internal)?.into()))
}

fn read_put(routed: &RoutedRequest<'_>) -> Result<PutRequest, Problem> {
    input::require_administrator(routed.office, routed.request)?;
    let input = routed.input();
    let (theater, expected) = (input.theater_id(), input.precondition(LayoutVersion::new));
    let layout = document(theater.as_ref(), &input)?;
    input.finish(|| Some(PutRequest { theater: theater?, expected: expected?, layout: layout? }))
}

/// Answers 201 if the theater had no layout before, and 200 if it had another or the same one.
async fn put(routed: &RoutedRequest<'_>, request: PutRequest) -> Result<Reply, Problem> {
    let PutRequest { theater, expected, layout } = request;
    let put = routed.office.put_theater(routed.ctx, &theater, &layout, expected.clone()).await;
    let PutTheater { put, layout_version: version } = put.map_err(|error| name_condition(&expected, error))?;
    let body = PutBody {
        message: match put {
            Put::Created => "Theater created",
            Put::Changed => "Theater changed",
            Put::Unchanged => "Theater unchanged",
        },
        theater: TheaterBody {
            theater_id: theater.as_str(),
            name: &layout.name,
            seats: layout.seats.len() as u64,
            layout_version: version.as_u64(),
        },
    };
    let reply = Reply::json(if put == Put::Created { 201 } else { 200 }, &body)?;
    let reply = reply.with_header("etag", input::etag(version));
    let links = Links::of(&routed.address, &InventoryId::Theater(theater.clone()));
    let location = (put == Put::Created).then(|| links.inventory());
    Ok(links.with_seats().put_with_location(reply, location))
}

fn read_delete(routed: &RoutedRequest<'_>) -> Result<DeleteRequest, Problem> {
    input::require_administrator(routed.office, routed.request)?;
    let input = routed.input();
    let (theater, expected) = (input.theater_id(), input.precondition(LayoutVersion::new));
    input.finish(|| Some(DeleteRequest { theater: theater?, expected: expected? }))
}

/// Answers 204, even if the theater didn't exist.
async fn delete(routed: &RoutedRequest<'_>, request: DeleteRequest) -> Result<Reply, Problem> {
    let DeleteRequest { theater, expected } = request;
    let removed = routed.office.remove_theater(routed.ctx, &theater, expected.clone()).await;
    removed.map_err(|error| name_condition(&expected, error))?;
    Reply::no_content()
}

/// Reads the layout in the body.
fn document(theater: Option<&TheaterId>, input: &Input<'_>) -> Result<Option<NewLayout>, Problem> {
    let bytes = input.json()?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let document = json::read(bytes, "body", input.faults(), Document::read);
    let named = document.as_ref().and_then(|document| document.theater_id.as_ref());
    if named.zip(theater).is_some_and(|(named, theater)| named != theater) {
        input.faults().named("theater_id", "that of the path, or none");
    }
    Ok(document.map(|document| document.layout))
}

/// Names the header whose condition isn't met.
fn name_condition(expected: &Precondition<LayoutVersion>, error: PutError) -> Problem {
    match (expected, error) {
        (Precondition::Nothing, PutError::Precondition(PreconditionError::Failed(there))) => {
            Problem::layout_changed("If-None-Match", there)
        }
        (_, error) => error.into(),
    }
}
