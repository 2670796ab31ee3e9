//! Redis itself restarted, rolled back, full, evicting or read-only, or with a foreign value under the key.

use boxoffice_tests::Call;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use uuid::Uuid;

use super::{LIFETIME, Looks, configure, is_hit, is_used_again, redis, sells};
use crate::site::{HALL, Site, book, look, seats};

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

/// This is the state after a failover to a replica that missed the last writes.
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
    assert!(
        shown.seats().contains(&sold[0].as_str()),
        "the old state must be visible, otherwise the test has no effect"
    );
    // DynamoDB rejects requests that trust the old state, and the rejections update Redis.
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
    let (mut redis, _) = redis(&site).await;
    // Redis is full before there is a key, and after. A key that can't be updated must not be believed.
    for first in [1, 11] {
        configure(&mut redis, "maxmemory", "1").await;
        sells(&site, first, Looks::Right).await;
        assert_eq!(site.send(&look()).await.header("x-cache"), "bypass");
        configure(&mut redis, "maxmemory", "0").await;
        is_used_again(&site).await;
    }
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
        // Other keys fill the memory until the theater's key is evicted, and stay during the sales.
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
    // The master doesn't exist. The replica keeps its data and rejects writes. At first it has no data.
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
