//! Reader of prices that a show overrides.

use std::collections::BTreeMap;

use crate::domain::prices::{MAX_PRICE, MAX_TICKET_TYPES, PriceOverrides, TicketPrices, TicketType};
use crate::domain::seating_plan::{MAX_CATEGORIES, MAX_PART_NAME};
use crate::domain::text::{is_valid_text, normalize};
use crate::json::Node;

const MINOR_UNITS: &str = "minor units";

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

    fn overrides(prices: &str) -> Result<String, Vec<String>> {
        let text = format!(r#"{{"prices":{prices}}}"#);
        let read = faults_of(&text, |node| node.object(&["prices"], |body| body.required("prices", price_overrides)));
        read.map(|overrides| overrides.to_json())
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
