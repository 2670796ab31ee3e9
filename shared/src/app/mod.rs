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
pub use bookings::{BookingAsk, BookingError};
pub use get_seats::revalidate::{Looked, Seen};
pub use get_seats::{GetSeats, GetSeatsError, SeatsView, Source};
pub use layout_cache::Layouts;
pub use map::MapError;
pub use rate_limit::TooManyRequests;
pub use reservations::{ExtendError, Extended, ReservationAsk, ReservationError, ReservationView};
pub use reserve::{Reserve, ReserveError, Reserved};
pub use reserve_best::{ReserveBest, ReserveBestError};
pub use select::SelectError;
pub use slots::Slots;
pub use sync_cache::SyncCacheError;
pub use theaters::{Expected, MOST_DROPPED, Put, PutError, STORABLE};

use crate::cache::{Cache, CacheError, Merged, WhenBehind};
use crate::clock::Clock;
use crate::context::Tally;
use crate::domain::availability::LearnedSlot;
use crate::domain::caller::LogKey;
use crate::domain::ids::TheaterId;
use crate::domain::layout::Layout;
use crate::domain::rate_limit::Limits;
pub use crate::store::{Booking, HeldSeat, SeatChange, SeatRecord, StandingBooking, StoreError, TheaterEntry};
use crate::store::{ChangedSeats, SeatSlot, Store};

/// The box office: everything that requests need, built once per instance.
#[derive(Debug)]
pub struct BoxOffice {
    store: Store,
    cache: Option<Cache>,
    layouts: Layouts,
    clock: Clock,
    terms: Terms,
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
pub struct Terms {
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
    pub limits: Limits,
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
    pub fn new(store: Store, cache: Option<Cache>, clock: Clock, terms: Terms) -> Self {
        let layouts = Layouts::new(store.clone(), clock.clone());
        Self { store, cache, layouts, clock, terms }
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
            match self.layouts.get(&Tally::default(), theater).await {
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
        self.terms.max_seats_per_call
    }

    /// Returns the longest reservation, in seconds.
    pub fn longest_reservation(&self) -> u32 {
        self.terms.longest_reservation
    }

    /// Returns the shortest reservation, in seconds.
    pub fn shortest_reservation(&self) -> u32 {
        self.terms.shortest_reservation
    }

    /// Returns `true` if callers can sign in.
    pub fn has_authorizer(&self) -> bool {
        self.terms.has_authorizer
    }

    /// Returns the path under which clients reach the API.
    pub fn base_path(&self) -> &BasePath {
        &self.terms.base_path
    }

    /// Returns the key with which callers are hashed in log lines.
    pub fn log_key(&self) -> &LogKey {
        &self.terms.log_key
    }

    /// Returns `true` if log lines contain the networks of callers.
    pub fn logs_networks(&self) -> bool {
        self.terms.logs_networks
    }

    /// Returns the callers who may change theaters.
    pub fn administrators(&self) -> &Administrators {
        &self.terms.administrators
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Merges what a write learned into the cache.
    ///
    /// Writers ignore a failure and answer as usual. The Redis client has logged and counted it, the table's stream
    /// delivers the change again, and the next fill reads it from DynamoDB.
    async fn tell_cache(&self, tally: &Tally, layout: &Arc<Layout>, learned: &[LearnedSlot]) -> Result<(), CacheError> {
        let Some(cache) = &self.cache else { return Ok(()) };
        let (theater, version) = (&layout.theater, layout.version);
        if cache.merge(tally, theater, version, learned, WhenBehind::Tell).await? == Merged::Done {
            return Ok(());
        }
        let newer = self.layouts.get_newer(tally, theater).await.ok().flatten();
        let newer = newer.filter(|newer| newer.version > version);
        let moved = newer.as_ref().map(|newer| moved(learned, layout, newer));
        let (version, learned) = match (&newer, &moved) {
            (Some(newer), Some(moved)) => (newer.version, moved.as_slice()),
            _ => (version, learned),
        };
        cache.merge(tally, theater, version, learned, WhenBehind::Drop).await.map(drop)
    }

    /// Merges changed seats into the cache. If the outcome of a write is uncertain, drops the theater from the cache
    /// instead, so that the next read goes to DynamoDB.
    async fn tell_cache_of(&self, tally: &Tally, theater: &TheaterId, changed: &ChangedSeats) {
        if changed.uncertain {
            return self.forget(tally, theater).await;
        }
        if changed.slots.is_empty() {
            return;
        }
        match self.layouts.get(tally, theater).await {
            Ok(Some(layout)) => drop(self.tell_cache(tally, &layout, &positioned(&changed.slots, &layout)).await),
            Ok(None) => {}
            Err(_) => self.forget(tally, theater).await,
        }
    }

    /// Drops a theater from the cache, so that the next read goes to DynamoDB. A failure is ignored, as for a merge.
    async fn forget(&self, tally: &Tally, theater: &TheaterId) {
        if let Some(cache) = &self.cache {
            let _ = cache.forget(tally, theater).await;
        }
    }
}

/// Converts slots from labels to seat indices. Leaves out seats that the layout doesn't have.
fn positioned(slots: &[SeatSlot], layout: &Layout) -> Vec<LearnedSlot> {
    let of = |known: &SeatSlot| {
        let position = layout.position(known.seat.as_str())?;
        Some(LearnedSlot { position, slot: known.slot })
    };
    slots.iter().filter_map(of).collect()
}

/// Converts slots from the seat indices of one layout to those of another. Leaves out seats that the other one doesn't
/// have.
fn moved(learned: &[LearnedSlot], from: &Layout, to: &Layout) -> Vec<LearnedSlot> {
    let label = |position: u32| from.seats().get(usize::try_from(position).ok()?);
    let of = |known: &LearnedSlot| {
        let position = to.position(label(known.position)?.as_str())?;
        Some(LearnedSlot { position, slot: known.slot })
    };
    learned.iter().filter_map(of).collect()
}
