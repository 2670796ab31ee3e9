//! Writers that are killed after DynamoDB has accepted and before Redis is updated. With sync-cache on the table's
//! stream, the cache follows nevertheless. Without it, the cache is stale until its key expires.

use std::time::{Duration, Instant};

use ::redis::AsyncCommands;
use boxoffice_local::lambda::{Function, Lambda, Outcome};
use boxoffice_local::stream::{self, Mapping};
use boxoffice_tests::gate::Side;
use boxoffice_tests::{Call, Setup, engines};
use serde_json::Value;
use uuid::Uuid;

use crate::site::{Site, book, eventually, look, reserve, seats};

const WRITERS: usize = 20;

/// Makes a process write these seats and die before it updates the cache.
async fn write_and_die(site: &Site, call: &Call) {
    let function = site.functions.of(call);
    function.restart().await.unwrap();
    // The three calls read the layout, write, and update the cache.
    site.gate.hold(3, Side::Before);
    let death = async {
        site.gate.holds().await;
        function.kill().unwrap();
    };
    let (outcome, ()) = tokio::join!(site.functions.try_send(call), death);
    assert_eq!(outcome, Outcome::Ended);
    site.gate.discard();
}

/// Returns the number of available seats that the cache shows.
async fn cached(site: &Site) -> usize {
    let look = site.send(&look()).await;
    assert_eq!((look.status, look.header("x-cache")), (200, "hit"), "{}", look.text);
    look.seats().len()
}

/// Returns a site whose cache shows all seats as available.
async fn filled() -> (Site, usize) {
    let site = Site::new().await;
    let all = site.send(&look()).await;
    assert_eq!(all.header("x-cache"), "miss");
    let all = all.seats().len();
    assert_eq!(cached(&site).await, all);
    (site, all)
}

#[tokio::test]
async fn with_the_repair_the_cache_follows_writers_that_were_killed() {
    let (site, all) = filled().await;
    let mut reader = engines::shared().dynamodb.stream(&site.world.table).unwrap();
    let mapping = Mapping::of_checkout("sync-cache").unwrap();
    // sync-cache has its own connections to DynamoDB and Redis. The gate delays the writers only.
    let environment = site.world.environment(&Setup::with_cache(&site.valkey.url()));
    let sync_cache = Lambda::start(&Function::of_checkout("sync-cache", environment).unwrap()).await.unwrap();
    let invoke = async |event: Value| Ok(sync_cache.invoke(&event).await?.body()?.clone());

    write_and_die(&site, &reserve(&seats(1, 1), Uuid::now_v7())).await;
    assert_eq!(cached(&site).await, all, "behind");
    let writers = async {
        let mut longest = Duration::ZERO;
        for number in 2..=WRITERS {
            let call = match number % 2 {
                0 => reserve(&seats(number, number), Uuid::now_v7()),
                _ => book(&seats(number, number), Uuid::now_v7(), None),
            };
            write_and_die(&site, &call).await;
            let died = Instant::now();
            eventually(async || (cached(&site).await == all - number).then_some(())).await;
            longest = longest.max(died.elapsed());
        }
        longest
    };
    let longest = tokio::select! {
        longest = writers => longest,
        Err(error) = stream::follow(&mut reader, &mapping, &invoke, |given_up| panic!("{given_up:?}")) => panic!("{error:#}"),
    };
    say(&format!("{WRITERS} killed writers: the cache was stale for at most {longest:?}"));
    site.look_is_right().await;
}

#[tokio::test]
async fn without_the_repair_the_cache_is_behind_until_its_key_ends() {
    let (site, all) = filled().await;
    write_and_die(&site, &book(&seats(1, 2), Uuid::now_v7(), None)).await;
    assert_eq!(cached(&site).await, all);
    let client = ::redis::Client::open(site.valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let key = site.world.cache_key(crate::site::HALL);
    let left: i64 = redis.pttl(&key).await.unwrap();
    assert!((1..=60_000).contains(&left), "{left}");
    // The key expires in a second, as if its lifetime had passed.
    let _: bool = redis.pexpire(&key, 1_000).await.unwrap();
    eventually(async || (site.send(&look()).await.seats().len() == all - 2).then_some(())).await;
    site.look_is_right().await;
}

#[allow(clippy::print_stderr, reason = "a figure of docs/RELIABILITY.md")]
fn say(text: &str) {
    eprintln!("{text}");
}
