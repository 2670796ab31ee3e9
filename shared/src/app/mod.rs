//! The operations of the box office. Each combines the store and the cache.
//!
//! | module | operations |
//! | --- | --- |
//! | `get_seats` | reading which seats are available |
//! | `map` | reading a layout to draw it |
//! | `reserve`, `reserve_best` | reserving named seats, or the best available ones |
//! | `reservations` | reading, releasing and extending a reservation |
//! | `book` | booking seats, or a whole reservation |
//! | `bookings` | reading and cancelling a booking |
//! | `shows` | putting, deleting, reading and listing shows |
//! | `sales` | putting the sales of theaters and shows |
//! | `theaters` | putting, deleting, reading and listing theaters |
//! | `sync_cache` | repairing the cache from the table's stream |
//!
//! Parts that several operations share:
//!
//! | module | contents |
//! | --- | --- |
//! | `select` | finding the seats that a request names |
//! | `sale_check` | the check whether an inventory is on sale |
//! | `selling_to` | the operations that need an open sale, and their callers |
//! | `rate_limit` | the check of the rate limit |
//! | `cache_update` | updates of the cache after a write |
//! | `inventory_cache` | the inventories that this instance knows |
//! | `withdrawal` | withdrawing seats that a new layout doesn't have |
//! | `precondition` | the conditions of requests that replace something |
//! | `policy` | the settings |
//! | `request_id` | the ids by which a repeated request is recognized |

mod book;
mod bookings;
mod cache_update;
mod get_seats;
mod inventory_cache;
mod map;
mod policy;
mod precondition;
mod rate_limit;
mod request_id;
mod reservations;
mod reserve;
mod reserve_best;
mod sale_check;
mod sales;
mod select;
mod selling_to;
mod shows;
mod sync_cache;
mod theaters;
mod withdrawal;

use std::time::Duration;

pub use book::{Book, BookError, Booked};
pub use bookings::{BookingError, BookingRequest};
pub use get_seats::{GetSeats, GetSeatsError, KnownAnswer, Revalidated, SeatsView, Slots, Source};
pub use inventory_cache::InventoryCache;
pub use map::MapError;
pub use policy::{Administrators, BasePath, Policy};
pub use precondition::{Precondition, PreconditionError};
pub use rate_limit::TooManyRequests;
pub use request_id::RequestId;
pub use reservations::{ExtendError, Extended, ReservationError, ReservationRequest, ReservationView};
pub use reserve::{Reserve, ReserveError, Reserved};
pub use reserve_best::{AccessibleSeats, ReserveBest, ReserveBestError};
pub use sales::{CurrentSale, SaleError};
pub use select::SelectError;
pub use shows::{CurrentShow, ListShows, ShowError, ShowList, ShowPut};
pub use sync_cache::SyncCacheError;
pub use theaters::{Put, PutError, PutTheater, STORABLE};
pub use withdrawal::{MAX_SEATS_WITHDRAWN, WithdrawalError};

use crate::cache::Cache;
pub use crate::cache::{Revision, Summary};
use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::ids::TheaterId;
use crate::domain::inventory::InventoryId;
use crate::store::Store;
pub use crate::store::{
    Booking, ExistingBooking, OtherBooking, SeatChange, SeatExpiry, SeatRecord, StoreError, TheaterEntry, TheaterPage,
};

/// The box office: everything that requests need, built once per instance.
#[derive(Debug)]
pub struct BoxOffice {
    store: Store,
    cache: Option<Cache>,
    inventories: InventoryCache,
    clock: Clock,
    policy: Policy,
}

impl BoxOffice {
    /// Creates a box office. Without a cache every read goes to DynamoDB.
    pub fn new(store: Store, cache: Option<Cache>, clock: Clock, policy: Policy) -> Self {
        let inventories = InventoryCache::new(store.clone(), clock.clone());
        Self { store, cache, inventories, clock, policy }
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
            match self.inventories.get(&RequestContext::default(), &InventoryId::Theater(theater.clone())).await {
                Ok(Some(_)) => {}
                Ok(None) => tracing::warn!(%theater, "WARM_THEATERS names a theater that doesn't exist"),
                Err(error) => {
                    tracing::warn!(%theater, %error, "a layout couldn't be read, the first request tries again")
                }
            }
        }
    }

    /// Returns the theater of an inventory. A show that doesn't exist has none. Reads nothing for a theater.
    pub async fn theater_of(&self, ctx: &RequestContext, id: &InventoryId) -> Result<Option<TheaterId>, StoreError> {
        match id {
            InventoryId::Theater(theater) => Ok(Some(theater.clone())),
            InventoryId::Show(_) => {
                let inventory = self.inventories.get(ctx, id).await?;
                Ok(inventory.map(|inventory| inventory.layout.theater.clone()))
            }
        }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}
