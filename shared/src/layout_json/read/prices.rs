//! Readers of prices: those of a category, and those that a show overrides.

use std::collections::BTreeMap;

use crate::domain::prices::{MAX_PRICE, MAX_TICKET_TYPES, PriceOverrides, TicketPrices, TicketType};
use crate::domain::seating_plan::{MAX_CATEGORIES, MAX_PART_NAME};
use crate::domain::text::{is_valid_text, normalize};
use crate::json::{Node, Object};

const MINOR_UNITS: &str = "minor units";

/// Reads `price` and `prices` of a category. `price` is short for the price of `standard` in `prices`. At least one of
/// them is given, and both have to agree.
///
/// An empty `prices` counts as none, because generated Java clients send one for each map that isn't set.
pub(super) fn of_category(category: &Object<'_, '_, '_>) -> Option<TicketPrices> {
    let price = category.optional("price", price);
    let prices = category.optional("prices", |node| by_ticket_type(node, 0));
    if category.has("price") && price.is_none() || category.has("prices") && prices.is_none() {
        return None;
    }
    let mut prices = prices.unwrap_or_default();
    if let Some(price) = price {
        let standard = *prices.entry(TicketType::standard()).or_insert(price);
        if standard != price {
            return category.fault("price", format_args!("{standard}, the price of standard in prices"));
        }
    }
    if prices.is_empty() {
        return category.fault("price", format_args!("a whole number of minor units from 0 to {MAX_PRICE}, or prices"));
    }
    let count = prices.len();
    let invalid = || category.fault("prices", format_args!("1 to {MAX_TICKET_TYPES} ticket types, got {count}"));
    TicketPrices::new(prices).ok().or_else(invalid)
}

/// Reads prices by category and ticket type, which replace those of a layout. Doesn't check that the layout has the
/// categories.
pub fn price_overrides(node: Node<'_, '_>) -> Option<PriceOverrides> {
    let expected = format_args!("an object of prices by category, at most {MAX_CATEGORIES}");
    let mut prices = BTreeMap::new();
    node.entries(0..=MAX_CATEGORIES, expected, |name, node| {
        let of_category = by_ticket_type(node, 1);
        let Some(name) = normalize(name).filter(|name| is_valid_text(name, 1..=MAX_PART_NAME)) else {
            return node.fault("the name of a category");
        };
        let of_category = TicketPrices::new(of_category?).ok();
        match prices.insert(name, of_category.or_else(|| node.fault("prices of a category"))?) {
            None => Some(()),
            Some(_) => node.fault("each category once"),
        }
    })?;
    PriceOverrides::new(prices).ok().or_else(|| node.fault(expected))
}

/// Reads an object of prices by ticket type.
fn by_ticket_type(node: Node<'_, '_>, least: usize) -> Option<BTreeMap<TicketType, u64>> {
    let expected = format_args!("an object of {least} to {MAX_TICKET_TYPES} prices by ticket type");
    let prices = node.entries(least..=MAX_TICKET_TYPES, expected, |name, node| {
        let price = price(node);
        match TicketType::parse(name) {
            Ok(ticket_type) => Some((ticket_type, price?)),
            Err(error) => node.fault(error.expected),
        }
    });
    Some(prices?.into_iter().collect())
}

fn price(node: Node<'_, '_>) -> Option<u64> {
    node.integer_with_unit(MINOR_UNITS, 0..=MAX_PRICE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{self, Faults};

    fn faults_of<T>(text: &str, read: impl FnOnce(Node<'_, '_>) -> Option<T>) -> Result<T, Vec<String>> {
        let faults = Faults::default();
        let read = json::read(text.as_bytes(), "body", &faults, read);
        read.ok_or_else(|| faults.into_list().iter().map(ToString::to_string).collect())
    }

    fn category(text: &str) -> Result<String, Vec<String>> {
        let read = faults_of(text, |node| node.object(&["price", "prices"], of_category));
        read.map(|prices| serde_json::to_string(&prices).unwrap())
    }

    fn overrides(prices: &str) -> Result<String, Vec<String>> {
        let text = format!(r#"{{"prices":{prices}}}"#);
        let read = faults_of(&text, |node| node.object(&["prices"], |body| body.required("prices", price_overrides)));
        read.map(|overrides| overrides.to_json())
    }

    #[test]
    fn price_is_short_for_the_price_of_standard() {
        for (text, prices) in [
            (r#"{"price":5}"#, r#"{"standard":5}"#),
            (r#"{"price":5,"prices":{}}"#, r#"{"standard":5}"#),
            (r#"{"prices":{"standard":5}}"#, r#"{"standard":5}"#),
            (r#"{"price":5,"prices":{"standard":5,"child":3}}"#, r#"{"child":3,"standard":5}"#),
            (r#"{"price":5,"prices":{"child":3}}"#, r#"{"child":3,"standard":5}"#),
            (r#"{"prices":{"child":3.0}}"#, r#"{"child":3}"#),
        ] {
            assert_eq!(category(text).as_deref(), Ok(prices), "{text}");
        }
    }

    #[test]
    fn wrong_prices_are_named_by_path() {
        let many: Vec<_> = (0..20).map(|n| format!(r#""t{n}":1"#)).collect();
        let with_a_price = format!(r#"{{"price":1,"prices":{{{}}}}}"#, many.join(","));
        let one_more = format!(r#"{{"prices":{{{},"t":1}}}}"#, many.join(","));
        for (text, field, expected) in [
            ("{}", "price", "minor units from 0 to 1000000000, or prices"),
            (r#"{"prices":{}}"#, "price", "or prices"),
            (r#"{"price":4,"prices":{"standard":5}}"#, "price", "5, the price of standard"),
            (r#"{"prices":[]}"#, "prices", "an object of 0 to 20 prices"),
            (r#"{"prices":{"child":-1}}"#, "prices.child", "minor units"),
            (r#"{"prices":{"child":1000000001}}"#, "prices.child", "from 0 to 1000000000"),
            (r#"{"prices":{"Child":1}}"#, "prices.Child", "a-z 0-9 _ -"),
            (r#"{"prices":{"child":1,"child":1}}"#, "prices.child", "this field once"),
            (&with_a_price, "prices", "got 21"),
            (&one_more, "prices", "got 21"),
        ] {
            let faults = category(text).unwrap_err();
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert!(faults[0].starts_with(&format!("{field}: ")) && faults[0].contains(expected), "{text}: {faults:?}");
        }
        let faults = category(r#"{"price":-1,"prices":{"child":-1,"b":"x"}}"#).unwrap_err();
        assert_eq!(faults.len(), 3, "{faults:?}");
    }

    #[test]
    fn overrides_are_read_by_category_and_type() {
        assert_eq!(overrides("{}").as_deref(), Ok("{}"));
        let read = overrides(r#"{" Cafe\u0301":{"child":3},"b":{"standard":1}}"#);
        assert_eq!(read.as_deref(), Ok(r#"{"Café":{"child":3},"b":{"standard":1}}"#));
        for (text, field) in [
            ("[]", "prices"),
            (r#"{"a":{}}"#, "prices.a"),
            (r#"{"a":{"child":"3"}}"#, "prices.a.child"),
            (r#"{"":{"child":3}}"#, "prices."),
            (r#"{"a":{"child":3}," a":{"child":3}}"#, "prices. a"),
        ] {
            let faults = overrides(text).unwrap_err();
            assert!(faults.len() == 1 && faults[0].starts_with(&format!("{field}: ")), "{text}: {faults:?}");
        }
    }
}
