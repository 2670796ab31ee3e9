//! Domain events as versioned JSON. An event keeps its id however often it is published. `docs/events.md` lists all
//! events.

use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::domain::domain_event::{BookedSeats, DomainEvent, LayoutSummary, SeatReservation, What};
use crate::domain::ids::{BookingId, ReservationId, SeatLabel};
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
    pub fn of(fact: &DomainEvent) -> Self {
        match &fact.what {
            What::Reserved { seat, extended } => {
                let event = of_seat("seats.reserved", fact, seat, seat.changed_at, sequence_of_write(seat.changed_at));
                event.with("expires_at", json!(seat.expires_at.to_string())).with("extended", json!(extended))
            }
            What::Released { seat, at } => of_seat("seats.released", fact, seat, *at, sequence_of_write(*at)),
            What::Expired(seat) => {
                let at = EpochMillis::from(seat.expires_at);
                // Between the write of the reservation and the next write of the seat.
                of_seat("reservation.expired", fact, seat, at, sequence_of_write(seat.changed_at) + 1)
            }
            What::Booked(booked) => of_booking("booking.created", fact, booked, booked.booked_at),
            What::Cancelled { booked, at } => of_booking("booking.cancelled", fact, booked, *at),
            What::LayoutPut(LayoutSummary { name, version, seats }) => of_layout(fact, *version, "put")
                .with("name", json!(name))
                .with("seats", json!(seats))
                .with("deleted", json!(false)),
            What::LayoutRemoved { version } => of_layout(fact, *version, "removed").with("deleted", json!(true)),
        }
    }

    fn new(kind: &'static str, fact: &DomainEvent, about: &[&str], at: EpochMillis) -> Self {
        let mut name = format!("{kind}\n{}", fact.theater);
        about.iter().for_each(|part| name = format!("{name}\n{part}"));
        let detail = json!({
            "version": 1,
            "id": Uuid::new_v5(&EVENT, name.as_bytes()).to_string(),
            "type": kind,
            "theater_id": fact.theater.as_str(),
            "occurred_at": at.to_string(),
        });
        Self { kind, detail }
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

fn of_seat(kind: &'static str, fact: &DomainEvent, seat: &SeatReservation, at: EpochMillis, sequence: u64) -> Event {
    Event::new(kind, fact, &[seat.seat.as_str(), &seat.changed_at.as_millis().to_string()], at)
        .with("sequence", json!(sequence))
        .with("seats", json!([seat.seat.as_str()]))
        .with("reservation", json!(reference(seat.reservation.0)))
}

fn of_booking(kind: &'static str, fact: &DomainEvent, booked: &BookedSeats, at: EpochMillis) -> Event {
    let BookedSeats { booking: BookingId(booking), seats, reservation, booked_at, changed_at } = booked;
    let seats: Vec<_> = seats.iter().map(SeatLabel::as_str).collect();
    let event = Event::new(kind, fact, &[&booking.to_string(), &booked_at.as_millis().to_string()], at)
        .with("sequence", json!(sequence_of_write(*changed_at)))
        .with("seats", json!(seats))
        .with("booking", json!(reference(*booking)));
    match reservation {
        Some(ReservationId(reservation)) => event.with("reservation", json!(reference(*reservation))),
        None => event,
    }
}

fn of_layout(fact: &DomainEvent, version: LayoutVersion, became: &str) -> Event {
    // A layout's version is the time of its write. The time of its deletion isn't known.
    Event::new("theater.changed", fact, &[&version.to_string(), became], EpochMillis::new(version.as_u64()))
        .with("layout_version", json!(version.as_u64()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TheaterId;
    use crate::domain::time::EpochSeconds;

    fn fact(what: What) -> DomainEvent {
        DomainEvent { theater: TheaterId::parse("1").unwrap(), what }
    }

    fn seat(label: &str, at: u64) -> SeatReservation {
        SeatReservation {
            seat: SeatLabel::parse(label).unwrap(),
            reservation: ReservationId(Uuid::from_u128(7)),
            changed_at: EpochMillis::new(at),
            expires_at: EpochSeconds::new(100),
        }
    }

    fn id(what: What) -> Value {
        Event::of(&fact(what)).detail["id"].clone()
    }

    #[test]
    fn equal_events_share_an_id_and_others_differ() {
        assert_eq!(id(What::Expired(seat("A1", 5))), id(What::Expired(seat("A1", 5))));
        let ids = [
            id(What::Expired(seat("A1", 5))),
            id(What::Expired(seat("A1", 6))),
            id(What::Expired(seat("A2", 5))),
            id(What::Reserved { seat: seat("A1", 5), extended: false }),
            id(What::Released { seat: seat("A1", 5), at: EpochMillis::new(9) }),
            id(What::LayoutPut(LayoutSummary { name: "x".into(), version: LayoutVersion::new(5), seats: 1 })),
            id(What::LayoutRemoved { version: LayoutVersion::new(5) }),
        ];
        for (n, one) in ids.iter().enumerate() {
            assert!(!ids[..n].contains(one), "{n}");
        }
    }

    #[test]
    fn events_never_reveal_secret_ids() {
        let booked = BookedSeats {
            booking: BookingId(Uuid::from_u128(8)),
            seats: vec![SeatLabel::parse("A1").unwrap()],
            reservation: Some(ReservationId(Uuid::from_u128(7))),
            booked_at: EpochMillis::new(5),
            changed_at: EpochMillis::new(5),
        };
        for what in [
            What::Reserved { seat: seat("A1", 5), extended: true },
            What::Booked(booked.clone()),
            What::Cancelled { booked, at: EpochMillis::new(6) },
        ] {
            let text = Event::of(&fact(what)).detail.to_string();
            assert!(
                !text.contains(&Uuid::from_u128(7).to_string()) && !text.contains(&Uuid::from_u128(8).to_string()),
                "{text}"
            );
            assert!(text.contains(&reference(Uuid::from_u128(7))), "{text}");
        }
    }
}
