//! Thundering herds. A thousand readers of one theater at the same time all get correct responses, for one or two
//! Queries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice::app::BoxOffice;
use boxoffice::cache::{Begun, FillReason, FillToken, LEASE};
use boxoffice::context::RequestContext;
use boxoffice::domain::ids::TheaterId;
use boxoffice::domain::inventory::Inventory;
use boxoffice_local::engine::Valkey;
use boxoffice_tests::dynamodb_proxy::{Barrier, DynamoDbProxy};
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use redis::AsyncCommands;
use serde_json::json;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

const INSTANCES: usize = 20;
const READERS: usize = 1_000;
/// The available seats. A1 is booked before the herd arrives.
const EXPECTED_SEATS: [&str; 5] = ["A2", "A3", "B1", "B2", "B3"];

/// Instances behind counting proxies. Each has the layout in memory, and the cache is empty. Only one herd runs at a
/// time, because herds slow down the other tests on the machine.
struct Herd {
    world: Arc<World>,
    offices: Vec<Arc<BoxOffice>>,
    dynamodb: DynamoDbProxy,
    redis: RedisProxy,
    _turn: MutexGuard<'static, ()>,
}

impl Herd {
    async fn new() -> Self {
        Self::on(engines::shared().valkey.port()).await
    }

    async fn on(valkey: u16) -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let dynamodb = DynamoDbProxy::before(engines::shared().endpoint()).await;
        let redis = RedisProxy::before(valkey).await;
        // No timeout is short enough to be reached, so that a slow machine doesn't fail the test.
        let setup = Setup {
            dynamodb: dynamodb.endpoint.clone(),
            cache_deadline: Duration::from_secs(60),
            fill_wait: Duration::from_secs(60),
            ..Setup::with_cache(&redis.url)
        };
        let world = World::on(setup).await;
        assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
        let mut offices = Vec::new();
        for _ in 0..INSTANCES {
            let office = world.instance(world.clock.clone()).await;
            Call::get_seats("1").query("consistent=true").send(&office).await;
            offices.push(Arc::new(office));
        }
        dynamodb.take();
        redis.take();
        Self { world: Arc::new(world), offices, dynamodb, redis, _turn: turn }
    }

    /// Starts all readers, each in a task of its own.
    fn start_readers(&self) -> Vec<JoinHandle<Reply>> {
        self.start_some_readers(READERS)
    }

    fn start_some_readers(&self, readers: usize) -> Vec<JoinHandle<Reply>> {
        let offices = self.offices.iter().cycle().take(readers).cloned();
        offices.map(|office| tokio::spawn(async move { Call::get_seats("1").send(&office).await })).collect()
    }

    fn queries(&self) -> usize {
        self.dynamodb.count("Query")
    }

    /// Begins a fill as another instance, and never ends it.
    async fn abandon_a_fill(&self) {
        let (theater, ctx) = (TheaterId::parse("1").unwrap(), RequestContext::default());
        let store = self.world.store(self.world.clock.clone()).await;
        let inventory = Inventory::of_theater(store.layout(&ctx, &theater).await.unwrap().unwrap());
        let begun = self.world.cache().begin(&ctx, &inventory, FillReason::Missing, FillToken::new()).await.unwrap();
        assert!(matches!(begun, Begun::Fill(_)));
    }

    /// Starts a fill whose Query is held by the barrier. The lease is prolonged until the keeper is dropped, so that
    /// the test doesn't depend on the machine's speed.
    async fn start_slow_fill(&self) -> (JoinHandle<Reply>, Barrier, LeaseKeeper) {
        let barrier = self.dynamodb.hold("Query");
        let world = self.world.clone();
        let filler = tokio::spawn(async move { Call::get_seats("1").send(&world.office).await });
        until("it reads", || self.queries() == 1).await;
        (filler, barrier, self.keep_lease().await)
    }

    async fn keep_lease(&self) -> LeaseKeeper {
        let (mut redis, key) = (self.world.redis().await, self.world.cache_key("1"));
        prolong_lease(&mut redis, &key).await;
        LeaseKeeper(tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                prolong_lease(&mut redis, &key).await;
            }
        }))
    }

    #[allow(clippy::print_stdout, reason = "the figures of docs/RELIABILITY.md")]
    fn report(&self, what: &str, elapsed: Duration) {
        let scripts = self.redis.count("EVALSHA") as f64 / READERS as f64;
        println!("{what}: {} Queries, {scripts:.2} script calls a reader, {elapsed:?}", self.queries());
    }
}

/// A task that prolongs a lease until it is dropped.
struct LeaseKeeper(JoinHandle<()>);

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn prolong_lease(redis: &mut redis::aio::MultiplexedConnection, key: &str) {
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(redis).await.unwrap();
    let lease = (seconds * 1_000 + 7_000).to_be_bytes();
    let _: usize = redis.setrange(key, 26, &lease[2..]).await.unwrap();
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn assert_all_correct(herd: Vec<JoinHandle<Reply>>) -> Vec<Reply> {
    let mut replies = Vec::new();
    for reply in herd {
        let reply = reply.await.expect("no panic");
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.seats(), EXPECTED_SEATS);
        replies.push(reply);
    }
    replies
}

/// Returns how many fills can have begun within a time. Each one after the first begins when the lease before it
/// expires. Leases double.
fn max_fills_within(time: Duration) -> usize {
    let (mut fills, mut lease, mut next) = (1, LEASE, LEASE);
    while next <= time {
        lease = (lease * 2).min(Duration::from_secs(8));
        (fills, next) = (fills + 1, next + lease);
    }
    fills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_cold_readers_cost_one_or_two_queries() {
    let herd = Herd::new().await;
    let started = Instant::now();
    assert_all_correct(herd.start_readers()).await;
    let elapsed = started.elapsed();
    herd.report("cold", elapsed);
    // One fill if it takes less than its lease. Two fills below a second and a half.
    assert!((1..=max_fills_within(elapsed)).contains(&herd.queries()), "{} in {elapsed:?}", herd.queries());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filler_killed_before_its_query_is_replaced_once() {
    let herd = Herd::new().await;
    let started = Instant::now();
    herd.abandon_a_fill().await;
    assert_all_correct(herd.start_readers()).await;
    let elapsed = started.elapsed();
    herd.report("filler killed before its Query", elapsed);
    let queries = herd.queries();
    assert!(
        queries >= 1 && queries < max_fills_within(elapsed),
        "{queries} in {elapsed:?}, and the killed filler made no Query"
    );
}

#[tokio::test]
async fn waiting_readers_poll_with_growing_pauses() {
    let herd = Herd::new().await;
    let started = Instant::now();
    herd.abandon_a_fill().await;
    assert_all_correct(herd.start_some_readers(INSTANCES)).await;
    let elapsed = started.elapsed();
    // Pauses last 10, 20, 40 ms and then at least 80 ms, half as much again on average. The readers are few, so that
    // nothing else slows them down.
    let (scripts, most) = (herd.redis.count("EVALSHA"), INSTANCES * (5 + elapsed.as_millis() as usize / 100));
    assert!(scripts <= most, "{scripts} script calls in {elapsed:?}, expected at most {most}");
}

#[tokio::test]
async fn wait_for_unfinished_fills_is_bounded() {
    let herd = Herd::new().await;
    let setup = Setup { fill_wait: Duration::from_millis(200), ..herd.world.setup.clone() };
    let office = Arc::new(herd.world.instance_on(&setup).await);
    herd.abandon_a_fill().await;
    let _keeper = herd.keep_lease().await;
    herd.dynamodb.take();
    let looking = tokio::spawn(async move { Call::get_seats("1").send(&office).await });
    until("it is answered", || looking.is_finished()).await;
    let replies = assert_all_correct(vec![looking]).await;
    // This instance didn't have the layout in memory.
    let seen: Vec<_> = herd.dynamodb.take().into_iter().map(|call| call.operation).collect();
    assert_eq!((replies[0].header("x-cache"), seen), ("bypass", vec!["GetItem".to_owned(), "Query".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filler_killed_during_its_query_is_replaced_once() {
    let herd = Herd::new().await;
    let barrier = herd.dynamodb.hold("Query");
    let started = Instant::now();
    let world = herd.world.clone();
    let filler = tokio::spawn(async move { Call::get_seats("1").send(&world.office).await });
    until("it reads", || herd.queries() == 1).await;
    filler.abort();
    assert!(filler.await.unwrap_err().is_cancelled());
    drop(barrier);
    assert_all_correct(herd.start_readers()).await;
    let elapsed = started.elapsed();
    herd.report("filler killed in its Query", elapsed);
    assert!((2..=max_fills_within(elapsed)).contains(&herd.queries()), "{} in {elapsed:?}", herd.queries());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_readers_wait_for_one_slow_query() {
    let herd = Herd::new().await;
    let started = Instant::now();
    let (filler, barrier, _keeper) = herd.start_slow_fill().await;
    let looking = herd.start_readers();
    until("all readers missed", || herd.redis.count("GET") == READERS + 1).await;
    drop(barrier);
    assert_all_correct(looking).await;
    assert_all_correct(vec![filler]).await;
    herd.report("slow Query", started.elapsed());
    assert_eq!(herd.queries(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_key_is_renewed_by_one_reader_while_others_hit() {
    let herd = Herd::new().await;
    assert_eq!(Call::get_seats("1").send(&herd.world.office).await.header("x-cache"), "miss");
    herd.dynamodb.take();
    herd.redis.take();
    // The key expires in fourteen seconds, by Redis's clock and by the readers'.
    let mut redis = herd.world.redis().await;
    let _: () = redis.pexpire(herd.world.cache_key("1"), 14_000).await.unwrap();
    herd.world.at(50_000);
    let started = Instant::now();
    let (renewer, barrier, _keeper) = herd.start_slow_fill().await;
    let served = assert_all_correct(herd.start_readers()).await;
    assert!(served.iter().all(|reply| reply.header("x-cache") == "hit"));
    herd.report("renewal", started.elapsed());
    assert_eq!(herd.queries(), 1, "its Query isn't answered yet");
    drop(barrier);
    assert_eq!(assert_all_correct(vec![renewer]).await[0].header("x-cache"), "miss");
    let left: i64 = redis.pttl(herd.world.cache_key("1")).await.unwrap();
    assert!(left > 15_000, "renewed: {left} ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_failure_costs_each_reader_at_most_one_query() {
    let mut valkey = Valkey::start().unwrap();
    let herd = Herd::on(valkey.port()).await;
    let barrier = herd.dynamodb.hold("Query");
    let started = Instant::now();
    let looking = herd.start_readers();
    until("all readers missed", || herd.redis.count("GET") == READERS).await;
    until("one reads", || herd.queries() >= 1).await;
    valkey.kill().unwrap();
    drop(barrier);
    assert_all_correct(looking).await;
    herd.report("Redis gone", started.elapsed());
    assert!(herd.queries() <= READERS, "{}", herd.queries());
}
