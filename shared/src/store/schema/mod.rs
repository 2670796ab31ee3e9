//! Items in the table, and how they are read back. An item that can't be read is an error, never a guess.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::StoreError;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::caller::{Owner, may_access};
use crate::domain::ids::{BookingId, InvalidId, ReservationId, SeatLabel, ShowId, TheaterId, parse_uuid};
use crate::domain::ids::{OwnedBookingId, RequestToken};
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::lines::{FixedPrice, Lines};
use crate::domain::seat_request::Reference;
use crate::domain::time::{EpochMillis, EpochSeconds};

mod details;
pub(super) mod layout;
pub(super) mod layout_snapshot;
pub(super) mod money;
pub(super) mod reservation_record;
pub(super) mod sale;
pub(super) mod show;

pub(super) type Item = HashMap<String, AttributeValue>;

/// Attribute names of the table. `status` is a reserved word in DynamoDB's expressions, so write it as `#status`.
pub(super) mod attribute {
    pub(crate) const PK: &str = "pk";
    pub(crate) const SK: &str = "sk";
    pub(crate) const STATUS: &str = "status";
    pub(crate) const RESERVATION_ID: &str = "reservation_id";
    pub(crate) const BOOKING_ID: &str = "booking_id";
    pub(crate) const OWNER: &str = "owner_id";
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

const THEATER_PREFIX: &str = "THEATER#";
const SHOW_PREFIX: &str = "SHOW#";
/// Partition of the list of all theaters.
pub(super) const THEATERS: &str = "THEATERS";
pub(super) const SEAT_PREFIX: &str = "SEAT#";

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn theater_pk(theater: &TheaterId) -> AttributeValue {
    s(format!("{THEATER_PREFIX}{theater}"))
}

/// Builds the partition key of the seats of an inventory. Each show has a partition of its own, and so its own limit of
/// writes per second.
pub(super) fn inventory_pk(inventory: &InventoryId) -> AttributeValue {
    match inventory {
        InventoryId::Theater(theater) => theater_pk(theater),
        InventoryId::Show(show) => s(format!("{SHOW_PREFIX}{show}")),
    }
}

/// Parses the partition key of an inventory. Returns `None` for other keys.
fn parse_inventory_pk(pk: &str) -> Option<InventoryId> {
    match (pk.strip_prefix(THEATER_PREFIX), pk.strip_prefix(SHOW_PREFIX)) {
        (Some(theater), _) => TheaterId::parse(theater).ok().map(InventoryId::Theater),
        (None, Some(show)) => ShowId::parse(show).ok().map(InventoryId::Show),
        (None, None) => None,
    }
}

pub(super) fn layout_key(theater: &TheaterId) -> Item {
    key(theater_pk(theater), s("LAYOUT"))
}

pub(super) fn seat_key(inventory: &InventoryId, seat: &SeatLabel) -> Item {
    key(inventory_pk(inventory), s(format!("{SEAT_PREFIX}{seat}")))
}

/// The key of a seat's item.
pub(super) struct SeatKey {
    pub(super) inventory: InventoryId,
    pub(super) seat: SeatLabel,
}

/// The key of a booking's item, without the owner.
pub(super) struct BookingKey {
    pub(super) inventory: InventoryId,
    pub(super) booking: BookingId,
}

/// Parses the key of a seat's item. Returns `None` for other keys.
pub(super) fn parse_seat_key(key: &Item) -> Result<Option<SeatKey>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    let Some(label) = sk.strip_prefix(SEAT_PREFIX) else { return Ok(None) };
    let inventory = parse_inventory_pk(pk).ok_or_else(|| unreadable(key, attribute::PK, "not a theater or a show"))?;
    let seat = SeatLabel::parse(label).map_err(|_| unreadable(key, attribute::SK, "not a seat label"))?;
    Ok(Some(SeatKey { inventory, seat }))
}

/// Parses the key of a booking's item. Returns `None` for other keys.
pub(super) fn parse_booking_key(key: &Item) -> Result<Option<BookingKey>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "BOOKING" {
        return Ok(None);
    }
    // Inventory ids and owners never contain a `#`.
    let parts: Vec<_> = pk.split('#').collect();
    let parsed = match parts[..] {
        ["BOOKING", inventory, _, id] => InventoryId::parse(inventory).ok().zip(BookingId::parse(id).ok()),
        _ => None,
    };
    let (inventory, booking) = parsed.ok_or_else(|| unreadable(key, attribute::PK, "not a booking"))?;
    Ok(Some(BookingKey { inventory, booking }))
}

/// Parses the key of a layout's own item. Returns `None` for other keys.
pub(super) fn parse_layout_key(key: &Item) -> Result<Option<TheaterId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "LAYOUT" {
        return Ok(None);
    }
    let theater = pk.strip_prefix(THEATER_PREFIX).and_then(|theater| TheaterId::parse(theater).ok());
    theater.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a theater"))
}

/// Parses the key of a show's own item. Returns `None` for other keys.
pub(super) fn parse_show_key(key: &Item) -> Result<Option<ShowId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "SHOW" {
        return Ok(None);
    }
    let show = pk.strip_prefix(SHOW_PREFIX).and_then(|show| ShowId::parse(show).ok());
    show.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a show"))
}

/// Parses the key of a theater's sale. Returns `None` for other keys.
pub(super) fn parse_sale_key(key: &Item) -> Result<Option<TheaterId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "SALE" {
        return Ok(None);
    }
    let theater = pk.strip_prefix(THEATER_PREFIX).and_then(|theater| TheaterId::parse(theater).ok());
    theater.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a theater"))
}

/// Builds the key of a booking. The owner is part of it, so that the ids of different callers never collide.
pub(super) fn booking_key(inventory: &InventoryId, owner: Option<Owner>, booking: BookingId) -> Item {
    key(s(format!("BOOKING#{inventory}#{}#{booking}", owner_part(owner))), s("BOOKING"))
}

/// Builds the key of a reservation's record. The owner is part of it, as with bookings.
pub(super) fn reservation_key(inventory: &InventoryId, owner: Option<Owner>, reservation: ReservationId) -> Item {
    key(s(format!("RESERVATION#{inventory}#{}#{reservation}", owner_part(owner))), s("RESERVATION"))
}

fn owner_part(owner: Option<Owner>) -> String {
    owner.map_or_else(|| "-".to_owned(), |owner| owner.0.to_string())
}

/// Returns the owner-scoped id by which a booked seat names its booking. Bookings of different owners have different
/// values, even under the same id.
pub(super) fn owner_scoped_booking_id(owner: Option<Owner>, booking: BookingId) -> OwnedBookingId {
    let booking = booking.as_uuid();
    OwnedBookingId::new(owner.map_or(booking, |owner| Uuid::new_v5(&booking, owner.0.as_bytes())))
}

/// Builds the key of the set of seats that one caller has reserved.
pub(super) fn reserved_set_key(owner: Owner) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s("CALLER"))
}

/// Builds the key of the number of seats that one caller has booked in one theater.
pub(super) fn booked_count_key(owner: Owner, inventory: &InventoryId) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s(format!("BOOKED#{inventory}")))
}

/// Builds a key that no item ever has.
pub(super) fn nonexistent_key() -> Item {
    key(s("NOTHING"), s("NOTHING"))
}

fn key(pk: AttributeValue, sk: AttributeValue) -> Item {
    HashMap::from([(attribute::PK.to_owned(), pk), (attribute::SK.to_owned(), sk)])
}

/// A seat's item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeatItem {
    pub(super) slot: Slot,
    /// The reservation that has the seat, if it is reserved.
    pub(super) reservation: Option<ReservationId>,
    /// The owner-scoped id of its booking ([`owner_scoped_booking_id`]), if it is booked.
    pub(super) booking: Option<OwnedBookingId>,
    /// The owner, if a signed-in caller has the seat.
    pub(super) owner: Option<Owner>,
    /// A new value for every request that reserves. A request recognizes its own work by it.
    pub(super) request_token: Option<RequestToken>,
    /// The price at which the seat is reserved, if it is reserved at a price.
    pub(super) fixed_price: Option<FixedPrice>,
}

impl SeatItem {
    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        // A projection leaves these out, because only callers who want the seat need them.
        let reservation = id(item, attribute::RESERVATION_ID, ReservationId::parse)?;
        let booking = id(item, attribute::BOOKING_ID, OwnedBookingId::parse)?;
        let owner = id(item, attribute::OWNER, parse_uuid)?.map(Owner);
        let request_token = id(item, attribute::REQUEST_TOKEN, RequestToken::parse)?;
        let slot = Self::slot(item)?;
        // In another state it would be left over from a reservation.
        let is_reserved = slot.state.reserved_until().is_some();
        let fixed_price = if is_reserved { money::read_fixed_price(item)? } else { None };
        Ok(Self { slot, reservation, booking, owner, request_token, fixed_price })
    }

    /// Returns `true` if the seat is reserved under a reservation that this caller may use, even if it has expired.
    pub(super) fn is_reserved_under(&self, reservation: Option<ReservationId>, by: Option<Owner>) -> bool {
        let reserved = self.slot.state.reserved_until().is_some();
        let same = reservation.is_some() && self.reservation == reservation;
        reserved && same && may_access(self.owner, by)
    }

    /// Reads the slot, which is the part that the cache keeps. It doesn't show who has the seat.
    pub(super) fn slot(item: &Item) -> Result<Slot, StoreError> {
        let status = text(item, attribute::STATUS)?;
        let state = SeatState::from_table(status, || end(item))?;
        let state = state.ok_or_else(|| unreadable(item, attribute::STATUS, &format!("unknown status {status:?}")))?;
        Ok(Slot { changed_at: EpochMillis::new(read_ordinal(item, attribute::CHANGED_AT)?), state })
    }

    /// Returns the label in a seat item's sort key.
    pub(super) fn label(item: &Item) -> Result<&str, StoreError> {
        let sk = text(item, attribute::SK)?;
        sk.strip_prefix(SEAT_PREFIX).ok_or_else(|| unreadable(item, attribute::SK, "not a seat"))
    }
}

/// A booking's item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BookingItem {
    pub(super) seats: Vec<SeatLabel>,
    /// The reservation that it was made from.
    pub(super) reservation: Option<ReservationId>,
    pub(super) booked_at: EpochMillis,
    pub(super) cancelled_at: Option<EpochMillis>,
    /// The owner, if a signed-in caller made it.
    pub(super) owner: Option<Owner>,
    /// A new value for every request. A request recognizes its own booking by it.
    pub(super) request_token: String,
    /// The stamp of the booking's last write to its seats.
    pub(super) changed_at: EpochMillis,
    /// Its seats are included in the owner's number of booked seats.
    pub(super) counted: bool,
    /// Its seats with their prices, in the order of `seats`. `None` if it was made without money.
    pub(super) lines: Option<Lines>,
    /// The caller's own reference.
    pub(super) reference: Option<Reference>,
}

impl BookingItem {
    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        let seats = read_seat_list(item)?;
        Ok(Self {
            lines: money::read_lines(item, &seats)?,
            reference: money::read_reference(item)?,
            seats,
            reservation: id(item, attribute::RESERVATION_ID, ReservationId::parse)?,
            booked_at: instant(item, attribute::BOOKED_AT)?,
            cancelled_at: match item.get(attribute::CANCELLED_AT) {
                Some(_) => Some(instant(item, attribute::CANCELLED_AT)?),
                None => None,
            },
            owner: id(item, attribute::OWNER, parse_uuid)?.map(Owner),
            request_token: text(item, attribute::REQUEST_TOKEN)?.to_owned(),
            changed_at: EpochMillis::new(read_ordinal(item, attribute::CHANGED_AT)?),
            counted: item.contains_key(attribute::COUNTED),
        })
    }
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

/// Reads the end of a reservation or of a withdrawal, which is an instant that can be formatted as a date.
fn end(item: &Item) -> Result<EpochSeconds, StoreError> {
    let end = EpochSeconds::new(number(item, attribute::EXPIRES_AT)?);
    if end <= EpochSeconds::LAST { Ok(end) } else { Err(unreadable(item, attribute::EXPIRES_AT, "too large")) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(fields: &[(&str, AttributeValue)]) -> Item {
        fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn reserved_seat_is_read_with_or_without_reservation() {
        let mut item = seat(&[("status", s("reserved")), ("expires_at", n(7)), ("changed_at", n(5))]);
        let state = SeatState::Reserved { expires_at: EpochSeconds::new(7) };
        let read = SeatItem::read(&item).unwrap();
        assert_eq!(read.slot, Slot { changed_at: EpochMillis::new(5), state });
        assert_eq!(read.reservation, None);
        item.insert("reservation_id".to_owned(), s("0188c0de-0000-7000-8000-00000000b001"));
        assert!(SeatItem::read(&item).unwrap().reservation.is_some());
    }

    #[test]
    fn unreadable_item_error_names_item_and_attribute() {
        let key = [("pk", s("THEATER#1")), ("sk", s("SEAT#A1"))];
        for (fields, named) in [
            (vec![("status", s("gone")), ("changed_at", n(5))], "status"),
            (vec![("status", s("booked"))], "changed_at"),
            (vec![("status", s("booked")), ("changed_at", s("5"))], "changed_at"),
            (vec![("status", s("booked")), ("changed_at", AttributeValue::N("-5".into()))], "changed_at"),
            (vec![("status", s("booked")), ("changed_at", n(1 << 48))], "changed_at"),
            (vec![("status", s("booked")), ("changed_at", n(u64::MAX))], "changed_at"),
            (vec![("status", s("reserved")), ("changed_at", n(5))], "expires_at"),
            (vec![("status", s("reserved")), ("changed_at", n(5)), ("expires_at", n(1 << 40))], "expires_at"),
            (vec![("status", s("reserved")), ("changed_at", n(5)), ("expires_at", n(u64::MAX))], "expires_at"),
            (vec![("status", s("booked")), ("changed_at", n(5)), ("reservation_id", s("x"))], "reservation_id"),
        ] {
            let item = seat(&[&key[..], &fields[..]].concat());
            let error = SeatItem::read(&item).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("SEAT#A1"), "{error}");
        }
    }
}
