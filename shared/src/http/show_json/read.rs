//! Readers of shows and sales. Each fault names its field.

use crate::domain::ids::{ShowId, TheaterId};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::local_time::Timezone;
use crate::domain::new_show::PutShow;
use crate::domain::rfc_3339;
use crate::domain::sale::{SaleState, SaleTerms};
use crate::domain::show::{StartsAt, Title};
use crate::domain::time::EpochSeconds;
use crate::json::{Node, Object};
use crate::layout_json;

/// Fields of the body that puts a show.
pub const SHOW_FIELDS: &[&str] =
    &["copy_of", "theater_id", "title", "starts_at", "timezone", "layout_version", "sale", "prices", "extra"];
/// Fields of the body that puts a sale.
pub const SALE_FIELDS: &[&str] = &["state", "opens_at", "closes_at", "booking_closes_at"];

/// Reads the show in a body. Without `copy_of`, it has a theater, a title and a time zone.
pub fn read_show(body: &Object<'_, '_, '_>) -> Option<PutShow> {
    let copy_of = body.optional("copy_of", |node| node.parsed(ShowId::EXPECTED, ShowId::parse));
    let theater = member(body, "theater_id", |node| node.parsed(TheaterId::EXPECTED, TheaterId::parse));
    let title = member(body, "title", |node| node.parsed(Title::EXPECTED, |text| Title::parse(text).ok_or(())));
    let starts_at =
        body.required("starts_at", |node| node.parsed(StartsAt::EXPECTED, |text| StartsAt::parse(text).ok_or(())));
    let timezone = member(body, "timezone", |node| node.parsed(Timezone::EXPECTED, Timezone::find));
    let layout_version = body.optional("layout_version", |node| node.whole(0..=i64::MAX));
    let sale = body.optional("sale", |node| node.object(SALE_FIELDS, read_sale));
    let prices = body.optional("prices", layout_json::price_overrides);
    let extra = body.optional("extra", layout_json::extra);
    Some(PutShow {
        copy_of,
        starts_at: starts_at?,
        theater,
        title,
        timezone,
        layout_version: layout_version.map(|version| LayoutVersion::new(version.unsigned_abs())),
        sale,
        prices,
        extra,
    })
}

/// Reads a member that `copy_of` can replace.
fn member<'j, T>(body: &Object<'_, 'j, '_>, name: &str, read: impl FnOnce(Node<'j, '_>) -> Option<T>) -> Option<T> {
    if body.has("copy_of") { body.optional(name, read) } else { body.required(name, read) }
}

/// Reads the sale in a body.
pub fn read_sale(body: &Object<'_, '_, '_>) -> Option<SaleTerms> {
    let state =
        body.required("state", |node| node.parsed(SaleState::EXPECTED, |word| SaleState::parse(word).ok_or(())));
    let instants = SALE_INSTANTS.map(|name| Instant { name, read: body.optional(name, instant) });
    if instants.iter().any(|instant| body.has(instant.name) && instant.read.is_none()) {
        return None;
    }
    let [opens_at, closes_at, booking_closes_at] = instants.map(|instant| instant.read);
    // The state has no part in the order of instants. So their faults are found beside a wrong state.
    match SaleTerms::new(state.unwrap_or_default(), opens_at, closes_at, booking_closes_at) {
        Ok(terms) => state.map(|_| terms),
        Err(wrong) => body.fault(wrong.field, wrong.expected),
    }
}

const SALE_INSTANTS: [&str; 3] = ["opens_at", "closes_at", "booking_closes_at"];

/// A field that is an instant, as far as it could be read.
struct Instant {
    name: &'static str,
    read: Option<EpochSeconds>,
}

fn instant(node: Node<'_, '_>) -> Option<EpochSeconds> {
    node.parsed(rfc_3339::EXPECTED, |text| rfc_3339::parse(text).ok_or(()))
}
