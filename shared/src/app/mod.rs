//! The operations of the box office. Each combines the store and the cache.

mod book;
mod bookings;
mod get_seats;
mod layout_cache;
mod map;
mod rate_limit;
mod reservations;
mod reserve;
mod reserve_best;
mod select;
mod slots;
mod sync_cache;
mod theaters;

use std::sync::Arc;
use std::time::Duration;

pub use book::{Book, BookError, Booked};
pub use bookings::{BookingError, BookingRequest};
pub use get_seats::revalidate::{KnownAnswer, Revalidated};
pub use get_seats::{GetSeats, GetSeatsError, SeatsView, Source};
pub use layout_cache::LayoutCache;
pub use map::MapError;
pub use rate_limit::TooManyRequests;
pub use reservations::{ExtendError, Extended, ReservationError, ReservationRequest, ReservationView};
pub use reserve::{Reserve, ReserveError, Reserved};
pub use reserve_best::{ReserveBest, ReserveBestError};
pub use select::SelectError;
pub use slots::Slots;
pub use sync_cache::SyncCacheError;
pub use theaters::{MAX_SEATS_WITHDRAWN, Precondition, Put, PutError, STORABLE};

pub use crate::cache::Revision;
use crate::cache::{Cache, CacheError, Merged, WhenBehind};
use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::availability::SlotUpdate;
use crate::domain::caller::LogKey;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::rate_limit::RateLimits;
pub use crate::store::{Booking, ExistingBooking, HeldSeat, SeatChange, SeatRecord, StoreError, TheaterEntry};
use crate::store::{ChangedSeats, SeatSlot, Store};

/// The box office: everything that requests need, built once per instance.
#[derive(Debug)]
pub struct BoxOffice {
    store: Store,
    cache: Option<Cache>,
    layouts: LayoutCache,
    clock: Clock,
    policy: Policy,
}

/// The id of a request that can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestId<T> {
    /// An id that the caller chose.
    Given(T),
    /// An id that was derived from the caller's `Idempotency-Key`.
    Keyed(T),
}

impl<T> RequestId<T> {
    pub fn id(self) -> T {
        match self {
            Self::Given(id) | Self::Keyed(id) => id,
        }
    }
}

/// The policy of a box office: its settings.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time for which one read waits for other requests that fill the cache, in total.
    pub fill_wait: Duration,
    /// Maximum number of seats in one call.
    pub max_seats_per_call: usize,
    /// The longest reservation in seconds, extension included.
    pub longest_reservation: u32,
    /// Seats that one signed-in caller may have reserved at once. 0 sets no limit.
    pub max_reserved_per_caller: usize,
    /// Seats that one signed-in caller may have booked in a theater. 0 sets no limit.
    pub max_booked_per_caller: usize,
    /// Callers have to reserve seats before they book them.
    pub booking_needs_reservation: bool,
    /// The callers who may change theaters.
    pub administrators: Administrators,
    /// The rate limits of a caller.
    pub limits: RateLimits,
    /// Number of proxies in front of the API that are trusted to report a caller's address.
    pub trusted_proxies: usize,
    /// The shortest reservation, in seconds.
    pub shortest_reservation: u32,
    /// The API has an authorizer, so callers can sign in.
    pub has_authorizer: bool,
    /// The key with which callers are hashed in log lines.
    pub log_key: LogKey,
    /// Log lines contain the network of the caller's address.
    pub logs_networks: bool,
    /// The path under which clients reach the API.
    pub base_path: BasePath,
}

/// The path in front of every route, as clients see it: empty, or a path such as `/v1` without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The maximum length in bytes.
    pub const MOST: usize = 128;

    /// Parses a path such as `/v1` or `/box/office`. `/` is the root.
    ///
    /// Each part may only contain the unreserved characters of a URI (RFC 3986, 2.3).
    pub fn parse(text: &str) -> Option<Self> {
        let may = |c: u8| c.is_ascii_alphanumeric() || b"-._~".contains(&c);
        let is_part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(may);
        let parts = text.strip_prefix('/')?;
        let fits = text.len() <= Self::MOST && (parts.is_empty() || parts.split('/').all(is_part));
        fits.then(|| Self(if parts.is_empty() { String::new() } else { text.to_owned() }))
    }

    /// Returns the path, to which the path of a route is appended.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for BasePath {
    /// Returns the path of the template's stage and API mapping.
    fn default() -> Self {
        Self("/v1".to_owned())
    }
}

/// The callers who may change theaters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Administrators {
    /// Callers whose verified token has this scope.
    WithScope(String),
    /// Every caller. For development machines.
    Everybody,
}

impl BoxOffice {
    /// Creates a box office. Without a cache every read goes to DynamoDB.
    pub fn new(store: Store, cache: Option<Cache>, clock: Clock, policy: Policy) -> Self {
        let layouts = LayoutCache::new(store.clone(), clock.clone());
        Self { store, cache, layouts, clock, policy }
    }

    /// Opens the connection to the cache, and waits at most `patience` for it.
    pub async fn open_cache(&self, patience: Duration) {
        if let Some(cache) = &self.cache {
            cache.connect(patience).await;
        }
    }

    /// Opens the connection to DynamoDB and reads the layouts of these theaters, so that no request has to. If a read
    /// fails, the first request that needs the layout reads it again.
    pub async fn warm_up(&self, theaters: &[TheaterId]) {
        if theaters.is_empty() {
            return self.store.connect().await;
        }
        for theater in theaters {
            match self.layouts.get(&RequestContext::default(), theater).await {
                Ok(Some(_)) => {}
                Ok(None) => tracing::warn!(%theater, "WARM_THEATERS names a theater that doesn't exist"),
                Err(error) => {
                    tracing::warn!(%theater, %error, "a layout couldn't be read, the first request tries again")
                }
            }
        }
    }

    /// Returns the maximum number of seats in one call.
    pub fn max_seats_per_call(&self) -> usize {
        self.policy.max_seats_per_call
    }

    /// Returns the longest reservation, in seconds.
    pub fn longest_reservation(&self) -> u32 {
        self.policy.longest_reservation
    }

    /// Returns the shortest reservation, in seconds.
    pub fn shortest_reservation(&self) -> u32 {
        self.policy.shortest_reservation
    }

    /// Returns `true` if callers can sign in.
    pub fn has_authorizer(&self) -> bool {
        self.policy.has_authorizer
    }

    /// Returns the path under which clients reach the API.
    pub fn base_path(&self) -> &BasePath {
        &self.policy.base_path
    }

    /// Returns the key with which callers are hashed in log lines.
    pub fn log_key(&self) -> &LogKey {
        &self.policy.log_key
    }

    /// Returns `true` if log lines contain the networks of callers.
    pub fn logs_networks(&self) -> bool {
        self.policy.logs_networks
    }

    /// Returns the callers who may change theaters.
    pub fn administrators(&self) -> &Administrators {
        &self.policy.administrators
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Merges what a write learned into the cache.
    ///
    /// Writers ignore a failure and answer as usual. The Redis client has logged and counted it, the table's stream
    /// delivers the change again, and the next fill reads it from DynamoDB.
    async fn update_cache(
        &self,
        ctx: &RequestContext,
        layout: &Arc<Layout>,
        learned: &[SlotUpdate],
    ) -> Result<(), CacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let (theater, version) = (&layout.theater, layout.version);
        if cache.merge(ctx, theater, version, learned, WhenBehind::Tell).await? == Merged::Done {
            return Ok(());
        }
        let newer = self.layouts.get_newer(ctx, theater).await.ok().flatten();
        let newer = newer.filter(|newer| newer.version > version);
        let remap_to_layout = newer.as_ref().map(|newer| remap_to_layout(learned, layout, newer));
        let (version, learned) = match (&newer, &remap_to_layout) {
            (Some(newer), Some(remap_to_layout)) => (newer.version, remap_to_layout.as_slice()),
            _ => (version, learned),
        };
        cache.merge(ctx, theater, version, learned, WhenBehind::Drop).await.map(drop)
    }

    /// Merges changed seats into the cache. If the outcome of a write is uncertain, drops the theater from the cache
    /// instead, so that the next read goes to DynamoDB.
    async fn update_cache_of_seats(&self, ctx: &RequestContext, theater: &TheaterId, changed: &ChangedSeats) {
        if changed.uncertain {
            return self.forget(ctx, theater).await;
        }
        if changed.slots.is_empty() {
            return;
        }
        match self.layouts.get(ctx, theater).await {
            Ok(Some(layout)) => drop(self.update_cache(ctx, &layout, &with_indices(&changed.slots, &layout)).await),
            Ok(None) => {}
            Err(_) => self.forget(ctx, theater).await,
        }
    }

    /// Drops a theater from the cache, so that the next read goes to DynamoDB. A failure is ignored, as for a merge.
    async fn forget(&self, ctx: &RequestContext, theater: &TheaterId) {
        if let Some(cache) = &self.cache {
            let _ = cache.forget(ctx, theater).await;
        }
    }
}

/// Converts slots from labels to seat indices. Leaves out seats that the layout doesn't have.
fn with_indices(slots: &[SeatSlot], layout: &Layout) -> Vec<SlotUpdate> {
    let of = |known: &SeatSlot| {
        let position = layout.position(known.seat.as_str())?;
        Some(SlotUpdate { position, slot: known.slot })
    };
    slots.iter().filter_map(of).collect()
}

/// Converts slots from the seat indices of one layout to those of another. Leaves out seats that the other one doesn't
/// have.
fn remap_to_layout(learned: &[SlotUpdate], from: &Layout, to: &Layout) -> Vec<SlotUpdate> {
    let label = |position: u32| from.seats().get(usize::try_from(position).ok()?);
    let of = |known: &SlotUpdate| {
        let position = to.position(label(known.position)?.as_str())?;
        Some(SlotUpdate { position, slot: known.slot })
    };
    learned.iter().filter_map(of).collect()
}
