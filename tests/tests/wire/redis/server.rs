//! Redis itself restarted, rolled back, full, evicting or read-only, or with a foreign value under the key.

use boxoffice_tests::Call;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde_json::json;
use uuid::Uuid;

use super::{ExpectedReads, LIFETIME, configure, redis, sell_and_check, wait_for_hit, wait_until_used_again};
use crate::deployment::{Deployment, HALL, book, seat_map, seats};

#[tokio::test]
async fn restarted_empty_redis_is_filled_again() {
    let mut deployment = Deployment::new().await;
    sell_and_check(&deployment, 1, ExpectedReads::Correct).await;
    deployment.valkey.kill().unwrap();
    deployment.valkey.restart().unwrap();
    sell_and_check(&deployment, 11, ExpectedReads::Correct).await;
    deployment.valkey.kill().unwrap();
    sell_and_check(&deployment, 21, ExpectedReads::Correct).await;
    deployment.valkey.restart().unwrap();
    wait_until_used_again(&deployment).await;
    sell_and_check(&deployment, 31, ExpectedReads::Correct).await;
}

/// This is the state after a failover to a replica that missed the last writes.
#[tokio::test]
async fn rolled_back_redis_misleads_only_reads_until_key_expiry() {
    let deployment = Deployment::new().await;
    sell_and_check(&deployment, 1, ExpectedReads::Correct).await;
    wait_for_hit(&deployment).await;
    let (mut redis, key) = redis(&deployment).await;
    let (older, left): (Vec<u8>, i64) =
        redis::pipe().cmd("DUMP").arg(&key).cmd("PTTL").arg(&key).query_async(&mut redis).await.unwrap();
    sell_and_check(&deployment, 11, ExpectedReads::Correct).await;
    let mut restore = redis::cmd("RESTORE");
    restore.arg(&key).arg(left).arg(older).arg("REPLACE").exec_async(&mut redis).await.unwrap();
    assert!((1..=LIFETIME).contains(&left), "{left}");
    let shown = deployment.send(&seat_map()).await;
    let (sold, sold_too) = (seats(14, 14), seats(11, 11));
    assert_eq!(shown.header("x-cache"), "hit");
    assert!(
        shown.seats().contains(&sold[0].as_str()),
        "the old state must be visible, otherwise the test has no effect"
    );
    // DynamoDB rejects requests that trust the old state, and the rejections update Redis.
    assert_eq!(deployment.send(&book(&sold, Uuid::now_v7(), None)).await.status, 409);
    assert_eq!(deployment.send(&Call::reserve(HALL, &json!({ "seats": sold_too }))).await.status, 409);
    let shown = deployment.send(&seat_map()).await;
    assert_eq!(shown.header("x-cache"), "hit");
    assert!(!shown.seats().contains(&sold[0].as_str()) && !shown.seats().contains(&sold_too[0].as_str()));
    sell_and_check(&deployment, 21, ExpectedReads::MayBeStale).await;
    wait_until_used_again(&deployment).await;
    sell_and_check(&deployment, 31, ExpectedReads::Correct).await;
}

#[tokio::test]
async fn full_redis_costs_no_response() {
    let deployment = Deployment::new().await;
    let (mut redis, _) = redis(&deployment).await;
    // Redis is full before there is a key, and after. A key that can't be updated must not be believed.
    for first in [1, 11] {
        configure(&mut redis, "maxmemory", "1").await;
        sell_and_check(&deployment, first, ExpectedReads::Correct).await;
        assert_eq!(deployment.send(&seat_map()).await.header("x-cache"), "bypass");
        configure(&mut redis, "maxmemory", "0").await;
        wait_until_used_again(&deployment).await;
    }
    sell_and_check(&deployment, 21, ExpectedReads::Correct).await;
}

#[tokio::test]
async fn evicting_redis_costs_no_response() {
    let deployment = Deployment::new().await;
    let (mut redis, key) = redis(&deployment).await;
    configure(&mut redis, "maxmemory-policy", "allkeys-lru").await;
    for round in 0..4 {
        wait_for_hit(&deployment).await;
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await.unwrap();
        let used: u64 = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().parse().unwrap();
        configure(&mut redis, "maxmemory", &(used + 500_000).to_string()).await;
        // Other keys fill the memory until the theater's key is evicted, and stay during the sales.
        let mut others = 0;
        while redis.exists(&key).await.unwrap() {
            others += 1;
            let _: () = redis.set(format!("other-{round}-{others}"), vec![b'x'; 20_000]).await.unwrap();
        }
        sell_and_check(&deployment, 1 + 10 * round, ExpectedReads::Correct).await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
        configure(&mut redis, "maxmemory", "0").await;
    }
    wait_until_used_again(&deployment).await;
}

#[tokio::test]
async fn key_with_a_foreign_value_is_replaced() {
    let deployment = Deployment::new().await;
    let (mut redis, key) = redis(&deployment).await;
    for (round, kind) in ["list", "text", "nothing"].into_iter().enumerate() {
        wait_for_hit(&deployment).await;
        let _: () = redis.del(&key).await.unwrap();
        let _: () = match kind {
            "list" => redis.rpush(&key, "x").await.unwrap(),
            "text" => redis.set(&key, "something else").await.unwrap(),
            _ => redis.set(&key, "").await.unwrap(),
        };
        sell_and_check(&deployment, 1 + 10 * round, ExpectedReads::Correct).await;
        wait_for_hit(&deployment).await;
    }
}

#[tokio::test]
async fn read_only_redis_costs_no_response() {
    let deployment = Deployment::new().await;
    let (mut redis, key) = redis(&deployment).await;
    let replicate = async |redis: &mut MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(redis).await.unwrap();
    };
    // The master doesn't exist. The replica keeps its data and rejects writes. At first it has no data.
    replicate(&mut redis, "127.0.0.1", "1").await;
    sell_and_check(&deployment, 1, ExpectedReads::Correct).await;
    assert_eq!(deployment.send(&seat_map()).await.header("x-cache"), "bypass");
    replicate(&mut redis, "NO", "ONE").await;
    wait_until_used_again(&deployment).await;
    replicate(&mut redis, "127.0.0.1", "1").await;
    sell_and_check(&deployment, 11, ExpectedReads::MayBeStale).await;
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!(left <= LIFETIME, "{left}");
    replicate(&mut redis, "NO", "ONE").await;
    wait_until_used_again(&deployment).await;
    sell_and_check(&deployment, 21, ExpectedReads::Correct).await;
}
