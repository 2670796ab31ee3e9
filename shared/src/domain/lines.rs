//! Lines of reservations and bookings: each seat with its place, and with the price that was fixed for it.
//!
//! A reservation fixes the ticket type and the price of its seats. Prices that change later don't change a line.

mod codec;
mod totals;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::details::default_number;
use super::ids::SeatLabel;
use super::inventory::Inventory;
use super::layout::Layout;
use super::prices::{Currency, TicketType};
use super::seat_index::SeatIndex;

pub use totals::{Expect, Totals};

/// Ticket type and price of a seat that is reserved or booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FixedPrice {
    pub ticket_type: TicketType,
    /// Minor units of the currency.
    pub price: u64,
}

/// One seat of a reservation or booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub seat: SeatLabel,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// `None` for a seat without a category.
    #[serde(flatten)]
    pub fixed_price: Option<FixedPrice>,
}

/// The lines of a reservation or booking, in the order of its seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    lines: Vec<Line>,
    currency: Currency,
}

impl Line {
    /// Creates the line of a seat of a layout. A section or row without a name is left out.
    pub fn of(layout: &Layout, seat_index: SeatIndex, fixed_price: Option<FixedPrice>) -> Self {
        let (plan, seat) = (layout.plan(), &layout.seats()[seat_index.as_usize()]);
        let place = &plan.places()[seat_index.as_usize()];
        let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let details = layout.details().seats.get(&seat_index);
        let number = details.and_then(|details| details.number.as_deref());
        Self {
            seat: seat.clone(),
            section: named(&plan.sections()[usize::from(plan.section_of(place))]),
            row: named(&plan.rows()[usize::from(place.row)].name),
            number: Some(number.unwrap_or_else(|| default_number(seat.as_str())).to_owned()),
            category: place.category.map(|index| plan.categories()[usize::from(index)].name.clone()),
            fixed_price,
        }
    }

    /// Creates the line of a seat that the layout doesn't have any more.
    pub fn without_place(seat: SeatLabel, fixed_price: Option<FixedPrice>) -> Self {
        Self { seat, section: None, row: None, number: None, category: None, fixed_price }
    }

    /// Returns the price in minor units, if the seat has one.
    pub fn price(&self) -> Option<u64> {
        self.fixed_price.as_ref().map(|fixed| fixed.price)
    }
}

impl Lines {
    pub fn new(lines: Vec<Line>, currency: Currency) -> Self {
        Self { lines, currency }
    }

    /// Creates the lines of seats of an inventory. Returns `None` if it is sold without money. A seat that the layout
    /// doesn't have has a line without its place.
    pub fn of<'a>(
        inventory: &Inventory,
        seats: impl IntoIterator<Item = (&'a SeatLabel, Option<&'a FixedPrice>)>,
    ) -> Option<Self> {
        let currency = inventory.prices.as_ref()?.currency();
        let line =
            |(seat, fixed_price): (&SeatLabel, Option<&FixedPrice>)| match inventory.layout.seat_index(seat.as_str()) {
                Some(seat_index) => Line::of(&inventory.layout, seat_index, fixed_price.cloned()),
                None => Line::without_place(seat.clone(), fixed_price.cloned()),
            };
        Some(Self { lines: seats.into_iter().map(line).collect(), currency })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Returns the sum of all prices in minor units.
    ///
    /// It can't overflow, because prices and numbers of seats are limited.
    pub fn total(&self) -> u64 {
        self.lines.iter().filter_map(Line::price).sum()
    }

    /// Returns what a caller can compare with its own cart.
    pub fn totals(&self) -> Totals {
        Totals { seats: self.lines.len(), total: Some(self.total()), currency: Some(self.currency) }
    }
}

/// Writes `lines`, `total` and `currency`. An answer flattens them into itself.
impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Lines", 3)?;
        members.serialize_field("lines", &self.lines)?;
        members.serialize_field("total", &self.total())?;
        members.serialize_field("currency", &self.currency)?;
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::prices::fixtures::hall;

    pub(super) fn fixed(ticket_type: &str, price: u64) -> Option<FixedPrice> {
        Some(FixedPrice { ticket_type: TicketType::parse(ticket_type).unwrap(), price })
    }

    /// Makes the lines of all seats of the hall.
    pub(super) fn lines() -> Lines {
        let layout = hall();
        let line = |index, fixed_price| Line::of(&layout, SeatIndex::new(index), fixed_price);
        let lines = vec![line(0, fixed("child", 4_500)), line(1, fixed("standard", 3_000)), line(2, None)];
        Lines::new(lines, Currency::parse("EUR").unwrap())
    }

    #[test]
    fn lines_have_place_and_price_and_leave_out_the_absent() {
        let expected = json!({ "lines": [
            { "seat": "A1", "section": "Stalls", "row": "A", "number": "1a", "category": "premium",
                "ticket_type": "child", "price": 4_500 },
            { "seat": "A2", "section": "Stalls", "row": "A", "number": "2", "category": "cheap",
                "ticket_type": "standard", "price": 3_000 },
            { "seat": "B1", "number": "1" }], "total": 7_500, "currency": "EUR" });
        assert_eq!(serde_json::to_value(lines()).unwrap(), expected);
        let bare = Line::without_place(SeatLabel::parse("Z9").unwrap(), fixed("standard", 5));
        let expected = json!({ "seat": "Z9", "ticket_type": "standard", "price": 5 });
        assert_eq!(serde_json::to_value(bare).unwrap(), expected);
    }

    #[test]
    fn an_answer_flattens_lines_into_itself() {
        #[derive(Serialize)]
        struct Answer {
            booked: bool,
            #[serde(flatten)]
            lines: Option<Lines>,
        }
        let without = serde_json::to_string(&Answer { booked: true, lines: None }).unwrap();
        assert_eq!(without, r#"{"booked":true}"#);
        let with = serde_json::to_value(Answer { booked: true, lines: Some(lines()) }).unwrap();
        assert_eq!((&with["booked"], &with["total"], &with["currency"]), (&json!(true), &json!(7_500), &json!("EUR")));
        assert_eq!(with["lines"].as_array().map(Vec::len), Some(3));
    }
}
