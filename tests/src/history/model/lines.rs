//! Lines of answers, compared with the prices of the model.

use super::Theater;
use crate::history::money::{Lines, Price};
use crate::history::price::{ListOfPrice, SeatPrice, SeatPrices};
use crate::history::seats::LABELS;

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
