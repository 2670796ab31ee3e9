//! `GET /theaters/{theaterId}/map`: everything that a page draws and that doesn't change with sales.

use lambda_http::{Request, Response};
use xxhash_rust::xxh3::xxh3_64;

use super::content::{Answer, Content};
use super::input;
use super::problem::Problem;
use crate::document::{CallLimits, MapBody};
use crate::rules::layout::Layout;
use crate::tally::Tally;
use crate::usecases::BoxOffice;

/// The route, as API Gateway writes it.
pub const ROUTE: &str = "GET /theaters/{theaterId}/map";

/// Of a map that is asked for by its version: it never changes, so it may be kept for a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers 200 with the map, or 304 when that is what the caller has already.
pub(super) async fn handle(office: &BoxOffice, request: &Request, tally: &Tally) -> Result<Answer, Problem> {
    let theater = input::theater_id(request)?;
    let version = input::query(request, "version").map(version).transpose()?;
    let layout = office.map(&theater, version, tally).await?;
    let limits = CallLimits {
        max_seats_per_call: office.max_seats_per_call(),
        min_reservation_seconds: 1,
        max_reservation_seconds: office.longest_reservation(),
    };
    let etag = etag(&layout, limits);
    let response = Response::builder()
        .header("etag", &etag)
        .header("cache-control", if version.is_some() { FOR_EVER } else { "no-cache" });
    let response = if input::none_match(request).is_some_and(|wanted| input::matches(wanted, &etag)) {
        response.status(304).body(Content::Nothing)
    } else {
        let body = serde_json::to_string(&MapBody::of(&layout, limits)).map_err(Problem::internal)?;
        response.status(200).header("content-type", "application/json").body(Content::Text(body))
    };
    response.map_err(Problem::internal)
}

fn version(text: &str) -> Result<u64, Problem> {
    let number = text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| Problem::malformed("version", "expected a layout_version"))
}

/// The tag of all that a map says: the layout's version, and limits that are settings.
fn etag(layout: &Layout, limits: CallLimits) -> String {
    let said = format!("map {} {} {limits:?}", layout.theater, layout.version);
    format!("\"{:016x}\"", xxh3_64(said.as_bytes()))
}
