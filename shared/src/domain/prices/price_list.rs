//! The prices of one inventory.

use super::{Currency, InvalidOverride, PriceOverrides, TicketPrices, TicketType};
use crate::domain::layout::Layout;
use crate::domain::seat_index::SeatIndex;

/// The currency of an inventory, and the prices of each category of its layout.
///
/// It belongs to the layout that it was made from. Its methods must get that layout.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::ids::{SeatLabel, TheaterId};
/// use boxoffice::domain::layout::Layout;
/// use boxoffice::domain::layout_version::LayoutVersion;
/// use boxoffice::domain::prices::PriceList;
///
/// let seats = vec![SeatLabel::parse("A1")?];
/// let list_of_seats = Layout::new(TheaterId::parse("1")?, "Theater".to_owned(), LayoutVersion::new(1), seats)?;
/// assert_eq!(PriceList::of(&list_of_seats), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    currency: Currency,
    /// By the index of the category.
    categories: Vec<TicketPrices>,
}

/// The price of a seat for a ticket type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatPrice<'a> {
    /// The seat has no category, and so no price for any type.
    NoCategory,
    /// The seat's category isn't sold as that type. Holds the prices of the types that it is sold as.
    UnknownType(&'a TicketPrices),
    /// Minor units of the currency.
    Price(u64),
}

impl PriceList {
    /// Returns the prices of a layout. Returns `None` if the layout has no category, because then its seats are sold
    /// without money.
    ///
    /// The same holds for a layout of an earlier release whose categories have several currencies. No total could be
    /// given for its seats.
    pub fn of(layout: &Layout) -> Option<Self> {
        let categories = layout.plan().categories();
        let currency = categories.first()?.currency;
        let same = categories.iter().all(|category| category.currency == currency);
        let prices = || categories.iter().map(|category| category.prices.clone()).collect();
        same.then(|| Self { currency, categories: prices() })
    }

    /// Returns the prices of a layout with overrides put over them.
    ///
    /// # Errors
    ///
    /// Returns the first override whose category doesn't exist, or which has too many ticket types together with the
    /// layout's.
    pub fn with_overrides(layout: &Layout, overrides: &PriceOverrides) -> Result<Option<Self>, InvalidOverride> {
        let Some(mut list) = Self::of(layout) else {
            return match overrides.iter().next() {
                None => Ok(None),
                Some((name, _)) => Err(InvalidOverride::of(name, "no price, as the layout has none")),
            };
        };
        let categories = layout.plan().categories();
        for (name, prices) in overrides.iter() {
            let index = categories.iter().position(|category| category.name == name);
            let index = index.ok_or_else(|| InvalidOverride::of(name, "one of the layout's categories"))?;
            let together = list.categories[index].with(prices);
            list.categories[index] = together.map_err(|error| {
                InvalidOverride::of(name, format_args!("together with the layout's types: {error}"))
            })?;
        }
        Ok(Some(list))
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Returns the prices of each category, in the order of the layout's categories.
    pub fn categories(&self) -> &[TicketPrices] {
        &self.categories
    }

    /// Returns the price of a seat for a ticket type.
    pub fn price_of(&self, layout: &Layout, seat: SeatIndex, ticket_type: &TicketType) -> SeatPrice<'_> {
        let Some(category) = layout.plan().places()[seat.as_usize()].category else { return SeatPrice::NoCategory };
        let prices = &self.categories[usize::from(category)];
        prices.get(ticket_type).map_or(SeatPrice::UnknownType(prices), SeatPrice::Price)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{hall, prices};
    use super::*;

    fn overrides<const N: usize>(of: [(&str, TicketPrices); N]) -> PriceOverrides {
        PriceOverrides::new(of.map(|(name, prices)| (name.to_owned(), prices)).into()).unwrap()
    }

    fn price<'a>(list: &'a PriceList, layout: &Layout, seat: u32, ticket_type: &str) -> SeatPrice<'a> {
        list.price_of(layout, SeatIndex::new(seat), &TicketType::parse(ticket_type).unwrap())
    }

    #[test]
    fn price_depends_on_category_and_ticket_type() {
        let layout = hall();
        let list = PriceList::of(&layout).unwrap();
        assert_eq!(list.currency().as_str(), "EUR");
        assert_eq!(price(&list, &layout, 0, "standard"), SeatPrice::Price(8_500));
        assert_eq!(price(&list, &layout, 0, "child"), SeatPrice::Price(4_500));
        assert_eq!(price(&list, &layout, 1, "standard"), SeatPrice::Price(3_000));
        let SeatPrice::UnknownType(known) = price(&list, &layout, 1, "child") else { panic!("no child there") };
        assert_eq!(known.types().map(TicketType::as_str).collect::<Vec<_>>(), ["standard"]);
        assert_eq!(price(&list, &layout, 2, "standard"), SeatPrice::NoCategory);
    }

    #[test]
    fn overrides_replace_and_add_prices() {
        let layout = hall();
        let overrides = overrides([("premium", prices([("standard", 9_900)])), ("cheap", prices([("child", 0)]))]);
        let list = PriceList::with_overrides(&layout, &overrides).unwrap().unwrap();
        assert_eq!(price(&list, &layout, 0, "standard"), SeatPrice::Price(9_900));
        assert_eq!(price(&list, &layout, 0, "child"), SeatPrice::Price(4_500));
        assert_eq!(price(&list, &layout, 1, "child"), SeatPrice::Price(0));
        assert_eq!(PriceList::with_overrides(&layout, &PriceOverrides::default()), Ok(PriceList::of(&layout)));
    }

    #[test]
    fn override_that_does_not_fit_the_layout_is_named() {
        let layout = hall();
        let refused = |of| PriceList::with_overrides(&layout, &overrides([of])).unwrap_err().to_string();
        assert_eq!(refused(("box", prices([("child", 1)]))), "prices.box: expected one of the layout's categories");
        let many = (0..MANY).map(|n| (TicketType::parse(&format!("t{n}")).unwrap(), 1)).collect();
        let many = refused(("premium", TicketPrices::new(many).unwrap()));
        assert!(many.starts_with("prices.premium: expected together with") && many.contains("got 21"), "{many}");
    }

    /// Together with the two types of `premium`, one more than a category may have.
    const MANY: usize = 19;

    #[test]
    fn layout_without_categories_has_no_prices_to_override() {
        let seats = hall().seats().to_vec();
        let plain = Layout::new(hall().theater, "Hall".to_owned(), hall().version, seats).unwrap();
        assert_eq!(PriceList::with_overrides(&plain, &PriceOverrides::default()), Ok(None));
        let refused = PriceList::with_overrides(&plain, &overrides([("premium", prices([("child", 1)]))]));
        assert_eq!(refused.unwrap_err().field(), "prices.premium");
    }
}
