//! Redis stopped, silent, full or read-only, in a cluster, and behind TLS.

use boxoffice::aws::Authorities;
use boxoffice::cache::CacheError;

use super::*;

/// Returns a world with its own Valkey, which the test may stop and start.
async fn own_valkey() -> (World, Valkey) {
    let valkey = Valkey::start().unwrap();
    let setup = Setup { cache_deadline: Duration::from_millis(500), ..Setup::with_cache(&valkey.url()) };
    (World::on(setup).await, valkey)
}

async fn is_right(world: &World, free: usize) {
    for query in ["", "consistent=true"] {
        let seat_map = Call::get_seats("1").query(query).send(&world.office).await;
        assert_eq!((seat_map.status, seat_map.seats().len()), (200, free), "{query:?}");
    }
}

#[tokio::test]
async fn redis_restarted_empty_causes_no_failure() {
    let (world, mut valkey) = own_valkey().await;
    is_right(&world, 6).await;
    valkey.kill().unwrap();
    // Redis is down.
    is_right(&world, 6).await;
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    assert_eq!(Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 201);
    assert_eq!(Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 409);
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "bypass");
    is_right(&world, 4).await;
    // Redis comes back empty, and the pause of the circuit breaker passes.
    valkey.restart().unwrap();
    world.at(60_000);
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
    is_right(&world, 4).await;
    assert_eq!(Call::book("1", &json!({ "seat": "A3" })).send(&world.office).await.status, 201);
    is_right(&world, 3).await;
}

#[tokio::test]
async fn redis_missing_at_start_is_found_later() {
    let (world, mut valkey) = own_valkey().await;
    valkey.stop().unwrap();
    let office = world.instance(world.clock.clone()).await;
    let seat_map = async || Call::get_seats("1").send(&office).await;
    assert_eq!(seat_map().await.header("x-cache"), "bypass");
    valkey.restart().unwrap();
    world.at(10_000);
    assert_eq!(seat_map().await.header("x-cache"), "miss");
    assert_eq!(seat_map().await.header("x-cache"), "hit");
}

#[tokio::test]
async fn silent_redis_is_waited_for_once_and_then_skipped() {
    let (world, mut valkey) = own_valkey().await;
    is_right(&world, 6).await;
    valkey.pause().unwrap();
    for (call, status) in [
        (Call::get_seats("1"), 200),
        (Call::reserve("1", &json!({ "seat": "A1" })), 201),
        (Call::book("1", &json!({ "seats": ["A2", "A3"] })), 201),
        (Call::get_seats("1"), 200),
    ] {
        let reply = call.send(&world.office).await;
        assert_eq!(reply.status, status, "{}", reply.text);
    }
    is_right(&world, 3).await;
    // Redis comes back with its old data. It serves that data until a fill or until the key expires, at most a minute
    // later.
    valkey.resume().unwrap();
    world.at(60_000);
    let mut redis = world.redis().await;
    let left: i64 = redis.pttl(world.cache_key("1")).await.unwrap();
    assert!(left > 0 && left <= LIFETIME.as_millis() as i64, "{left}");
    let _: () = redis.pexpire(world.cache_key("1"), 10_000).await.unwrap();
    is_right(&world, 3).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn redis_is_skipped_until_the_breakers_pause_has_passed() {
    let (world, mut valkey) = own_valkey().await;
    let (cache, inventory, ctx) = (world.cache(), InventoryId::parse("1").unwrap(), RequestContext::default());
    let read = async || cache.read(&ctx, &inventory).await;
    read().await.unwrap();
    valkey.pause().unwrap();
    assert!(matches!(read().await, Err(CacheError::Deadline)), "waited for");
    let calls = ctx.costs().redis_calls;
    for _ in 0..3 {
        assert!(matches!(read().await, Err(CacheError::CircuitOpen)));
    }
    assert_eq!(ctx.costs().redis_calls, calls, "nothing was sent");
    valkey.resume().unwrap();
    world.at(499);
    assert!(matches!(read().await, Err(CacheError::CircuitOpen)), "not yet");
    world.at(500);
    read().await.unwrap();
    // Redis answered, so the next failure counts as the first again.
    valkey.pause().unwrap();
    read().await.unwrap_err();
    valkey.resume().unwrap();
    world.at(1_000);
    read().await.unwrap();
}

#[tokio::test]
async fn dead_connection_is_retried_and_loses_no_response() {
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let world = World::on(Setup { cache_deadline: Duration::from_secs(2), ..Setup::with_cache(&proxy.url) }).await;
    let seat_map = async || Call::get_seats("1").send(&world.office).await.header("x-cache").to_owned();
    seat_map().await;
    proxy.freeze_connections();
    assert_eq!(seat_map().await, "hit", "on a fresh connection");
    proxy.freeze_connections();
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let seen = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seen.header("x-cache"), seen.seats().len()), ("hit", 5), "the booking was merged");
}

#[tokio::test]
async fn only_the_answered_begin_attempt_may_end_its_fill() {
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let world = World::on(Setup { cache_deadline: Duration::from_secs(2), ..Setup::with_cache(&proxy.url) }).await;
    let fixture = CacheFixture { cache: world.cache(), inventory: inventory(7), ctx: RequestContext::default(), world };
    assert_eq!(fixture.read().await, None, "connected");
    proxy.freeze_connections();
    let token = fixture.begun(FillReason::Missing).await;
    assert_eq!(token.bytes()[15], 2, "the token of the second attempt");
    let mut redis = fixture.world.redis().await;
    let there: Vec<u8> = redis.getrange(fixture.world.cache_key("1"), 10, 25).await.unwrap();
    assert_eq!(there, token.bytes());
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
}

#[tokio::test]
async fn read_only_redis_is_reconnected_without_failures() {
    let (world, valkey) = own_valkey().await;
    is_right(&world, 6).await;
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let replicate = async |redis: &mut redis::aio::MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(redis).await.unwrap();
    };
    // The master doesn't exist. The replica keeps its data and rejects writes.
    replicate(&mut redis, "127.0.0.1", "1").await;
    let mut connections = async || -> u64 {
        let info: String = redis::cmd("INFO").arg("stats").query_async(&mut redis).await.unwrap();
        let made = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
        made.unwrap().trim().parse().unwrap()
    };
    let made = connections().await;
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((seat_map.status, seat_map.seats().len()), (200, 5));
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    assert!(connections().await > made, "the name may lead to another server now");
    replicate(&mut redis, "NO", "ONE").await;
    let _: () = redis.del(world.cache_key("1")).await.unwrap();
    is_right(&world, 5).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn full_redis_without_the_key_causes_no_failure() {
    let options = ValkeyOptions {
        args: ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"].map(str::to_owned).to_vec(),
        ..ValkeyOptions::default()
    };
    let valkey = Valkey::start_with(&options).unwrap();
    let world = World::on(Setup::with_cache(&valkey.url())).await;
    for _ in 0..2 {
        let seat_map = Call::get_seats("1").send(&world.office).await;
        assert_eq!((seat_map.status, seat_map.header("x-cache")), (200, "bypass"));
    }
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    is_right(&world, 5).await;
}

#[tokio::test]
async fn a_cluster_serves_as_a_single_node_does() {
    let valkey = one_node_cluster().await;
    let cache = CacheAddress { url: valkey.url(), cluster: true, ca: None };
    let world = World::on(Setup { cache: Some(cache), ..Setup::shared() }).await;
    serves(&world).await;
}

#[tokio::test]
async fn tls_is_used_by_url_and_only_with_a_trusted_authority() {
    let proxy = TlsProxy::before(engines::shared().valkey.port()).await;
    let trusting = CacheAddress { url: proxy.url.clone(), cluster: false, ca: Some(proxy.authority.clone()) };
    let world = World::on(Setup { cache: Some(trusting), ..Setup::shared() }).await;
    serves(&world).await;
    let wary =
        CacheAddress { url: proxy.url.clone(), cluster: false, ca: Some(Authorities::Amazon.pem().into_owned()) };
    let world = World::on(Setup { cache: Some(wary), ..Setup::shared() }).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "bypass", "not a known authority");
}

#[tokio::test]
async fn full_redis_serves_its_key_until_an_update_fails() {
    let (world, _valkey) = own_valkey().await;
    is_right(&world, 6).await;
    let book = |seat: &str, booking| Call::book("1", &json!({ "seat": seat, "booking_id": id(booking) }));
    assert_eq!(book("A1", 1).send(&world.office).await.status, 201);
    let mut redis = world.redis().await;
    let mut may_use = async |bytes: &str| {
        let _: () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).query_async(&mut redis).await.unwrap();
    };
    may_use("1").await;
    // A repeat merges only known states. Nothing is written, so nothing fails.
    assert_eq!(book("A1", 1).send(&world.office).await.status, 200);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.seats().len()), ("hit", 5));
    assert_eq!(book("A2", 2).send(&world.office).await.status, 201);
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.seats().len()), ("bypass", 4));
    may_use("0").await;
    is_right(&world, 4).await;
}
