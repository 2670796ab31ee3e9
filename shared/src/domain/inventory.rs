//! Inventories: the seats that are sold together under one id.

use std::fmt;
use std::sync::Arc;

use super::ids::{InvalidId, ShowId, TheaterId};
use super::layout::Layout;
use super::layout_version::LayoutVersion;
use super::prices::{Currency, InvalidOverride, PriceList};
use super::show::Show;

/// Names the seats that are sold together: those of a theater, or those of one show.
///
/// Its text is part of keys in the table and in the cache: `opera` for a theater, `show/evening` for a show. A theater id
/// never contains a `/`, so the two can't be confused.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::ids::ShowId;
/// use boxoffice::domain::inventory::InventoryId;
///
/// let show = InventoryId::Show(ShowId::parse("evening")?);
/// assert_eq!(show.to_string(), "show/evening");
/// assert_eq!(InventoryId::parse("show/evening")?, show);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InventoryId {
    Theater(TheaterId),
    Show(ShowId),
}

/// First part of the text of a show's inventory.
const SHOW: &str = "show/";

impl InventoryId {
    /// Parses the text of an inventory id.
    ///
    /// # Errors
    ///
    /// Returns the expected format if the text isn't the id of a theater or a show.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix(SHOW) {
            Some(show) => ShowId::parse(show).map(Self::Show),
            None => TheaterId::parse(text).map(Self::Theater),
        }
    }

    /// Returns the theater if the seats are a theater's own.
    pub fn theater(&self) -> Option<&TheaterId> {
        match self {
            Self::Theater(theater) => Some(theater),
            Self::Show(_) => None,
        }
    }

    /// Returns the show if the seats are a show's.
    pub fn show(&self) -> Option<&ShowId> {
        match self {
            Self::Theater(_) => None,
            Self::Show(show) => Some(show),
        }
    }
}

impl From<TheaterId> for InventoryId {
    fn from(theater: TheaterId) -> Self {
        Self::Theater(theater)
    }
}

impl From<ShowId> for InventoryId {
    fn from(show: ShowId) -> Self {
        Self::Show(show)
    }
}

impl fmt::Display for InventoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Theater(theater) => theater.fmt(f),
            Self::Show(show) => write!(f, "{SHOW}{show}"),
        }
    }
}

/// An inventory as an instance knows it.
#[derive(Debug)]
pub struct Inventory {
    pub id: InventoryId,
    /// Version under which the cache numbers the seats. It rises whenever the inventory gets another layout. A theater's
    /// is the version of its layout.
    pub version: LayoutVersion,
    /// The layout, which several shows can share.
    pub layout: Arc<Layout>,
    /// The show, unless the theater sells its seats itself.
    pub show: Option<Show>,
    /// The prices of the layout, with those of the show put over them. `None` if the seats are sold without money.
    pub prices: Option<PriceList>,
}

impl Inventory {
    /// Creates the inventory of a theater that sells its seats itself.
    pub fn of_theater(layout: impl Into<Arc<Layout>>) -> Self {
        let layout = layout.into();
        let prices = PriceList::of(&layout);
        Self { id: InventoryId::Theater(layout.theater.clone()), version: layout.version, layout, show: None, prices }
    }

    /// Returns the currency if the inventory that takes the place of this one has another one.
    ///
    /// A reserved seat keeps its price as a number. So the number must never come to mean another currency.
    pub fn currency_changed_by(&self, next: &Self) -> Option<Currency> {
        let (own, next) = (self.prices.as_ref()?.currency(), next.prices.as_ref()?.currency());
        (own != next).then_some(own)
    }

    /// Returns the prices if they may differ from those of the layout.
    pub fn overridden_prices(&self) -> Option<&PriceList> {
        let show = self.show.as_ref()?;
        self.prices.as_ref().filter(|_| !show.prices.is_empty())
    }

    /// Creates the inventory of a show. `layout` has to be the one that the show is pinned to.
    ///
    /// # Errors
    ///
    /// Returns an error if the show's prices don't fit the layout.
    pub fn of_show(show: Show, layout: Arc<Layout>) -> Result<Self, InvalidOverride> {
        let prices = PriceList::with_overrides(&layout, &show.prices)?;
        let id = InventoryId::Show(show.id.clone());
        Ok(Self { id, version: show.seats_version, layout, show: Some(show), prices })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theaters_and_shows_of_the_same_name_have_different_texts() {
        let theater = InventoryId::from(TheaterId::parse("1").unwrap());
        let show = InventoryId::from(ShowId::parse("1").unwrap());
        assert_eq!((theater.to_string(), show.to_string()), ("1".to_owned(), "show/1".to_owned()));
        for id in [theater, show] {
            assert_eq!(InventoryId::parse(&id.to_string()), Ok(id));
        }
        for bad in ["", "show/", "show/a/b", "shows/a", "show/..", "/a"] {
            assert!(InventoryId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
