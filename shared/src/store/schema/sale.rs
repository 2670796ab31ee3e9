//! The stored form of a sale: attributes of a show's item, of its entry in the list, or of an item of its theater.

use super::keys::{key, theater_pk};
use super::{Item, attribute, n, number, read_ordinal, s, text, unreadable};
use crate::domain::ids::TheaterId;
use crate::domain::sale::{Sale, SaleState, SaleTerms, TheaterSale};
use crate::domain::time::EpochSeconds;
use crate::domain::version::Version;
use crate::store::StoreError;

/// Builds the key of a theater's sale.
pub(in crate::store) fn theater_sale_key(theater: &TheaterId) -> Item {
    key(theater_pk(theater), s("SALE"))
}

/// Builds the item of a theater's sale.
pub(in crate::store) fn write_theater_sale(theater: &TheaterId, TheaterSale { sale, version }: &TheaterSale) -> Item {
    let mut item = theater_sale_key(theater);
    insert(sale, &mut item);
    item.insert(attribute::SALE_VERSION.to_owned(), n(version.as_u64()));
    item
}

/// Reads the item of a theater's sale.
pub(in crate::store) fn read_theater_sale(item: &Item) -> Result<TheaterSale, StoreError> {
    let version = Version::new(read_ordinal(item, attribute::SALE_VERSION)?);
    Ok(TheaterSale { sale: read(item)?, version })
}

/// Adds the attributes of a sale to an item.
pub(super) fn insert(sale: &Sale, item: &mut Item) {
    let Sale { terms, .. } = sale;
    item.insert(attribute::SALE_STATE.to_owned(), s(terms.state().as_str()));
    for (name, instant) in [
        (attribute::OPENS_AT, terms.opens_at()),
        (attribute::CLOSES_AT, terms.closes_at()),
        (attribute::BOOKING_CLOSES_AT, terms.booking_closes_at()),
        (attribute::FIRST_OPENS_AT, Some(sale.first_opens_at())),
    ] {
        if let Some(instant) = instant {
            item.insert(name.to_owned(), n(instant.as_secs()));
        }
    }
}

/// Reads the attributes that [`insert`] wrote.
pub(super) fn read(item: &Item) -> Result<Sale, StoreError> {
    let state = SaleState::parse(text(item, attribute::SALE_STATE)?);
    let state = state.ok_or_else(|| unreadable(item, attribute::SALE_STATE, "not a state of a sale"))?;
    let [opens_at, closes_at, booking_closes_at] =
        [attribute::OPENS_AT, attribute::CLOSES_AT, attribute::BOOKING_CLOSES_AT].map(|name| optional(item, name));
    let terms = SaleTerms::new(state, opens_at?, closes_at?, booking_closes_at?);
    // The fields of terms have the names of their attributes.
    let terms = terms.map_err(|wrong| unreadable(item, wrong.field, wrong.expected))?;
    Ok(Sale::stored(terms, instant(item, attribute::FIRST_OPENS_AT)?))
}

fn optional(item: &Item, name: &str) -> Result<Option<EpochSeconds>, StoreError> {
    item.contains_key(name).then(|| instant(item, name)).transpose()
}

/// Reads an instant that can be formatted as a date.
fn instant(item: &Item, name: &str) -> Result<EpochSeconds, StoreError> {
    let instant = EpochSeconds::new(number(item, name)?);
    if instant <= EpochSeconds::LAST { Ok(instant) } else { Err(unreadable(item, name, "too large")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::EpochMillis;
    use aws_sdk_dynamodb::types::AttributeValue;

    fn at(second: u64) -> Option<EpochSeconds> {
        Some(EpochSeconds::new(second))
    }

    #[test]
    fn every_sale_is_read_back() {
        let theater = TheaterId::parse("opera").unwrap();
        for (state, opens, closes, booking) in [
            (SaleState::Open, None, None, None),
            (SaleState::Open, at(100), at(200), at(300)),
            (SaleState::Paused, at(0), None, None),
            (SaleState::Closed, None, None, Some(EpochSeconds::LAST)),
        ] {
            let terms = SaleTerms::new(state, opens, closes, booking).unwrap();
            for sale in [Sale::first(terms), Sale::default().replaced_by(terms, EpochMillis::new(50_000)).unwrap()] {
                let stored = TheaterSale { sale, version: Version::new(7) };
                assert_eq!(read_theater_sale(&write_theater_sale(&theater, &stored)).unwrap(), stored);
            }
        }
    }

    #[test]
    fn absent_or_contradictory_attributes_are_errors() {
        let terms = SaleTerms::new(SaleState::Open, at(100), at(200), at(300)).unwrap();
        let stored = TheaterSale { sale: Sale::first(terms), version: Version::new(7) };
        let good = write_theater_sale(&TheaterId::parse("opera").unwrap(), &stored);
        for name in ["sale_state", "first_opens_at", "sale_version"] {
            let mut item = good.clone();
            item.remove(name);
            assert!(read_theater_sale(&item).unwrap_err().to_string().contains(name), "{name}");
        }
        for (name, value) in [
            ("sale_state", s("opened")),
            ("opens_at", s("100")),
            ("closes_at", n(100)),
            ("booking_closes_at", n(199)),
            ("booking_closes_at", n(EpochSeconds::LAST.as_secs() + 1)),
            ("first_opens_at", AttributeValue::Null(true)),
            ("sale_version", n(1 << 48)),
        ] {
            let mut item = good.clone();
            item.insert(name.to_owned(), value);
            let error = read_theater_sale(&item).unwrap_err().to_string();
            assert!(error.contains(&format!("attribute {name}")) && error.contains("SALE"), "{error}");
        }
    }
}
