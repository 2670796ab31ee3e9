//! Random histories with callers that send every ETag they got lately. A 304 is correct only if a full read at the same
//! instant shows the same. This holds also where the cache is behind, lost data or was set back.

use std::cell::Cell;
use std::time::Duration;

use boxoffice_tests::Reply;
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::world::START;
use proptest::prelude::*;

use super::*;

const SEATS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "B3"];
const QUERIES: [&str; 2] = ["", "view=map"];
/// The number of ETags that a watcher keeps.
const KEPT: usize = 5;

#[derive(Clone, Debug)]
enum Event {
    /// Reserves a seat for this many seconds, under one of a few reservations. The writer may die before it updates the
    /// cache.
    Reserve {
        seat: usize,
        seconds: u32,
        reservation: u128,
        dies: bool,
    },
    Book {
        seat: usize,
        dies: bool,
    },
    Release {
        reservation: u128,
    },
    /// Moves the clock forward by this many milliseconds, or back.
    Clock(i64),
    /// Deletes the key.
    Evict,
    /// Makes the key old, by Redis's clock and by the reader's.
    Age,
    /// Fails over to a replica that has the key as it was at the last `Keep`.
    Keep,
    FailOver,
}

fn event() -> impl Strategy<Value = Event> {
    let dies = prop::bool::weighted(0.2);
    prop_oneof![
        4 => (0..6_usize, 1..20_u32, 1..4_u128, dies).prop_map(|(seat, seconds, reservation, dies)|
            Event::Reserve { seat, seconds, reservation, dies }),
        1 => (0..6_usize, dies).prop_map(|(seat, dies)| Event::Book { seat, dies }),
        2 => (1..4_u128).prop_map(|reservation| Event::Release { reservation }),
        4 => (1..4_000_i64).prop_map(Event::Clock),
        1 => (-3_000..-1_i64).prop_map(Event::Clock),
        1 => Just(Event::Evict),
        1 => Just(Event::Age),
        1 => Just(Event::Keep),
        1 => Just(Event::FailOver),
    ]
}

/// A theater of its own, and the responses that its watchers have seen: ETag and body for each view.
struct Watched<'a> {
    world: &'a World,
    proxy: &'a RedisProxy,
    deaf: &'a boxoffice::app::BoxOffice,
    redis: redis::aio::MultiplexedConnection,
    theater: String,
    now: u64,
    seen: [Vec<(String, String)>; 2],
    kept: Option<Vec<u8>>,
    told: usize,
}

impl Watched<'_> {
    async fn happen(&mut self, event: &Event) {
        let (world, theater) = (self.world, self.theater.as_str());
        let key = world.cache_key(theater);
        let office = |dies: bool| if dies { self.deaf } else { &world.office };
        match event {
            Event::Reserve { seat, seconds, reservation, dies } => {
                let body = json!({ "seat": SEATS[*seat], "expires_in": seconds, "reservation_id": id(*reservation) });
                Call::reserve(theater, &body).send(office(*dies)).await;
            }
            Event::Book { seat, dies } => {
                let body = json!({ "seat": SEATS[*seat], "booking_id": id(100 + *seat as u128) });
                Call::book(theater, &body).send(office(*dies)).await;
            }
            Event::Release { reservation } => drop(Call::release(theater, &id(*reservation)).send(&world.office).await),
            Event::Clock(by) => self.now = self.now.saturating_add_signed(*by),
            Event::Evict => drop(self.redis.del::<_, usize>(&key).await.unwrap()),
            Event::Age => {
                self.now += 46_000;
                let _: usize = self.redis.pexpire(&key, 14_000).await.unwrap();
            }
            Event::Keep => self.kept = self.redis.get(&key).await.unwrap(),
            Event::FailOver => {
                if let Some(bytes) = &self.kept {
                    let _: () = self.redis.pset_ex(&key, bytes, 50_000).await.unwrap();
                }
            }
        }
        world.clock.set(START + Duration::from_millis(self.now));
    }

    /// Reads as each watcher with each of its ETags, and once without an ETag.
    async fn watch(&mut self) -> Result<(), TestCaseError> {
        for (query, seen) in QUERIES.iter().zip(&mut self.seen) {
            let seat_map = Call::get_seats(&self.theater).query(query);
            let whole = async || -> Reply { seat_map.clone().send(&self.world.office).await };
            for (tag, body) in seen.clone() {
                self.proxy.take_answered();
                let again = seat_map.clone().header("If-None-Match", &tag).send(&self.world.office).await;
                let few = self.proxy.take_answered() < 80 && again.header("x-cache") == "hit";
                let whole = whole().await;
                match again.status {
                    304 => {
                        self.told += usize::from(few);
                        prop_assert_eq!(&body, &whole.text, "got 304 for {}", tag);
                        seen.push((again.header("etag").to_owned(), body));
                    }
                    _ => prop_assert_eq!(&again.text, &whole.text),
                }
            }
            let whole = whole().await;
            seen.push((whole.header("etag").to_owned(), whole.text));
            let mut tags = std::collections::HashSet::new();
            let latest: Vec<_> = seen.drain(..).rev().filter(|(tag, _)| tags.insert(tag.clone())).take(KEPT).collect();
            seen.extend(latest.into_iter().rev());
        }
        Ok(())
    }
}

#[test]
fn not_modified_always_equals_a_full_read() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (proxy, world) = runtime.block_on(async {
        let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
        let world = World::on(Setup { cache_deadline: Duration::from_secs(60), ..Setup::with_cache(&proxy.url) }).await;
        (proxy, world)
    });
    let deaf = runtime.block_on(world.instance_on(&Setup::without_cache()));
    let (number, told) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(events in prop::collection::vec(event(), 1..24))| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let theater = format!("watched-{}", number.get());
            world.at(0);
            world.put_theater(&theater, "Watched", &SEATS).await;
            let redis = world.redis().await;
            let (now, seen, kept) = Default::default();
            let mut watched = Watched { world: &world, proxy: &proxy, deaf: &deaf, redis, theater, now, seen, kept, told: 0 };
            watched.watch().await?;
            for event in &events {
                watched.happen(event).await;
                watched.watch().await?;
            }
            told.set(told.get() + watched.told);
            Ok::<_, TestCaseError>(())
        })?;
    });
    println!("{} short 304s", told.get());
    assert!(told.get() > 30, "{}", told.get());
}
