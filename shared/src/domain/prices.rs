//! Prices: what a ticket of each type costs in each category of a layout.
//!
//! A category has a price for each [`TicketType`] that it is sold as ([`TicketPrices`]). A [`PriceList`] has the prices
//! of all categories of one inventory. All its prices have one [`Currency`].

#[cfg(test)]
pub(super) mod fixtures;
mod overrides;
mod price_list;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

pub use overrides::{InvalidOverride, PriceOverrides};
pub use price_list::{PriceList, SeatPrice};

use super::ids::InvalidId;

/// Highest price, in minor units of its currency.
pub const MAX_PRICE: u64 = 1_000_000_000;
/// Maximum number of ticket types of one category.
pub const MAX_TICKET_TYPES: usize = 20;

/// Type of a ticket, such as `standard` or `child`: 1 to 36 of `a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketType(Cow<'static, str>);

/// Currency code of ISO 4217: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Prices of one category by ticket type, in minor units (cents) of its currency: at least one, and at most
/// [`MAX_TICKET_TYPES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TicketPrices(BTreeMap<TicketType, u64>);

/// Reason why prices aren't valid [`TicketPrices`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrices {
    #[error("expected prices of 1 to {MAX_TICKET_TYPES} ticket types, got {0}")]
    Count(usize),
    #[error("expected a price from 0 to {MAX_PRICE} minor units for {0}")]
    TooHigh(TicketType),
}

impl TicketType {
    /// Format of a ticket type, for messages.
    pub const EXPECTED: &'static str = "a ticket type of 1 to 36 of a-z 0-9 _ -";
    /// Maximum number of characters.
    pub const MAX: usize = 36;
    const STANDARD: &'static str = "standard";

    /// Returns the type of a seat that is sold without naming a type.
    pub const fn standard() -> Self {
        Self(Cow::Borrowed(Self::STANDARD))
    }

    /// Returns `true` for [`TicketType::standard`].
    pub fn is_standard(&self) -> bool {
        self.0 == Self::STANDARD
    }

    /// Parses a ticket type.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't a ticket type.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c);
        match text {
            Self::STANDARD => Ok(Self::standard()),
            _ if (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed) => {
                Ok(Self(Cow::Owned(text.to_owned())))
            }
            _ => Err(InvalidId { expected: Self::EXPECTED }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TicketType {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Display for TicketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TicketType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Currency {
    /// Format of a currency, for messages.
    pub const EXPECTED: &'static str = "a currency of ISO 4217, such as EUR";

    /// Parses a currency. Doesn't check that ISO 4217 lists it.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't three capital letters.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text.as_bytes().try_into() {
            Ok(letters) if text.bytes().all(|c| c.is_ascii_uppercase()) => Ok(Self(letters)),
            _ => Err(InvalidId { expected: Self::EXPECTED }),
        }
    }

    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("a currency has ASCII letters only")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TicketPrices {
    /// Creates the prices of a category.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no price, if there are too many, or if one is too high.
    pub fn new(prices: BTreeMap<TicketType, u64>) -> Result<Self, InvalidPrices> {
        if !(1..=MAX_TICKET_TYPES).contains(&prices.len()) {
            return Err(InvalidPrices::Count(prices.len()));
        }
        match prices.iter().find(|(_, price)| **price > MAX_PRICE) {
            Some((ticket_type, _)) => Err(InvalidPrices::TooHigh(ticket_type.clone())),
            None => Ok(Self(prices)),
        }
    }

    /// Creates the prices of a category that is sold as `standard` only.
    ///
    /// # Errors
    ///
    /// Returns an error if the price is too high.
    pub fn of_standard(price: u64) -> Result<Self, InvalidPrices> {
        Self::new([(TicketType::standard(), price)].into())
    }

    /// Returns the price of a type, if the category is sold as that type.
    pub fn get(&self, ticket_type: &TicketType) -> Option<u64> {
        self.0.get(ticket_type).copied()
    }

    /// Returns the price of `standard`, if the category is sold as that.
    pub fn standard(&self) -> Option<u64> {
        self.get(&TicketType::standard())
    }

    /// Returns the lowest price.
    pub fn lowest(&self) -> u64 {
        self.0.values().copied().min().expect("a category has a price")
    }

    /// Returns `true` if the category is sold as another type than `standard`.
    pub fn has_other_types(&self) -> bool {
        self.0.keys().any(|ticket_type| !ticket_type.is_standard())
    }

    /// Returns the types in the order of their names.
    pub fn types(&self) -> impl Iterator<Item = &TicketType> {
        self.0.keys()
    }

    /// Returns the types and prices in the order of the types' names.
    pub fn iter(&self) -> impl Iterator<Item = (&TicketType, u64)> {
        self.0.iter().map(|(ticket_type, price)| (ticket_type, *price))
    }

    /// Returns these prices with those of `other` put over them. A type that only `other` has is added.
    ///
    /// # Errors
    ///
    /// Returns an error if the result has too many types.
    pub fn with(&self, other: &Self) -> Result<Self, InvalidPrices> {
        let mut prices = self.0.clone();
        prices.extend(other.0.clone());
        Self::new(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::prices;
    use super::*;

    #[test]
    fn a_ticket_type_has_1_to_36_of_the_allowed_characters() {
        for good in ["standard", "child", "under_26", "2-for-1", &"x".repeat(36)] {
            assert_eq!(TicketType::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", &"x".repeat(37), "Child", "a b", "é", "a.b", "a\n"] {
            assert!(TicketType::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_type_named_standard_is_standard() {
        assert_eq!(TicketType::parse("standard").unwrap(), TicketType::standard());
        assert!(TicketType::standard().is_standard() && TicketType::default().is_standard());
        assert!(!TicketType::parse("standard-2").unwrap().is_standard());
    }

    #[test]
    fn a_currency_has_three_capital_letters() {
        assert_eq!(Currency::parse("EUR").unwrap().to_string(), "EUR");
        for bad in ["", "EU", "EURO", "Eur", "E1R", "É", "€"] {
            assert!(Currency::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn prices_are_bounded_in_number_and_height() {
        let many = |count: usize| (0..count).map(|n| (TicketType::parse(&format!("t{n}")).unwrap(), 1)).collect();
        assert!(TicketPrices::new(many(20)).is_ok());
        for count in [0, 21] {
            assert_eq!(TicketPrices::new(many(count)), Err(InvalidPrices::Count(count)));
        }
        assert_eq!(TicketPrices::of_standard(MAX_PRICE).unwrap().standard(), Some(MAX_PRICE));
        assert_eq!(TicketPrices::of_standard(MAX_PRICE + 1), Err(InvalidPrices::TooHigh(TicketType::standard())));
    }

    #[test]
    fn other_prices_replace_and_add_types() {
        let (base, over) = (prices([("standard", 10), ("child", 5)]), prices([("child", 4), ("student", 7)]));
        assert_eq!(base.with(&over).unwrap(), prices([("child", 4), ("standard", 10), ("student", 7)]));
        assert_eq!((base.lowest(), base.has_other_types()), (5, true));
        assert!(!TicketPrices::of_standard(1).unwrap().has_other_types());
    }
}
