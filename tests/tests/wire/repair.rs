//! Writers that are killed when DynamoDB has accepted and Redis doesn't know yet. With sync-cache on the table's stream the
//! cache follows all the same; without it, it is behind until its key ends.

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

/// Has a process write these seats and die before its word to the cache.
async fn write_and_die(site: &Site, call: &Call) {
    let function = site.functions.of(call);
    function.restart().await.unwrap();
    // The layout, the write, the word to the cache.
    site.gate.hold(3, Side::Before);
    let death = async {
        site.gate.holds().await;
        function.kill().unwrap();
    };
    let (outcome, ()) = tokio::join!(site.functions.try_send(call), death);
    assert_eq!(outcome, Outcome::Ended);
    site.gate.discard();
}

/// What a look finds in the cache: how many seats are available.
async fn cached(site: &Site) -> usize {
    let look = site.send(&look()).await;
    assert_eq!((look.status, look.header("x-cache")), (200, "hit"), "{}", look.text);
    look.seats().len()
}

/// A site whose cache knows all seats as available.
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
    // It has its own ways to the engines; the gate is the writers'.
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
    say(&format!("{WRITERS} killed writers: the cache was behind for {longest:?} at the longest"));
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
    // As if that time had gone by, but for a second.
    let _: bool = redis.pexpire(&key, 1_000).await.unwrap();
    eventually(async || (site.send(&look()).await.seats().len() == all - 2).then_some(())).await;
    site.look_is_right().await;
}

#[allow(clippy::print_stderr, reason = "a figure of docs/RELIABILITY.md")]
fn say(text: &str) {
    eprintln!("{text}");
}
