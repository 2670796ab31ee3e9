//! Prices of the model. The price list of a call without an answer is known only from later answers.

use super::money::TicketType;
use super::seats::LABELS;

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
