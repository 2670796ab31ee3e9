//! Names and ids that can only be made by parsing, so that inside the program they can't be wrong.

use std::fmt;

use uuid::Uuid;

/// A value from outside that isn't what it has to be; says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct InvalidName {
    /// The expected value, as a phrase: "1 to 64 of A-Z a-z 0-9 . _ : -".
    pub expected: &'static str,
}

/// A theater's id: 1 to 64 of `A-Z a-z 0-9 . _ : -`, but not `.` or `..`, which mean something else in a URL's path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TheaterId(String);

impl TheaterId {
    /// What a theater id looks like.
    pub const EXPECTED: &'static str = "1 to 64 of A-Z a-z 0-9 . _ : -, and not . or ..";

    /// Reads a theater id.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._:-".contains(&c);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !is_dots(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName { expected: Self::EXPECTED })
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TheaterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A seat's label within its theater: 1 to 36 of `A-Z a-z 0-9 . _ -`, but not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatLabel(String);

impl SeatLabel {
    /// Characters that a label may have at most: as many as a UUID has.
    pub const MAX: usize = 36;
    /// What a seat label looks like.
    pub const EXPECTED: &'static str = "a seat label of 1 to 36 of A-Z a-z 0-9 . _ -";

    /// Reads a seat label.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed) && !is_dots(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName { expected: Self::EXPECTED })
        }
    }

    /// The label as text.
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

/// Returns `true` if a text is a step in a URL's path (RFC 3986, 5.2.4): clients resolve it, so it never gets here as it was sent.
fn is_dots(text: &str) -> bool {
    text == "." || text == ".."
}

/// What a caller's id looks like. Nil is refused: it is what a client sends that forgot to make one.
const EXPECTED_UUID: &str = "a UUID (not nil)";

/// Returns whether an id has version 8: the server made it, at random or from an `Idempotency-Key`.
///
/// A caller can't make a booking or a reservation under such an id of their own. So no caller can occupy the id that
/// the key of another would lead to.
pub(crate) fn is_made_here(id: Uuid) -> bool {
    id.get_version_num() == 8
}

/// Reads a UUID in any of its usual notations.
pub(crate) fn parse_uuid(text: &str) -> Result<Uuid, InvalidName> {
    match Uuid::try_parse(text) {
        Ok(uuid) if !uuid.is_nil() => Ok(uuid),
        _ => Err(InvalidName { expected: EXPECTED_UUID }),
    }
}

/// Names a reservation, and is the right to book its seats: whoever knows it may. `Debug` keeps it out of logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReservationId(pub Uuid);

impl ReservationId {
    /// Reads a UUID in any of its usual notations.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
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

/// Names a booking within its theater; the key under which a repeated request is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BookingId(pub Uuid);

impl BookingId {
    /// Reads a UUID in any of its usual notations.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        parse_uuid(text).map(Self)
    }
}

impl fmt::Display for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
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
    fn a_reservation_id_is_not_shown_by_debug() {
        let id = ReservationId::parse("0188c0de-0000-7000-8000-00000000b001").unwrap();
        assert_eq!(format!("{id:?}"), "ReservationId(secret)");
    }
}
