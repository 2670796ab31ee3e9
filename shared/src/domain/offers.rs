//! Offers: the ticket type and the price at which each seat of a request is to be sold.

use super::inventory::Inventory;
use super::lines::FixedPrice;
use super::prices::{Currency, PriceList, SeatPrice, TicketType};
use super::seat_index::SeatIndex;
use super::seat_request::SeatRequest;
use super::selection::Selection;

/// The offer of one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The ticket type that the request names. Without one a reserved seat keeps its type, and a new one is `standard`.
    pub named: Option<TicketType>,
    pub listed: ListedPrice,
}

/// The price of a seat by the prices that the instance knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedPrice {
    /// The seat has no category.
    None,
    /// The seat's category isn't sold as that ticket type.
    UnknownType,
    Price(FixedPrice),
}

/// The offers for a selection of an inventory that is sold for money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    pub currency: Currency,
    /// In the order of the selection.
    pub seats: Vec<Offer>,
}

/// A seat that isn't sold as the ticket type of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTicketType {
    pub seat: SeatRequest,
    /// The ticket types that it is sold as.
    pub known: Vec<TicketType>,
}

impl Offer {
    fn of(list: &PriceList, inventory: &Inventory, seat: SeatIndex, named: Option<TicketType>) -> Self {
        let ticket_type = named.clone().unwrap_or_default();
        let listed = match list.price_of(&inventory.layout, seat, &ticket_type) {
            SeatPrice::Price(price) => ListedPrice::Price(FixedPrice { ticket_type, price }),
            SeatPrice::NoCategory if ticket_type.is_standard() => ListedPrice::None,
            SeatPrice::NoCategory | SeatPrice::UnknownType(_) => ListedPrice::UnknownType,
        };
        Self { named, listed }
    }

    /// Returns `true` unless the request names another ticket type than the one that was fixed. A seat without a price
    /// counts as `standard`.
    pub fn allows(&self, fixed: Option<&FixedPrice>) -> bool {
        is_allowed(self.named.as_ref(), fixed)
    }

    /// Returns the listed price. `None` for a seat without a category, and for an unknown ticket type.
    pub fn price(&self) -> Option<&FixedPrice> {
        match &self.listed {
            ListedPrice::Price(price) => Some(price),
            ListedPrice::None | ListedPrice::UnknownType => None,
        }
    }
}

/// Returns `true` unless a request names another ticket type than the one that was fixed.
pub fn is_allowed(named: Option<&TicketType>, fixed: Option<&FixedPrice>) -> bool {
    named.is_none_or(|named| fixed.map_or(named.is_standard(), |fixed| fixed.ticket_type == *named))
}

impl Offers {
    /// Returns the offers for the seats of a request. Returns `None` if the inventory is sold without money.
    pub fn of(requests: &[SeatRequest], selection: &Selection, inventory: &Inventory) -> Option<Self> {
        let list = inventory.prices.as_ref()?;
        let offer = |seat: &super::selection::SelectedSeat| {
            let request = requests.iter().find(|request| request.seat == seat.label);
            let named = request.and_then(|request| request.ticket_type.clone());
            Offer::of(list, inventory, seat.seat_index, named)
        };
        Some(Self { currency: list.currency(), seats: selection.seats().iter().map(offer).collect() })
    }
}

/// Returns the seats of a request that aren't sold as the requested ticket type. Seats without prices are sold as
/// `standard` only.
pub fn unknown_ticket_types(requests: &[SeatRequest], inventory: &Inventory) -> Vec<UnknownTicketType> {
    let unknown = |request: &SeatRequest| {
        let ticket_type = request.ticket_type.as_ref();
        let is_standard = ticket_type.is_none_or(TicketType::is_standard);
        let Some(list) = &inventory.prices else {
            return (!is_standard).then(|| UnknownTicketType { seat: request.clone(), known: Vec::new() });
        };
        let seat = inventory.layout.seat_index(request.seat.as_str())?;
        let known = match list.price_of(&inventory.layout, seat, ticket_type.unwrap_or(&TicketType::standard())) {
            SeatPrice::Price(_) => return None,
            SeatPrice::NoCategory if is_standard => return None,
            SeatPrice::NoCategory => Vec::new(),
            SeatPrice::UnknownType(prices) => prices.types().cloned().collect(),
        };
        Some(UnknownTicketType { seat: request.clone(), known })
    };
    requests.iter().filter_map(unknown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SeatLabel;
    use crate::domain::layout::Layout;
    use crate::domain::prices::fixtures::hall;

    fn request(seat: &str, ticket_type: Option<&str>) -> SeatRequest {
        let ticket_type = ticket_type.map(|name| TicketType::parse(name).unwrap());
        SeatRequest { seat: SeatLabel::parse(seat).unwrap(), ticket_type }
    }

    fn price(ticket_type: &str, price: u64) -> FixedPrice {
        FixedPrice { ticket_type: TicketType::parse(ticket_type).unwrap(), price }
    }

    #[test]
    fn offers_are_in_the_order_of_the_selection() {
        let inventory = Inventory::of_theater(hall());
        let requests = [request("B1", None), request("A2", Some("child")), request("A1", Some("child"))];
        let selection = Selection::of(requests.iter().map(|request| &request.seat), &inventory.layout).unwrap();
        let offers = Offers::of(&requests, &selection, &inventory).unwrap();
        let listed: Vec<_> = offers.seats.iter().map(|offer| offer.listed.clone()).collect();
        assert_eq!(
            listed,
            [ListedPrice::Price(price("child", 4_500)), ListedPrice::UnknownType, ListedPrice::None],
            "A1, A2, B1"
        );
    }

    #[test]
    fn unknown_types_are_named_with_the_known_ones() {
        let inventory = Inventory::of_theater(hall());
        let fine = [request("A1", None), request("A1", Some("child")), request("B1", Some("standard"))];
        assert_eq!(unknown_ticket_types(&fine, &inventory), []);
        let wrong = [request("A2", Some("child")), request("B1", Some("child"))];
        let unknown = unknown_ticket_types(&wrong, &inventory);
        let known: Vec<_> = unknown.iter().map(|unknown| unknown.known.clone()).collect();
        assert_eq!(known, [vec![TicketType::standard()], vec![]]);
    }

    #[test]
    fn seats_without_money_are_sold_as_standard_only() {
        let seats = vec![SeatLabel::parse("A1").unwrap()];
        let plain = Layout::new(hall().theater, "Hall".to_owned(), hall().version, seats).unwrap();
        let inventory = Inventory::of_theater(plain);
        assert_eq!(unknown_ticket_types(&[request("A1", None), request("A1", Some("standard"))], &inventory), []);
        assert_eq!(unknown_ticket_types(&[request("A1", Some("child"))], &inventory).len(), 1);
        let selection = Selection::of(&[SeatLabel::parse("A1").unwrap()], &inventory.layout).unwrap();
        assert_eq!(Offers::of(&[request("A1", None)], &selection, &inventory), None);
    }

    #[test]
    fn only_a_named_type_can_differ_from_the_fixed_one() {
        let child = price("child", 1);
        let named = |name: Option<&str>| name.map(|name| TicketType::parse(name).unwrap());
        for (asked, fixed, expected) in [
            (None, Some(&child), true),
            (None, None, true),
            (Some("child"), Some(&child), true),
            (Some("standard"), Some(&child), false),
            (Some("standard"), None, true),
            (Some("child"), None, false),
        ] {
            assert_eq!(is_allowed(named(asked).as_ref(), fixed), expected, "{asked:?} {fixed:?}");
        }
    }
}
