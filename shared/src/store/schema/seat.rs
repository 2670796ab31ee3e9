//! The item of a seat. It decides who has the seat.

use super::keys::SEAT_PREFIX;
use super::{Item, attribute, id, money, number, read_ordinal, text, unreadable};
use crate::domain::availability::{SeatState, Slot};
use crate::domain::caller::{Owner, may_access};
use crate::domain::ids::{OwnedBookingId, RequestToken, ReservationId, parse_uuid};
use crate::domain::lines::FixedPrice;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::StoreError;

/// A seat's item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct SeatItem {
    pub(in crate::store) slot: Slot,
    /// The reservation that has the seat, if it is reserved.
    pub(in crate::store) reservation: Option<ReservationId>,
    /// The owner-scoped id of its booking ([`owner_scoped_booking_id`]), if it is booked.
    pub(in crate::store) booking: Option<OwnedBookingId>,
    /// The owner, if a signed-in caller has the seat.
    pub(in crate::store) owner: Option<Owner>,
    /// A new value for every request that reserves. A request recognizes its own work by it.
    pub(in crate::store) request_token: Option<RequestToken>,
    /// The price at which the seat is reserved, if it is reserved at a price.
    pub(in crate::store) fixed_price: Option<FixedPrice>,
}

impl SeatItem {
    pub(in crate::store) fn read(item: &Item) -> Result<Self, StoreError> {
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
    pub(in crate::store) fn is_reserved_under(&self, reservation: Option<ReservationId>, by: Option<Owner>) -> bool {
        let reserved = self.slot.state.reserved_until().is_some();
        let same = reservation.is_some() && self.reservation == reservation;
        reserved && same && may_access(self.owner, by)
    }

    /// Reads the slot, which is the part that the cache keeps. It doesn't show who has the seat.
    pub(in crate::store) fn slot(item: &Item) -> Result<Slot, StoreError> {
        let status = text(item, attribute::STATUS)?;
        let state = SeatState::from_table(status, || end(item))?;
        let state = state.ok_or_else(|| unreadable(item, attribute::STATUS, &format!("unknown status {status:?}")))?;
        Ok(Slot { changed_at: EpochMillis::new(read_ordinal(item, attribute::CHANGED_AT)?), state })
    }

    /// Returns the label in a seat item's sort key.
    pub(in crate::store) fn label(item: &Item) -> Result<&str, StoreError> {
        let sk = text(item, attribute::SK)?;
        sk.strip_prefix(SEAT_PREFIX).ok_or_else(|| unreadable(item, attribute::SK, "not a seat"))
    }
}

/// Reads the end of a reservation or of a withdrawal, which is an instant that can be formatted as a date.
fn end(item: &Item) -> Result<EpochSeconds, StoreError> {
    let end = EpochSeconds::new(number(item, attribute::EXPIRES_AT)?);
    if end <= EpochSeconds::LAST { Ok(end) } else { Err(unreadable(item, attribute::EXPIRES_AT, "too large")) }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::super::{n, s};
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
