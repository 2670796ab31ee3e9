//! Redis failures of every kind. They cost speed and no response, and the same process uses Redis again after the
//! failure.

use std::time::{Duration, Instant};

use boxoffice_local::lambda_host::Lambda;
use boxoffice_tests::Call;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use uuid::Uuid;

mod connection;
mod server;

use crate::deployment::{Deployment, HALL, book, eventually, reserve, seat_map, seats};

/// Shortest pause of the circuit breaker after a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// Lifetime of a complete key, in milliseconds.
const LIFETIME: i64 = 60_000;

/// The expected result of reads through the cache.
#[derive(Clone, Copy, PartialEq)]
enum ExpectedReads {
    /// The state in DynamoDB.
    Correct,
    /// Any state. Redis may keep and serve an old state that it got no updates for, at most for the lifetime of the
    /// key.
    MayBeStale,
}

/// Reads, reserves and books, on five seats from this one on. Every response is as if Redis had no failure.
async fn sell_and_check(deployment: &Deployment, first: usize, looks: ExpectedReads) {
    let seat = |number: usize| seats(first + number, first + number);
    let (mine, cart, sold, bought) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let pair = seats(first + 1, first + 2);
    for (call, status) in [
        (seat_map(), 200),
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
        let reply = deployment.send(&call).await;
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text);
        let seat_map = deployment.send(&seat_map()).await;
        assert_eq!(seat_map.status, 200, "{}", seat_map.text);
        if looks == ExpectedReads::Correct {
            deployment.is_right(&seat_map).await;
        }
    }
    deployment.check_consistent_read().await;
    let (taken, bookings) = (deployment.taken().await, deployment.bookings().await);
    let owners = [mine, bought, bought, sold].map(|owner| owner.to_string());
    assert!(seats(first, first + 3).iter().zip(&owners).all(|(seat, owner)| taken[seat] == *owner), "{taken:?}");
    assert!([sold, bought].iter().all(|id| bookings.iter().filter(|other| **other == id.to_string()).count() == 1));
}

/// Returns the access log lines of a function, which have the costs of its requests.
fn costs(function: &Lambda) -> Vec<Value> {
    let log = function.log().unwrap();
    let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
    lines.filter(|line: &Value| line["op"].is_string()).collect()
}

/// Returns a number of an access log line. Zeros are omitted there.
fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or_default()
}

/// The functions' use of the cache during a failure.
struct CacheUse<'a> {
    deployment: &'a Deployment,
    since: Instant,
    lines: [usize; 3],
    connections: usize,
}

impl<'a> CacheUse<'a> {
    fn since_now(deployment: &'a Deployment) -> Self {
        deployment.redis.take();
        let lines = deployment.functions.all().map(|function| costs(function).len());
        Self { deployment, since: Instant::now(), lines, connections: deployment.redis.connections() }
    }

    /// Checks that the functions leave the cache alone after a failed call: there are at most as many failures as
    /// pauses passed. Returns the number of failures.
    fn is_bounded(&self) -> u64 {
        let elapsed = self.since.elapsed();
        let each = self.deployment.functions.all().into_iter().zip(self.lines).map(|(function, lines)| {
            let costs = costs(function);
            let failures = costs[lines..].iter().map(|line| number(line, "CacheErrors") as u64).sum::<u64>();
            let waited: f64 = costs[lines..].iter().map(|line| number(line, "redis_ms")).sum();
            let pauses = elapsed.saturating_sub(Duration::from_secs_f64(waited / 1e3)).as_millis() / PAUSE.as_millis();
            assert!(u128::from(failures) <= 1 + pauses, "{failures} failures in {elapsed:?}, {waited} ms in Redis");
            failures
        });
        each.sum()
    }

    /// Checks that each failed call made at most two attempts, each with one connection and one command.
    fn is_bounded_at_the_proxy(&self) {
        let failures = self.is_bounded();
        let connections = self.deployment.redis.connections() - self.connections;
        let commands = self.deployment.redis.take().into_iter().filter(|name| name != "CLIENT").count();
        assert!(failures >= 3, "each function tried: {failures}");
        assert!(connections as u64 <= 2 * failures, "{connections} connections for {failures} calls");
        assert!(commands as u64 <= 2 * failures, "{commands} commands for {failures} calls");
    }
}

/// Waits until each function uses the cache again in the same process, and reads are answered from the cache.
async fn wait_until_used_again(deployment: &Deployment) {
    let taken = seats(120, 120);
    deployment.send(&book(&taken, Uuid::now_v7(), None)).await;
    for call in [seat_map(), reserve(&taken, Uuid::now_v7()), book(&taken, Uuid::now_v7(), None)] {
        eventually(async || {
            deployment.send(&call).await;
            let costs = costs(deployment.functions.of(&call)).pop().unwrap();
            (number(&costs, "redis") >= 1.0 && number(&costs, "CacheErrors") == 0.0).then_some(())
        })
        .await;
    }
    // Redis kept this key during the failure. Readers believe it until it expires, so the test deletes it now.
    let (mut redis, key) = redis(deployment).await;
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!(left <= LIFETIME, "{left}");
    let _: () = redis.del(&key).await.unwrap();
    wait_for_hit(deployment).await;
}

async fn wait_for_hit(deployment: &Deployment) {
    eventually(async || (deployment.send(&seat_map()).await.header("x-cache") == "hit").then_some(())).await;
}

/// Returns a connection to Redis that bypasses the proxy, and the key of the theater.
async fn redis(deployment: &Deployment) -> (MultiplexedConnection, String) {
    let client = redis::Client::open(deployment.valkey.url()).unwrap();
    (client.get_multiplexed_async_connection().await.unwrap(), deployment.world.cache_key(HALL))
}

async fn configure(redis: &mut MultiplexedConnection, setting: &str, value: &str) {
    redis::cmd("CONFIG").arg("SET").arg(setting).arg(value).exec_async(redis).await.unwrap();
}
