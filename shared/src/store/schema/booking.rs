//! The item of a booking.

use super::{Item, attribute, id, instant, money, read_ordinal, read_role, read_seat_list, text};
use crate::domain::caller::{Owner, Role};
use crate::domain::ids::{ReservationId, SeatLabel, parse_uuid};
use crate::domain::lines::Lines;
use crate::domain::seat_request::Reference;
use crate::domain::time::EpochMillis;
use crate::store::StoreError;

/// A booking's item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct BookingItem {
    pub(in crate::store) seats: Vec<SeatLabel>,
    /// The reservation that it was made from.
    pub(in crate::store) reservation: Option<ReservationId>,
    pub(in crate::store) booked_at: EpochMillis,
    pub(in crate::store) cancelled_at: Option<EpochMillis>,
    /// The owner, if a signed-in caller made it.
    pub(in crate::store) owner: Option<Owner>,
    /// A new value for every request. A request recognizes its own booking by it.
    pub(in crate::store) request_token: String,
    /// The stamp of the booking's last write to its seats.
    pub(in crate::store) changed_at: EpochMillis,
    /// Its seats are included in the owner's number of booked seats.
    pub(in crate::store) counted: bool,
    /// Its seats with their prices, in the order of `seats`. `None` if it was made without money.
    pub(in crate::store) lines: Option<Lines>,
    /// The caller's own reference.
    pub(in crate::store) reference: Option<Reference>,
    /// The role in which it was made, or cancelled if it is cancelled.
    pub(in crate::store) by: Option<Role>,
}

impl BookingItem {
    pub(in crate::store) fn read(item: &Item) -> Result<Self, StoreError> {
        let seats = read_seat_list(item)?;
        Ok(Self {
            lines: money::read_lines(item, &seats)?,
            reference: money::read_reference(item)?,
            by: read_role(item)?,
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
