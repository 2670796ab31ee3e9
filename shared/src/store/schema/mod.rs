//! Items in the table, and how they are read back. An item that can't be read is an error, never a guess.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::StoreError;
use crate::domain::caller::Role;
use crate::domain::ids::{InvalidId, SeatLabel};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::time::{EpochMillis, EpochSeconds};

mod booking;
mod details;
mod keys;
pub(super) mod layout;
pub(super) mod layout_snapshot;
pub(super) mod money;
pub(super) mod reservation_record;
pub(super) mod sale;
mod seat;
pub(super) mod show;

pub(super) use booking::BookingItem;
pub(super) use keys::{
    BookingKey, SEAT_PREFIX, SeatKey, THEATERS, booked_count_key, booking_key, inventory_pk, layout_key,
    nonexistent_key, owner_scoped_booking_id, parse_booking_key, parse_layout_key, parse_sale_key, parse_seat_key,
    parse_show_key, reservation_key, reserved_set_key, seat_key, theater_pk,
};
pub(super) use seat::SeatItem;

pub(super) type Item = HashMap<String, AttributeValue>;

/// Attribute names of the table. `status` and `by` are reserved words in DynamoDB's expressions, so write them as
/// `#status` and `#by`.
pub(super) mod attribute {
    pub(crate) const PK: &str = "pk";
    pub(crate) const SK: &str = "sk";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const RESERVATION_ID: &str = "reservation_id";
    pub(crate) const BOOKING_ID: &str = "booking_id";
    pub(crate) const OWNER: &str = "owner_id";
    /// The role of the caller who made the last change. Changes of buyers have none.
    pub(crate) const BY: &str = "by";
    pub(crate) const EXPIRES_AT: &str = "expires_at";
    pub(crate) const CHANGED_AT: &str = "changed_at";
    pub(crate) const SEATS: &str = "seats";
    pub(crate) const BOOKED_AT: &str = "booked_at";
    pub(crate) const CANCELLED_AT: &str = "cancelled_at";
    pub(crate) const REQUEST_TOKEN: &str = "request_token";
    pub(crate) const COUNTED: &str = "counted";
    pub(crate) const BOOKED_SEATS: &str = "booked_seats";
    pub(crate) const HOLDINGS: &str = "holdings";
    pub(crate) const GIVEN_BACK: &str = "given_back";
    pub(crate) const CHOICES: &str = "choices";
    pub(crate) const REFUSED_AT: &str = "refused_at";
    pub(crate) const RESERVED_SEATS: &str = "reserved_seats";
    pub(crate) const TURN: &str = "turn";
    pub(crate) const NAME: &str = "name";
    pub(crate) const LAYOUT_VERSION: &str = "layout_version";
    pub(crate) const PLAN: &str = "plan";
    pub(crate) const PLAN_PARTS: &str = "plan_parts";
    pub(crate) const SEAT_COUNT: &str = "seat_count";
    pub(crate) const THEATER_ID: &str = "theater_id";
    pub(crate) const TITLE: &str = "title";
    pub(crate) const STARTS_AT: &str = "starts_at";
    pub(crate) const TIMEZONE: &str = "timezone";
    pub(crate) const LOCAL_DATE: &str = "local_date";
    pub(crate) const LOCAL_TIME: &str = "local_time";
    pub(crate) const SEATS_VERSION: &str = "seats_version";
    pub(crate) const SHOW_VERSION: &str = "show_version";
    pub(crate) const SHOWS_ADDED: &str = "shows_added";
    pub(crate) const PRICES: &str = "prices";
    pub(crate) const EXTRA: &str = "extra";
    pub(crate) const SALE_STATE: &str = "sale_state";
    pub(crate) const SALE_VERSION: &str = "sale_version";
    pub(crate) const OPENS_AT: &str = "opens_at";
    pub(crate) const CLOSES_AT: &str = "closes_at";
    pub(crate) const BOOKING_CLOSES_AT: &str = "booking_closes_at";
    pub(crate) const FIRST_OPENS_AT: &str = "first_opens_at";
    pub(crate) const PRICE: &str = "price";
    pub(crate) const TICKET_TYPE: &str = "ticket_type";
    pub(crate) const LINES: &str = "lines";
    pub(crate) const CURRENCY: &str = "currency";
    pub(crate) const REFERENCE: &str = "reference";
}

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Stores the role in which an item is put. Buyers have none.
pub(super) fn put_role(item: &mut Item, by: Option<Role>) {
    if let Some(role) = by {
        item.insert(attribute::BY.to_owned(), s(role.as_str()));
    }
}

/// Reads the role in which an item was last changed.
pub(super) fn read_role(item: &Item) -> Result<Option<Role>, StoreError> {
    if !item.contains_key(attribute::BY) {
        return Ok(None);
    }
    let role = Role::parse(text(item, attribute::BY)?);
    role.map(Some).ok_or_else(|| unreadable(item, attribute::BY, "unknown role"))
}

/// Reads the version of a layout, or for a withdrawn seat the version on which the withdrawal was decided.
pub(super) fn read_version(item: &Item) -> Result<LayoutVersion, StoreError> {
    read_ordinal(item, attribute::LAYOUT_VERSION).map(LayoutVersion::new)
}

/// Reads the number of seats that a caller has booked in a theater.
pub(super) fn booked_seats(item: &Item) -> Result<usize, StoreError> {
    Ok(usize::try_from(number(item, attribute::BOOKED_SEATS)?).unwrap_or(usize::MAX))
}

/// The seats that a caller has reserved, as entries of a set.
pub(super) struct ReservedSet<'a> {
    pub(super) entries: &'a [String],
    /// The version of the set.
    pub(super) turn: u64,
}

/// Reads a caller's reserved seats.
pub(super) fn read_reserved_set(item: &Item) -> Result<ReservedSet<'_>, StoreError> {
    match item.get(attribute::RESERVED_SEATS) {
        Some(AttributeValue::Ss(entries)) => Ok(ReservedSet { entries, turn: number(item, attribute::TURN)? }),
        _ => Err(unreadable(item, attribute::RESERVED_SEATS, "expected a set of strings")),
    }
}

/// Joins labels into their stored form. Labels have no spaces, so a space separates them.
pub(super) fn join<'a>(seats: impl IntoIterator<Item = &'a SeatLabel>) -> String {
    let labels: Vec<_> = seats.into_iter().map(SeatLabel::as_str).collect();
    labels.join(" ")
}

pub(super) fn read_seat_list(item: &Item) -> Result<Vec<SeatLabel>, StoreError> {
    split(text(item, attribute::SEATS)?).ok_or_else(|| unreadable(item, attribute::SEATS, "not seat labels"))
}

/// Splits the text that [`join`] wrote.
pub(super) fn split(labels: &str) -> Option<Vec<SeatLabel>> {
    labels.split(' ').map(|label| SeatLabel::parse(label).ok()).collect()
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(unreadable(item, name, "expected a string")),
    }
}

fn id<T>(item: &Item, name: &str, parse: impl FnOnce(&str) -> Result<T, InvalidId>) -> Result<Option<T>, StoreError> {
    if !item.contains_key(name) {
        return Ok(None);
    }
    parse(text(item, name)?).map(Some).map_err(|_| unreadable(item, name, "not a UUID"))
}

pub(super) fn number(item: &Item, name: &str) -> Result<u64, StoreError> {
    match item.get(name) {
        Some(AttributeValue::N(number)) => number.parse().map_err(|_| unreadable(item, name, "not a whole number")),
        _ => Err(unreadable(item, name, "expected a number")),
    }
}

/// Reads a number that serves as an order. It has to fit into the cache, so it is below 2^48. Milliseconds stay below
/// that until the year 10889.
fn read_ordinal(item: &Item, name: &str) -> Result<u64, StoreError> {
    let number = number(item, name)?;
    if number < 1 << 48 { Ok(number) } else { Err(unreadable(item, name, "too large")) }
}

/// Reads an instant that can be formatted as a date.
fn instant(item: &Item, name: &str) -> Result<EpochMillis, StoreError> {
    let instant = EpochMillis::new(number(item, name)?);
    if instant.seconds() <= EpochSeconds::LAST { Ok(instant) } else { Err(unreadable(item, name, "too large")) }
}

/// Builds an error that names the item by its key. The key is enough to find the item, and contains nothing secret.
pub(super) fn unreadable(item: &Item, name: &str, why: &str) -> StoreError {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    StoreError::Permanent(format!(
        "item {:?} {:?} can't be read: attribute {name}: {why}",
        part(attribute::PK),
        part(attribute::SK)
    ))
}

#[cfg(test)]
mod hostile;
