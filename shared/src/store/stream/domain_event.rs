//! Domain events from the records of the table's stream.

use serde_json::Value;

use super::Record;
use crate::domain::availability::SeatState;
use crate::domain::domain_event::{BookedSeats, DomainEvent, DomainEventKind, LayoutSummary, SeatReservation};
use crate::domain::ids::{BookingId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::store::StoreError;
use crate::store::schema::{self, BookingItem, BookingKey, Item, SeatItem, SeatKey};

/// An item before and after a write. `None` if there was no item.
struct Change {
    old: Option<Item>,
    new: Option<Item>,
}

impl DomainEvent {
    /// Reads a record as Lambda delivers it, from a stream with new and old images. Most records are one event. A seat
    /// that is taken over after its reservation expired makes two. Tombstones and the deletion of leftover items make
    /// none.
    pub fn read(record: &Value) -> Result<Vec<Self>, StoreError> {
        let Record { keys, new, old } = Record::parse(record)?;
        let change = Change { old, new };
        if let Some(SeatKey { inventory, seat }) = schema::parse_seat_key(&keys)? {
            return Ok(seat_events(&seat, &change)?
                .into_iter()
                .map(|kind| Self { inventory: inventory.clone(), kind })
                .collect());
        }
        if let Some(BookingKey { inventory, booking }) = schema::parse_booking_key(&keys)? {
            return Ok(booking_event(booking, &change)?.map(|kind| Self { inventory, kind }).into_iter().collect());
        }
        if let Some(theater) = schema::parse_layout_key(&keys)? {
            let inventory = InventoryId::Theater(theater);
            return Ok(layout_event(&change)?.map(|kind| Self { inventory, kind }).into_iter().collect());
        }
        Ok(Vec::new())
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
    events.extend(after.map(|seat| DomainEventKind::Reserved { seat, extended }));
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
    let booked = BookedSeats { booking, seats, reservation, booked_at, changed_at };
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
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::domain::ids::ReservationId;
    use crate::domain::layout_version::LayoutVersion;
    use crate::domain::time::{EpochMillis, EpochSeconds};
    use serde_json::json;

    /// Attributes by name.
    type Attributes = HashMap<&'static str, Value>;

    const ANN: &str = "0188c0de-0000-7000-8000-00000000b001";
    const BOB: &str = "0188c0de-0000-7000-8000-00000000b002";

    fn image(attributes: &Attributes) -> Value {
        let typed = attributes.iter().map(|(name, value)| {
            let typed = match value {
                Value::Number(number) => json!({ "N": number.to_string() }),
                other => json!({ "S": other }),
            };
            ((*name).to_owned(), typed)
        });
        Value::Object(typed.collect())
    }

    fn reserved(by: &str, at: u64, until: u64) -> Attributes {
        let attributes = [("status", json!("reserved")), ("reservation_id", json!(by)), ("changed_at", json!(at))];
        attributes.into_iter().chain([("expires_at", json!(until))]).collect()
    }

    fn with(mut attributes: Attributes, name: &'static str, value: Value) -> Attributes {
        attributes.insert(name, value);
        attributes
    }

    fn other(status: &str, at: u64) -> Attributes {
        HashMap::from([("status", json!(status)), ("changed_at", json!(at)), ("expires_at", json!(9_999))])
    }

    fn read(sk: &str, old: Option<Attributes>, new: Option<Attributes>) -> Vec<DomainEventKind> {
        let pk = if sk == "BOOKING" { format!("BOOKING#1#-#{ANN}") } else { "THEATER#1".to_owned() };
        let name = match (&old, &new) {
            (None, _) => "INSERT",
            (_, None) => "REMOVE",
            _ => "MODIFY",
        };
        let mut images = json!({ "Keys": { "pk": { "S": pk }, "sk": { "S": sk } }, "SequenceNumber": "1" });
        for (name, attributes) in [("OldImage", old), ("NewImage", new)] {
            if let Some(attributes) = attributes {
                images[name] = image(&attributes);
            }
        }
        let events = DomainEvent::read(&json!({ "eventName": name, "dynamodb": images })).unwrap();
        assert!(events.iter().all(|event| event.inventory.to_string() == "1"));
        events.into_iter().map(|event| event.kind).collect()
    }

    fn seat(by: &str, at: u64, until: u64) -> SeatReservation {
        SeatReservation {
            seat: SeatLabel::parse("A1").unwrap(),
            reservation: ReservationId::parse(by).unwrap(),
            changed_at: EpochMillis::new(at),
            expires_at: EpochSeconds::new(until),
        }
    }

    #[test]
    fn old_and_new_images_give_seat_events() {
        let (ann, bob) = (reserved(ANN, 5_000, 10), reserved(BOB, 10_000, 20));
        let extended = reserved(ANN, 6_000, 30);
        let again = reserved(ANN, 10_000, 20);
        let expired = DomainEventKind::Expired(seat(ANN, 5_000, 10));
        for (old, new, events) in [
            (None, Some(ann.clone()), vec![DomainEventKind::Reserved { seat: seat(ANN, 5_000, 10), extended: false }]),
            (
                Some(other("available", 1)),
                Some(ann.clone()),
                vec![DomainEventKind::Reserved { seat: seat(ANN, 5_000, 10), extended: false }],
            ),
            (
                Some(ann.clone()),
                Some(extended),
                vec![DomainEventKind::Reserved { seat: seat(ANN, 6_000, 30), extended: true }],
            ),
            (
                Some(ann.clone()),
                Some(other("available", 7_000)),
                vec![DomainEventKind::Released { seat: seat(ANN, 5_000, 10), at: EpochMillis::new(7_000) }],
            ),
            (Some(ann.clone()), Some(other("booked", 7_000)), vec![]),
            (Some(ann.clone()), Some(other("booked", 10_000)), vec![expired.clone()]),
            (
                Some(ann.clone()),
                Some(bob),
                vec![expired.clone(), DomainEventKind::Reserved { seat: seat(BOB, 10_000, 20), extended: false }],
            ),
            (
                Some(ann.clone()),
                Some(again),
                vec![expired.clone(), DomainEventKind::Reserved { seat: seat(ANN, 10_000, 20), extended: false }],
            ),
            (Some(ann.clone()), Some(other("removed", 10_000)), vec![expired.clone()]),
            (Some(ann), None, vec![expired]),
            (Some(other("available", 1)), None, vec![]),
            (Some(other("booked", 1)), Some(other("available", 2)), vec![]),
            (None, Some(other("removed", 1)), vec![]),
        ] {
            assert_eq!(read("SEAT#A1", old.clone(), new.clone()), events, "{old:?} {new:?}");
        }
    }

    #[test]
    fn booking_records_yield_created_and_cancelled_events() {
        let booking = HashMap::from([
            ("seats", json!("A1 A2")),
            ("booked_at", json!(7)),
            ("changed_at", json!(8)),
            ("request_token", json!("x")),
            ("reservation_id", json!(BOB)),
        ]);
        let cancelled = with(booking.clone(), "cancelled_at", json!(9));
        assert!(
            matches!(&read("BOOKING", None, Some(booking.clone()))[..], [DomainEventKind::Booked(booked)] if booked.seats.len() == 2)
        );
        let events = read("BOOKING", Some(booking.clone()), Some(cancelled));
        assert!(matches!(&events[..], [DomainEventKind::Cancelled { at, .. }] if *at == EpochMillis::new(9)));
        assert_eq!(read("BOOKING", Some(booking), None), []);
    }

    #[test]
    fn layout_items_give_events_and_parts_give_none() {
        let layout = HashMap::from([("name", json!("Hall")), ("seats", json!("A1 A2")), ("layout_version", json!(7))]);
        assert_eq!(
            read("LAYOUT", None, Some(layout.clone())),
            [DomainEventKind::LayoutPut(LayoutSummary {
                name: "Hall".into(),
                version: LayoutVersion::new(7),
                seats: 2
            })]
        );
        assert_eq!(
            read("LAYOUT", Some(layout.clone()), None),
            [DomainEventKind::LayoutRemoved { version: LayoutVersion::new(7) }]
        );
        assert_eq!(read("LAYOUT#7#0", None, Some(layout)), []);
    }

    #[test]
    fn unreadable_new_image_fails_and_old_one_is_ignored() {
        let unreadable = || with(other("sold", 1), "reservation_id", json!(7));
        let keys = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" } });
        let record = json!({ "eventName": "INSERT", "dynamodb": { "Keys": keys, "NewImage": image(&unreadable()) } });
        assert!(DomainEvent::read(&record).is_err());
        assert_eq!(read("SEAT#A1", Some(unreadable()), Some(reserved(ANN, 5_000, 10))).len(), 1);
        assert!(DomainEvent::read(&json!({})).is_err());
    }
}
