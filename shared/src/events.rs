//! Domain events as versioned JSON. An event keeps its id however often it is published. `docs/events.md` lists all
//! events.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::domain::domain_event::{BookedSeats, DomainEvent, DomainEventKind, LayoutSummary, SeatReservation};
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::time::EpochMillis;

/// Namespaces of the name-based UUIDs, generated once at random. A changed namespace changes the ids of all events.
const EVENT: Uuid = uuid!("b0c5a0a2-56c7-4a3c-9b3a-3d5c31b8f6d4");
const REFERENCE: Uuid = uuid!("0d9f9a4e-1f2b-4c62-8a53-7be1f0c2d913");

/// An event, ready to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Type of the event, for example `seats.reserved`.
    pub kind: &'static str,
    /// Payload of the event.
    pub detail: Value,
}

/// Returns a public name for a reservation or booking. It shows which events belong together, but grants no right:
/// the id can't be derived from it.
pub fn reference(id: Uuid) -> String {
    Uuid::new_v5(&REFERENCE, id.as_bytes()).to_string()
}

impl Event {
    /// Creates the event of a domain event.
    pub fn of(event: &DomainEvent) -> Self {
        match &event.kind {
            DomainEventKind::Reserved { seat, extended } => {
                let message =
                    of_seat("seats.reserved", event, seat, seat.changed_at, sequence_of_write(seat.changed_at));
                message.with("expires_at", json!(seat.expires_at.to_string())).with("extended", json!(extended))
            }
            DomainEventKind::Released { seat, at } => {
                of_seat("seats.released", event, seat, *at, sequence_of_write(*at))
            }
            DomainEventKind::Expired(seat) => {
                let at = EpochMillis::from(seat.expires_at);
                // Between the write of the reservation and the next write of the seat.
                of_seat("reservation.expired", event, seat, at, sequence_of_write(seat.changed_at) + 1)
            }
            DomainEventKind::Booked(booked) => of_booking("booking.created", event, booked, booked.booked_at),
            DomainEventKind::Cancelled { booked, at } => of_booking("booking.cancelled", event, booked, *at),
            DomainEventKind::LayoutPut(LayoutSummary { name, version, seats }) => of_layout(event, *version, "put")
                .with("name", json!(name))
                .with("seats", json!(seats))
                .with("deleted", json!(false)),
            DomainEventKind::LayoutRemoved { version } => {
                of_layout(event, *version, "removed").with("deleted", json!(true))
            }
        }
    }

    fn new(kind: &'static str, event: &DomainEvent, about: &[&str], at: EpochMillis) -> Self {
        let mut name = format!("{kind}\n{}", event.inventory);
        about.iter().for_each(|part| name = format!("{name}\n{part}"));
        let detail = json!({
            "version": 1,
            "id": Uuid::new_v5(&EVENT, name.as_bytes()).to_string(),
            "type": kind,
            "occurred_at": at.to_string(),
        });
        let (member, inventory) = match &event.inventory {
            InventoryId::Theater(theater) => ("theater_id", theater.as_str()),
            InventoryId::Show(show) => ("show_id", show.as_str()),
        };
        Self { kind, detail }.with(member, json!(inventory))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(detail) = self.detail.as_object_mut() {
            detail.insert(name.to_owned(), value);
        }
        self
    }
}

/// Returns the sequence number of a seat's write. It rises with each write, because the stamp does. It is even, so
/// the expiry of that write has a number of its own.
fn sequence_of_write(stamp: EpochMillis) -> u64 {
    stamp.as_millis().saturating_mul(2)
}

fn of_seat(kind: &'static str, event: &DomainEvent, seat: &SeatReservation, at: EpochMillis, sequence: u64) -> Event {
    Event::new(kind, event, &[seat.seat.as_str(), &seat.changed_at.as_millis().to_string()], at)
        .with("sequence", json!(sequence))
        .with("seats", json!([seat.seat.as_str()]))
        .with("reservation", json!(reference(seat.reservation.as_uuid())))
}

fn of_booking(kind: &'static str, event: &DomainEvent, booked: &BookedSeats, at: EpochMillis) -> Event {
    let BookedSeats { booking, seats, reservation, booked_at, changed_at } = booked;
    let seats: Vec<_> = seats.iter().map(SeatLabel::as_str).collect();
    let message = Event::new(kind, event, &[&booking.to_string(), &booked_at.as_millis().to_string()], at)
        .with("sequence", json!(sequence_of_write(*changed_at)))
        .with("seats", json!(seats))
        .with("booking", json!(reference(booking.as_uuid())));
    match reservation {
        Some(reservation) => message.with("reservation", json!(reference(reservation.as_uuid()))),
        None => message,
    }
}

fn of_layout(event: &DomainEvent, version: LayoutVersion, became: &str) -> Event {
    // A layout's version is the time of its write. The time of its deletion isn't known.
    Event::new("theater.changed", event, &[&version.to_string(), became], EpochMillis::new(version.as_u64()))
        .with("layout_version", json!(version.as_u64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{BookingId, ReservationId};
    use crate::domain::inventory::InventoryId;
    use crate::domain::time::EpochSeconds;

    fn event(kind: DomainEventKind) -> DomainEvent {
        DomainEvent { inventory: InventoryId::parse("1").unwrap(), kind }
    }

    fn seat(label: &str, at: u64) -> SeatReservation {
        SeatReservation {
            seat: SeatLabel::parse(label).unwrap(),
            reservation: ReservationId::new(Uuid::from_u128(7)),
            changed_at: EpochMillis::new(at),
            expires_at: EpochSeconds::new(100),
        }
    }

    fn id(kind: DomainEventKind) -> Value {
        Event::of(&event(kind)).detail["id"].clone()
    }

    #[test]
    fn equal_events_share_an_id_and_others_differ() {
        assert_eq!(id(DomainEventKind::Expired(seat("A1", 5))), id(DomainEventKind::Expired(seat("A1", 5))));
        let ids = [
            id(DomainEventKind::Expired(seat("A1", 5))),
            id(DomainEventKind::Expired(seat("A1", 6))),
            id(DomainEventKind::Expired(seat("A2", 5))),
            id(DomainEventKind::Reserved { seat: seat("A1", 5), extended: false }),
            id(DomainEventKind::Released { seat: seat("A1", 5), at: EpochMillis::new(9) }),
            id(DomainEventKind::LayoutPut(LayoutSummary {
                name: "x".into(),
                version: LayoutVersion::new(5),
                seats: 1,
            })),
            id(DomainEventKind::LayoutRemoved { version: LayoutVersion::new(5) }),
        ];
        for (n, one) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(one), "{n}");
        }
    }

    #[test]
    fn events_never_reveal_secret_ids() {
        let booked = BookedSeats {
            booking: BookingId::new(Uuid::from_u128(8)),
            seats: vec![SeatLabel::parse("A1").unwrap()],
            reservation: Some(ReservationId::new(Uuid::from_u128(7))),
            booked_at: EpochMillis::new(5),
            changed_at: EpochMillis::new(5),
        };
        for kind in [
            DomainEventKind::Reserved { seat: seat("A1", 5), extended: true },
            DomainEventKind::Booked(booked.clone()),
            DomainEventKind::Cancelled { booked, at: EpochMillis::new(6) },
        ] {
            let text = Event::of(&event(kind)).detail.to_string();
            assert!(
                !text.contains(&Uuid::from_u128(7).to_string()) && !text.contains(&Uuid::from_u128(8).to_string()),
                "{text}"
            );
            assert!(text.contains(&reference(Uuid::from_u128(7))), "{text}");
        }
    }
}
