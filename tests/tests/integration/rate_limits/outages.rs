//! Rate limits while Redis is down, has lost its data, or is a cluster. No request is rejected because of that.

use std::time::Duration;

use boxoffice::cache::CacheAddress;
use boxoffice_local::engine::{Valkey, ValkeyOptions};
use boxoffice_tests::engines;
use boxoffice_tests::redis_proxy::{RedisFault, RedisProxy};
use serde_json::json;

use super::*;
use crate::api::id;

const ONCE: u32 = 1;

fn limits() -> RateLimits {
    RateLimits { reads: only(ONCE), writes: only(ONCE) }
}

#[tokio::test]
async fn unavailable_redis_limits_no_caller_and_sends_no_header() {
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let setup = Setup { limits: limits(), ..Setup::with_cache(&proxy.url) };
    let world = World::on(setup).await;
    proxy.set(Some(RedisFault::Refused)).await;
    for (second, seat) in (1..).zip(["A1", "A2", "A3"]) {
        world.at(second * 10_000);
        for call in [
            Call::get_seats("1"),
            Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) })),
            Call::book("1", &json!({ "seat": seat, "reservation_id": id(1) })),
            Call::theater("1"),
        ] {
            let reply = call.send(&world.office).await;
            assert!(matches!(reply.status, 200 | 201), "{}", reply.text);
            assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), ("", ""));
        }
    }
    proxy.set(None).await;
    world.at(60_000);
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 429, "the limit applies again");
}

#[tokio::test]
async fn silent_redis_is_waited_for_once_and_then_skipped() {
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let deadline = Duration::from_millis(200);
    let world = World::on(Setup { limits: limits(), cache_deadline: deadline, ..Setup::with_cache(&proxy.url) }).await;
    proxy.set(Some(RedisFault::Silent)).await;
    assert_eq!(
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await.status,
        201
    );
    proxy.take();
    for seat in ["A2", "A3"] {
        let call = Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) }));
        assert_eq!(call.send(&world.office).await.status, 201);
    }
    assert_eq!(proxy.count("EVALSHA"), 0);
}

#[tokio::test]
async fn forgotten_rate_limit_script_is_loaded_again() {
    let valkey = Valkey::start().unwrap();
    let world = World::on(Setup { limits: limits(), ..Setup::with_cache(&valkey.url()) }).await;
    Call::get_seats("2").send(&world.office).await;
    Call::get_seats("1").signed_in("bob").send(&world.office).await;
    let seen = Call::get_seats("1").signed_in("cat").send(&world.office).await;
    for call in [
        Call::get_seats("1").signed_in("ann"),
        Call::get_seats("1").signed_in("dan").header("If-None-Match", seen.header("etag")),
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A2" })).signed_in("ann"),
    ] {
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut world.redis().await).await.unwrap();
        let reply = call.send(&world.office).await;
        assert!(matches!(reply.status, 200 | 201 | 304), "{}", reply.text);
        assert!(reply.header("ratelimit").contains(";r=0;"), "{:?}", reply.headers);
        assert!(reply.status != 304 || reply.header("x-cache") == "hit", "{:?}", reply.headers);
    }
}

#[tokio::test]
async fn full_redis_limits_no_caller_and_still_serves_reads() {
    let options = ValkeyOptions {
        args: ["--maxmemory-policy", "noeviction"].map(str::to_owned).to_vec(),
        ..ValkeyOptions::default()
    };
    let valkey = Valkey::start_with(&options).unwrap();
    let world = World::on(Setup { limits: limits(), ..Setup::with_cache(&valkey.url()) }).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    let set = async |memory: &str| {
        let set = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(memory).clone();
        let _: () = set.query_async(&mut world.redis().await).await.unwrap();
    };
    set("1").await;
    let seat_map = Call::get_seats("1").signed_in("ann").send(&world.office).await;
    assert_eq!((seat_map.status, seat_map.header("x-cache"), seat_map.header("ratelimit")), (200, "hit", ""));
}

#[tokio::test]
async fn corrupt_budget_bytes_are_replaced() {
    let world = limited(2, 0).await;
    let seat_map = async || Call::get_seats("1").send(&world.office).await;
    seat_map().await;
    let mut redis = world.redis().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg(format!("{}:*looks", world.prefix)).query_async(&mut redis).await.unwrap();
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    for spoilt in ["SET", "LPUSH"] {
        let _: () = redis::cmd("DEL").arg(key).query_async(&mut redis).await.unwrap();
        let _: redis::Value = redis::cmd(spoilt).arg(key).arg("1e15 nonsense").query_async(&mut redis).await.unwrap();
        let reply = seat_map().await;
        assert_eq!(reply.status, 200, "{spoilt}");
        assert!(reply.header("ratelimit").contains(";r=1;"), "{spoilt}: {:?}", reply.headers);
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap();
        assert!(left > 0, "and it ends");
    }
}

#[tokio::test]
async fn cluster_read_and_limit_check_run_concurrently() {
    let args = ["--cluster-enabled", "yes"].map(str::to_owned).to_vec();
    let valkey = Valkey::start_with(&ValkeyOptions { args, ..ValkeyOptions::default() }).unwrap();
    crate::cache::form_cluster(&valkey).await;
    let cache = CacheAddress { url: valkey.url(), cluster: true, ca: None };
    let limits = RateLimits { reads: only(3), writes: only(2) };
    let world = World::on(Setup { cache: Some(cache), limits, ..Setup::shared() }).await;
    let mut seen = String::new();
    let seat_map = async |seen: &str| Call::get_seats("1").header("If-None-Match", seen).send(&world.office).await;
    for (status, cached, remaining) in [(200, "miss", 2), (304, "hit", 1), (304, "hit", 0)] {
        let reply = seat_map(&seen).await;
        assert_eq!((reply.status, reply.header("x-cache")), (status, cached));
        assert!(reply.header("ratelimit").contains(&format!(";r={remaining};")), "{:?}", reply.headers);
        seen = reply.header("etag").to_owned();
    }
    assert_eq!(seat_map(&seen).await.status, 429);
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let taken = Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await;
    assert_eq!((taken.status, taken.code()), (409, "seat_unavailable"));
    assert_eq!(Call::reserve("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 429);
}
