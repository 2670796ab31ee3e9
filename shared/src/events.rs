//! Domain events as versioned JSON. An event keeps its id however often it is published. `docs/events.md` lists all
//! events.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use crate::domain::domain_event::{BookedSeats, DomainEvent, DomainEventKind, LayoutSummary, SeatReservation};
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::sale::SaleTerms;
use crate::domain::time::EpochMillis;
use crate::domain::version::Version;

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
            DomainEventKind::Reserved { seat, fixed_price, extended } => {
                of_seat("seats.reserved", event, seat, seat.changed_at, sequence_of_write(seat.changed_at))
                    .with("expires_at", json!(seat.expires_at.to_string()))
                    .with("extended", json!(extended))
                    .with_members(fixed_price)
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
            DomainEventKind::ShowPut(show) => of_show(event, &show.theater, show.version, "put")
                .with("deleted", json!(false))
                .with("title", json!(show.title.as_str()))
                .with("starts_at", json!(show.starts_at.as_str()))
                .with("timezone", json!(show.timezone.as_str()))
                .with("local_date", json!(show.local.date.to_string()))
                .with("layout_version", json!(show.layout_version.as_u64())),
            DomainEventKind::ShowRemoved { theater, version } => {
                of_show(event, theater, *version, "removed").with("deleted", json!(true))
            }
            DomainEventKind::SaleChanged { terms, version } => of_sale(event, terms, *version),
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
        let by = event.by.map(|role| role.as_str().to_owned());
        Self { kind, detail }.with(member, json!(inventory)).with_optional([("by", by)])
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        if let Some(detail) = self.detail.as_object_mut() {
            detail.insert(name.to_owned(), value);
        }
        self
    }

    fn with_optional(self, members: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Self {
        let present = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.fold(self, |event, (name, value)| event.with(name, json!(value)))
    }

    /// Adds the members of a value that is an object as JSON.
    fn with_members(self, value: &impl Serialize) -> Self {
        match json!(value) {
            Value::Object(members) => members.into_iter().fold(self, |event, (name, value)| event.with(&name, value)),
            _ => self,
        }
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
    let BookedSeats { booking, seats, reservation, booked_at, changed_at, lines, reference: given } = booked;
    let seats: Vec<_> = seats.iter().map(SeatLabel::as_str).collect();
    let message = Event::new(kind, event, &[&booking.to_string(), &booked_at.as_millis().to_string()], at)
        .with("sequence", json!(sequence_of_write(*changed_at)))
        .with("seats", json!(seats))
        .with("booking", json!(reference(booking.as_uuid())))
        .with_members(lines);
    let optional = [
        ("reservation", reservation.map(|reservation| reference(reservation.as_uuid()))),
        ("reference", given.as_ref().map(|given| given.as_str().to_owned())),
    ];
    message.with_optional(optional)
}

fn of_layout(event: &DomainEvent, version: LayoutVersion, became: &str) -> Event {
    // A layout's version is the time of its write. The time of its deletion isn't known.
    Event::new("theater.changed", event, &[&version.to_string(), became], EpochMillis::new(version.as_u64()))
        .with("layout_version", json!(version.as_u64()))
}

fn of_show(event: &DomainEvent, theater: &TheaterId, version: Version, became: &str) -> Event {
    // A show's version is the time of its write. The time of its deletion isn't known.
    Event::new("show.changed", event, &[&version.to_string(), became], EpochMillis::new(version.as_u64()))
        .with("theater_id", json!(theater.as_str()))
        .with("show_version", json!(version.as_u64()))
}

fn of_sale(event: &DomainEvent, terms: &SaleTerms, version: Version) -> Event {
    let instants = [
        ("opens_at", terms.opens_at()),
        ("closes_at", terms.closes_at()),
        ("booking_closes_at", terms.booking_closes_at()),
    ];
    // The version is the time of the write.
    Event::new("sale.changed", event, &[&version.to_string()], EpochMillis::new(version.as_u64()))
        .with("sale_version", json!(version.as_u64()))
        .with("state", json!(terms.state().as_str()))
        .with_optional(instants.map(|(name, instant)| (name, instant.map(|instant| instant.to_string()))))
}

#[cfg(test)]
mod tests;
