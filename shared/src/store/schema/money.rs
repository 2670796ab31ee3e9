//! Attributes about money: the price of a reserved seat, and the lines and the reference of a booking.

use super::{Item, attribute, n, number, s, text, unreadable};
use crate::domain::ids::SeatLabel;
use crate::domain::lines::{FixedPrice, Lines};
use crate::domain::prices::{Currency, MAX_PRICE, TicketType};
use crate::domain::seat_request::Reference;
use crate::store::StoreError;

/// Reads the price and the ticket type of a reserved seat. The ticket type is stored only if it isn't `standard`.
pub(super) fn read_fixed_price(item: &Item) -> Result<Option<FixedPrice>, StoreError> {
    if !item.contains_key(attribute::PRICE) {
        return Ok(None);
    }
    let price = number(item, attribute::PRICE)?;
    if price > MAX_PRICE {
        return Err(unreadable(item, attribute::PRICE, "too large"));
    }
    let ticket_type = match item.get(attribute::TICKET_TYPE) {
        None => TicketType::standard(),
        Some(_) => TicketType::parse(text(item, attribute::TICKET_TYPE)?)
            .map_err(|_| unreadable(item, attribute::TICKET_TYPE, "not a ticket type"))?,
    };
    Ok(Some(FixedPrice { ticket_type, price }))
}

/// Reads the lines of a booking. `None` if it was made without money.
pub(super) fn read_lines(item: &Item, seats: &[SeatLabel]) -> Result<Option<Lines>, StoreError> {
    if !item.contains_key(attribute::LINES) {
        return Ok(None);
    }
    let currency = Currency::parse(text(item, attribute::CURRENCY)?)
        .map_err(|_| unreadable(item, attribute::CURRENCY, "not a currency"))?;
    let lines = Lines::decode(seats, currency, text(item, attribute::LINES)?);
    lines.map(Some).map_err(|why| unreadable(item, attribute::LINES, &why))
}

pub(super) fn read_reference(item: &Item) -> Result<Option<Reference>, StoreError> {
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
