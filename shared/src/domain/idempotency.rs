//! Idempotency keys. A caller's key makes a request repeatable: the id to write is derived from the key.

use std::borrow::Cow;

use uuid::{Builder, Uuid, uuid};

use super::caller::Caller;
use super::ids::{BookingId, InvalidId, ReservationId};
use super::ids::{ExtensionId, WishId};
use super::inventory::InventoryId;
use super::seat_request::SeatRequest;

/// Namespaces of the name-based UUIDs, generated once at random. A changed namespace invalidates all earlier keys.
const BOOKING: Uuid = uuid!("6f1f4a52-7c0e-4a53-9d53-0c39fb1d2b6e");
const RESERVATION: Uuid = uuid!("a7a2d5c5-95b7-4d21-8a57-6d4b1b7f3c90");
const EXTENSION: Uuid = uuid!("e4f6a2d1-0c5b-4b6a-9a6e-2f1d7c8b9a40");
const WISH: Uuid = uuid!("5d2c1f7e-8b3a-4e0d-b6c4-91f0a7e3d528");

/// The value of an `Idempotency-Key` header: 16 to 255 visible ASCII characters, with or without quotes.
///
/// The draft standard (draft-ietf-httpapi-idempotency-key-header) requires quotes, and most clients send none. Both
/// forms are the same key.
///
/// Short keys are rejected, because callers who aren't signed in share one key space. A key holds no quotes, and a
/// key without quotes holds no commas. API Gateway joins two headers with a comma, so a comma could mean two
/// different keys.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::caller::Caller;
/// use boxoffice::domain::idempotency::{IdempotencyKey, booking_id};
/// use boxoffice::domain::inventory::InventoryId;
///
/// let theater = InventoryId::parse("opera")?;
/// let bare = IdempotencyKey::parse("order-0000000042")?;
/// let quoted = IdempotencyKey::parse("\"order-0000000042\"")?;
/// assert_eq!(bare, quoted);
///
/// // A repeated request gets the same id. Another caller gets another id for the same key.
/// let (ann, bob) = (Caller::Subject("ann".to_owned()), Caller::Subject("bob".to_owned()));
/// assert_eq!(booking_id(&theater, &ann, &bare), booking_id(&theater, &ann, &quoted));
/// assert_ne!(booking_id(&theater, &ann, &bare), booking_id(&theater, &bob, &bare));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Format of a key, for messages.
    pub const EXPECTED: &'static str =
        "16 to 255 visible ASCII characters, in quotes, or without quotes and commas, in one header";

    /// Parses the value of the header.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the value isn't a key.
    pub fn parse(value: &str) -> Result<Self, InvalidId> {
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let key = quoted.unwrap_or(value);
        let may = |c: u8| c.is_ascii_graphic() && c != b'"' && (c != b',' || quoted.is_some());
        if (16..=255).contains(&key.len()) && key.bytes().all(may) {
            Ok(Self(key.to_owned()))
        } else {
            Err(InvalidId { expected: Self::EXPECTED })
        }
    }
}

/// Returns the id of the booking for a key, a caller and an inventory.
///
/// The seats aren't part of it. A request with the same key and other seats must be recognized and rejected.
pub fn booking_id(inventory: &InventoryId, caller: &Caller, key: &IdempotencyKey) -> BookingId {
    let inventory = inventory.to_string();
    BookingId::new(name_based_uuid(&BOOKING, start(&inventory, caller, key)))
}

/// Returns the id of the reservation for a key, a caller, an inventory and a set of seats with their ticket types. The
/// order of the seats doesn't matter.
///
/// A seat that is sold as `standard` is the label alone, as in releases without ticket types. A label has no blank, so
/// no seat with another ticket type looks like that.
pub fn reservation_id<'a>(
    inventory: &InventoryId,
    caller: &Caller,
    key: &IdempotencyKey,
    seats: impl IntoIterator<Item = &'a SeatRequest>,
) -> ReservationId {
    let part = |request: &'a SeatRequest| match &request.ticket_type {
        Some(ticket_type) if !ticket_type.is_standard() => Cow::Owned(format!("{} {ticket_type}", request.seat)),
        _ => Cow::Borrowed(request.seat.as_str()),
    };
    let mut seats: Vec<_> = seats.into_iter().map(part).collect();
    seats.sort_unstable();
    let inventory = inventory.to_string();
    let start = start(&inventory, caller, key);
    ReservationId::new(name_based_uuid(&RESERVATION, start.chain(seats.iter().map(|seat| seat.as_bytes()))))
}

/// Returns the id of an extension of a reservation, for a key and a caller.
pub fn extension_id(
    inventory: &InventoryId,
    caller: &Caller,
    key: &IdempotencyKey,
    reservation: ReservationId,
) -> ExtensionId {
    let reservation = reservation.as_uuid();
    let inventory = inventory.to_string();
    let parts = start(&inventory, caller, key).chain([reservation.as_bytes().as_slice()]);
    ExtensionId::new(name_based_uuid(&EXTENSION, parts))
}

/// Returns the id of a seat preference (a number of best available seats) for a key and a caller.
///
/// The preference itself isn't part of it. A request with the same key and another preference must be recognized and
/// rejected.
pub fn wish_id(inventory: &InventoryId, caller: &Caller, key: &IdempotencyKey) -> WishId {
    let inventory = inventory.to_string();
    WishId::new(name_based_uuid(&WISH, start(&inventory, caller, key)))
}

/// Returns the parts that every id begins with: the inventory, the caller and the key.
fn start<'a>(inventory: &'a str, caller: &'a Caller, key: &'a IdempotencyKey) -> impl Iterator<Item = &'a [u8]> {
    [inventory.as_bytes()].into_iter().chain(caller.parts()).chain([key.0.as_bytes()])
}

/// Builds a UUID of version 8 from length-prefixed parts, so that different lists of parts give different UUIDs.
///
/// The other digits are those of a name-based UUID (version 5). Version 8 keeps the ids apart from all ids that
/// callers can choose.
fn name_based_uuid<'a>(namespace: &Uuid, parts: impl IntoIterator<Item = &'a [u8]>) -> Uuid {
    let mut name = Vec::with_capacity(256);
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part);
    }
    Builder::from_custom_bytes(Uuid::new_v5(namespace, &name).into_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::caller::{Buyer, Owner, Staff};
    use crate::domain::ids::SeatLabel;
    use crate::domain::prices::TicketType;

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).unwrap()
    }

    fn inventory(text: &str) -> InventoryId {
        InventoryId::parse(text).unwrap()
    }

    fn seats(labels: &[&str]) -> Vec<SeatRequest> {
        labels.iter().map(|label| SeatRequest::of(SeatLabel::parse(label).unwrap())).collect()
    }

    #[test]
    fn quoted_and_bare_are_the_same_key() {
        assert_eq!(key("\"0123456789abcdef\""), key("0123456789abcdef"));
    }

    #[test]
    fn two_joined_headers_are_rejected() {
        for joined in ["0123456789abcdef,fedcba9876543210", "\"0123456789abcdef\",\"fedcba9876543210\""] {
            assert!(IdempotencyKey::parse(joined).is_err(), "{joined}");
        }
        assert!(IdempotencyKey::parse("\"0123456789abcdef,fedcba9876543210\"").is_ok());
    }

    #[test]
    fn a_key_has_16_to_255_visible_ascii_characters() {
        for bad in ["", "short", &"x".repeat(15), &"x".repeat(256), "0123456789 abcdef", "0123456789abcdé", "\"\""] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
        assert!(IdempotencyKey::parse(&"x".repeat(255)).is_ok());
    }

    #[test]
    fn a_booking_id_depends_on_theater_caller_and_key() {
        let base = booking_id(&inventory("1"), &Caller::Anonymous, &key("0123456789abcdef"));
        assert_eq!(base, booking_id(&inventory("1"), &Caller::Anonymous, &key("0123456789abcdef")));
        assert_ne!(base, booking_id(&inventory("2"), &Caller::Anonymous, &key("0123456789abcdef")));
        assert_ne!(base, booking_id(&inventory("1"), &Caller::Subject("s".into()), &key("0123456789abcdef")));
        assert_ne!(base, booking_id(&inventory("1"), &Caller::Anonymous, &key("0123456789abcdeg")));
    }

    #[test]
    fn ids_from_different_subjects_never_collide() {
        let id =
            |subject: &str| booking_id(&inventory("1"), &Caller::Subject(subject.to_owned()), &key("0123456789abcdef"));
        assert_ne!(id("a"), id("b"));
        assert_eq!(id("a"), id("a"));
    }

    #[test]
    fn a_reservation_id_depends_on_theater_caller_and_key() {
        let id = |place: &str, caller: &str, text: &str| {
            reservation_id(&inventory(place), &Caller::Subject(caller.to_owned()), &key(text), &seats(&["A1"]))
        };
        let base = id("1", "a", "0123456789abcdef");
        assert_eq!(base, id("1", "a", "0123456789abcdef"));
        assert_ne!(base, id("2", "a", "0123456789abcdef"));
        assert_ne!(base, id("1", "b", "0123456789abcdef"));
        assert_ne!(base, id("1", "a", "0123456789abcdeg"));
    }

    #[test]
    fn a_subject_called_anonymous_is_not_the_anonymous_caller() {
        let id = |caller| booking_id(&inventory("1"), &caller, &key("0123456789abcdef"));
        assert_ne!(id(Caller::Anonymous), id(Caller::Subject("anonymous".into())));
        assert_ne!(id(Caller::Anonymous), id(Caller::Subject(String::new())));
    }

    #[test]
    fn key_of_staff_is_their_own_for_each_buyer() {
        let ann = Owner(Uuid::from_u128(1));
        let staff = |subject: &str, acts_for| Caller::Staff(Staff { subject: subject.to_owned(), acts_for });
        let callers = [
            Caller::Anonymous,
            Caller::Subject("kim".to_owned()),
            Caller::Subject("anonymous".to_owned()),
            staff("kim", Some(Buyer::Anonymous)),
            staff("kim", Some(Buyer::Owner(ann))),
            staff("kim", Some(Buyer::Owner(Owner(Uuid::from_u128(2))))),
            staff("lee", Some(Buyer::Owner(ann))),
        ];
        let key = key("0123456789abcdef");
        let ids = callers.each_ref().map(|caller| booking_id(&inventory("1"), caller, &key));
        let extensions = callers.each_ref().map(|caller| {
            extension_id(&inventory("1"), caller, &key, ReservationId::new(Uuid::from_u128(9))).to_string()
        });
        for (place, other) in (0..callers.len()).flat_map(|place| (0..place).map(move |other| (place, other))) {
            assert_ne!(ids[place], ids[other], "{:?} {:?}", callers[place], callers[other]);
            assert_ne!(extensions[place], extensions[other], "{:?} {:?}", callers[place], callers[other]);
        }
        assert_eq!(booking_id(&inventory("1"), &staff("kim", None), &key), ids[1], "a scope changes no key");
    }

    #[test]
    fn reservation_id_ignores_order_of_seats() {
        let id = |labels: &[&str]| {
            reservation_id(&inventory("1"), &Caller::Anonymous, &key("0123456789abcdef"), &seats(labels))
        };
        assert_eq!(id(&["A1", "A2"]), id(&["A2", "A1"]));
        assert_ne!(id(&["A1", "A2"]), id(&["A1"]));
        assert_ne!(id(&["A1", "A2"]), id(&["A1A2"]));
    }

    /// The value is that of releases without ticket types.
    #[test]
    fn reservation_id_of_standard_seats_stays() {
        let id = |seats: &[SeatRequest]| {
            reservation_id(&inventory("1"), &Caller::Anonymous, &key("0123456789abcdef"), seats).to_string()
        };
        let of_type = |name: &str| SeatRequest {
            ticket_type: Some(TicketType::parse(name).unwrap()),
            ..seats(&["A1"]).remove(0)
        };
        assert_eq!(id(&seats(&["A1"])), "4d019130-c33c-8e2e-b353-85f5030c7ab1");
        assert_eq!(id(&[of_type("standard")]), id(&seats(&["A1"])));
        assert_ne!(id(&[of_type("child")]), id(&seats(&["A1"])));
        assert_ne!(id(&[of_type("child")]), id(&[of_type("student")]));
    }
}
