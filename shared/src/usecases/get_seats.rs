//! See which seats can be had: from the cache, which is filled on the way when it has nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{BoxOffice, Looked, Seen, Slots, TooManyRequests};
use crate::cache::{Begun, Cache, CacheError, FillReason, FillToken, Lookup, RENEWAL, Revision};
use crate::entropy;
use crate::rules::availability::SeatStatus;
use crate::rules::caller::Caller;
use crate::rules::layout::Layout;
use crate::rules::names::{ReservationId, TheaterId};
use crate::rules::time::EpochMillis;
use crate::store::{Reservation, ReservationRef, ReservedSeat, StoreError};
use crate::tally::Tally;

/// The first and the longest pause between two looks while waiting; each may become up to twice as long by jitter.
/// Most fills take about as long as the first. They double, so that a herd that waits for a slow one leaves Redis alone.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

/// What a caller wants to see.
#[derive(Debug)]
pub struct GetSeats {
    /// Where.
    pub theater: TheaterId,
    /// From DynamoDB and nobody else.
    pub consistent: bool,
    /// Mark the seats that this reservation holds.
    pub reservation: Option<ReservationId>,
    /// The only section to show, by its name.
    pub section: Option<String>,
    /// What the caller has seen of it before.
    pub seen: Option<Seen>,
    /// Who asks.
    pub caller: Caller,
}

/// A theater's seats at an instant.
#[derive(Debug)]
pub struct SeatsView {
    /// Which seats there are.
    pub layout: Arc<Layout>,
    /// What is known of each, in layout order.
    pub slots: Slots,
    /// The positions of the seats that are reserved under the caller's own reservation, if that was asked for.
    pub yours: HashSet<usize>,
    /// The instant to judge them by.
    pub now: EpochMillis,
    /// Where the slots came from.
    pub source: Source,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the cache.
    Hit,
    /// From DynamoDB, on the way into the cache.
    Miss,
    /// From DynamoDB; the cache had no part in it.
    Bypass,
}

/// Why there is nothing to see.
#[derive(Debug, thiserror::Error)]
pub enum GetSeatsError {
    /// There is no such theater.
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has other sections than the one to show.
    #[error("no such section")]
    UnknownSection(Vec<String>),
    /// The caller looks too often.
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
    /// The store couldn't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Source {
    /// Returns its name in the header `X-Cache`, and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

impl BoxOffice {
    /// Reads a theater's seats, or finds out that the caller has seen them already.
    pub async fn get_seats(&self, ask: &GetSeats, tally: &Tally) -> Result<Looked, GetSeatsError> {
        let theater = &ask.theater;
        if let Some(section) = &ask.section {
            self.check_section(theater, section, tally).await?;
        }
        if let Some(reservation) = ask.reservation {
            return Box::pin(self.with_own(ask, reservation, tally)).await.map(Looked::Seats);
        }
        if let (false, Some(cache), Some(seen)) = (ask.consistent, &self.cache, ask.seen) {
            return self.look_again(cache, theater, seen, tally).await;
        }
        self.seats_of(theater, ask.consistent, tally).await.map(Looked::Seats)
    }

    /// Refuses a section that the theater doesn't have, before anything is read for it.
    ///
    /// A refusal uses none of the caller's budget where this instance knows the layout. Otherwise the layout is read, and
    /// that uses some.
    async fn check_section(&self, theater: &TheaterId, section: &str, tally: &Tally) -> Result<(), GetSeatsError> {
        let has = |layout: &Layout| layout.plan().sections().iter().any(|name| name == section);
        let known = self.layouts.known(theater);
        if known.as_deref().is_some_and(has) {
            return Ok(());
        }
        if known.is_none() {
            self.admit(tally).await?;
        }
        // It may be a new one.
        let layout = self.layouts.get_newer(theater, tally).await?.ok_or(GetSeatsError::TheaterNotFound)?;
        if has(&layout) { Ok(()) } else { Err(GetSeatsError::UnknownSection(layout.plan().sections().to_vec())) }
    }

    /// Reads a theater's seats, whosever they are. `consistent` asks DynamoDB and nobody else.
    ///
    /// What asks DynamoDB is boxed: it is large, and a hit, which needs none of it, would have to make room for it.
    pub(super) async fn seats_of(
        &self,
        theater: &TheaterId,
        consistent: bool,
        tally: &Tally,
    ) -> Result<SeatsView, GetSeatsError> {
        let cache = self.cache.as_ref().filter(|_| !consistent);
        let Some(cache) = cache else {
            self.admit(tally).await?;
            let layout = self.layouts.get(theater, tally).await?.ok_or(GetSeatsError::TheaterNotFound)?;
            return Box::pin(self.bypass(layout, tally)).await;
        };
        let (layout, lookup) = self.layout_and_string(cache, theater, None, tally).await?;
        self.seats_from(cache, layout, lookup, tally).await
    }

    /// Asks at the same time for a theater's layout and for its string in the cache, unless that has the revision that is known.
    pub(super) async fn layout_and_string(
        &self,
        cache: &Cache,
        theater: &TheaterId,
        known: Option<Revision>,
        tally: &Tally,
    ) -> Result<(Arc<Layout>, Result<Lookup, CacheError>), GetSeatsError> {
        let lookup = Self::read_admitted(cache, theater, known, tally);
        let (layout, lookup) = if tally.has_to_draw() {
            // Whoever is refused costs DynamoDB nothing, not even a layout.
            let lookup = lookup.await?;
            (self.layouts.get(theater, tally).await, lookup)
        } else {
            let (layout, lookup) = tokio::join!(self.layouts.get(theater, tally), lookup);
            (layout, lookup?)
        };
        Ok((layout?.ok_or(GetSeatsError::TheaterNotFound)?, lookup))
    }

    /// The seats by what was found in the cache, or else by DynamoDB.
    pub(super) async fn seats_from(
        &self,
        cache: &Cache,
        layout: Arc<Layout>,
        lookup: Result<Lookup, CacheError>,
        tally: &Tally,
    ) -> Result<SeatsView, GetSeatsError> {
        let packed = match lookup {
            Err(_) => return Box::pin(self.bypass(layout, tally)).await,
            // What is unchanged to whoever has seen it has to be fetched by all others: filling begins with that.
            Ok(Lookup::Miss | Lookup::Unchanged(_)) => return Box::pin(self.fill(cache, layout, tally)).await,
            Ok(Lookup::Complete(packed)) => packed,
        };
        let layout = self.not_behind(layout, packed.layout_version(), tally).await?;
        if packed.layout_version() > layout.version {
            // Not to be filled by one who is behind.
            return Box::pin(self.bypass(layout, tally)).await;
        }
        if !packed.fits(&layout) {
            return Box::pin(self.fill(cache, layout, tally)).await;
        }
        let ends_at = packed.ends_at();
        let hit = self.view(layout, Slots::Cached(packed), Source::Hit);
        match self.renewed(cache, &hit.layout, ends_at, tally).await {
            Some(renewed) => Ok(renewed),
            None => Ok(hit),
        }
    }

    /// The layout, read again if the cache has a newer one; it may be behind all the same.
    pub(super) async fn not_behind(
        &self,
        layout: Arc<Layout>,
        cached: u64,
        tally: &Tally,
    ) -> Result<Arc<Layout>, GetSeatsError> {
        if cached <= layout.version {
            return Ok(layout);
        }
        self.layouts.get_newer(&layout.theater, tally).await?.ok_or(GetSeatsError::TheaterNotFound)
    }

    /// Fills the cache, or waits for whoever is at it: for nobody longer than its lease, and for all of them together no
    /// longer than `fill_wait`.
    pub(super) async fn fill(
        &self,
        cache: &Cache,
        layout: Arc<Layout>,
        tally: &Tally,
    ) -> Result<SeatsView, GetSeatsError> {
        let give_up = Instant::now() + self.terms.fill_wait;
        let mut reason = FillReason::Missing;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < give_up {
            match cache.begin(&layout, reason, FillToken::new(), tally).await {
                Err(_) | Ok(Begun::NotDue | Begun::Behind) => break,
                Ok(Begun::Fill(token)) => return self.fill_now(cache, layout, token, tally).await,
                Ok(Begun::Complete(packed)) if packed.fits(&layout) => {
                    return Ok(self.view(layout, Slots::Cached(packed), Source::Hit));
                }
                // It is there, complete, of this layout, and spoilt.
                Ok(Begun::Complete(_)) => reason = FillReason::Unreadable,
                Ok(Begun::Held(left)) => {
                    let next = Instant::now() + left.min(pause + entropy::jitter(pause));
                    tokio::time::sleep_until(next.min(give_up)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        self.bypass(layout, tally).await
    }

    /// Fills anew what ends soon, so that a theater that is looked at never has nothing in the cache. `None` where it isn't
    /// due, or is somebody else's turn, or fails: then what there was serves.
    pub(super) async fn renewed(
        &self,
        cache: &Cache,
        layout: &Arc<Layout>,
        ends_at: EpochMillis,
        tally: &Tally,
    ) -> Option<SeatsView> {
        let left = ends_at.0.saturating_sub(self.clock.now().0);
        if u128::from(left) > RENEWAL.as_millis() {
            return None;
        }
        Box::pin(self.renew(cache, layout, tally)).await
    }

    async fn renew(&self, cache: &Cache, layout: &Arc<Layout>, tally: &Tally) -> Option<SeatsView> {
        let begun = cache.begin(layout, FillReason::Renewal, FillToken::new(), tally).await;
        let Ok(Begun::Fill(token)) = begun else { return None };
        match tokio::time::timeout(self.terms.fill_wait, self.fill_now(cache, layout.clone(), token, tally)).await {
            Ok(Ok(renewed)) => Some(renewed),
            failed => {
                tracing::warn!(failed = ?failed.map(|result| result.map(drop)), "the renewal failed; the hit serves");
                None
            }
        }
    }

    async fn fill_now(
        &self,
        cache: &Cache,
        layout: Arc<Layout>,
        token: FillToken,
        tally: &Tally,
    ) -> Result<SeatsView, GetSeatsError> {
        let slots = self.store.slots(&layout, tally).await?;
        // Taken or not: this answer is DynamoDB's own.
        let _ = cache.end(&layout, token, &slots, tally).await;
        Ok(self.view(layout, Slots::Read(slots), Source::Miss))
    }

    async fn bypass(&self, layout: Arc<Layout>, tally: &Tally) -> Result<SeatsView, GetSeatsError> {
        let slots = self.store.slots(&layout, tally).await?;
        Ok(self.view(layout, Slots::Read(slots), Source::Bypass))
    }

    /// Reads the seats, and which of them the caller's own reservation holds: a few reads more, however large the hall.
    async fn with_own(
        &self,
        ask: &GetSeats,
        reservation: ReservationId,
        tally: &Tally,
    ) -> Result<SeatsView, GetSeatsError> {
        let mut view = self.seats_of(&ask.theater, ask.consistent, tally).await?;
        let owner = ask.caller.owner();
        let wanted = ReservationRef { theater: &ask.theater, id: reservation, owner, seats: None };
        if let Reservation::Running(seats) = self.store.reservation(&wanted, tally).await? {
            let statuses = view.slots.statuses(view.now);
            let position = |seat: &ReservedSeat| usize::try_from(view.layout.position(seat.seat.as_str())?).ok();
            let taken = |position: &usize| statuses.get(*position) != Some(&SeatStatus::Available);
            view.yours = seats.iter().filter_map(position).filter(taken).collect();
        }
        Ok(view)
    }

    fn view(&self, layout: Arc<Layout>, slots: Slots, source: Source) -> SeatsView {
        SeatsView { layout, slots, yours: HashSet::new(), now: self.clock.now(), source }
    }
}
