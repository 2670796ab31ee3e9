//! Keys of the table's items. The keys of shows, of sales and of layout snapshots are beside their items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::{Item, attribute, s, text, unreadable};
use crate::domain::caller::Owner;
use crate::domain::ids::{BookingId, OwnedBookingId, ReservationId, SeatLabel, ShowId, TheaterId};
use crate::domain::inventory::InventoryId;
use crate::store::StoreError;

const THEATER_PREFIX: &str = "THEATER#";
const SHOW_PREFIX: &str = "SHOW#";
/// Partition of the list of all theaters.
pub(in crate::store) const THEATERS: &str = "THEATERS";
pub(in crate::store) const SEAT_PREFIX: &str = "SEAT#";

pub(in crate::store) fn theater_pk(theater: &TheaterId) -> AttributeValue {
    s(format!("{THEATER_PREFIX}{theater}"))
}

/// Builds the partition key of the seats of an inventory. Each show has a partition of its own, and so its own limit of
/// writes per second.
pub(in crate::store) fn inventory_pk(inventory: &InventoryId) -> AttributeValue {
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

pub(in crate::store) fn layout_key(theater: &TheaterId) -> Item {
    key(theater_pk(theater), s("LAYOUT"))
}

pub(in crate::store) fn seat_key(inventory: &InventoryId, seat: &SeatLabel) -> Item {
    key(inventory_pk(inventory), s(format!("{SEAT_PREFIX}{seat}")))
}

/// The key of a seat's item.
pub(in crate::store) struct SeatKey {
    pub(in crate::store) inventory: InventoryId,
    pub(in crate::store) seat: SeatLabel,
}

/// The key of a booking's item, without the owner.
pub(in crate::store) struct BookingKey {
    pub(in crate::store) inventory: InventoryId,
    pub(in crate::store) booking: BookingId,
}

/// Parses the key of a seat's item. Returns `None` for other keys.
pub(in crate::store) fn parse_seat_key(key: &Item) -> Result<Option<SeatKey>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    let Some(label) = sk.strip_prefix(SEAT_PREFIX) else { return Ok(None) };
    let inventory = parse_inventory_pk(pk).ok_or_else(|| unreadable(key, attribute::PK, "not a theater or a show"))?;
    let seat = SeatLabel::parse(label).map_err(|_| unreadable(key, attribute::SK, "not a seat label"))?;
    Ok(Some(SeatKey { inventory, seat }))
}

/// Parses the key of a booking's item. Returns `None` for other keys.
pub(in crate::store) fn parse_booking_key(key: &Item) -> Result<Option<BookingKey>, StoreError> {
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
pub(in crate::store) fn parse_layout_key(key: &Item) -> Result<Option<TheaterId>, StoreError> {
    parse_theater_key(key, "LAYOUT")
}

/// Parses the key of a theater's sale. Returns `None` for other keys.
pub(in crate::store) fn parse_sale_key(key: &Item) -> Result<Option<TheaterId>, StoreError> {
    parse_theater_key(key, "SALE")
}

/// Parses the key of a theater's item with this sort key. Returns `None` for other keys.
fn parse_theater_key(key: &Item, sort_key: &str) -> Result<Option<TheaterId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != sort_key {
        return Ok(None);
    }
    let theater = pk.strip_prefix(THEATER_PREFIX).and_then(|theater| TheaterId::parse(theater).ok());
    theater.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a theater"))
}

/// Parses the key of a show's own item. Returns `None` for other keys.
pub(in crate::store) fn parse_show_key(key: &Item) -> Result<Option<ShowId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "SHOW" {
        return Ok(None);
    }
    let show = pk.strip_prefix(SHOW_PREFIX).and_then(|show| ShowId::parse(show).ok());
    show.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a show"))
}

/// Builds the key of a booking. The owner is part of it, so that the ids of different callers never collide.
pub(in crate::store) fn booking_key(inventory: &InventoryId, owner: Option<Owner>, booking: BookingId) -> Item {
    key(s(format!("BOOKING#{inventory}#{}#{booking}", owner_part(owner))), s("BOOKING"))
}

/// Builds the key of a reservation's record. The owner is part of it, as with bookings.
pub(in crate::store) fn reservation_key(
    inventory: &InventoryId,
    owner: Option<Owner>,
    reservation: ReservationId,
) -> Item {
    key(s(format!("RESERVATION#{inventory}#{}#{reservation}", owner_part(owner))), s("RESERVATION"))
}

fn owner_part(owner: Option<Owner>) -> String {
    owner.map_or_else(|| "-".to_owned(), |owner| owner.0.to_string())
}

/// Returns the owner-scoped id by which a booked seat names its booking. Bookings of different owners have different
/// values, even under the same id.
pub(in crate::store) fn owner_scoped_booking_id(owner: Option<Owner>, booking: BookingId) -> OwnedBookingId {
    let booking = booking.as_uuid();
    OwnedBookingId::new(owner.map_or(booking, |owner| Uuid::new_v5(&booking, owner.0.as_bytes())))
}

/// Builds the key of the set of seats that one caller has reserved.
pub(in crate::store) fn reserved_set_key(owner: Owner) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s("CALLER"))
}

/// Builds the key of the number of seats that one caller has booked in one theater.
pub(in crate::store) fn booked_count_key(owner: Owner, inventory: &InventoryId) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s(format!("BOOKED#{inventory}")))
}

/// Builds a key that no item ever has.
pub(in crate::store) fn nonexistent_key() -> Item {
    key(s("NOTHING"), s("NOTHING"))
}

pub(super) fn key(pk: AttributeValue, sk: AttributeValue) -> Item {
    HashMap::from([(attribute::PK.to_owned(), pk), (attribute::SK.to_owned(), sk)])
}
