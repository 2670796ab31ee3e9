//! The stored form of a layout's categories.

use std::collections::BTreeMap;

use crate::domain::ids::InvalidId;
use crate::domain::prices::{Currency, TicketPrices, TicketType};
use crate::domain::seating_plan::Category;

/// Returns name, price and currency of a category. The price is that of `standard`, or else the lowest, because version
/// 0.1.0 reads one price of each category.
pub(super) fn stored_category(category: &Category) -> (String, u64, String) {
    let price = category.prices.standard().unwrap_or_else(|| category.prices.lowest());
    (category.name.clone(), price, category.currency.to_string())
}

/// Returns all prices of a category that has other ticket types than `standard`.
pub(super) fn other_prices(category: &Category) -> Option<BTreeMap<String, u64>> {
    let prices = || category.prices.iter().map(|(ticket_type, price)| (ticket_type.to_string(), price)).collect();
    category.prices.has_other_types().then(prices)
}

/// Reads a category. `prices` are all its prices, if it has other ticket types than `standard`.
pub(super) fn read_category(
    (name, price, currency): (String, u64, String),
    prices: Option<BTreeMap<String, u64>>,
) -> Result<Category, String> {
    let typed = |(name, price): (String, u64)| Ok::<_, InvalidId>((TicketType::parse(&name)?, price));
    let prices = prices.map(|prices| prices.into_iter().map(typed).collect::<Result<_, _>>());
    let prices = match prices.transpose().map_err(|error| error.to_string())? {
        Some(prices) => TicketPrices::new(prices),
        None => TicketPrices::of_standard(price),
    };
    let currency = Currency::parse(&currency).map_err(|error| error.to_string())?;
    Ok(Category { name, prices: prices.map_err(|error| error.to_string())?, currency })
}
