//! Reading which seats are available. The cache answers. After a miss, DynamoDB answers and the cache is filled.

pub(super) mod revalidate;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::rate_limit::CacheRead;
use super::{BoxOffice, KnownAnswer, Revalidated, Slots, TooManyRequests};
use crate::cache::{Begun, Cache, FillReason, FillToken, Lookup, RENEWAL, Revision};
use crate::context::RequestContext;
use crate::domain::availability::SeatStatus;
use crate::domain::caller::Caller;
use crate::domain::ids::{ReservationId, TheaterId};
use crate::domain::layout::Layout;
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::{Reservation, ReservationRef, ReservedSeat, StoreError};

/// The first and the longest pause between two reads of the cache while another request fills it. Jitter makes each
/// pause up to twice as long.
///
/// Most fills take about as long as the first pause. The pauses double, so that many requests that wait for a slow fill
/// don't load Redis.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(80);

/// A request to read the seats of a theater.
#[derive(Debug)]
pub struct GetSeats {
    pub theater: TheaterId,
    /// Read DynamoDB and never the cache.
    pub consistent: bool,
    /// The reservation whose seats are marked as the caller's own.
    pub reservation: Option<ReservationId>,
    /// The name of the only section to show.
    pub section: Option<String>,
    /// The answer that the caller already has.
    pub seen: Option<KnownAnswer>,
    pub caller: Caller,
}

/// A theater's seats at one instant.
#[derive(Debug)]
pub struct SeatsView {
    pub layout: Arc<Layout>,
    /// The slot of each seat, in layout order.
    pub slots: Slots,
    /// The indices of the seats that are reserved under the caller's own reservation. Empty if the request names none.
    pub yours: HashSet<usize>,
    /// The instant at which expiry is decided.
    pub now: EpochMillis,
    /// The source of the slots.
    pub source: Source,
}

/// A theater's layout, and the cache's answer about its seats.
pub(super) struct CachedSeats {
    pub(super) layout: Arc<Layout>,
    pub(super) read: CacheRead,
}

/// The source of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cache.
    Hit,
    /// DynamoDB. The cache was filled from this answer.
    Miss,
    /// DynamoDB. The cache wasn't involved.
    Bypass,
}

/// The reasons why seats can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum GetSeatsError {
    #[error("no such theater")]
    TheaterNotFound,
    /// The theater has no such section. Holds the names of its sections.
    #[error("no such section")]
    UnknownSection(Vec<String>),
    /// The caller reads too often.
    #[error(transparent)]
    TooManyRequests(#[from] TooManyRequests),
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
    /// Reads a theater's seats, or finds that they haven't changed since the caller's last read.
    pub async fn get_seats(&self, ctx: &RequestContext, ask: &GetSeats) -> Result<Revalidated, GetSeatsError> {
        let theater = &ask.theater;
        if let Some(section) = &ask.section {
            self.check_section(ctx, theater, section).await?;
        }
        if let Some(reservation) = ask.reservation {
            return Box::pin(self.read_with_own_seats(ctx, ask, reservation)).await.map(Revalidated::Seats);
        }
        if let (false, Some(cache), Some(seen)) = (ask.consistent, &self.cache, ask.seen) {
            return self.revalidate(ctx, cache, theater, seen).await;
        }
        self.read_seats(ctx, theater, ask.consistent).await.map(Revalidated::Seats)
    }

    /// Rejects a section that the theater doesn't have, before anything else is read.
    ///
    /// A rejection costs nothing of the caller's rate limit if this instance knows the layout. Otherwise the layout has
    /// to be read, and the rate limit is checked first.
    async fn check_section(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        section: &str,
    ) -> Result<(), GetSeatsError> {
        let has = |layout: &Layout| layout.plan().sections().iter().any(|name| name == section);
        let known = self.layouts.known(theater);
        if known.as_deref().is_some_and(has) {
            return Ok(());
        }
        if known.is_none() {
            self.admit(ctx).await?;
        }
        // The section may be new, so the layout is read again.
        let layout = self.layouts.get_newer(ctx, theater).await?.ok_or(GetSeatsError::TheaterNotFound)?;
        if has(&layout) { Ok(()) } else { Err(GetSeatsError::UnknownSection(layout.plan().sections().to_vec())) }
    }

    /// Reads a theater's seats without marking any as the caller's own. `consistent` reads DynamoDB and never the
    /// cache.
    ///
    /// The futures that read DynamoDB are boxed. They are large, and a cache hit would have to reserve space for them
    /// without using them.
    pub(super) async fn read_seats(
        &self,
        ctx: &RequestContext,
        theater: &TheaterId,
        consistent: bool,
    ) -> Result<SeatsView, GetSeatsError> {
        let cache = self.cache.as_ref().filter(|_| !consistent);
        let Some(cache) = cache else {
            self.admit(ctx).await?;
            let layout = self.layouts.get(ctx, theater).await?.ok_or(GetSeatsError::TheaterNotFound)?;
            return Box::pin(self.bypass(ctx, layout)).await;
        };
        let cached = self.read_layout_and_string(ctx, cache, theater, None).await?;
        self.seats_from_cache(ctx, cache, cached).await
    }

    /// Reads a theater's layout and its string in the cache at the same time. If the string still has the `known`
    /// revision, the cache doesn't send its slots.
    pub(super) async fn read_layout_and_string(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        theater: &TheaterId,
        known: Option<Revision>,
    ) -> Result<CachedSeats, GetSeatsError> {
        let read = Self::read_admitted(ctx, cache, theater, known);
        let (layout, read) = if ctx.has_unchecked_rate_limit() {
            // A rejected request must cost DynamoDB nothing, so the layout isn't read until the rate limit has passed.
            let read = read.await?;
            (self.layouts.get(ctx, theater).await, read)
        } else {
            let (layout, read) = tokio::join!(self.layouts.get(ctx, theater), read);
            (layout, read?)
        };
        Ok(CachedSeats { layout: layout?.ok_or(GetSeatsError::TheaterNotFound)?, read })
    }

    /// Returns the seats from the cached string, or else from DynamoDB.
    pub(super) async fn seats_from_cache(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        cached: CachedSeats,
    ) -> Result<SeatsView, GetSeatsError> {
        let CachedSeats { layout, read } = cached;
        let packed = match read {
            CacheRead::Unavailable => return Box::pin(self.bypass(ctx, layout)).await,
            // `Unchanged` carries no slots, so this request needs the whole string. `fill` fetches it first.
            CacheRead::Answer(Lookup::Miss | Lookup::Unchanged(_)) => {
                return Box::pin(self.fill(ctx, cache, layout)).await;
            }
            CacheRead::Answer(Lookup::Complete(packed)) => packed,
        };
        let layout = self.reload_if_older(ctx, layout, packed.layout_version()).await?;
        if packed.layout_version() > layout.version {
            // This instance's layout is older than the cached one, so it must not fill.
            return Box::pin(self.bypass(ctx, layout)).await;
        }
        if !packed.fits(&layout) {
            return Box::pin(self.fill(ctx, cache, layout)).await;
        }
        let ends_at = packed.ends_at();
        let hit = self.view(layout, Slots::Cached(packed), Source::Hit);
        match self.renewed(ctx, cache, &hit.layout, ends_at).await {
            Some(renewed) => Ok(renewed),
            None => Ok(hit),
        }
    }

    /// Returns the layout, read again if the cache has a newer one. The result may still be older than the cached one.
    pub(super) async fn reload_if_older(
        &self,
        ctx: &RequestContext,
        layout: Arc<Layout>,
        cached: u64,
    ) -> Result<Arc<Layout>, GetSeatsError> {
        if cached <= layout.version {
            return Ok(layout);
        }
        self.layouts.get_newer(ctx, &layout.theater).await?.ok_or(GetSeatsError::TheaterNotFound)
    }

    /// Fills the cache, or waits for the request that is filling it. Each wait ends with that request's lease. All
    /// waits together take at most `fill_wait`.
    pub(super) async fn fill(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        layout: Arc<Layout>,
    ) -> Result<SeatsView, GetSeatsError> {
        let deadline = Instant::now() + self.policy.fill_wait;
        let mut reason = FillReason::Missing;
        let mut pause = FIRST_PAUSE;
        while Instant::now() < deadline {
            match cache.begin(ctx, &layout, reason, FillToken::new()).await {
                Err(_) | Ok(Begun::NotDue | Begun::Behind) => break,
                Ok(Begun::Fill(token)) => return self.read_and_fill(ctx, cache, layout, token).await,
                Ok(Begun::Complete(packed)) if packed.fits(&layout) => {
                    return Ok(self.view(layout, Slots::Cached(packed), Source::Hit));
                }
                // The string is complete and of this layout, and it is corrupt.
                Ok(Begun::Complete(_)) => reason = FillReason::Unreadable,
                Ok(Begun::Leased(left)) => {
                    let next = Instant::now() + left.min(pause + random::jitter(pause));
                    tokio::time::sleep_until(next.min(deadline)).await;
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
        }
        self.bypass(ctx, layout).await
    }

    /// Renews a cached string that expires soon, so that the cache of a theater that is being read never becomes empty.
    ///
    /// Returns `None` if the renewal isn't due, another request is making it, or it failed. Then the cached string is
    /// the answer.
    pub(super) async fn renewed(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        layout: &Arc<Layout>,
        ends_at: EpochMillis,
    ) -> Option<SeatsView> {
        let left = ends_at.0.saturating_sub(self.clock.now().0);
        if u128::from(left) > RENEWAL.as_millis() {
            return None;
        }
        Box::pin(self.renew(ctx, cache, layout)).await
    }

    async fn renew(&self, ctx: &RequestContext, cache: &Cache, layout: &Arc<Layout>) -> Option<SeatsView> {
        let begun = cache.begin(ctx, layout, FillReason::Renewal, FillToken::new()).await;
        let Ok(Begun::Fill(token)) = begun else { return None };
        match tokio::time::timeout(self.policy.fill_wait, self.read_and_fill(ctx, cache, layout.clone(), token)).await {
            Ok(Ok(renewed)) => Some(renewed),
            failed => {
                tracing::warn!(failed = ?failed.map(|result| result.map(drop)), "the renewal failed; the hit serves");
                None
            }
        }
    }

    async fn read_and_fill(
        &self,
        ctx: &RequestContext,
        cache: &Cache,
        layout: Arc<Layout>,
        token: FillToken,
    ) -> Result<SeatsView, GetSeatsError> {
        let slots = self.store.slots(ctx, &layout).await?;
        // The answer comes from DynamoDB, so it holds whether or not the cache accepts the fill.
        let _ = cache.end(ctx, &layout, token, &slots).await;
        Ok(self.view(layout, Slots::Read(slots), Source::Miss))
    }

    async fn bypass(&self, ctx: &RequestContext, layout: Arc<Layout>) -> Result<SeatsView, GetSeatsError> {
        let slots = self.store.slots(ctx, &layout).await?;
        Ok(self.view(layout, Slots::Read(slots), Source::Bypass))
    }

    /// Reads the seats, and marks those of the caller's own reservation. This takes a few more reads, which don't
    /// depend on the size of the theater.
    async fn read_with_own_seats(
        &self,
        ctx: &RequestContext,
        ask: &GetSeats,
        reservation: ReservationId,
    ) -> Result<SeatsView, GetSeatsError> {
        let mut view = self.read_seats(ctx, &ask.theater, ask.consistent).await?;
        let owner = ask.caller.owner();
        let wanted = ReservationRef { theater: &ask.theater, id: reservation, owner, seats: None };
        if let Reservation::Running(seats) = self.store.reservation(ctx, &wanted).await? {
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
