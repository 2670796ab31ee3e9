//! Conditional reads. A caller that sends the ETag of its last response gets a 304 in a few bytes if nothing has
//! changed, and only then.

use boxoffice_tests::Reply;
use boxoffice_tests::dynamodb_proxy::Fault;
use boxoffice_tests::redis_proxy::RedisFault;

use super::*;
use crate::request_costs::{Cost, Counted, calls};

/// Upper bound on the bytes of Redis's reply to a read that finds nothing changed. The smallest string of six seats is
/// larger.
const MAX_UNCHANGED_BYTES: usize = 80;

struct ConditionalReader {
    counted: Counted,
    redis: redis::aio::MultiplexedConnection,
}

/// A reply, its cost, and the bytes that Redis sent for it.
type Asked = (Reply, Cost, usize);

impl ConditionalReader {
    async fn new() -> Self {
        Self::with(Counted::new().await).await
    }

    async fn with(counted: Counted) -> Self {
        Self { redis: counted.world.redis().await, counted }
    }

    fn world(&self) -> &World {
        &self.counted.world
    }

    async fn ask(&self, call: Call) -> Asked {
        self.counted.redis.take_answered();
        let (reply, cost) = self.counted.cost(call).await;
        (reply, cost, self.counted.redis.take_answered())
    }

    /// Reads a theater until the cache answers, and returns that reply.
    async fn seen(&self, call: &Call) -> Reply {
        for _ in 0..2 {
            let seat_map = call.clone().send(&self.world().office).await;
            if seat_map.header("x-cache") == "hit" {
                return seat_map;
            }
        }
        panic!("no hit")
    }

    async fn again(&self, call: &Call, seen: &Reply) -> Asked {
        self.ask(call.clone().header("If-None-Match", seen.header("etag"))).await
    }
}

/// Checks for a 304 that took a single call to Redis.
fn is_not_modified((reply, cost, bytes): &Asked, seen: &Reply) {
    assert_eq!((reply.status, reply.header("x-cache"), reply.text.as_str()), (304, "hit", ""));
    assert_eq!((reply.header("etag"), reply.header("cache-control")), (seen.header("etag"), "no-cache"));
    assert_eq!(*cost, (1, calls(&[]), 0.0));
    assert!(*bytes < MAX_UNCHANGED_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn current_etag_gets_304_in_a_few_bytes() {
    let viewer = ConditionalReader::new().await;
    for query in ["", "view=map", "view=states"] {
        let seat_map = Call::get_seats("1").query(query);
        let seen = viewer.seen(&seat_map).await;
        is_not_modified(&viewer.again(&seat_map, &seen).await, &seen);
        let weak = seat_map.header("If-None-Match", &format!(" W/{}", seen.header("etag")));
        is_not_modified(&viewer.ask(weak).await, &seen);
    }
}

#[tokio::test]
async fn etag_list_or_star_is_compared_with_the_full_response() {
    let viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    let tag = seen.header("etag");
    for wanted in ["*".to_owned(), format!("{tag}, \"other\""), format!("\"other\",{tag}"), format!("{tag},{tag}")] {
        let (reply, _, bytes) = viewer.ask(seat_map.clone().header("If-None-Match", &wanted)).await;
        assert_eq!((reply.status, reply.header("etag")), (304, tag), "{wanted}");
        assert!(bytes > MAX_UNCHANGED_BYTES, "{wanted}: {bytes} bytes");
    }
}

#[tokio::test]
async fn every_change_invalidates_the_etag() {
    let viewer = ConditionalReader::new().await;
    let office = &viewer.world().office;
    let seat_map = Call::get_seats("1");
    for call in [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A2" })),
        Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(2) })),
        Call::cancel("1", &id(2)),
    ] {
        let seen = viewer.seen(&seat_map).await;
        call.send(office).await;
        let (reply, ..) = viewer.again(&seat_map, &seen).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, "hit"), "{call:?}");
        let seen = viewer.seen(&seat_map).await;
        assert_eq!(reply.text, seen.text);
        is_not_modified(&viewer.again(&seat_map, &seen).await, &seen);
    }
}

#[tokio::test]
async fn expiry_changes_the_response_but_not_the_revision() {
    let viewer = ConditionalReader::new().await;
    let (world, seat_map) = (viewer.world(), Call::get_seats("1"));
    for (seat, seconds) in [("A1", 10), ("A2", 20)] {
        Call::reserve("1", &json!({ "seat": seat, "expires_in": seconds })).send(&world.office).await;
    }
    let both = viewer.seen(&seat_map).await;
    for millis in [0, 9_000, 9_999] {
        world.at(millis);
        is_not_modified(&viewer.again(&seat_map, &both).await, &both);
    }
    world.at(10_000);
    let (one, cost, _) = viewer.again(&seat_map, &both).await;
    assert_eq!((one.status, one.header("x-cache"), one.seats().len()), (200, "hit", 5));
    assert_eq!(cost, (1, calls(&[]), 0.0));
    world.at(19_999);
    is_not_modified(&viewer.again(&seat_map, &one).await, &one);
    // By a clock that is behind, both seats are still reserved.
    world.at(9_999);
    let (reply, ..) = viewer.again(&seat_map, &one).await;
    assert_eq!((reply.status, reply.seats().len()), (200, 4));
    world.at(20_000);
    let (none, ..) = viewer.again(&seat_map, &one).await;
    assert_eq!((none.status, none.seats().len()), (200, 6));
    world.at(40_000);
    is_not_modified(&viewer.again(&seat_map, &none).await, &none);
}

#[tokio::test]
async fn etag_of_another_theater_section_or_view_does_not_match() {
    let viewer = ConditionalReader::new().await;
    let row = |row: &str| json!([{ "row": row, "first": 1, "last": 3 }]);
    let sections = json!([{ "section": "Left", "rows": row("A") }, { "section": "Right", "rows": row("B") }]);
    let hall = Call::put_theater("hall", &json!({ "name": "Hall", "sections": sections })).administrator();
    assert_eq!(hall.send(&viewer.world().office).await.status, 201);
    // Both theaters have six available seats, and layouts with the same version.
    let theaters = ["1", "2"].map(Call::get_seats);
    let views = ["view=map", "view=states"].map(|view| Call::get_seats("1").query(view));
    let sections = ["section=Left", "section=Right", ""].map(|section| Call::get_seats("hall").query(section));
    let ways: Vec<_> = theaters.into_iter().chain(views).chain(sections).collect();
    for seen_by in &ways {
        let seen = viewer.seen(seen_by).await;
        for seat_map in &ways {
            viewer.seen(seat_map).await;
            let (reply, ..) = viewer.again(seat_map, &seen).await;
            let same = seat_map.event() == seen_by.event();
            assert_eq!(reply.status, if same { 304 } else { 200 }, "{seat_map:?} after {seen_by:?}");
        }
    }
}

#[tokio::test]
async fn invisible_change_gets_304_with_a_new_etag() {
    let viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    // A seat is reserved and released. The slots differ then, but the response shows the same.
    let office = &viewer.world().office;
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(office).await;
    Call::release("1", &id(1)).send(office).await;
    let (reply, cost, bytes) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.0), (304, "hit", 1));
    assert!(bytes > MAX_UNCHANGED_BYTES && reply.header("etag") != seen.header("etag"));
    is_not_modified(&viewer.again(&seat_map, &reply).await, &reply);
}

#[tokio::test]
async fn personal_and_consistent_reads_query_dynamodb() {
    let viewer = ConditionalReader::new().await;
    for (query, personal) in [("view=map", "consistent=true&view=map"), ("", "consistent=true")] {
        let seen = viewer.seen(&Call::get_seats("1").query(query)).await;
        let (reply, cost, bytes) = viewer.again(&Call::get_seats("1").query(personal), &seen).await;
        assert_eq!((reply.status, reply.header("x-cache"), reply.header("cache-control")), (304, "bypass", "no-store"));
        assert_eq!((cost.0, cost.1, bytes), (0, calls(&["Query"]), 0));
    }
    let map = Call::get_seats("1").query("view=map");
    let seen = viewer.seen(&map).await;
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&viewer.world().office).await;
    let seen_since = viewer.seen(&map).await;
    for (seen, status) in [(seen, 200), (seen_since, 200)] {
        let (own, ..) = viewer.again(&map.clone().header("Reservation-Id", &id(1)), &seen).await;
        assert_eq!((own.status, own.header("cache-control")), (status, "no-store"), "the owner of the seats is new");
    }
}

#[tokio::test]
async fn conditional_reader_renews_an_expiring_key() {
    let mut viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    viewer.world().at(46_000);
    let key = viewer.world().cache_key("1");
    is_not_modified_at_the_cost(
        &viewer.again(&seat_map, &seen).await,
        2,
        "due by the reader's clock, but not by Redis's",
    );
    let _: () = viewer.redis.pexpire(&key, 14_000).await.unwrap();
    let (renewed, cost, _) = viewer.again(&seat_map, &seen).await;
    assert_eq!((renewed.status, renewed.header("x-cache"), cost.1), (304, "miss", calls(&["Query"])));
    let left: i64 = viewer.redis.pttl(&key).await.unwrap();
    assert!(left > 30_000, "{left}");
    is_not_modified(&viewer.again(&seat_map, &seen).await, &seen);

    // While another instance renews the key, readers still get the cached string.
    let _: () = viewer.redis.pexpire(&key, 14_000).await.unwrap();
    viewer.world().at(92_000);
    // This read loads the layout into memory.
    Call::get_seats("1").query("consistent=true").send(&viewer.world().office).await;
    let store = viewer.world().store(viewer.world().clock.clone()).await;
    let ctx = RequestContext::default();
    let layout = store.layout(&ctx, &TheaterId::parse("1").unwrap()).await.unwrap().unwrap();
    let inventory = Inventory::of_theater(layout);
    let begun = viewer.world().cache().begin(&ctx, &inventory, FillReason::Renewal, FillToken::new()).await.unwrap();
    assert!(matches!(begun, Begun::Fill(_)));
    is_not_modified_at_the_cost(&viewer.again(&seat_map, &seen).await, 2, "the reader asks whether to renew");
}

fn is_not_modified_at_the_cost((reply, cost, bytes): &Asked, redis_calls: usize, why: &str) {
    assert_eq!((reply.status, reply.header("x-cache"), cost), (304, "hit", &(redis_calls, calls(&[]), 0.0)), "{why}");
    assert!(*bytes < 2 * MAX_UNCHANGED_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn failed_renewal_still_gives_304() {
    let mut viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    viewer.world().at(46_000);
    let _: () = viewer.redis.pexpire(viewer.counted.world.cache_key("1"), 10_000).await.unwrap();
    viewer.counted.dynamodb.next("Query", Fault::error(400, "AccessDeniedException"));
    let (reply, cost, _) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "hit", calls(&["Query"])));
    assert_eq!(reply.header("etag"), seen.header("etag"));
}

#[tokio::test]
async fn etag_of_a_deleted_or_changed_theater_does_not_match() {
    let viewer = ConditionalReader::new().await;
    let (world, seat_map) = (viewer.world(), Call::get_seats("1"));
    let seen = viewer.seen(&seat_map).await;
    // Only the name has changed. The cache doesn't know this yet, and this instance finds out within a minute.
    world.at(6_000);
    world.put_theater("1", "Theater_C", &["A1", "A2", "A3", "B1", "B2", "B3"]).await;
    let other = world.instance(world.clock.clone()).await;
    let conditional = |seen: &Reply| seat_map.clone().header("If-None-Match", seen.header("etag"));
    let reply = conditional(&seen).send(&other).await;
    assert_eq!((reply.status, reply.header("x-cache"), reply.text("name")), (200, "miss", "Theater_C"));
    // This instance has the former layout in memory. A caller that has seen the newer one gets a 304, after the
    // instance reads the layout.
    let newer = seat_map.clone().send(&other).await;
    let (reply, cost, bytes) = viewer.again(&seat_map, &newer).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.0, cost.1), (304, "hit", 1, calls(&["GetItem"])));
    assert!(bytes < MAX_UNCHANGED_BYTES, "{bytes} bytes");
    let version = Call::theater("1").send(&world.office).await.header("etag").to_owned();
    let removed = Call::delete_theater("1").header("If-Match", &version).send(&other).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    // The instance may use its copy of the layout for so long, and no longer.
    world.at(66_000);
    assert_eq!(conditional(&newer).send(&other).await.status, 404);
}

#[tokio::test]
async fn cached_string_of_an_unknown_layout_queries_dynamodb() {
    let mut viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    // Sets the version of the key to one that the table doesn't have.
    let _: usize = viewer.redis.setrange(viewer.counted.world.cache_key("1"), 4, &[255_u8][..]).await.unwrap();
    viewer.world().at(6_000);
    let (reply, cost, _) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "bypass", calls(&["GetItem", "Query"])));
}

#[tokio::test]
async fn corrupt_key_is_filled_again_and_etag_still_matches() {
    let mut viewer = ConditionalReader::new().await;
    let (seat_map, key) = (Call::get_seats("1"), viewer.world().cache_key("1"));
    let seen = viewer.seen(&seat_map).await;
    let good: Vec<u8> = viewer.redis.get(&key).await.unwrap();
    let spoilt = |at: usize, byte: u8| [&good[..at], &[byte], &good[at + 1..]].concat();
    let short = good[..good.len() - 12].to_vec();
    for bytes in [vec![], spoilt(0, 1), spoilt(1, 0), spoilt(9, good[9] ^ 1), short, good[..HEADER].to_vec()] {
        let _: () = viewer.redis.set(&key, &bytes).await.unwrap();
        let (reply, cost, _) = viewer.again(&seat_map, &seen).await;
        let source = reply.header("x-cache");
        assert!(matches!((reply.status, source), (304, "miss" | "bypass")), "{bytes:?}: {reply:?}");
        assert!(cost.1.contains(&"Query".to_owned()), "{cost:?}");
    }
    let _: () = viewer.redis.set(&key, spoilt(40, !good[40])).await.unwrap();
    let (reply, _, bytes) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache")), (304, "hit"), "a corrupt revision doesn't match");
    assert!(bytes > MAX_UNCHANGED_BYTES && reply.header("etag") != seen.header("etag"));
    let _: () = viewer.redis.del(&key).await.unwrap();
    let _: () = viewer.redis.lpush(&key, "a list").await.unwrap();
    let (reply, ..) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache")), (304, "miss"));
    is_not_modified(&viewer.again(&seat_map, &seen).await, &seen);
}

#[tokio::test]
async fn etag_matches_dynamodb_state_without_redis() {
    let viewer = ConditionalReader::new().await;
    let seat_map = Call::get_seats("1");
    let seen = viewer.seen(&seat_map).await;
    viewer.counted.redis.set(Some(RedisFault::Refused)).await;
    let (reply, cost, _) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "bypass", calls(&["Query"])));
    let (reply, cost, _) = viewer.again(&seat_map, &seen).await;
    assert_eq!((reply.status, cost.0), (304, 0), "then Redis is skipped");
    viewer.counted.redis.set(None).await;
    viewer.world().at(9_000);
    assert_eq!(viewer.again(&seat_map, &seen).await.0.header("x-cache"), "hit", "connected again");
    is_not_modified(&viewer.again(&seat_map, &seen).await, &seen);
}

#[tokio::test]
async fn forgotten_script_is_loaded_again_also_in_a_cluster() {
    let single = Valkey::start().unwrap();
    let cluster = one_node_cluster().await;
    for (valkey, is_cluster) in [(&single, false), (&cluster, true)] {
        let cache = CacheAddress { url: valkey.url(), cluster: is_cluster, ca: None };
        let world = World::on(Setup { cache: Some(cache), ..Setup::shared() }).await;
        let seat_map =
            async |known: &str| Call::get_seats("1").header("If-None-Match", known).send(&world.office).await;
        seat_map("").await;
        let seen = seat_map("").await;
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut world.redis().await).await.unwrap();
        for _ in 0..2 {
            let again = seat_map(seen.header("etag")).await;
            assert_eq!(
                (again.status, again.header("x-cache"), again.header("etag")),
                (304, "hit", seen.header("etag"))
            );
        }
    }
}
