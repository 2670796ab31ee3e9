//! Prices of a history, and the lines of its answers.
//!
//! Each list of prices has its own amounts, so that a price names the list that it comes from.

use serde_json::Value;

use super::seats::{LABELS, Seats};

/// The price of list 0 for each ticket type. Each later list is one more.
const STANDARD: u64 = 1_000;
const CHILD: u64 = 500;
/// The currency of all lists.
pub const CURRENCY: &str = "EUR";

/// The ticket types of each list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketType {
    Standard,
    Child,
}

/// The price of a seat for a ticket type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    pub ticket_type: TicketType,
    /// The number of the price list.
    pub list: u8,
}

/// The price of each seat in an answer, by the seat's index. It has none if seats are sold without money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lines([Option<Price>; LABELS.len()]);

impl TicketType {
    const BOTH: [Self; 2] = [Self::Standard, Self::Child];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Child => "child",
        }
    }
}

impl Price {
    /// Returns the price in minor units of the currency.
    pub fn minor_units(self) -> u64 {
        let base = match self.ticket_type {
            TicketType::Standard => STANDARD,
            TicketType::Child => CHILD,
        };
        base + u64::from(self.list)
    }

    /// Reads the price of a line. Returns `None` if no list has it.
    fn read(line: &Value) -> Option<Self> {
        let ticket_type = TicketType::BOTH.into_iter().find(|known| line["ticket_type"] == known.as_str())?;
        let base = Self { ticket_type, list: 0 }.minor_units();
        let list = u8::try_from(line["price"].as_u64()?.checked_sub(base)?).ok()?;
        Some(Self { ticket_type, list })
    }
}

impl Lines {
    /// Returns the lines with the price of one more seat.
    #[must_use]
    pub fn with(mut self, position: usize, price: Option<Price>) -> Self {
        self.0[position] = price;
        self
    }

    pub fn price(&self, position: usize) -> Option<Price> {
        self.0[position]
    }

    /// Reads the lines of an answer. Returns `None` unless they follow the answer's `seats`, all of them have a price,
    /// and their sum is the total. An answer without money has neither lines nor total nor currency.
    pub fn read(answer: &Value) -> Option<Self> {
        let Some(lines) = answer["lines"].as_array() else {
            let absent = ["lines", "total", "currency"].iter().all(|member| answer[*member].is_null());
            return absent.then(Self::default);
        };
        let labels = lines.iter().map(|line| line["seat"].as_str());
        let same_seats = labels.eq(answer["seats"].as_array()?.iter().map(Value::as_str));
        let (mut read, mut total) = (Self::default(), 0);
        for line in lines {
            let (seat, price) = (Seats::read([line["seat"].as_str()?])?, Price::read(line)?);
            total += price.minor_units();
            read = read.with(seat.positions().next()?, Some(price));
        }
        (same_seats && answer["total"] == total && answer["currency"] == CURRENCY).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer() -> Value {
        json!({ "seats": ["A1", "A3"], "total": 1_505, "currency": "EUR", "lines": [
            { "seat": "A1", "ticket_type": "standard", "price": 1_002 },
            { "seat": "A3", "ticket_type": "child", "price": 503 }] })
    }

    #[test]
    fn lines_name_the_list_of_each_price() {
        let price = |ticket_type, list| Some(Price { ticket_type, list });
        let lines = Lines::default().with(0, price(TicketType::Standard, 2)).with(2, price(TicketType::Child, 3));
        assert_eq!(Lines::read(&answer()), Some(lines));
        assert_eq!(Lines::read(&json!({ "seats": ["A1"] })), Some(Lines::default()));
    }

    #[test]
    fn lines_that_contradict_the_answer_are_not_read() {
        for (member, wrong) in [
            ("/total", json!(1_506)),
            ("/currency", json!("USD")),
            ("/seats", json!(["A1"])),
            ("/seats", json!(["A3", "A1"])),
            ("/lines/0/price", json!(1_001)),
            ("/lines/0/ticket_type", json!("senior")),
            ("/lines", Value::Null),
        ] {
            let mut answer = answer();
            *answer.pointer_mut(member).unwrap() = wrong.clone();
            assert_eq!(Lines::read(&answer), None, "{member}: {wrong}");
        }
    }
}
