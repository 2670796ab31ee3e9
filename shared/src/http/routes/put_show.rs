//! `PUT` and `DELETE /shows/{showId}`, and `PUT .../sale` of theaters and shows.

use crate::app::{CurrentSale, CurrentShow, Precondition, PreconditionError, ShowError, ShowPut};
use crate::domain::ids::ShowId;
use crate::domain::inventory::InventoryId;
use crate::domain::new_show::PutShow;
use crate::domain::prices::Currency;
use crate::domain::sale::SaleTerms;
use crate::domain::version::Version;
use crate::http::input;
use crate::http::links::Links;
use crate::http::problem::Problem;
use crate::http::reply::Reply;
use crate::http::routed_request::RoutedRequest;
use crate::http::show_json::{self, SaleBody, ShowBody};

/// A request to put a show.
pub(super) struct PutRequest {
    show: ShowId,
    expected: Precondition<Version>,
    wanted: PutShow,
}

/// A request to delete a show.
pub(super) struct DeleteRequest {
    show: ShowId,
    expected: Precondition<Version>,
}

/// A request to put a sale.
pub(super) struct SaleRequest {
    inventory: InventoryId,
    terms: SaleTerms,
}

pub(super) fn read_put(routed: &RoutedRequest<'_>) -> Result<PutRequest, Problem> {
    input::require_administrator(routed.office, routed.request)?;
    let input = routed.input();
    let (show, expected) = (input.show_id(), input.precondition(Version::new));
    let wanted = input.body(show_json::read_show)?;
    input.finish(|| Some(PutRequest { show: show?, expected: expected?, wanted: wanted? }))
}

/// Answers 201 if there was no such show before, and 200 if it was another or the same one.
pub(super) async fn put(routed: &RoutedRequest<'_>, request: PutRequest) -> Result<Reply, Problem> {
    let PutRequest { show: id, expected, wanted } = request;
    let put = routed.office.put_show(routed.ctx, &id, &wanted, &expected).await;
    let (status, CurrentShow { show, currency }) = match put.map_err(|error| name_condition(&expected, error))? {
        ShowPut::Created(show) => (201, show),
        ShowPut::Changed(show) | ShowPut::Unchanged(show) => (200, show),
    };
    let body = ShowBody::of(&show, currency.as_ref().map(Currency::as_str), routed.office.clock().now());
    let reply = Reply::json(status, &body)?.with_header("etag", input::etag(show.version));
    let links = Links::of(&routed.address, &id.into());
    let location = (status == 201).then(|| links.inventory());
    Ok(links.with_seats().put_with_location(reply, location))
}

pub(super) fn read_delete(routed: &RoutedRequest<'_>) -> Result<DeleteRequest, Problem> {
    input::require_administrator(routed.office, routed.request)?;
    let input = routed.input();
    let (show, expected) = (input.show_id(), input.precondition(Version::new));
    input.finish(|| Some(DeleteRequest { show: show?, expected: expected? }))
}

/// Answers 204, even if the show didn't exist.
pub(super) async fn delete(routed: &RoutedRequest<'_>, request: DeleteRequest) -> Result<Reply, Problem> {
    let DeleteRequest { show, expected } = request;
    let removed = routed.office.remove_show(routed.ctx, &show, &expected).await;
    removed.map_err(|error| name_condition(&expected, error))?;
    Reply::no_content()
}

pub(super) fn read_sale(routed: &RoutedRequest<'_>) -> Result<SaleRequest, Problem> {
    input::require_administrator(routed.office, routed.request)?;
    let input = routed.input();
    let inventory = input.inventory();
    let terms = input.body(show_json::read_sale)?;
    input.finish(|| Some(SaleRequest { inventory: inventory?, terms: terms? }))
}

/// Answers 200 with the sale.
pub(super) async fn put_sale(routed: &RoutedRequest<'_>, request: SaleRequest) -> Result<Reply, Problem> {
    let SaleRequest { inventory, terms } = request;
    let CurrentSale { terms, default_end } = routed.office.put_sale(routed.ctx, &inventory, terms).await?;
    let body = SaleBody::of(&terms, default_end, routed.office.clock().now());
    Ok(Links::of(&routed.address, &inventory).with_seats().put(Reply::json(200, &body)?))
}

/// Names the header whose condition isn't met.
fn name_condition(expected: &Precondition<Version>, error: ShowError) -> Problem {
    match (expected, error) {
        (Precondition::Nothing, ShowError::Precondition(PreconditionError::Failed(there))) => {
            Problem::show_changed("If-None-Match", there)
        }
        (_, error) => error.into(),
    }
}
