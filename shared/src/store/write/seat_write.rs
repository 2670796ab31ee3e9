//! Conditional updates of one seat. Their expressions serve alone (UpdateItem) and in a transaction.

mod builder;
mod priced;

use std::collections::HashMap;

pub(in crate::store) use priced::PricedFrom;

use crate::domain::caller::Owner;
use crate::domain::ids::ReservationId;
use crate::domain::ids::{OwnedBookingId, RequestToken};
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seat_state::table_status::{AVAILABLE, BOOKED, REMOVED, RESERVED};
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::schema::{attribute, n, s};
use aws_sdk_dynamodb::types::AttributeValue;

/// Seconds for which the item of a seat is kept after the seat became available again. This is longer than any attempt
/// can be delayed, and longer than clocks differ.
const AVAILABLE_RETENTION_SECONDS: u32 = 600;

/// Condition that an existing item leaves its seat available: released, or reserved (or withdrawn) until an instant
/// that has passed.
const IS_AVAILABLE: &str = "(#status = :available OR (#status IN (:reserved, :removed) AND expires_at <= :now))";

/// Attributes that belong to the owner of a seat: the reservation, the booking or the withdrawal that has it, and the
/// role of the caller who wrote it.
const OWNER_ATTRIBUTES: [&str; 6] = [
    attribute::RESERVATION_ID,
    attribute::REQUEST_TOKEN,
    attribute::BOOKING_ID,
    attribute::OWNER,
    attribute::LAYOUT_VERSION,
    attribute::BY,
];

/// Attributes of a seat that is reserved at a price. Writes name them only where seats have prices.
const PRICE_ATTRIBUTES: [&str; 2] = [attribute::PRICE, attribute::TICKET_TYPE];

/// A conditional update of one seat's item. Without attributes to set it only checks the condition.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct SeatWrite {
    /// Each attribute that is set, and the name of its value.
    sets: Vec<(&'static str, &'static str)>,
    removes: Vec<&'static str>,
    condition: String,
    values: HashMap<String, AttributeValue>,
}

/// A reservation as one request writes it to seats.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct NewReservation {
    pub(in crate::store) holder: SeatHolder,
    /// The token of the request.
    pub(in crate::store) token: RequestToken,
    pub(in crate::store) expires_at: EpochSeconds,
}

/// The old and the new end of a seat that is extended.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct MovedEnd {
    pub(in crate::store) from: EpochSeconds,
    pub(in crate::store) to: EpochSeconds,
}

impl SeatWrite {
    /// Returns a stamp above `seen` that isn't below `now`.
    pub(in crate::store) fn raise_above(seen: EpochMillis, now: EpochMillis) -> EpochMillis {
        now.max(seen.next())
    }

    /// Reserves an available seat.
    ///
    /// Repeating it changes nothing, because once it is carried out its own condition fails. The stamp must rise, so
    /// that the stamps give the order of a seat's writes even if the writers' clocks differ. Two requests may have
    /// tried the same stamp, so a request whose answer was lost recognizes its own work by the token.
    pub(in crate::store) fn reserve(reservation: &NewReservation, stamp: EpochMillis, now: EpochMillis) -> Self {
        let NewReservation { holder, token, expires_at } = reservation;
        let write = Self::default()
            .set(attribute::STATUS, ":reserved", s(RESERVED))
            .set(attribute::RESERVATION_ID, ":reservation", s(holder.reservation.to_string()))
            .set(attribute::REQUEST_TOKEN, ":token", s(token.to_string()))
            .set(attribute::EXPIRES_AT, ":expires_at", n(expires_at.as_secs()))
            .set(attribute::CHANGED_AT, ":stamp", n(stamp.as_millis()));
        let write = match holder.owner {
            Some(owner) => write.set(attribute::OWNER, ":owner", s(owner.0.to_string())),
            None => write,
        };
        write
            .clear_owner_of_available()
            .condition(format!("attribute_not_exists(pk) OR (changed_at < :stamp AND {IS_AVAILABLE})"))
            .availability_values(now)
    }

    /// Checks that the seat is still reserved under this reservation by the write with this stamp. A seat that was
    /// reserved again since would end at another time than the answer says.
    pub(in crate::store) fn still_reserved(reservation: ReservationId, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self::default()
            .condition(
                "#status = :reserved AND reservation_id = :reservation AND changed_at = :stamp \
                AND expires_at > :now",
            )
            .value(":reserved", s(RESERVED))
            .value(":reservation", s(reservation.to_string()))
            .value(":stamp", n(stamp.as_millis()))
            .value(":now", n(now.seconds().as_secs()))
    }

    /// Builds a check that always fails. The rejection returns the seat's item.
    pub(in crate::store) fn always_reject() -> Self {
        Self::default().condition("#status = :nothing").value(":nothing", s("nothing"))
    }

    /// Moves the end of a seat that is reserved under this reservation to a later time.
    ///
    /// Repeating it changes nothing, because once it is carried out the seat has another end and the condition fails.
    /// The record of the reservation is written in the same transaction and allows the extension only once.
    pub(in crate::store) fn extend(reservation: &SeatHolder, end: MovedEnd, stamp: EpochMillis) -> Self {
        Self::default()
            .set(attribute::EXPIRES_AT, ":expires_at", n(end.to.as_secs()))
            .set(attribute::CHANGED_AT, ":stamp", n(stamp.as_millis()))
            .remove(attribute::BY)
            .if_reserved_under(reservation, " AND expires_at = :ends AND changed_at < :stamp")
            .value(":ends", n(end.from.as_secs()))
    }

    /// Releases a seat that is reserved under this reservation, even if it has expired.
    ///
    /// The item stays, as available and with its new stamp. So a delayed attempt to reserve or book the seat finds a
    /// higher stamp and is rejected. Repeating it changes nothing, because the seat is no longer reserved.
    pub(in crate::store) fn release(reservation: &SeatHolder, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self::make_available(stamp, now).if_reserved_under(reservation, " AND changed_at < :stamp")
    }

    /// Makes a seat available again that is booked under this owner-scoped booking id. Repeating it changes nothing,
    /// because the seat is no longer booked.
    pub(in crate::store) fn cancel(booking: OwnedBookingId, stamp: EpochMillis, now: EpochMillis) -> Self {
        Self::make_available(stamp, now)
            .condition("#status = :booked AND booking_id = :booking AND changed_at < :stamp")
            .value(":booked", s(BOOKED))
            .value(":booking", s(booking.to_string()))
    }

    /// Withdraws an available seat from the layout, or replaces a tombstone that has a lower stamp. No caller can have
    /// the seat before `until`. Repeating it is safe: with the same stamp the condition fails, and with a higher stamp
    /// a tombstone replaces a tombstone.
    pub(in crate::store) fn withdraw(
        decided_on: LayoutVersion,
        until: EpochSeconds,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        Self::default()
            .set(attribute::STATUS, ":removed", s(REMOVED))
            .set(attribute::LAYOUT_VERSION, ":version", n(decided_on.as_u64()))
            .set(attribute::EXPIRES_AT, ":until", n(until.as_secs()))
            .set(attribute::CHANGED_AT, ":stamp", n(stamp.as_millis()))
            .clear_owner_of_available()
            .condition(
                "attribute_not_exists(pk) OR (changed_at < :stamp AND (#status IN (:available, :removed) \
                OR (#status = :reserved AND expires_at <= :now)))",
            )
            .availability_values(now)
    }

    /// Makes a seat available again that was withdrawn by the write with this stamp. Repeating it changes nothing,
    /// because the seat is no longer withdrawn.
    pub(in crate::store) fn take_back(seen: EpochMillis, now: EpochMillis) -> Self {
        Self::make_available(Self::raise_above(seen, now), now)
            .condition("#status = :removed AND changed_at = :seen")
            .value(":removed", s(REMOVED))
            .value(":seen", n(seen.as_millis()))
    }

    fn make_available(stamp: EpochMillis, now: EpochMillis) -> Self {
        Self::default()
            .set(attribute::STATUS, ":available", s(AVAILABLE))
            .set(attribute::CHANGED_AT, ":stamp", n(stamp.as_millis()))
            .set(attribute::EXPIRES_AT, ":collect", n(now.ends_after(AVAILABLE_RETENTION_SECONDS).as_secs()))
            .clear_owner()
    }

    /// Books a seat only if it is reserved under this reservation, even if it has expired. Repeating it changes
    /// nothing, because the seat is no longer reserved.
    pub(in crate::store) fn book_reserved(
        booking: OwnedBookingId,
        reservation: &SeatHolder,
        stamp: EpochMillis,
    ) -> Self {
        Self::make_booked(booking, stamp).if_reserved_under(reservation, " AND changed_at < :stamp")
    }

    /// Books a seat only if it is reserved under this reservation and has not expired. Repeating it changes nothing,
    /// because the seat is no longer reserved.
    pub(in crate::store) fn book_running(
        booking: OwnedBookingId,
        reservation: &SeatHolder,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        Self::make_booked(booking, stamp)
            .if_reserved_under(reservation, " AND changed_at < :stamp AND expires_at > :now")
            .value(":now", n(now.seconds().as_secs()))
    }

    /// Books a seat that is available or reserved under the given reservation. A reservation that has expired counts
    /// while its item is there, because no other caller has taken the seat over.
    ///
    /// Repeating it changes nothing, because a booked seat is neither available nor reserved.
    pub(in crate::store) fn book(
        booking: OwnedBookingId,
        reservation: Option<ReservationId>,
        owner: Option<Owner>,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let write = Self::make_booked(booking, stamp).availability_values(now);
        let Some(reservation) = reservation else {
            return write.condition(format!("attribute_not_exists(pk) OR (changed_at < :stamp AND {IS_AVAILABLE})"));
        };
        let mut write = write.value(":reservation", s(reservation.to_string()));
        let owner_condition = owner_condition(owner, &mut write.values);
        write.condition(format!(
            "attribute_not_exists(pk) OR (changed_at < :stamp AND ({IS_AVAILABLE} OR \
            (#status = :reserved AND reservation_id = :reservation AND {owner_condition})))"
        ))
    }

    /// Starts an update that books a seat. It removes the end, so the TTL never deletes a booked seat.
    fn make_booked(booking: OwnedBookingId, stamp: EpochMillis) -> Self {
        Self::default()
            .set(attribute::STATUS, ":booked", s(BOOKED))
            .set(attribute::BOOKING_ID, ":booking", s(booking.to_string()))
            .set(attribute::CHANGED_AT, ":stamp", n(stamp.as_millis()))
            .clear_owner()
            .remove(attribute::EXPIRES_AT)
    }
}
/// A reservation and the exact owner of its seats.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct SeatHolder {
    pub(in crate::store) reservation: ReservationId,
    pub(in crate::store) owner: Option<Owner>,
}

/// Builds the condition that an item belongs to this caller or has no owner.
pub(in crate::store) fn owner_condition(
    owner: Option<Owner>,
    values: &mut HashMap<String, AttributeValue>,
) -> &'static str {
    match owner {
        None => "attribute_not_exists(owner_id)",
        Some(owner) => {
            values.insert(":owner".to_owned(), s(owner.0.to_string()));
            "(attribute_not_exists(owner_id) OR owner_id = :owner)"
        }
    }
}

#[cfg(test)]
mod tests;
