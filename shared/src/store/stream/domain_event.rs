//! Domain events from the records of the table's stream.

use serde_json::Value;

use super::Record;
use super::change::Change;
use super::show_event::{sale_events, show_events};
use crate::domain::availability::SeatState;
use crate::domain::domain_event::{BookedSeats, DomainEvent, DomainEventKind, LayoutSummary, SeatReservation};
use crate::domain::ids::{BookingId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::store::StoreError;
use crate::store::schema::{self, BookingItem, BookingKey, SeatItem, SeatKey, money};

impl DomainEvent {
    /// Reads a record as Lambda delivers it, from a stream with new and old images. Most records are one event. A seat
    /// that is taken over after its reservation expired makes two, and so does a show that is put with a new sale.
    ///
    /// Tombstones and the deletion of leftover items make none. Neither do the list of shows, the pointers of theaters
    /// to their shows, and the layouts that shows are pinned to.
    pub fn read(record: &Value) -> Result<Vec<Self>, StoreError> {
        let Record { keys, new, old } = Record::parse(record)?;
        let change = Change { old, new };
        let (inventory, kinds) = if let Some(SeatKey { inventory, seat }) = schema::parse_seat_key(&keys)? {
            (inventory, seat_events(&seat, &change)?)
        } else if let Some(BookingKey { inventory, booking }) = schema::parse_booking_key(&keys)? {
            (inventory, booking_event(booking, &change)?.into_iter().collect())
        } else if let Some(theater) = schema::parse_layout_key(&keys)? {
            (InventoryId::Theater(theater), layout_event(&change)?.into_iter().collect())
        } else if let Some(show) = schema::parse_show_key(&keys)? {
            (InventoryId::Show(show), show_events(&change)?)
        } else if let Some(theater) = schema::parse_sale_key(&keys)? {
            (InventoryId::Theater(theater), sale_events(&change)?)
        } else {
            return Ok(Vec::new());
        };
        let by = change.new.as_ref().map(schema::read_role).transpose()?.flatten();
        let event = |kind| {
            // A reservation expires by itself. The caller who takes the seat over didn't end it.
            let by = if matches!(kind, DomainEventKind::Expired(_)) { None } else { by };
            Self { inventory: inventory.clone(), by, kind }
        };
        Ok(kinds.into_iter().map(event).collect())
    }
}

fn seat_events(seat: &SeatLabel, change: &Change) -> Result<Vec<DomainEventKind>, StoreError> {
    // The old item may be anything. The item that a write left behind has to be readable.
    let old = change.old.as_ref().and_then(|item| SeatItem::read(item).ok());
    let new = change.new.as_ref().map(SeatItem::read).transpose()?;
    let before = old.as_ref().and_then(|old| reservation(seat, old));
    let after = new.as_ref().and_then(|new| reservation(seat, new));
    let at = new.as_ref().map(|new| new.slot.changed_at);
    let mut events = Vec::new();
    let extended = match (&before, &after) {
        (Some(before), Some(after)) => {
            // The same reservation goes on. A reservation that was made again after its end is another one.
            before.reservation == after.reservation && !before.expires_at.reached(after.changed_at)
        }
        _ => false,
    };
    if let Some(before) = before.filter(|_| !extended) {
        match at {
            Some(at) if before.expires_at.reached(at) => events.push(DomainEventKind::Expired(before)),
            // Deleted by the TTL, which waits for the end, or by hand.
            None => events.push(DomainEventKind::Expired(before)),
            Some(at) if new.as_ref().is_some_and(|new| new.slot.state == SeatState::Available) => {
                events.push(DomainEventKind::Released { seat: before, at });
            }
            // Booked in time. The booking has its own event.
            Some(_) => {}
        }
    }
    if let Some(seat) = after {
        let fixed_price = change.new.as_ref().map(money::read_fixed_price).transpose()?.flatten();
        events.push(DomainEventKind::Reserved { seat, fixed_price, extended });
    }
    Ok(events)
}

fn reservation(seat: &SeatLabel, item: &SeatItem) -> Option<SeatReservation> {
    let (expires_at, reservation) = item.slot.state.reserved_until().zip(item.reservation)?;
    Some(SeatReservation { seat: seat.clone(), reservation, changed_at: item.slot.changed_at, expires_at })
}

fn booking_event(booking: BookingId, change: &Change) -> Result<Option<DomainEventKind>, StoreError> {
    let Some(new) = &change.new else { return Ok(None) };
    let item = BookingItem::read(new)?;
    let BookingItem { seats, reservation, booked_at, changed_at, .. } = item;
    let (lines, reference) = (money::read_lines(new, &seats)?, money::read_reference(new)?);
    let booked = BookedSeats { booking, seats, reservation, booked_at, changed_at, lines, reference };
    Ok(match (&change.old, item.cancelled_at) {
        (None, None) => Some(DomainEventKind::Booked(booked)),
        (_, Some(at)) => Some(DomainEventKind::Cancelled { booked, at }),
        // The item was written by hand.
        (Some(_), None) => None,
    })
}

fn layout_event(change: &Change) -> Result<Option<DomainEventKind>, StoreError> {
    match (&change.new, &change.old) {
        (Some(new), _) => Ok(Some(DomainEventKind::LayoutPut(LayoutSummary::read(new)?))),
        (None, Some(old)) => Ok(Some(DomainEventKind::LayoutRemoved { version: LayoutSummary::read(old)?.version })),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
