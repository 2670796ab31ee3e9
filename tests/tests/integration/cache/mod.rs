//! The cache: the responses that it may give. Losing it costs speed only.

use std::time::Duration;

use boxoffice::cache::{
    Begun, Cache, CacheAddress, FillReason, FillToken, LIFETIME, Lookup, Merged, Revision, WhenBehind,
};
use boxoffice::context::RequestContext;
use boxoffice::domain::availability::{SeatState, Slot, SlotUpdate};
use boxoffice::domain::ids::{SeatLabel, TheaterId};
use boxoffice::domain::inventory::{Inventory, InventoryId};
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::seat_index::SeatIndex;
use boxoffice::domain::time::{EpochMillis, EpochSeconds};
use boxoffice_local::engine::{Valkey, ValkeyOptions};
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Setup, World, engines};
use redis::AsyncCommands;
use serde_json::json;

use crate::api::id;

mod conditional_reads;
mod iam_auth;
mod leases;
mod outages;
mod releases;
mod responses;
mod revisions;
mod script;
mod watchers;

const BOOKED: SeatState = SeatState::Booked;

fn inventory(version: u64) -> Inventory {
    let seats = ["A1", "A2", "A3"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
    let layout = Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(version), seats).unwrap();
    Inventory::of_theater(layout)
}

fn slot(changed_at: u64, state: SeatState) -> Slot {
    Slot { changed_at: EpochMillis::new(changed_at), state }
}

fn learned(seat_index: u32, slot: Slot) -> SlotUpdate {
    SlotUpdate { seat_index: SeatIndex::new(seat_index), slot }
}

/// The cache by itself, with a layout of three seats.
struct CacheFixture {
    cache: Cache,
    world: World,
    inventory: Inventory,
    ctx: RequestContext,
}

impl CacheFixture {
    async fn new() -> Self {
        let world = World::new().await;
        Self { cache: world.cache(), world, inventory: inventory(7), ctx: RequestContext::default() }
    }

    async fn begin(&self, reason: FillReason) -> Begun {
        self.cache.begin(&self.ctx, &self.inventory, reason, FillToken::new()).await.unwrap()
    }

    async fn begun(&self, reason: FillReason) -> FillToken {
        match self.begin(reason).await {
            Begun::Fill(token) => token,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&self, token: FillToken, slots: [Slot; 3]) -> bool {
        self.cache.end(&self.ctx, &self.inventory, token, &slots).await.unwrap()
    }

    async fn merge(&self, seat_index: u32, slot: Slot) {
        let learned = [learned(seat_index, slot)];
        let (theater, version) = (&self.inventory.id, self.inventory.version);
        self.cache.merge(&self.ctx, theater, version, &learned, WhenBehind::Drop).await.unwrap();
    }

    /// Returns the slots that a reader gets, or `None`.
    async fn read(&self) -> Option<Vec<Slot>> {
        match self.cache.read(&self.ctx, &self.inventory.id).await.unwrap() {
            Lookup::Complete(packed) => packed.slots(&self.inventory),
            Lookup::Miss | Lookup::Unchanged(_) => None,
        }
    }

    async fn filled(&self, slots: [Slot; 3]) {
        let token = self.begun(FillReason::Missing).await;
        assert!(self.end(token, slots).await);
    }
}

/// The offset of the slots in a cached string.
const HEADER: usize = 48;

const AVAILABLE: Slot = Slot { changed_at: EpochMillis::new(0), state: SeatState::Available };

/// Makes the key expire in this many milliseconds, as if most of its lifetime had passed.
async fn expire_in(fixture: &CacheFixture, redis: &mut redis::aio::MultiplexedConnection, millis: i64) {
    let key = fixture.world.cache_key("1");
    let _: () = redis.pexpire(&key, millis).await.unwrap();
}

/// Starts a cluster of one node, which serves all hash slots.
async fn one_node_cluster() -> Valkey {
    let args = ["--cluster-enabled", "yes"].map(str::to_owned).to_vec();
    let valkey = Valkey::start_with(&ValkeyOptions { args, ..ValkeyOptions::default() }).unwrap();
    form_cluster(&valkey).await;
    valkey
}

/// Assigns all hash slots to this node, and waits until it reports a working cluster.
pub(crate) async fn form_cluster(valkey: &Valkey) {
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec_async(&mut redis).await.unwrap();
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut redis).await.unwrap();
        if info.contains("cluster_state:ok") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn serves(world: &World) {
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.seats().len()), ("hit", 5));
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 409);
}
