//! Prices that a show sets in place of its layout's.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{TicketPrices, TicketType};
use crate::domain::ids::InvalidId;
use crate::domain::seating_plan::{MAX_CATEGORIES, MAX_PART_NAME};
use crate::domain::text;

/// Prices by the name of a category, in place of those of a layout. A category or a ticket type without an entry keeps
/// the layout's price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PriceOverrides(BTreeMap<String, TicketPrices>);

/// Reason why overrides are invalid by themselves or don't fit a layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: expected {expected}", self.field())]
pub struct InvalidOverride {
    /// Name of the category. `None` if the overrides as a whole are invalid.
    pub category: Option<String>,
    /// Expected value.
    pub expected: String,
}

impl InvalidOverride {
    pub(super) fn of(category: &str, expected: impl fmt::Display) -> Self {
        Self { category: Some(category.to_owned()), expected: expected.to_string() }
    }

    /// Returns the path of the wrong field, such as `prices.premium`.
    pub fn field(&self) -> String {
        self.category.as_ref().map_or_else(|| "prices".to_owned(), |category| format!("prices.{category}"))
    }
}

impl PriceOverrides {
    /// Creates overrides.
    ///
    /// # Errors
    ///
    /// Returns an error if there are too many categories, or if a name can't be that of a category.
    pub fn new(prices: BTreeMap<String, TicketPrices>) -> Result<Self, InvalidOverride> {
        if prices.len() > MAX_CATEGORIES {
            let expected = format!("prices of at most {MAX_CATEGORIES} categories, got {}", prices.len());
            return Err(InvalidOverride { category: None, expected });
        }
        match prices.keys().find(|name| !text::is_visible(name, 1..=MAX_PART_NAME)) {
            Some(name) => Err(InvalidOverride::of(name, "the name of a category")),
            None => Ok(Self(prices)),
        }
    }

    /// Returns `true` if no price is overridden.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the categories by name, with the prices to set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TicketPrices)> {
        self.0.iter().map(|(name, prices)| (name.as_str(), prices))
    }

    /// Returns the overrides as compact JSON, for storage.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names and numbers can be written as JSON")
    }

    /// Reads what [`PriceOverrides::to_json`] has written.
    ///
    /// # Errors
    ///
    /// Returns the reason if the text isn't valid.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let stored: BTreeMap<String, BTreeMap<String, u64>> =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        let category = |(name, prices): (String, BTreeMap<String, u64>)| {
            let prices = prices.into_iter().map(|(name, price)| Ok((TicketType::parse(&name)?, price)));
            let prices = prices.collect::<Result<_, _>>().map_err(|error: InvalidId| error.to_string())?;
            Ok::<_, String>((name, TicketPrices::new(prices).map_err(|error| error.to_string())?))
        };
        let prices = stored.into_iter().map(category).collect::<Result<_, _>>()?;
        Self::new(prices).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::prices;
    use super::*;

    #[test]
    fn stored_overrides_are_read_back() {
        let all = [
            ("premium".to_owned(), prices([("standard", 9_000), ("child", 1)])),
            ("Läden".to_owned(), prices([("x", 0)])),
        ];
        let overrides = PriceOverrides::new(all.into()).unwrap();
        assert_eq!(overrides.to_json(), r#"{"Läden":{"x":0},"premium":{"child":1,"standard":9000}}"#);
        assert_eq!(PriceOverrides::from_json(&overrides.to_json()), Ok(overrides));
        assert!(PriceOverrides::from_json("{}").unwrap().is_empty());
    }

    #[test]
    fn invalid_stored_overrides_are_refused() {
        for bad in ["", "[]", r#"{"a":{}}"#, r#"{"a":{"B":1}}"#, r#"{"a":{"b":-1}}"#, r#"{" a":{"b":1}}"#] {
            assert!(PriceOverrides::from_json(bad).is_err(), "{bad}");
        }
        let too_high = PriceOverrides::from_json(r#"{"a":{"b":1000000001}}"#).unwrap_err();
        assert!(too_high.contains("minor units for b"), "{too_high}");
    }

    #[test]
    fn number_of_overridden_categories_is_bounded() {
        let many =
            |count: usize| PriceOverrides::new((0..count).map(|n| (n.to_string(), prices([("a", 1)]))).collect());
        assert!(many(MAX_CATEGORIES).is_ok());
        let error = many(MAX_CATEGORIES + 1).unwrap_err();
        assert_eq!(error.to_string(), "prices: expected prices of at most 100 categories, got 101");
    }
}
