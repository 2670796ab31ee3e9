//! Names and ids. They are created only by parsing, so they are always valid inside the program.

use std::fmt;

use uuid::Uuid;

/// An input value with the wrong format, and the expected format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct InvalidId {
    /// Expected format as a phrase: "1 to 64 of A-Z a-z 0-9 . _ : -".
    pub expected: &'static str,
}

/// Declares an id that an operator chooses: 1 to 64 of `A-Z a-z 0-9 . _ : -`, but not `.` or `..`, which have a special
/// meaning in a URL's path.
macro_rules! name_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Format of the id, for messages.
            pub const EXPECTED: &'static str = "1 to 64 of A-Z a-z 0-9 . _ : -, and not . or ..";

            /// Parses the id.
            ///
            /// # Errors
            ///
            /// Returns the expected format if the text isn't such an id.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:-".contains(&c);
                if (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !is_dots(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { expected: Self::EXPECTED })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id! {
    /// Id of a theater.
    TheaterId
}
name_id! {
    /// Id of a show: one performance in a theater.
    ShowId
}

/// Label of a seat, unique within its theater: 1 to 36 of `A-Z a-z 0-9 . _ -`, but not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct SeatLabel(String);

impl SeatLabel {
    /// Maximum number of characters: the length of a UUID.
    pub const MAX: usize = 36;
    /// Format of a seat label, for messages.
    pub const EXPECTED: &'static str = "a seat label of 1 to 36 of A-Z a-z 0-9 . _ -";

    /// Parses a seat label.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't a seat label.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed) && !is_dots(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { expected: Self::EXPECTED })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for SeatLabel {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SeatLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns `true` if a text is a dot segment of a URL's path (RFC 3986, 5.2.4). Clients resolve dot segments before
/// they send a URL, so such an id would never arrive.
fn is_dots(text: &str) -> bool {
    text == "." || text == ".."
}

/// Format of ids that callers choose. The nil UUID is rejected, because clients send it when they forget to create an
/// id.
const EXPECTED_UUID: &str = "a UUID (not nil)";

/// Returns `true` if an id has version 8, so the server generated it, at random or from an `Idempotency-Key`.
///
/// Callers can't choose such an id for a booking or a reservation. So a caller can't occupy the id that belongs to
/// another caller's key.
pub(crate) fn is_server_generated(id: Uuid) -> bool {
    id.get_version_num() == 8
}

/// Parses a UUID in any of its usual notations.
pub(crate) fn parse_uuid(text: &str) -> Result<Uuid, InvalidId> {
    match Uuid::try_parse(text) {
        Ok(uuid) if !uuid.is_nil() => Ok(uuid),
        _ => Err(InvalidId { expected: EXPECTED_UUID }),
    }
}

/// Id of a reservation, and the right to book its seats for everyone who knows it. `Debug` hides it from logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationId(Uuid);

impl ReservationId {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Parses a UUID in any of its usual notations.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't a UUID or is the nil UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        parse_uuid(text).map(Self)
    }
}

impl fmt::Debug for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReservationId(secret)")
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Id of a booking, unique within its theater. A repeated request is recognized by this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BookingId(Uuid);

impl BookingId {
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Parses a UUID in any of its usual notations.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't a UUID or is the nil UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        parse_uuid(text).map(Self)
    }
}

impl fmt::Display for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Declares an id that the server makes. It is a UUID, and can't be mistaken for another id.
macro_rules! server_made_id {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// Parses a UUID in any of its usual notations.
            ///
            /// # Errors
            ///
            /// Returns the expected format if the text isn't a UUID or is the nil UUID.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                parse_uuid(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

server_made_id! {
    /// Token of one request. A request recognizes its own writes by it.
    RequestToken
}
server_made_id! {
    /// Id of an extension of a reservation. A repeated request has the same id.
    ExtensionId
}
server_made_id! {
    /// Id of a request for best available seats. A repeated request has the same id.
    WishId
}
server_made_id! {
    /// Id by which a booked seat names its booking. Bookings of different owners have different values, even under the
    /// same booking id.
    OwnedBookingId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theater_id_has_1_to_64_of_the_allowed_characters() {
        for good in ["1", "grand-hall", "a.b_c:d-e", "...", ".a", &"x".repeat(64)] {
            assert_eq!(TheaterId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", &"x".repeat(65), "a b", "a/b", "a#b", "é", "a{b}", "a\n", ".", ".."] {
            assert!(TheaterId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_seat_label_has_1_to_36_of_the_allowed_characters() {
        for good in ["A1", "S-A-12", "VIP_B-1.1", "0188c0de-0000-7000-8000-00000000b001", &"x".repeat(36)] {
            assert_eq!(SeatLabel::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", &"x".repeat(37), "A 1", "A:1", "A/1", "\u{202e}A1", "A1\0", ".", ".."] {
            assert!(SeatLabel::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_are_uuids_but_never_nil() {
        let text = "0188c0de-0000-7000-8000-00000000b001";
        assert_eq!(BookingId::parse(text).unwrap().to_string(), text);
        assert_eq!(BookingId::parse(&text.to_uppercase()), BookingId::parse(text));
        for bad in ["", "1", "00000000-0000-0000-0000-000000000000", "zz88c0de-0000-7000-8000-00000000b001"] {
            assert!(ReservationId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_output_hides_reservation_ids() {
        let id = ReservationId::parse("0188c0de-0000-7000-8000-00000000b001").unwrap();
        assert_eq!(format!("{id:?}"), "ReservationId(secret)");
    }
}
