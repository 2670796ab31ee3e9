//! Writers that are killed after DynamoDB has accepted and before Redis is updated. With sync-cache on the table's
//! stream, the cache follows nevertheless. Without it, the cache is stale until its key expires.

use std::time::{Duration, Instant};

use ::redis::AsyncCommands;
use boxoffice_local::lambda_host::{Function, Lambda, Outcome};
use boxoffice_local::stream::{self, EventSourceMapping};
use boxoffice_tests::gate::HoldPoint;
use boxoffice_tests::{Call, Setup, engines};
use serde_json::Value;
use uuid::Uuid;

use crate::deployment::{Deployment, book, eventually, reserve, seat_map, seats};

const WRITERS: usize = 20;

/// Makes a process write these seats and die before it updates the cache.
async fn write_and_die(deployment: &Deployment, call: &Call) {
    let function = deployment.functions.of(call);
    function.restart().await.unwrap();
    // The three calls read the layout, write, and update the cache.
    deployment.gate.hold(3, HoldPoint::Before);
    let death = async {
        deployment.gate.holds().await;
        function.kill().unwrap();
    };
    let (outcome, ()) = tokio::join!(deployment.functions.try_send(call), death);
    assert_eq!(outcome, Outcome::Ended);
    deployment.gate.discard();
}

/// Returns the number of available seats that the cache shows.
async fn cached(deployment: &Deployment) -> usize {
    let seat_map = deployment.send(&seat_map()).await;
    assert_eq!((seat_map.status, seat_map.header("x-cache")), (200, "hit"), "{}", seat_map.text);
    seat_map.seats().len()
}

/// Returns a deployment whose cache shows all seats as available.
async fn filled() -> (Deployment, usize) {
    let deployment = Deployment::new().await;
    let all = deployment.send(&seat_map()).await;
    assert_eq!(all.header("x-cache"), "miss");
    let all = all.seats().len();
    assert_eq!(cached(&deployment).await, all);
    (deployment, all)
}

#[tokio::test]
async fn repair_updates_the_cache_after_killed_writers() {
    let (deployment, all) = filled().await;
    let mut reader = engines::shared().dynamodb.stream(&deployment.world.table).unwrap();
    let mapping = EventSourceMapping::from_checkout("sync-cache").unwrap();
    // sync-cache has its own connections to DynamoDB and Redis. The gate delays the writers only.
    let environment = deployment.world.environment(&Setup::with_cache(&deployment.valkey.url()));
    let sync_cache = Lambda::start(&Function::from_checkout("sync-cache", environment).unwrap()).await.unwrap();
    let invoke = async |event: Value| Ok(sync_cache.invoke(&event).await?.body()?.clone());

    write_and_die(&deployment, &reserve(&seats(1, 1), Uuid::now_v7())).await;
    assert_eq!(cached(&deployment).await, all, "behind");
    let writers = async {
        let mut longest = Duration::ZERO;
        for number in 2..=WRITERS {
            let call = match number % 2 {
                0 => reserve(&seats(number, number), Uuid::now_v7()),
                _ => book(&seats(number, number), Uuid::now_v7(), None),
            };
            write_and_die(&deployment, &call).await;
            let died = Instant::now();
            eventually(async || (cached(&deployment).await == all - number).then_some(())).await;
            longest = longest.max(died.elapsed());
        }
        longest
    };
    let longest = tokio::select! {
        longest = writers => longest,
        Err(error) = stream::follow(&mut reader, &mapping, &invoke, |given_up| panic!("{given_up:?}")) => panic!("{error:#}"),
    };
    say(&format!("{WRITERS} killed writers: the cache was stale for at most {longest:?}"));
    deployment.check_consistent_read().await;
}

#[tokio::test]
async fn cache_is_stale_until_key_expiry_without_the_repair() {
    let (deployment, all) = filled().await;
    write_and_die(&deployment, &book(&seats(1, 2), Uuid::now_v7(), None)).await;
    assert_eq!(cached(&deployment).await, all);
    let client = ::redis::Client::open(deployment.valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = deployment.world.cache_key(crate::deployment::HALL);
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    // The key expires in a second, as if its lifetime had passed.
    let _: bool = redis.pexpire(&key, 1_000).await.unwrap();
    eventually(async || (deployment.send(&seat_map()).await.seats().len() == all - 2).then_some(())).await;
    deployment.check_consistent_read().await;
}

#[allow(clippy::print_stderr, reason = "a figure of docs/RELIABILITY.md")]
fn say(text: &str) {
    eprintln!("{text}");
}
