//! Redis failing in every way: it costs speed, and no answer; and it is used again when it is well, by the same process.

use std::time::{Duration, Instant};

use boxoffice_local::lambda::Lambda;
use boxoffice_tests::Call;
use boxoffice_tests::redis_proxy::RedisFault;
use futures_util::future::join_all;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{HALL, PATIENT, Site, book, eventually, look, reserve, seats};

/// For faults in which it is waited out again and again.
const IMPATIENT: (&str, &str) = ("CACHE_DEADLINE_MS", "200");
/// How long the breaker spares the requests after a failure, at the least.
const PAUSE: Duration = Duration::from_millis(500);
/// As long as a complete key lives, in milliseconds.
const LIFETIME: i64 = 60_000;

/// What a look is held to show that isn't told to pass the cache.
#[derive(Clone, Copy, PartialEq)]
enum Looks {
    /// What DynamoDB has.
    Right,
    /// Anything: Redis may have kept what was so before, serve it, and not have been told better. That is at most for as
    /// long as the key lives.
    Older,
}

/// Looks, reserves and books, on five seats from this one on. Everything is answered as if Redis were well.
async fn sells(site: &Site, first: usize, looks: Looks) {
    let seat = |number: usize| seats(first + number, first + number);
    let (mine, cart, sold, bought) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let pair = seats(first + 1, first + 2);
    for (call, status) in [
        (look(), 200),
        (reserve(&seat(0), mine), 201),
        (reserve(&seat(0), mine), 200),
        (reserve(&seat(0), Uuid::now_v7()), 409),
        (reserve(&pair, cart), 201),
        (book(&seat(3), sold, None), 201),
        (book(&seat(3), sold, None), 200),
        (book(&seat(3), Uuid::now_v7(), None), 409),
        (book(&pair, bought, Some(cart)), 201),
        (book(&seat(0), Uuid::now_v7(), None), 409),
        (Call::reserve(HALL, &json!({ "seats": seat(3) })), 409),
        (Call::reserve(HALL, &json!({ "seats": seat(4) })), 201),
    ] {
        let reply = site.send(&call).await;
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text);
        let look = site.send(&look()).await;
        assert_eq!(look.status, 200, "{}", look.text);
        if looks == Looks::Right {
            site.is_right(&look).await;
        }
    }
    site.look_is_right().await;
    let (taken, bookings) = (site.taken().await, site.bookings().await);
    let owners = [mine, bought, bought, sold].map(|owner| owner.to_string());
    assert!(seats(first, first + 3).iter().zip(&owners).all(|(seat, owner)| taken[seat] == *owner), "{taken:?}");
    assert!([sold, bought].iter().all(|id| bookings.iter().filter(|other| **other == id.to_string()).count() == 1));
}

/// The lines in which a function says what its requests cost.
fn costs(function: &Lambda) -> Vec<Value> {
    let log = function.log().unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|line: &Value| line["redis_calls"].is_u64()).collect()
}

/// What the functions spend on the cache while something is wrong.
struct Spending<'a> {
    site: &'a Site,
    since: Instant,
    lines: [usize; 3],
    connections: usize,
}

impl<'a> Spending<'a> {
    fn since_now(site: &'a Site) -> Self {
        site.redis.take();
        let lines = site.functions.all().map(|function| costs(function).len());
        Self { site, since: Instant::now(), lines, connections: site.redis.connections() }
    }

    /// After a failed call the cache is left alone: there are no more failures than pauses that went by. Returns how
    /// many there were.
    fn is_bounded(&self) -> u64 {
        let elapsed = self.since.elapsed();
        let each = self.site.functions.all().into_iter().zip(self.lines).map(|(function, lines)| {
            let costs = costs(function);
            let failures: u64 = costs[lines..].iter().map(|line| line["redis_failures"].as_u64().unwrap()).sum();
            let waited: f64 = costs[lines..].iter().map(|line| line["redis_ms"].as_f64().unwrap()).sum();
            let pauses = elapsed.saturating_sub(Duration::from_secs_f64(waited / 1e3)).as_millis() / PAUSE.as_millis();
            assert!(u128::from(failures) <= 1 + pauses, "{failures} failures in {elapsed:?}, {waited} ms in Redis");
            failures
        });
        each.sum()
    }

    /// Each failed call is two attempts at the most, and each of them one connection and one command.
    fn is_bounded_at_the_proxy(&self) {
        let failures = self.is_bounded();
        let connections = self.site.redis.connections() - self.connections;
        let commands = self.site.redis.take().into_iter().filter(|name| name != "CLIENT").count();
        assert!(failures >= 3, "each function tried: {failures}");
        assert!(connections as u64 <= 2 * failures, "{connections} connections for {failures} calls");
        assert!(commands as u64 <= 2 * failures, "{commands} commands for {failures} calls");
    }
}

/// Waits until each function, still the same process, uses the cache, and looks are answered from it.
async fn is_used_again(site: &Site) {
    let taken = seats(120, 120);
    site.send(&book(&taken, Uuid::now_v7(), None)).await;
    for call in [look(), reserve(&taken, Uuid::now_v7()), book(&taken, Uuid::now_v7(), None)] {
        eventually(async || {
            site.send(&call).await;
            let costs = costs(site.functions.of(&call)).pop().unwrap();
            (costs["redis_calls"].as_u64() >= Some(1) && costs["redis_failures"] == 0).then_some(())
        })
        .await;
    }
    // What Redis kept all the while it is believed until its key ends. That moment is brought forward here.
    let (mut redis, key) = redis(site).await;
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!(left <= LIFETIME, "{left}");
    let _: () = redis.del(&key).await.unwrap();
    is_hit(site).await;
}

async fn is_hit(site: &Site) {
    eventually(async || (site.send(&look()).await.header("x-cache") == "hit").then_some(())).await;
}

/// Redis itself, past the proxy, and the key of the theater.
async fn redis(site: &Site) -> (MultiplexedConnection, String) {
    let client = redis::Client::open(site.valkey.url()).unwrap();
    (client.get_multiplexed_async_connection().await.unwrap(), site.world.cache_key(HALL))
}

async fn configure(redis: &mut MultiplexedConnection, setting: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).exec_async(redis).await.unwrap();
}

/// Sells before, during and after; with nobody restarted.
async fn costs_no_answer(fault: RedisFault) {
    let is_waited_for = matches!(fault, RedisFault::Unreachable | RedisFault::Silent | RedisFault::Slow(_));
    // With so short a deadline a busy machine alone may keep a write from being told.
    let (deadline, looks) = if is_waited_for { (IMPATIENT, Looks::Older) } else { (PATIENT, Looks::Right) };
    let site = Site::with(&[deadline]).await;
    let processes = site.functions.all().map(Lambda::pid);
    sells(&site, 1, looks).await;
    is_hit(&site).await;
    let spending = Spending::since_now(&site);
    site.redis.set(Some(fault)).await;
    sells(&site, 11, Looks::Right).await;
    sells(&site, 21, Looks::Right).await;
    spending.is_bounded();
    if matches!(fault, RedisFault::Refused | RedisFault::Unreachable | RedisFault::Silent) {
        spending.is_bounded_at_the_proxy();
    }
    site.redis.set(None).await;
    is_used_again(&site).await;
    sells(&site, 31, looks).await;
    assert_eq!(site.functions.all().map(Lambda::pid), processes);
}

#[tokio::test]
async fn a_redis_that_refuses_connections_costs_no_answer() {
    costs_no_answer(RedisFault::Refused).await;
}

#[tokio::test]
async fn a_redis_whose_host_is_gone_costs_no_answer() {
    costs_no_answer(RedisFault::Unreachable).await;
}

#[tokio::test]
async fn a_redis_that_accepts_and_says_nothing_costs_no_answer() {
    costs_no_answer(RedisFault::Silent).await;
}

#[tokio::test]
async fn a_redis_that_resets_connections_in_the_midst_of_answers_costs_no_answer() {
    // Before any answer, within the first after connecting, and within what a look is answered.
    join_all([0, 3, 40].map(RedisFault::ResetAfter).map(costs_no_answer)).await;
}

#[tokio::test]
async fn a_redis_that_answers_too_late_costs_no_answer() {
    costs_no_answer(RedisFault::Slow(Duration::from_secs(3))).await;
}

#[tokio::test]
async fn a_redis_that_answers_late_but_in_time_is_used() {
    let site = Site::new().await;
    site.redis.set(Some(RedisFault::Slow(Duration::from_millis(20)))).await;
    let spending = Spending::since_now(&site);
    sells(&site, 1, Looks::Right).await;
    is_hit(&site).await;
    assert_eq!(spending.is_bounded(), 0);
}

#[tokio::test]
async fn a_redis_that_was_restarted_and_is_empty_is_filled_again() {
    let mut site = Site::new().await;
    sells(&site, 1, Looks::Right).await;
    site.valkey.kill().unwrap();
    site.valkey.restart().unwrap();
    sells(&site, 11, Looks::Right).await;
    site.valkey.kill().unwrap();
    sells(&site, 21, Looks::Right).await;
    site.valkey.restart().unwrap();
    is_used_again(&site).await;
    sells(&site, 31, Looks::Right).await;
}

/// As after a failover to a replica that had not got the last writes.
#[tokio::test]
async fn a_redis_rolled_back_to_older_data_misleads_looks_until_the_key_ends_and_nobody_else() {
    let site = Site::new().await;
    sells(&site, 1, Looks::Right).await;
    is_hit(&site).await;
    let (mut redis, key) = redis(&site).await;
    let (older, left): (Vec<u8>, i64) =
        redis::pipe().cmd("DUMP").arg(&key).cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    sells(&site, 11, Looks::Right).await;
    let mut restore = redis::cmd("RESTORE");
    restore.arg(&key).arg(left).arg(older).arg("REPLACE").exec_async(&mut redis).await.unwrap();
    assert!((1..=LIFETIME).contains(&left), "{left}");
    let shown = site.send(&look()).await;
    let (sold, sold_too) = (seats(14, 14), seats(11, 11));
    assert_eq!(shown.header("x-cache"), "hit");
    assert!(shown.seats().contains(&sold[0].as_str()), "it shows what was, or this test stages nothing");
    // Whoever believes it is refused by DynamoDB, and by that Redis learns.
    assert_eq!(site.send(&book(&sold, Uuid::now_v7(), None)).await.status, 409);
    assert_eq!(site.send(&Call::reserve(HALL, &json!({ "seats": sold_too }))).await.status, 409);
    let shown = site.send(&look()).await;
    assert_eq!(shown.header("x-cache"), "hit");
    assert!(!shown.seats().contains(&sold[0].as_str()) && !shown.seats().contains(&sold_too[0].as_str()));
    sells(&site, 21, Looks::Older).await;
    is_used_again(&site).await;
    sells(&site, 31, Looks::Right).await;
}

#[tokio::test]
async fn a_redis_that_is_full_costs_no_answer() {
    let site = Site::new().await;
    let (mut redis, key) = redis(&site).await;
    // Before there is a key, and after.
    configure(&mut redis, "maxmemory", "1").await;
    sells(&site, 1, Looks::Right).await;
    assert_eq!(site.send(&look()).await.header("x-cache"), "bypass");
    configure(&mut redis, "maxmemory", "0").await;
    is_used_again(&site).await;
    configure(&mut redis, "maxmemory", "1").await;
    sells(&site, 11, Looks::Older).await;
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!(left <= LIFETIME, "{left}");
    configure(&mut redis, "maxmemory", "0").await;
    is_used_again(&site).await;
    sells(&site, 21, Looks::Right).await;
}

#[tokio::test]
async fn a_redis_that_evicts_costs_no_answer() {
    let site = Site::new().await;
    let (mut redis, key) = redis(&site).await;
    configure(&mut redis, "maxmemory-policy", "allkeys-lru").await;
    for round in 0..4 {
        is_hit(&site).await;
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await.unwrap();
        let used: u64 = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().parse().unwrap();
        configure(&mut redis, "maxmemory", &(used + 500_000).to_string()).await;
        // Others fill it until ours is gone, and go on while we sell.
        let mut others = 0;
        while redis.exists(&key).await.unwrap() {
            others += 1;
            let _: () = redis.set(format!("other-{round}-{others}"), vec![b'x'; 20_000]).await.unwrap();
        }
        sells(&site, 1 + 10 * round, Looks::Right).await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
        configure(&mut redis, "maxmemory", "0").await;
    }
    is_used_again(&site).await;
}

#[tokio::test]
async fn a_key_that_holds_something_else_is_replaced() {
    let site = Site::new().await;
    let (mut redis, key) = redis(&site).await;
    for (round, kind) in ["list", "text", "nothing"].into_iter().enumerate() {
        is_hit(&site).await;
        let _: () = redis.del(&key).await.unwrap();
        let _: () = match kind {
            "list" => redis.rpush(&key, "x").await.unwrap(),
            "text" => redis.set(&key, "something else").await.unwrap(),
            _ => redis.set(&key, "").await.unwrap(),
        };
        sells(&site, 1 + 10 * round, Looks::Right).await;
        is_hit(&site).await;
    }
}

#[tokio::test]
async fn a_redis_that_takes_no_writes_costs_no_answer() {
    let site = Site::new().await;
    let (mut redis, key) = redis(&site).await;
    let replicate = async |redis: &mut MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(redis).await.unwrap();
    };
    // A master that isn't there: it keeps what it has, and takes no writes. First it has nothing.
    replicate(&mut redis, "127.0.0.1", "1").await;
    sells(&site, 1, Looks::Right).await;
    assert_eq!(site.send(&look()).await.header("x-cache"), "bypass");
    replicate(&mut redis, "NO", "ONE").await;
    is_used_again(&site).await;
    replicate(&mut redis, "127.0.0.1", "1").await;
    sells(&site, 11, Looks::Older).await;
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!(left <= LIFETIME, "{left}");
    replicate(&mut redis, "NO", "ONE").await;
    is_used_again(&site).await;
    sells(&site, 21, Looks::Right).await;
}
