//! Seats and references as requests name them.

use super::ids::{InvalidId, SeatLabel};
use super::prices::TicketType;
use super::text;

/// A seat that a request names, with the ticket type that it is to be sold as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatRequest {
    pub seat: SeatLabel,
    /// `None` means `standard` for a new seat, and the reserved type for a reserved one.
    pub ticket_type: Option<TicketType>,
}

impl SeatRequest {
    /// Creates the request of a seat without a ticket type.
    pub fn of(seat: SeatLabel) -> Self {
        Self { seat, ticket_type: None }
    }
}

/// The caller's own reference of a booking, such as the number of an order: 1 to 128 visible characters.
///
/// It is an id of another system. So it is stored as it is, and not composed as names are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference(String);

impl Reference {
    /// Format of a reference, for messages.
    pub const EXPECTED: &'static str = "a text of 1 to 128 visible characters, without blanks around it";
    /// Maximum number of characters.
    pub const MAX: usize = 128;

    /// Parses a reference.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't a reference.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        if text::is_visible(text, 1..=Self::MAX) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { expected: Self::EXPECTED })
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_1_to_128_visible_characters() {
        for good in ["4711", "Bestellung № 7/座", "Cafe\u{301}", &"é".repeat(128)] {
            assert_eq!(Reference::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", " a", "a\n", "a\u{202e}b", "a\u{200b}b", "a\0b", &"x".repeat(129)] {
            assert!(Reference::parse(bad).is_err(), "{bad:?}");
        }
    }
}
