//! Shows: performances whose seats are sold, each with the layout of a theater.

use std::fmt;

use super::details::Extra;
use super::ids::{ShowId, TheaterId};
use super::layout_version::LayoutVersion;
use super::local_time::{LocalDate, LocalStart, Timezone};
use super::prices::PriceOverrides;
use super::rfc_3339::{self, fields};
use super::sale::{NotOnSale, OverBeforeOpening, Sale, SaleTerms, Selling};
use super::text;
use super::time::{EpochMillis, EpochSeconds};
use super::version::Version;

#[cfg(test)]
mod tests;

/// A show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Show {
    pub id: ShowId,
    /// The theater whose layout the show has. It never changes.
    pub theater: TheaterId,
    pub title: Title,
    pub starts_at: StartsAt,
    pub timezone: Timezone,
    /// `starts_at` in `timezone`, as it was when the show was put.
    pub local: LocalStart,
    /// The version of the theater's layout that the seats have.
    pub layout_version: LayoutVersion,
    /// The version under which the cache numbers the seats. It rises whenever `layout_version` changes.
    pub seats_version: LayoutVersion,
    /// The version of the show with its sale.
    pub version: Version,
    pub sale: Sale,
    pub prices: PriceOverrides,
    /// The operator's own data.
    pub extra: Option<Extra>,
}

/// A show in the list of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowEntry {
    pub show: ShowId,
    pub theater: TheaterId,
    pub title: Title,
    pub starts_at: StartsAt,
    pub timezone: Timezone,
    pub local: LocalStart,
    pub version: Version,
    pub sale: Sale,
}

/// The place of a show in the list: by local day, then by instant, then by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListPlace {
    pub date: LocalDate,
    pub starts_at: EpochSeconds,
    pub show: ShowId,
}

/// Title of a show: 1 to [`Title::MAX`] visible characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Title(String);

/// The start of a show: an instant, and its text as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StartsAt {
    text: String,
    instant: EpochSeconds,
}

impl Title {
    /// Maximum number of characters.
    pub const MAX: usize = 200;
    /// Form of a title, for messages.
    pub const EXPECTED: &'static str = "a title of 1 to 200 visible characters";

    /// Parses a title. Returns it composed and trimmed, or `None` if it is empty, too long or has hidden characters.
    pub fn parse(title: &str) -> Option<Self> {
        text::normalize(title).and_then(|title| Self::stored(&title))
    }

    /// Reads a stored title, which [`parse`](Self::parse) has composed. Returns `None` if it is empty, too long, or has
    /// hidden characters.
    ///
    /// It doesn't check the composition again, so functions that read no layout don't need Unicode's tables.
    pub fn stored(title: &str) -> Option<Self> {
        text::is_visible(title, 1..=Self::MAX).then(|| Self(title.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl StartsAt {
    /// Form of a start, for messages.
    pub const EXPECTED: &'static str = rfc_3339::EXPECTED;

    /// Parses a start and keeps its text. Returns `None` if the text isn't an instant.
    pub fn parse(text: &str) -> Option<Self> {
        rfc_3339::parse(text).map(|instant| Self { text: text.to_owned(), instant })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn instant(&self) -> EpochSeconds {
        self.instant
    }
}

impl Show {
    /// Returns the place of the show in the list.
    pub fn place(&self) -> ListPlace {
        ListPlace { date: self.local.date, starts_at: self.starts_at.instant, show: self.id.clone() }
    }

    /// Returns the entry of the show in the list.
    pub fn entry(&self) -> ShowEntry {
        ShowEntry {
            show: self.id.clone(),
            theater: self.theater.clone(),
            title: self.title.clone(),
            starts_at: self.starts_at.clone(),
            timezone: self.timezone.clone(),
            local: self.local,
            version: self.version,
            sale: self.sale,
        }
    }

    /// Returns the show with new terms of its sale, which a request replaces at `now`. The version rises, even if the
    /// terms are the same.
    ///
    /// # Errors
    ///
    /// Returns an error if the sale would be over when it opens.
    pub fn with_sale(&self, terms: SaleTerms, now: EpochMillis) -> Result<Self, OverBeforeOpening> {
        let sale = self.sale.replaced_by(terms, now)?;
        Ok(Self { sale, version: Version::following(Some(self.version), now), ..self.clone() })
    }

    /// Checks whether an operation may sell now. A sale without an end closes when the show starts.
    ///
    /// # Errors
    ///
    /// Returns the reason, and the opening if the sale hasn't opened yet.
    pub fn check_sale(&self, selling: Selling, now: EpochMillis) -> Result<(), NotOnSale> {
        self.sale.terms.check(selling, now, Some(self.starts_at.instant))
    }

    /// Returns `true` if the seats can be reserved now.
    pub fn on_sale(&self, now: EpochMillis) -> bool {
        self.check_sale(Selling::Reserve, now).is_ok()
    }

    /// Returns `true` if both shows differ in nothing but their version.
    pub fn is_same_but_for_version(&self, other: &Self) -> bool {
        *self == Self { version: self.version, ..other.clone() }
    }
}

impl ShowEntry {
    /// Returns the place of the entry in the list.
    pub fn place(&self) -> ListPlace {
        ListPlace { date: self.local.date, starts_at: self.starts_at.instant, show: self.show.clone() }
    }

    /// Returns `true` if the seats can be reserved now.
    pub fn on_sale(&self, now: EpochMillis) -> bool {
        self.sale.terms.on_sale(now, Some(self.starts_at.instant))
    }
}

impl ListPlace {
    /// Parses the text of a place. Returns `None` for any other text than that of [`Display`](fmt::Display).
    pub fn parse(text: &str) -> Option<Self> {
        let [date, starts_at, show] = fields(text, '#')?;
        let (starts_at, show) = Self::within_day(starts_at, show)?;
        Some(Self { date: LocalDate::parse(date)?, starts_at, show })
    }

    /// Parses the part of a place after its day: `001796152500#evening-1`.
    pub fn parse_within_day(text: &str) -> Option<(EpochSeconds, ShowId)> {
        let [starts_at, show] = fields(text, '#')?;
        Self::within_day(starts_at, show)
    }

    fn within_day(starts_at: &str, show: &str) -> Option<(EpochSeconds, ShowId)> {
        let digits = starts_at.len() == 12 && starts_at.bytes().all(|c| c.is_ascii_digit());
        let seconds = starts_at.parse().ok().filter(|_| digits).map(EpochSeconds::new)?;
        Some((seconds, ShowId::parse(show).ok()?)).filter(|_| seconds <= EpochSeconds::LAST)
    }

    /// Returns the part of the text after the day. Texts of one day have the order of their places.
    pub fn text_within_day(&self) -> String {
        format!("{:012}#{}", self.starts_at.as_secs(), self.show)
    }
}

impl fmt::Display for ListPlace {
    /// Writes `2026-12-01#001796152500#evening-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.date, self.text_within_day())
    }
}
