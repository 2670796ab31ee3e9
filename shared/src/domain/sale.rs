//! Sales: the instants between which the seats of a theater or a show can be reserved and booked.

use std::time::Duration;

use super::time::{EpochMillis, EpochSeconds};
use super::version::Version;

#[cfg(test)]
mod tests;

/// Time for which a replaced sale may still decide requests. An instance uses its copy of a sale for up to 10 seconds,
/// and the request that replaces the sale takes up to 15 seconds.
pub const REPLACED_SALE_LASTS: Duration = Duration::from_secs(25);

/// The state of a sale, which an administrator sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SaleState {
    /// Seats are sold within the window.
    #[default]
    Open,
    /// No seat can be reserved or booked.
    Paused,
    /// No seat can be reserved. Seats can be booked until the end of bookings, if there is one.
    Closed,
}

/// An operation that sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Selling {
    Reserve,
    Book,
}

/// The state of a sale and its instants. The instants are in order.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::sale::{InvalidTerms, SaleState, SaleTerms, Selling};
/// use boxoffice::domain::time::{EpochMillis, EpochSeconds};
///
/// let second = |at| Some(EpochSeconds::new(at));
/// let terms = SaleTerms::new(SaleState::Open, second(100), second(200), second(260))?;
/// assert!(terms.check(Selling::Reserve, EpochMillis::new(99_999), None).is_err());
/// assert!(terms.check(Selling::Reserve, EpochMillis::new(100_000), None).is_ok());
/// assert!(terms.check(Selling::Reserve, EpochMillis::new(200_000), None).is_err());
/// assert!(terms.check(Selling::Book, EpochMillis::new(259_999), None).is_ok());
///
/// let wrong = SaleTerms::new(SaleState::Open, second(200), second(100), None).unwrap_err();
/// assert_eq!(wrong.to_string(), "closes_at: expected an instant after opens_at");
/// # Ok::<(), InvalidTerms>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SaleTerms {
    state: SaleState,
    opens_at: Option<EpochSeconds>,
    closes_at: Option<EpochSeconds>,
    booking_closes_at: Option<EpochSeconds>,
}

/// The sale of a theater's or a show's seats. The default is always open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sale {
    pub terms: SaleTerms,
    /// The earliest instant at which this sale, or an earlier sale of the same seats, let buyers buy anything. Staff
    /// may have sold before.
    first_opens_at: EpochSeconds,
}

/// The sale of a theater, as it is stored. A theater without one is always open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TheaterSale {
    pub sale: Sale,
    pub version: Version,
}

/// A field of a sale that contradicts another field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct InvalidTerms {
    pub field: &'static str,
    /// Expected value, as a phrase that can follow "expected".
    pub expected: &'static str,
}

/// The refusal of a sale that would be over when it opens, because it can't open before all instances know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected an instant after {opens_at}, the earliest opening")]
pub struct OverBeforeOpening {
    pub field: &'static str,
    /// The earliest instant at which the sale can open.
    pub opens_at: EpochSeconds,
}

/// The reason why nothing is sold now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotOnSaleReason {
    /// The sale hasn't opened yet.
    NotYet,
    Paused,
    Closed,
}

/// A refusal of an operation that sells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotOnSale {
    pub reason: NotOnSaleReason,
    /// The opening, if it is known and still to come.
    pub opens_at: Option<EpochSeconds>,
}

impl SaleState {
    /// Form of a state, for messages.
    pub const EXPECTED: &'static str = "open, paused or closed";

    /// Parses the word of a state.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Open, Self::Paused, Self::Closed].into_iter().find(|state| state.as_str() == word)
    }

    /// Returns the word in requests, in responses and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

impl NotOnSaleReason {
    /// Returns the word in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotYet => "not_yet",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// A time from one instant to another. The end isn't part of it.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// `None` if it has no beginning.
    start: Option<EpochSeconds>,
    /// `None` if it never ends.
    end: Option<EpochSeconds>,
}

impl Window {
    /// Returns `true` if the window is over, or never is.
    fn is_over(self, now: EpochMillis) -> bool {
        self.end.is_some_and(|end| end.reached(now) || self.start.is_some_and(|start| start >= end))
    }

    fn check(self, now: EpochMillis) -> Result<(), NotOnSale> {
        if self.is_over(now) {
            return Err(NotOnSale { reason: NotOnSaleReason::Closed, opens_at: None });
        }
        match self.start.filter(|start| !start.reached(now)) {
            Some(opens_at) => Err(NotOnSale { reason: NotOnSaleReason::NotYet, opens_at: Some(opens_at) }),
            None => Ok(()),
        }
    }
}

impl SaleTerms {
    /// Creates the terms of a sale.
    ///
    /// # Errors
    ///
    /// Returns the first field that isn't in order with the others. `closes_at` is after `opens_at`.
    /// `booking_closes_at` is after `opens_at` and not before `closes_at`.
    pub fn new(
        state: SaleState,
        opens_at: Option<EpochSeconds>,
        closes_at: Option<EpochSeconds>,
        booking_closes_at: Option<EpochSeconds>,
    ) -> Result<Self, InvalidTerms> {
        let wrong = |field, expected| Err(InvalidTerms { field, expected });
        if opens_at.zip(closes_at).is_some_and(|(opens, closes)| closes <= opens) {
            return wrong("closes_at", "an instant after opens_at");
        }
        if closes_at.zip(booking_closes_at).is_some_and(|(closes, booking)| booking < closes) {
            return wrong("booking_closes_at", "an instant not before closes_at");
        }
        if opens_at.zip(booking_closes_at).is_some_and(|(opens, booking)| booking <= opens) {
            return wrong("booking_closes_at", "an instant after opens_at");
        }
        Ok(Self { state, opens_at, closes_at, booking_closes_at })
    }

    pub fn state(&self) -> SaleState {
        self.state
    }

    pub fn opens_at(&self) -> Option<EpochSeconds> {
        self.opens_at
    }

    pub fn closes_at(&self) -> Option<EpochSeconds> {
        self.closes_at
    }

    pub fn booking_closes_at(&self) -> Option<EpochSeconds> {
        self.booking_closes_at
    }

    /// Checks whether an operation may sell now. `default_end` is the end of a sale that has no `closes_at`: the start
    /// of a show, and `None` for a theater, whose sale then never ends.
    ///
    /// # Errors
    ///
    /// Returns the reason, and the opening if the sale hasn't opened yet.
    pub fn check(
        &self,
        selling: Selling,
        now: EpochMillis,
        default_end: Option<EpochSeconds>,
    ) -> Result<(), NotOnSale> {
        let refused = |reason| Err(NotOnSale { reason, opens_at: None });
        let closes_at = self.closes_at.or(default_end);
        let end = match (self.state, selling) {
            (SaleState::Paused, _) => return refused(NotOnSaleReason::Paused),
            (SaleState::Open, Selling::Reserve) => closes_at,
            // A sale that never ends needs no later end of bookings.
            (SaleState::Open, Selling::Book) => {
                closes_at.map(|end| self.booking_closes_at.map_or(end, |at| at.max(end)))
            }
            (SaleState::Closed, Selling::Book) if self.booking_closes_at.is_some() => self.booking_closes_at,
            (SaleState::Closed, _) => return refused(NotOnSaleReason::Closed),
        };
        Window { start: self.opens_at, end }.check(now)
    }

    /// Returns `true` if seats can be reserved now.
    pub fn on_sale(&self, now: EpochMillis, default_end: Option<EpochSeconds>) -> bool {
        self.check(Selling::Reserve, now, default_end).is_ok()
    }

    /// Returns `true` if these terms let anything be sold at any instant.
    fn sells(&self) -> bool {
        match self.state {
            SaleState::Open => true,
            SaleState::Paused => false,
            SaleState::Closed => self.booking_closes_at.is_some(),
        }
    }

    /// Returns the earliest instant at which these terms can let anything be sold, or [`Sale::NEVER`].
    fn earliest_sale(&self) -> EpochSeconds {
        if self.sells() { self.opens_at.unwrap_or_default() } else { Sale::NEVER }
    }

    /// Returns the terms with an opening that isn't before `earliest`. Terms that sell nothing stay as they are.
    ///
    /// # Errors
    ///
    /// Returns the first end that isn't after `earliest`.
    fn not_before(self, earliest: EpochSeconds) -> Result<Self, OverBeforeOpening> {
        // Terms without an opening are open from the beginning of time.
        if !self.sells() || self.opens_at >= Some(earliest) {
            return Ok(self);
        }
        Self::new(self.state, Some(earliest), self.closes_at, self.booking_closes_at)
            .map_err(|InvalidTerms { field, .. }| OverBeforeOpening { field, opens_at: earliest })
    }
}

impl Sale {
    /// The first opening of seats that were never on sale.
    pub const NEVER: EpochSeconds = EpochSeconds::LAST;

    /// Creates the first sale of seats that were never on sale.
    pub fn first(terms: SaleTerms) -> Self {
        Self { terms, first_opens_at: terms.earliest_sale() }
    }

    /// Creates a sale as it was stored.
    pub fn stored(terms: SaleTerms, first_opens_at: EpochSeconds) -> Self {
        Self { terms, first_opens_at }
    }

    pub fn first_opens_at(&self) -> EpochSeconds {
        self.first_opens_at
    }

    /// Returns the sale with new terms, which a request replaces at `now`.
    ///
    /// **Opening.** An instance with the old sale refuses requests before its first opening without looking for a
    /// first answer. So the new sale opens then, or when no instance has the old sale any more. A repeat of the request
    /// doesn't move that opening, neither before nor after it.
    ///
    /// **First opening.** It is kept if it is past, or if an instance may still sell by the old terms when it comes.
    /// The end of a sale isn't considered, because the start of a show can move without a new sale. A first opening
    /// that is too early costs reads, and one that is too late would refuse a repeated request.
    ///
    /// # Errors
    ///
    /// Returns an error if the sale would be over when it opens.
    pub fn replaced_by(&self, terms: SaleTerms, now: EpochMillis) -> Result<Self, OverBeforeOpening> {
        let old_ends = now + REPLACED_SALE_LASTS;
        let terms = if self.nothing_sold_before(now) {
            terms.not_before(self.first_opens_at.min(old_ends.seconds_rounded_up()))?
        } else if terms.not_before(self.first_opens_at) == Ok(self.terms) {
            // Terms that differ from these in a past opening only are the same from now on.
            return Ok(*self);
        } else {
            terms
        };
        let earliest = terms.earliest_sale();
        let may_have_sold = self.first_opens_at.reached(old_ends);
        let first_opens_at = if may_have_sold { self.first_opens_at.min(earliest) } else { earliest };
        Ok(Self { terms, first_opens_at })
    }

    /// Returns `true` if no buyer can have bought anything before `now`. Then no repeated request of a buyer can have a
    /// first answer.
    pub fn nothing_sold_before(&self, now: EpochMillis) -> bool {
        !self.first_opens_at.reached(now)
    }
}

impl TheaterSale {
    /// Returns the sale of a theater with new terms, which a request puts at `now`. A theater without a sale was always
    /// open.
    ///
    /// # Errors
    ///
    /// Returns an error if the sale would be over when it opens.
    pub fn put(existing: Option<&Self>, terms: SaleTerms, now: EpochMillis) -> Result<Self, OverBeforeOpening> {
        let sale = existing.map_or_else(Sale::default, |existing| existing.sale);
        let version = Version::following(existing.map(|existing| existing.version), now);
        Ok(Self { sale: sale.replaced_by(terms, now)?, version })
    }
}
