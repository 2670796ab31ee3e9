//! `GET /theaters/{theaterId}/map`: everything that a page draws and that sales don't change.

use lambda_http::Response;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::inventory::{Inventory, InventoryId};
use crate::domain::layout_version::LayoutVersion;
use crate::http::input;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::response_body::ResponseBody;
use crate::http::routed_request::RoutedRequest;
use crate::layout_json::{CallLimits, MapBody};

/// Cache-Control of a theater's map that is requested by its version. It never changes, so it may be stored for a year.
/// The prices in a show's map can change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// A request to show the map of a theater.
pub(super) struct MapRequest {
    inventory: InventoryId,
    /// The only version to show.
    version: Option<LayoutVersion>,
    /// The value of `If-None-Match`.
    if_none_match: Option<String>,
}

pub(super) fn read(routed: &RoutedRequest<'_>) -> Result<MapRequest, Problem> {
    let input = routed.input();
    let inventory = input.inventory();
    let version = input.integer_query("version", 0..=u64::MAX).map(LayoutVersion::new);
    let if_none_match = input.list_header("if-none-match");
    input.finish(|| Some(MapRequest { inventory: inventory?, version, if_none_match }))
}

/// Answers 200 with the map, or 304 if the caller has it already.
pub(super) async fn get(routed: &RoutedRequest<'_>, request: MapRequest) -> Result<Reply, Problem> {
    let MapRequest { inventory, version, if_none_match } = request;
    let office = routed.office;
    let inventory = office.map(routed.ctx, &inventory, version).await?;
    let limits = CallLimits {
        max_seats_per_call: office.max_seats_per_buyer(),
        min_reservation_seconds: office.shortest_reservation(),
        max_reservation_seconds: office.longest_reservation(),
    };
    let tag = tag(&inventory, limits);
    let is_known = input::parse_if_none_match(if_none_match.as_deref())
        .is_some_and(|wanted| wanted.has_weakly(|known| known == tag));
    let response = Response::builder()
        .header("etag", format!("\"{tag}\""))
        .header("cache-control", if version.is_some() && inventory.show.is_none() { IMMUTABLE } else { "no-cache" });
    let response = if is_known {
        response.status(304).body(ResponseBody::Nothing)
    } else {
        let map = MapBody::with_prices(&inventory.layout, limits, inventory.overridden_prices());
        let body = serde_json::to_string(&map.with_show(inventory.id.show())).map_err(Problem::internal)?;
        response.status(200).header("content-type", "application/json").body(ResponseBody::Text(body))
    };
    Ok(response.map_err(Problem::internal)?.into())
}

/// Returns the tag of a map. It covers the version of the layout or the show, and the limits from the settings.
fn tag(inventory: &Inventory, limits: CallLimits) -> String {
    let version = inventory.show.as_ref().map_or(inventory.version.as_u64(), |show| show.version.as_u64());
    let said = format!("map {} {version} {limits:?}", inventory.id);
    format!("{:016x}", xxh3_64(said.as_bytes()))
}
