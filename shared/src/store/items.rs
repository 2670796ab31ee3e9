//! Items as they lie in the table, and reading them back. What can't be read is an error, never a guess.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::StoreError;
use crate::rules::availability::{SeatState, Slot};
use crate::rules::caller::{Owner, is_theirs};
use crate::rules::names::{BookingId, InvalidName, ReservationId, SeatLabel, TheaterId, parse_uuid};
use crate::rules::time::{EpochMillis, EpochSeconds};

mod details;
pub(super) mod layout;

pub(super) type Item = HashMap<String, AttributeValue>;

/// Attribute names of the table. `status` is a reserved word of DynamoDB's expressions: write it as `#status`.
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
}

const THEATER_PREFIX: &str = "THEATER#";
/// The partition of the list of all theaters.
pub(super) const THEATERS: &str = "THEATERS";
pub(super) const SEAT_PREFIX: &str = "SEAT#";
pub(super) const RESERVED: &str = "reserved";
pub(super) const BOOKED: &str = "booked";
/// Given back before its reservation ran out, or its booking cancelled. As good as no item, but for the stamp: that outlives
/// whatever attempt of an earlier write may still be on its way.
pub(super) const AVAILABLE: &str = "available";
/// Taken out of the layout: nobody can have it until `expires_at`, when no instance believes the old layout any more.
pub(super) const REMOVED: &str = "removed";

pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn n(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(super) fn theater_pk(theater: &TheaterId) -> AttributeValue {
    s(format!("{THEATER_PREFIX}{theater}"))
}

pub(super) fn layout_key(theater: &TheaterId) -> Item {
    key(theater_pk(theater), s("LAYOUT"))
}

pub(super) fn seat_key(theater: &TheaterId, seat: &SeatLabel) -> Item {
    key(theater_pk(theater), s(format!("{SEAT_PREFIX}{seat}")))
}

/// The other way round: whose key it is, or `None` if it isn't a seat's.
pub(super) fn parse_seat_key(key: &Item) -> Result<Option<(TheaterId, SeatLabel)>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    let Some(label) = sk.strip_prefix(SEAT_PREFIX) else { return Ok(None) };
    let theater = pk.strip_prefix(THEATER_PREFIX).and_then(|theater| TheaterId::parse(theater).ok());
    let theater = theater.ok_or_else(|| unreadable(key, attribute::PK, "not a theater"))?;
    let seat = SeatLabel::parse(label).map_err(|_| unreadable(key, attribute::SK, "not a seat label"))?;
    Ok(Some((theater, seat)))
}

/// The other way round, of a booking's.
pub(super) fn parse_booking_key(key: &Item) -> Result<Option<(TheaterId, BookingId)>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "BOOKING" {
        return Ok(None);
    }
    // No theater id and no owner has a `#`.
    let parts: Vec<_> = pk.split('#').collect();
    let parsed = match parts[..] {
        ["BOOKING", theater, _, id] => TheaterId::parse(theater).ok().zip(BookingId::parse(id).ok()),
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a booking"))
}

/// The other way round, of a layout's own item.
pub(super) fn parse_layout_key(key: &Item) -> Result<Option<TheaterId>, StoreError> {
    let (pk, sk) = (text(key, attribute::PK)?, text(key, attribute::SK)?);
    if sk != "LAYOUT" {
        return Ok(None);
    }
    let theater = pk.strip_prefix(THEATER_PREFIX).and_then(|theater| TheaterId::parse(theater).ok());
    theater.map(Some).ok_or_else(|| unreadable(key, attribute::PK, "not a theater"))
}

/// The key of a booking. Its owner is a part of it, so that the ids of different callers never meet.
pub(super) fn booking_key(theater: &TheaterId, owner: Option<Owner>, booking: BookingId) -> Item {
    key(s(format!("BOOKING#{theater}#{}#{booking}", owner_part(owner))), s("BOOKING"))
}

/// The key of a reservation's record. Its owner is a part of it, as with bookings.
pub(super) fn reservation_key(theater: &TheaterId, owner: Option<Owner>, reservation: ReservationId) -> Item {
    key(s(format!("RESERVATION#{theater}#{}#{reservation}", owner_part(owner))), s("RESERVATION"))
}

fn owner_part(owner: Option<Owner>) -> String {
    owner.map_or_else(|| "-".to_owned(), |owner| owner.0.to_string())
}

/// The value by which a booked seat names its booking. Bookings of different owners have different values, even
/// under the same id.
pub(super) fn booking_mark(owner: Option<Owner>, booking: BookingId) -> Uuid {
    owner.map_or(booking.0, |owner| Uuid::new_v5(&booking.0, owner.0.as_bytes()))
}

/// What one caller has reserved.
pub(super) fn caller_key(owner: Owner) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s("CALLER"))
}

/// The key of the number of seats that one caller has booked in one theater.
pub(super) fn booked_count_key(owner: Owner, theater: &TheaterId) -> Item {
    key(s(format!("CALLER#{}", owner.0)), s(format!("BOOKED#{theater}")))
}

/// A key under which nothing ever stands.
pub(super) fn nothing_key() -> Item {
    key(s("NOTHING"), s("NOTHING"))
}

fn key(pk: AttributeValue, sk: AttributeValue) -> Item {
    HashMap::from([(attribute::PK.to_owned(), pk), (attribute::SK.to_owned(), sk)])
}

/// A seat's item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeatItem {
    pub(super) slot: Slot,
    /// Who holds it, if it is reserved.
    pub(super) reservation: Option<ReservationId>,
    /// The mark of its booking ([`booking_mark`]), if it is booked.
    pub(super) booking: Option<Uuid>,
    /// Whose it is, if somebody who signed in has it.
    pub(super) owner: Option<Owner>,
    /// A new value for every request that reserves. A request recognizes its own work by it.
    pub(super) request_token: Option<Uuid>,
    /// Nobody can have it, because the layout no longer does.
    pub(super) removed: bool,
}

impl SeatItem {
    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        // A projection leaves both out: nobody but those who want the seat needs them.
        let reservation = id(item, attribute::RESERVATION_ID, ReservationId::parse)?;
        let booking = id(item, attribute::BOOKING_ID, parse_uuid)?;
        let owner = id(item, attribute::OWNER, parse_uuid)?.map(Owner);
        let request_token = id(item, attribute::REQUEST_TOKEN, parse_uuid)?;
        let removed = text(item, attribute::STATUS)? == REMOVED;
        let slot = Self::slot(item)?;
        Ok(Self { slot, reservation, booking, owner, request_token, removed })
    }

    /// Whether it stands under a reservation, run out or not, that this caller may use.
    pub(super) fn is_reserved_under(&self, reservation: Option<ReservationId>, by: Option<Owner>) -> bool {
        let reserved = matches!(self.slot.state, SeatState::Reserved { .. }) && !self.removed;
        let same = reservation.is_some() && self.reservation == reservation;
        reserved && same && is_theirs(self.owner, by)
    }

    /// What the cache keeps of it: all but whose it is.
    pub(super) fn slot(item: &Item) -> Result<Slot, StoreError> {
        let state = match text(item, attribute::STATUS)? {
            BOOKED => SeatState::Booked,
            AVAILABLE => SeatState::Available,
            // To whoever looks by an old layout, somebody has it.
            RESERVED | REMOVED => SeatState::Reserved { expires_at: end(item)? },
            other => return Err(unreadable(item, attribute::STATUS, &format!("unknown status {other:?}"))),
        };
        Ok(Slot { changed_at: EpochMillis(ordinal(item, attribute::CHANGED_AT)?), state })
    }

    /// The label in a seat item's sort key.
    pub(super) fn label(item: &Item) -> Result<&str, StoreError> {
        let sk = text(item, attribute::SK)?;
        sk.strip_prefix(SEAT_PREFIX).ok_or_else(|| unreadable(item, attribute::SK, "not a seat"))
    }
}

/// A booking's item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BookingItem {
    pub(super) seats: Vec<SeatLabel>,
    /// The reservation that it was made of.
    pub(super) reservation: Option<ReservationId>,
    pub(super) booked_at: EpochMillis,
    /// When it was cancelled, if it was.
    pub(super) cancelled_at: Option<EpochMillis>,
    /// Whose it is, if somebody who signed in made it.
    pub(super) owner: Option<Owner>,
    /// A new value for every request. A request recognizes its own booking by it.
    pub(super) request_token: String,
    /// The stamp of its seats' last write by this booking.
    pub(super) changed_at: EpochMillis,
    /// Its seats count in the owner's number of booked seats.
    pub(super) counted: bool,
}

impl BookingItem {
    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
        Ok(Self {
            seats: seat_list(item)?,
            reservation: id(item, attribute::RESERVATION_ID, ReservationId::parse)?,
            booked_at: instant(item, attribute::BOOKED_AT)?,
            cancelled_at: match item.get(attribute::CANCELLED_AT) {
                Some(_) => Some(instant(item, attribute::CANCELLED_AT)?),
                None => None,
            },
            owner: id(item, attribute::OWNER, parse_uuid)?.map(Owner),
            request_token: text(item, attribute::REQUEST_TOKEN)?.to_owned(),
            changed_at: EpochMillis(ordinal(item, attribute::CHANGED_AT)?),
            counted: item.contains_key(attribute::COUNTED),
        })
    }
}

/// On which version of the layout it was decided to remove a seat.
pub(super) fn removed_on(item: &Item) -> Result<u64, StoreError> {
    ordinal(item, attribute::LAYOUT_VERSION)
}

/// The number of seats that a caller has booked in a theater.
pub(super) fn booked_seats(item: &Item) -> Result<usize, StoreError> {
    Ok(usize::try_from(number(item, attribute::BOOKED_SEATS)?).unwrap_or(usize::MAX))
}

/// What a caller has reserved, as entries, and how often that was written.
pub(super) fn read_caller(item: &Item) -> Result<(&[String], u64), StoreError> {
    match item.get(attribute::RESERVED_SEATS) {
        Some(AttributeValue::Ss(entries)) => Ok((entries, number(item, attribute::TURN)?)),
        _ => Err(unreadable(item, attribute::RESERVED_SEATS, "expected a set of strings")),
    }
}

/// Labels as they are stored: they have no spaces, so a space separates them.
pub(super) fn join<'a>(seats: impl IntoIterator<Item = &'a SeatLabel>) -> String {
    let labels: Vec<_> = seats.into_iter().map(SeatLabel::as_str).collect();
    labels.join(" ")
}

pub(super) fn seat_list(item: &Item) -> Result<Vec<SeatLabel>, StoreError> {
    split(text(item, attribute::SEATS)?).ok_or_else(|| unreadable(item, attribute::SEATS, "not seat labels"))
}

/// Reads what [`join`] wrote.
pub(super) fn split(labels: &str) -> Option<Vec<SeatLabel>> {
    labels.split(' ').map(|label| SeatLabel::parse(label).ok()).collect()
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Result<&'a str, StoreError> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(unreadable(item, name, "expected a string")),
    }
}

fn id<T>(item: &Item, name: &str, parse: impl FnOnce(&str) -> Result<T, InvalidName>) -> Result<Option<T>, StoreError> {
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

/// A number that orders things, and has to fit where the cache keeps it: below 2^48, as milliseconds are until the year
/// 10889.
fn ordinal(item: &Item, name: &str) -> Result<u64, StoreError> {
    let number = number(item, name)?;
    if number < 1 << 48 { Ok(number) } else { Err(unreadable(item, name, "too large")) }
}

/// An instant that can be told as a date.
fn instant(item: &Item, name: &str) -> Result<EpochMillis, StoreError> {
    let instant = EpochMillis(number(item, name)?);
    if instant.seconds() <= EpochSeconds::LAST { Ok(instant) } else { Err(unreadable(item, name, "too large")) }
}

/// When a reservation ends: an instant that can be told as a date.
fn end(item: &Item) -> Result<EpochSeconds, StoreError> {
    let end = EpochSeconds(number(item, attribute::EXPIRES_AT)?);
    if end <= EpochSeconds::LAST { Ok(end) } else { Err(unreadable(item, attribute::EXPIRES_AT, "too large")) }
}

/// Names the item by its key: enough to find it, and nothing secret.
pub(super) fn unreadable(item: &Item, name: &str, why: &str) -> StoreError {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    StoreError::Broken(format!(
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
    fn a_reserved_seat_is_read_with_or_without_its_holder() {
        let mut item = seat(&[("status", s("reserved")), ("expires_at", n(7)), ("changed_at", n(5))]);
        let state = SeatState::Reserved { expires_at: EpochSeconds(7) };
        let read = SeatItem::read(&item).unwrap();
        assert_eq!(read.slot, Slot { changed_at: EpochMillis(5), state });
        assert_eq!(read.reservation, None);
        item.insert("reservation_id".to_owned(), s("0188c0de-0000-7000-8000-00000000b001"));
        assert!(SeatItem::read(&item).unwrap().reservation.is_some());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_item_and_attribute() {
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
