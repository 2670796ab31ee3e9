//! Hostile strings in Valkey. They never cause an error or a wrong response, and the next fill replaces them.
//!
//! A string that is well formed in every byte can't be distinguished from a real one. Readers may see it until its key
//! expires, and nothing may prolong that.

use std::time::{Duration, Instant};

use boxoffice::cache::{Begun, Cache, FillReason, FillToken, LIFETIME, Lookup, WhenBehind};
use boxoffice::context::RequestContext;
use boxoffice::domain::availability::{SeatState, Slot, SlotUpdate};
use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::seat_index::SeatIndex;
use boxoffice::domain::time::EpochMillis;
use boxoffice_tests::mutation::{any_mutation, cases};
use boxoffice_tests::{Call, Setup, World, corpus};
use proptest::prelude::*;
use proptest::sample::Index;
use redis::AsyncCommands;
use serde_json::json;

/// The available seats. A1 is booked.
const EXPECTED_SEATS: [&str; 5] = ["A2", "A3", "B1", "B2", "B3"];

struct Planted {
    world: World,
    cache: Cache,
    inventory: Inventory,
    redis: redis::aio::MultiplexedConnection,
    ctx: RequestContext,
}

impl Planted {
    async fn new() -> Self {
        let world = World::on(Setup { fill_wait: Duration::from_millis(100), ..Setup::shared() }).await;
        assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
        let ctx = RequestContext::default();
        let store = world.store(world.clock.clone()).await;
        let layout = store.layout(&ctx, &TheaterId::parse("1").unwrap()).await.unwrap().unwrap();
        Self { cache: world.cache(), inventory: Inventory::of_theater(layout), redis: world.redis().await, ctx, world }
    }

    fn key(&self) -> String {
        self.world.cache_key("1")
    }

    /// Returns the strings that occur in service: a complete one, and one during a fill.
    async fn real_strings(&mut self) -> Vec<Vec<u8>> {
        let begun = self.cache.begin(&self.ctx, &self.inventory, FillReason::Missing, FillToken::new()).await.unwrap();
        assert!(matches!(begun, Begun::Fill(_)));
        let incomplete = self.redis.get(self.key()).await.unwrap();
        let _: () = self.redis.del(self.key()).await.unwrap();
        Call::get_seats("1").send(&self.world.office).await;
        vec![self.redis.get(self.key()).await.unwrap(), incomplete]
    }

    async fn plant(&self, bytes: &[u8]) {
        let life = LIFETIME.as_millis() as u64;
        let _: () = self.redis.clone().pset_ex(self.key(), bytes, life).await.unwrap();
    }

    /// Sends every call of the script with a known layout, and expects a valid reply to each.
    async fn ask_everything(&self, bytes: &[u8]) -> Result<(), TestCaseError> {
        let (id, version) = (&self.inventory.id, self.inventory.version);
        let slot = Slot { changed_at: EpochMillis::new(5), state: SeatState::Booked };
        let news = [
            SlotUpdate { seat_index: SeatIndex::new(5), slot },
            SlotUpdate { seat_index: SeatIndex::new(u32::MAX), slot },
        ];
        for step in 0..6 {
            self.plant(bytes).await;
            let token = FillToken::new();
            let begin = async |reason| self.cache.begin(&self.ctx, &self.inventory, reason, token).await.map(drop);
            let answered = match step {
                0 => self.cache.read(&self.ctx, id).await.map(drop),
                1 => self.cache.peek(&self.ctx, id, version, &[0, 5, 6, u32::MAX].map(SeatIndex::new)).await.map(drop),
                2 => self.cache.merge(&self.ctx, id, version, &news, WhenBehind::Keep).await.map(drop),
                3 => begin(FillReason::Missing).await,
                4 => begin(FillReason::Renewal).await,
                _ => self.cache.end(&self.ctx, &self.inventory, token, &[slot; 6]).await.map(drop),
            };
            prop_assert!(answered.is_ok(), "step {step}: {answered:?}");
            let left: i64 = self.redis.clone().pttl(self.key()).await.unwrap();
            prop_assert!(left == -2 || (0..=LIFETIME.as_millis() as i64).contains(&left), "step {step}: {left} ms");
        }
        Ok(())
    }

    /// Returns the seats that a reader accepts from the cache, or `None`.
    async fn believed(&self) -> Option<Vec<String>> {
        let Lookup::Complete(packed) = self.cache.read(&self.ctx, &self.inventory.id).await.unwrap() else {
            return None;
        };
        let slots = packed.slots(&self.inventory)?;
        let now = self.world.clock.now();
        let free = self.inventory.layout.seats().iter().zip(slots).filter(|(_, slot)| slot.is_available(now));
        Some(free.map(|(label, _)| label.to_string()).collect())
    }

    /// Reads the seats until the cache is correct again. Every response is correct, or shows the state that readers
    /// accepted.
    async fn read_until_replaced(&self, bytes: &[u8]) -> Result<(), TestCaseError> {
        self.plant(bytes).await;
        if let Some(believed) = self.believed().await {
            let seat_map = Call::get_seats("1").send(&self.world.office).await;
            prop_assert!(seat_map.seats() == believed || seat_map.seats() == EXPECTED_SEATS, "{}", seat_map.text);
            let _: () = self.redis.clone().del(self.key()).await.unwrap();
        }
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let seat_map = Call::get_seats("1").send(&self.world.office).await;
            prop_assert_eq!((seat_map.status, seat_map.seats()), (200, EXPECTED_SEATS.to_vec()));
            match seat_map.header("x-cache") {
                "hit" => return Ok(()),
                // The string is of a newer layout than the table's. It stays until a write deletes it or its key
                // expires.
                "bypass" if self.is_ahead().await => self.drop_by_a_write().await,
                _ => prop_assert!(Instant::now() < end, "not healed"),
            }
        }
    }

    async fn is_ahead(&self) -> bool {
        let begun = self.cache.begin(&self.ctx, &self.inventory, FillReason::Missing, FillToken::new()).await;
        matches!(begun, Ok(Begun::Behind))
    }

    async fn drop_by_a_write(&self) {
        let slot = Slot { changed_at: EpochMillis::new(5), state: SeatState::Booked };
        let news = [SlotUpdate { seat_index: SeatIndex::new(5), slot }];
        let (id, version) = (&self.inventory.id, self.inventory.version);
        self.cache.merge(&self.ctx, id, version, &news, WhenBehind::Drop).await.unwrap();
    }

    async fn withstands(&self, bytes: &[u8]) -> Result<(), TestCaseError> {
        self.ask_everything(bytes).await?;
        self.read_until_replaced(bytes).await
    }
}

#[tokio::test]
async fn every_corpus_string_is_tolerated_and_replaced() {
    let planted = Planted::new().await;
    for seed in corpus::packed() {
        planted.withstands(&seed.bytes).await.unwrap_or_else(|why| panic!("{}: {why}", seed.name));
    }
    let long = vec![1; 1 << 20];
    planted.withstands(&long).await.unwrap();
}

#[test]
fn mutated_cache_strings_are_tolerated_and_replaced() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut planted = runtime.block_on(Planted::new());
    let mut strings = runtime.block_on(planted.real_strings());
    strings.extend(corpus::packed().into_iter().map(|seed| seed.bytes));
    let mutations = prop::collection::vec(any_mutation(), 1..4);
    proptest!(cases(200), |(real in any::<bool>(), seed in any::<Index>(), mutations in mutations)| {
        // Real strings are as frequent as all others together, because a single changed bit matters more there.
        let seed = if real { &strings[seed.index(2)] } else { seed.get(&strings) };
        let bytes = mutations.iter().fold(seed.clone(), |bytes, mutation| mutation.apply(bytes, &strings));
        runtime.block_on(planted.withstands(&bytes)).map_err(|why| {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            TestCaseError::fail(format!("{why}\nadd it to tests/corpus/packed:\n{hex}"))
        })?;
    });
}
