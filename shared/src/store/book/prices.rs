//! The prices at which a request books its seats.
//!
//! A seat that is reserved under the own reservation is booked at the price that was fixed then, and its item is the
//! authority. The first attempt takes the listed price, and its condition requires that price. If the seat has another
//! one, the rejection returns the item, and the next attempt takes the stored price.

use super::types::{BookRequest, Source};
use crate::domain::ids::SeatLabel;
use crate::domain::lines::FixedPrice;
use crate::domain::offers::ListedPrice;
use crate::store::write::seat_write::PricedFrom;

/// The price of a seat, as the next attempt takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BelievedPrice {
    /// The listed price. The seat is available, or reserved at the same price.
    Listed(Option<FixedPrice>),
    /// The price at which the seat is reserved under the own reservation, by its item or by the record.
    Reserved(Option<FixedPrice>),
    /// No price is known, because the seat isn't sold as the requested ticket type. It may be reserved as that type.
    Unknown,
}

impl BelievedPrice {
    pub(super) fn listed(listed: &ListedPrice) -> Self {
        match listed {
            ListedPrice::None => Self::Listed(None),
            ListedPrice::Price(price) => Self::Listed(Some(price.clone())),
            ListedPrice::UnknownType => Self::Unknown,
        }
    }

    pub(super) fn fixed_price(&self) -> Option<&FixedPrice> {
        match self {
            Self::Listed(price) | Self::Reserved(price) => price.as_ref(),
            Self::Unknown => None,
        }
    }

    pub(super) fn source(&self) -> PricedFrom {
        match self {
            Self::Listed(_) => PricedFrom::Anywhere,
            Self::Reserved(_) | Self::Unknown => PricedFrom::OwnReservation,
        }
    }
}

/// Returns the prices of the first attempt: those of the record for a whole reservation, and the listed ones for seats
/// that the request names.
pub(super) fn of(request: &BookRequest<'_>, source: Source<'_>) -> Vec<BelievedPrice> {
    match (source, request.offers) {
        (Source::Whole(whole), _) => {
            let reserved = &whole.found.record.seats;
            let price = |label: &SeatLabel| reserved.iter().find(|seat| seat.seat == *label)?.fixed_price.clone();
            let has_prices = request.known.prices.is_some() || reserved.iter().any(|seat| seat.fixed_price.is_some());
            let prices = request.seats.labels().map(|label| BelievedPrice::Reserved(price(label)));
            if has_prices { prices.collect() } else { Vec::new() }
        }
        (Source::Named(_), Some(offers)) => {
            offers.seats.iter().map(|offer| BelievedPrice::listed(&offer.listed)).collect()
        }
        (Source::Named(_), None) => Vec::new(),
    }
}
