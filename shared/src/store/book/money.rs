//! The lines and totals of a booking in progress, and the prices that a rejection teaches.

use super::BookOperation;
use super::prices::BelievedPrice;
use super::types::OtherBooking;
use crate::domain::ids::SeatLabel;
use crate::domain::lines::{Expect, Line, Lines, Totals};
use crate::domain::offers::ListedPrice;
use crate::store::write::rejection::{SeatClaim, SeatFinding, SeatFindings};

impl BookOperation<'_> {
    /// Returns the lines of the booking that the next attempt makes. `None` if seats are sold without money.
    pub(super) fn lines(&self) -> Option<Lines> {
        let known = self.request.known;
        let currency = known.prices.as_ref()?.currency();
        let seats = self.request.seats.seats().iter().zip(&self.prices);
        let line = seats.map(|(seat, price)| Line::of(&known.layout, seat.seat_index, price.fixed_price().cloned()));
        Some(Lines::new(line.collect(), currency))
    }

    /// Returns the totals of the booking that the next attempt makes.
    pub(super) fn totals(&self) -> Totals {
        let seats = self.request.seats.seats().len();
        let Some(prices) = &self.request.known.prices else { return Totals::without_prices(seats) };
        let total = self.prices.iter().filter_map(BelievedPrice::fixed_price).map(|fixed| fixed.price).sum();
        Totals { seats, total: Some(total), currency: Some(prices.currency()) }
    }

    /// Takes the prices of seats that were found. Returns seats that are reserved as other ticket types than the request
    /// names.
    pub(super) fn learn_prices(&mut self, findings: &SeatFindings) -> Vec<usize> {
        let mut other = Vec::new();
        let Some(offers) = self.request.offers else { return other };
        for (place, found) in findings.found.iter().enumerate() {
            let seats = self.request.seats.seats();
            let Some(seat) = seats.iter().position(|seat| seat.seat_index == found.seat.seat_index) else { continue };
            let (Some(offer), Some(price)) = (offers.seats.get(seat), self.prices.get_mut(seat)) else { continue };
            match (&found.standing, found.is_own_reservation) {
                (_, true) => {
                    if !offer.allows(found.fixed_price.as_ref()) {
                        other.push(place);
                    }
                    *price = BelievedPrice::Reserved(found.fixed_price.clone());
                }
                (SeatClaim::Open, false) => *price = BelievedPrice::listed(&offer.listed),
                (SeatClaim::Ours | SeatClaim::OwnBooking | SeatClaim::Taken, false) => {}
            }
        }
        other
    }

    /// Describes a booking in which these seats would have other ticket types than the request names.
    pub(super) fn booking_of_other_types(&self, findings: &SeatFindings, other: &[usize]) -> OtherBooking {
        let found = other.iter().filter_map(|place| findings.found.get(*place));
        let expected = self.request.expect.copied().unwrap_or_else(|| self.asked_totals());
        OtherBooking { seats: found.map(SeatFinding::other_ticket_type).collect(), expected, actual: self.totals() }
    }

    /// Returns the totals of what the request names, by the listed prices. The total is absent if one isn't known.
    fn asked_totals(&self) -> Expect {
        let Totals { seats, currency, .. } = self.totals();
        let offers = self.request.offers.map(|offers| offers.seats.as_slice()).unwrap_or_default();
        let price = |listed: &ListedPrice| match listed {
            ListedPrice::None => Some(0),
            ListedPrice::UnknownType => None,
            ListedPrice::Price(fixed) => Some(fixed.price),
        };
        let total = offers.iter().map(|offer| price(&offer.listed)).sum();
        Expect { seats: Some(seats), total, currency }
    }

    /// Returns the seats whose price is unknown although they were found.
    pub(super) fn seats_of_unknown_types(&self, findings: &SeatFindings) -> Vec<SeatLabel> {
        let was_found = |label: &SeatLabel| findings.found.iter().any(|found| found.seat.label == *label);
        let seats = self.request.seats.labels().zip(&self.prices);
        let unknown = seats.filter(|(label, price)| **price == BelievedPrice::Unknown && was_found(label));
        unknown.map(|(label, _)| label.clone()).collect()
    }
}
