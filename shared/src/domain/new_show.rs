//! Shows as requests put them, before they have versions.

use super::details::Extra;
use super::ids::{ShowId, TheaterId};
use super::layout_version::LayoutVersion;
use super::local_time::{Timezone, UnknownTimezone};
use super::prices::PriceOverrides;
use super::sale::{OverBeforeOpening, Sale, SaleTerms};
use super::show::{Show, StartsAt, Title};
use super::time::EpochMillis;
use super::version::Version;

/// A show to put, with all its required members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShow {
    pub theater: TheaterId,
    pub title: Title,
    pub starts_at: StartsAt,
    pub timezone: Timezone,
    /// The layout version that the request names. Without one, a new show gets the theater's current one, and a
    /// changed show keeps its own.
    pub layout_version: Option<LayoutVersion>,
    /// The sale that the request names. Without one, a new show is open, and a changed show keeps its own.
    pub sale: Option<SaleTerms>,
    pub prices: PriceOverrides,
    pub extra: Option<Extra>,
}

/// A request to put a show. Members that it doesn't have can come from another show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutShow {
    /// The show that missing members come from.
    pub copy_of: Option<ShowId>,
    pub starts_at: StartsAt,
    pub theater: Option<TheaterId>,
    pub title: Option<Title>,
    pub timezone: Option<Timezone>,
    pub layout_version: Option<LayoutVersion>,
    pub sale: Option<SaleTerms>,
    pub prices: Option<PriceOverrides>,
    pub extra: Option<Extra>,
}

/// The reason why a show can't be put in place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceShowError {
    #[error("the theater of a show can't change")]
    TheaterFixed,
    #[error(transparent)]
    UnknownTimezone(#[from] UnknownTimezone),
    #[error(transparent)]
    Sale(#[from] OverBeforeOpening),
}

impl PutShow {
    /// Completes the request with the members of the show that it copies. The sale is never copied. A layout version
    /// is only copied within a theater, because each theater has its own.
    ///
    /// With a show to copy, empty prices and an empty `extra` count as missing. Some generated clients send `{}` for
    /// each object that isn't set.
    ///
    /// Returns `None` if `theater`, `title` or `timezone` is still missing. Requests without `copy_of` are read so
    /// that they have all three.
    pub fn complete(self, source: Option<&Show>) -> Option<NewShow> {
        let theater = self.theater.or_else(|| source.map(|show| show.theater.clone()))?;
        let same_theater = source.filter(|show| show.theater == theater);
        let copies = source.is_some();
        let prices = self.prices.filter(|prices| !(copies && prices.is_empty()));
        let extra = self.extra.filter(|extra| !(copies && extra.is_empty()));
        Some(NewShow {
            theater,
            title: self.title.or_else(|| source.map(|show| show.title.clone()))?,
            starts_at: self.starts_at,
            timezone: self.timezone.or_else(|| source.map(|show| show.timezone.clone()))?,
            layout_version: self.layout_version.or_else(|| same_theater.map(|show| show.layout_version)),
            sale: self.sale,
            prices: prices.or_else(|| source.map(|show| show.prices.clone())).unwrap_or_default(),
            extra: extra.or_else(|| source.and_then(|show| show.extra.clone())),
        })
    }
}

impl NewShow {
    /// Creates the show. `current` is the version of the theater's layout, for a request that names none.
    ///
    /// # Errors
    ///
    /// Returns an error if the time zone is unknown.
    pub fn create(self, id: ShowId, current: LayoutVersion, now: EpochMillis) -> Result<Show, UnknownTimezone> {
        Ok(Show {
            id,
            local: self.timezone.local_start(self.starts_at.instant())?,
            layout_version: self.layout_version.unwrap_or(current),
            seats_version: LayoutVersion::following(None, now),
            version: Version::following(None, now),
            sale: Sale::first(self.sale.unwrap_or_default()),
            theater: self.theater,
            title: self.title,
            starts_at: self.starts_at,
            timezone: self.timezone,
            prices: self.prices,
            extra: self.extra,
        })
    }

    /// Creates the show that takes the place of `existing`. The version of its seats rises if it gets another layout.
    ///
    /// # Errors
    ///
    /// Returns an error if the theater differs, the time zone is unknown, or the sale would be over when it opens.
    pub fn replace(self, existing: &Show, now: EpochMillis) -> Result<Show, ReplaceShowError> {
        if self.theater != existing.theater {
            return Err(ReplaceShowError::TheaterFixed);
        }
        let layout_version = self.layout_version.unwrap_or(existing.layout_version);
        let seats_version = if layout_version == existing.layout_version {
            existing.seats_version
        } else {
            LayoutVersion::following(Some(existing.seats_version), now)
        };
        let sale = self.sale.map_or(Ok(existing.sale), |terms| existing.sale.replaced_by(terms, now))?;
        Ok(Show {
            id: existing.id.clone(),
            local: self.timezone.local_start(self.starts_at.instant())?,
            layout_version,
            seats_version,
            version: Version::following(Some(existing.version), now),
            sale,
            theater: self.theater,
            title: self.title,
            starts_at: self.starts_at,
            timezone: self.timezone,
            prices: self.prices,
            extra: self.extra,
        })
    }
}
