//! Prices of the model. The price list of a call without an answer is known only from later answers.

use super::Theater;
use crate::history::money::{Lines, Price, TicketType};
use crate::history::seats::LABELS;

/// The price at which a seat is reserved or booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeatPrice {
    pub ticket_type: TicketType,
    pub list: ListOfPrice,
}

/// The price list of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListOfPrice {
    Known(u8),
    /// One of these lists, with one bit for each. The call's answer is unknown, and all its prices have the same list.
    OfCall {
        index: usize,
        lists: u32,
    },
}

/// The price of each seat of a reservation or booking, by the seat's index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SeatPrices([Option<SeatPrice>; LABELS.len()]);

impl SeatPrices {
    pub(super) fn with(mut self, position: usize, price: Option<SeatPrice>) -> Self {
        self.0[position] = price;
        self
    }

    pub(super) fn price(&self, position: usize) -> Option<SeatPrice> {
        self.0[position]
    }
}

impl Theater {
    /// Returns the theater after an answer with these lines for seats that have these prices. `None` if the answer isn't
    /// possible. The answer can show the price list of an earlier call whose own answer is unknown.
    pub(super) fn with_lines(mut self, prices: &SeatPrices, lines: &Lines) -> Option<Self> {
        for position in 0..LABELS.len() {
            match (prices.price(position), lines.price(position)) {
                (None, None) => {}
                (Some(price), Some(line)) if self.learn_list(price, line) => {}
                _ => return None,
            }
        }
        Some(self)
    }

    /// Returns `false` if the price can't be the one in the answer.
    fn learn_list(&mut self, price: SeatPrice, line: Price) -> bool {
        let is_list = match price.list {
            ListOfPrice::Known(list) => list == line.list,
            ListOfPrice::OfCall { index, lists } => {
                let may_be = line.list < 32 && lists & (1 << line.list) != 0;
                may_be && *self.lists.entry(index).or_insert(line.list) == line.list
            }
        };
        is_list && price.ticket_type == line.ticket_type
    }
}
