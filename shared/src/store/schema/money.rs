//! Attributes about money: the price of a reserved seat, and the lines and the reference of a booking.

use super::{Item, attribute, n, number, s, text, unreadable};
use crate::domain::ids::SeatLabel;
use crate::domain::lines::{FixedPrice, Lines};
use crate::domain::prices::{Currency, MAX_PRICE, TicketType};
use crate::domain::seat_request::Reference;
use crate::store::StoreError;

/// Reads the price and the ticket type that a reservation has fixed for a seat. A type that isn't stored is `standard`.
pub(in crate::store) fn read_fixed_price(item: &Item) -> Result<Option<FixedPrice>, StoreError> {
    let stored_type = item.contains_key(attribute::TICKET_TYPE);
    if !item.contains_key(attribute::PRICE) {
        let without_price = || Err(unreadable(item, attribute::TICKET_TYPE, "a ticket type without a price"));
        return if stored_type { without_price() } else { Ok(None) };
    }
    let price = number(item, attribute::PRICE)?;
    if price > MAX_PRICE {
        return Err(unreadable(item, attribute::PRICE, "too large"));
    }
    let ticket_type = match stored_type {
        true => TicketType::parse(text(item, attribute::TICKET_TYPE)?)
            .map_err(|_| unreadable(item, attribute::TICKET_TYPE, "not a ticket type"))?,
        false => TicketType::standard(),
    };
    Ok(Some(FixedPrice { ticket_type, price }))
}

/// Reads the lines of a booking of these seats. Returns `None` if it was made without prices.
pub(in crate::store) fn read_lines(item: &Item, seats: &[SeatLabel]) -> Result<Option<Lines>, StoreError> {
    if !item.contains_key(attribute::LINES) {
        return Ok(None);
    }
    let currency = Currency::parse(text(item, attribute::CURRENCY)?)
        .map_err(|_| unreadable(item, attribute::CURRENCY, "not a currency"))?;
    let lines = Lines::decode(seats, currency, text(item, attribute::LINES)?);
    lines.map(Some).map_err(|why| unreadable(item, attribute::LINES, &why))
}

/// Reads the reference of a booking, if it has one.
pub(in crate::store) fn read_reference(item: &Item) -> Result<Option<Reference>, StoreError> {
    if !item.contains_key(attribute::REFERENCE) {
        return Ok(None);
    }
    let reference = Reference::parse(text(item, attribute::REFERENCE)?);
    reference.map(Some).map_err(|_| unreadable(item, attribute::REFERENCE, "not a reference"))
}

/// Puts lines into the item of a booking. Their seats are stored beside them.
pub(in crate::store) fn put_lines(item: &mut Item, lines: &Lines) {
    item.insert(attribute::LINES.to_owned(), s(lines.encode()));
    item.insert(attribute::CURRENCY.to_owned(), s(lines.currency().as_str()));
}

/// Returns the attributes of a price, each with its value.
pub(in crate::store) fn price_values(
    fixed: &FixedPrice,
) -> impl Iterator<Item = (&'static str, &'static str, aws_sdk_dynamodb::types::AttributeValue)> {
    let ticket_type = (!fixed.ticket_type.is_standard())
        .then(|| (attribute::TICKET_TYPE, ":ticket_type", s(fixed.ticket_type.as_str())));
    std::iter::once((attribute::PRICE, ":price", n(fixed.price))).chain(ticket_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::{n, s};
    use aws_sdk_dynamodb::types::AttributeValue;

    fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_price_is_read_with_its_ticket_type() {
        let fixed = |item: &Item| read_fixed_price(item).unwrap().map(|of| (of.ticket_type.to_string(), of.price));
        assert_eq!(fixed(&item([])), None);
        assert_eq!(fixed(&item([("price", n(0))])), Some(("standard".to_owned(), 0)));
        let child = item([("price", n(MAX_PRICE)), ("ticket_type", s("child"))]);
        assert_eq!(fixed(&child), Some(("child".to_owned(), MAX_PRICE)));
    }

    #[test]
    fn unreadable_prices_name_the_attribute() {
        let seats = [SeatLabel::parse("A1").unwrap()];
        for (named, wrong) in [
            ("price", item([("price", n(MAX_PRICE + 1))])),
            ("price", item([("price", s("5"))])),
            ("ticket_type", item([("price", n(5)), ("ticket_type", s("Child"))])),
            ("ticket_type", item([("ticket_type", s("child"))])),
            ("currency", item([("lines", s("[[]]"))])),
            ("currency", item([("lines", s("[[]]")), ("currency", s("euro"))])),
            ("lines", item([("lines", s("[[],[]]")), ("currency", s("EUR"))])),
            ("lines", item([("lines", n(5)), ("currency", s("EUR"))])),
            ("reference", item([("reference", s(" "))])),
        ] {
            let failed =
                [read_fixed_price(&wrong).err(), read_lines(&wrong, &seats).err(), read_reference(&wrong).err()];
            let errors: Vec<_> = failed.into_iter().flatten().map(|error| error.to_string()).collect();
            assert!(matches!(&errors[..], [error] if error.contains(&format!("attribute {named}: "))), "{errors:?}");
        }
    }

    #[test]
    fn lines_and_reference_of_a_booking_are_optional() {
        let seats = [SeatLabel::parse("A1").unwrap()];
        assert_eq!(read_lines(&item([]), &seats).unwrap(), None);
        assert_eq!(read_reference(&item([])).unwrap(), None);
        let priced = item([("lines", s(r#"[["Stalls"]]"#)), ("currency", s("EUR")), ("reference", s("order-4711"))]);
        assert_eq!(read_lines(&priced, &seats).unwrap().map(|lines| lines.total()), Some(0));
        assert_eq!(read_reference(&priced).unwrap().unwrap().as_str(), "order-4711");
    }
}
