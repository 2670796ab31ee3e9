//! Conditional reads. A caller that sends the ETag of its last response gets a 304 in a few bytes if nothing has
//! changed, and only then.

use boxoffice_tests::Reply;
use boxoffice_tests::dynamodb_proxy::Fault;
use boxoffice_tests::redis_proxy::RedisFault;

use super::*;
use crate::ledger::{Cost, Counted, calls};

/// Upper bound on the bytes of Redis's reply to a read that finds nothing changed. The smallest string of six seats is
/// larger.
const FEW: usize = 80;

struct Seeing {
    counted: Counted,
    redis: redis::aio::MultiplexedConnection,
}

/// A reply, its cost, and the bytes that Redis sent for it.
type Asked = (Reply, Cost, usize);

impl Seeing {
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
            let look = call.clone().send(&self.world().office).await;
            if look.header("x-cache") == "hit" {
                return look;
            }
        }
        panic!("no hit")
    }

    async fn again(&self, call: &Call, seen: &Reply) -> Asked {
        self.ask(call.clone().header("If-None-Match", seen.header("etag"))).await
    }
}

/// Checks for a 304 that took a single call to Redis.
fn is_told((reply, cost, bytes): &Asked, seen: &Reply) {
    assert_eq!((reply.status, reply.header("x-cache"), reply.text.as_str()), (304, "hit", ""));
    assert_eq!((reply.header("etag"), reply.header("cache-control")), (seen.header("etag"), "no-cache"));
    assert_eq!(*cost, (1, calls(&[]), 0.0));
    assert!(*bytes < FEW, "{bytes} bytes");
}

#[tokio::test]
async fn who_has_seen_what_is_there_is_told_so_in_a_few_bytes() {
    let seeing = Seeing::new().await;
    for query in ["", "view=map", "view=states"] {
        let look = Call::get_seats("1").query(query);
        let seen = seeing.seen(&look).await;
        is_told(&seeing.again(&look, &seen).await, &seen);
        let weak = look.header("If-None-Match", &format!(" W/{}", seen.header("etag")));
        is_told(&seeing.ask(weak).await, &seen);
    }
}

#[tokio::test]
async fn a_list_of_tags_or_a_star_is_answered_by_what_is_shown() {
    let seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    let tag = seen.header("etag");
    for wanted in ["*".to_owned(), format!("{tag}, \"other\""), format!("\"other\",{tag}"), format!("{tag},{tag}")] {
        let (reply, _, bytes) = seeing.ask(look.clone().header("If-None-Match", &wanted)).await;
        assert_eq!((reply.status, reply.header("etag")), (304, tag), "{wanted}");
        assert!(bytes > FEW, "{wanted}: {bytes} bytes");
    }
}

#[tokio::test]
async fn each_change_is_seen() {
    let seeing = Seeing::new().await;
    let office = &seeing.world().office;
    let look = Call::get_seats("1");
    for call in [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A2" })),
        Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(2) })),
        Call::cancel("1", &id(2)),
    ] {
        let seen = seeing.seen(&look).await;
        call.send(office).await;
        let (reply, ..) = seeing.again(&look, &seen).await;
        assert_eq!((reply.status, reply.header("x-cache")), (200, "hit"), "{call:?}");
        let seen = seeing.seen(&look).await;
        assert_eq!(reply.text, seen.text);
        is_told(&seeing.again(&look, &seen).await, &seen);
    }
}

#[tokio::test]
async fn a_reservation_that_runs_out_changes_what_is_shown_to_the_second_and_not_the_revision() {
    let seeing = Seeing::new().await;
    let (world, look) = (seeing.world(), Call::get_seats("1"));
    for (seat, seconds) in [("A1", 10), ("A2", 20)] {
        Call::reserve("1", &json!({ "seat": seat, "expires_in": seconds })).send(&world.office).await;
    }
    let both = seeing.seen(&look).await;
    for millis in [0, 9_000, 9_999] {
        world.at(millis);
        is_told(&seeing.again(&look, &both).await, &both);
    }
    world.at(10_000);
    let (one, cost, _) = seeing.again(&look, &both).await;
    assert_eq!((one.status, one.header("x-cache"), one.seats().len()), (200, "hit", 5));
    assert_eq!(cost, (1, calls(&[]), 0.0));
    world.at(19_999);
    is_told(&seeing.again(&look, &one).await, &one);
    // By a clock that is behind, both seats are still reserved.
    world.at(9_999);
    let (reply, ..) = seeing.again(&look, &one).await;
    assert_eq!((reply.status, reply.seats().len()), (200, 4));
    world.at(20_000);
    let (none, ..) = seeing.again(&look, &one).await;
    assert_eq!((none.status, none.seats().len()), (200, 6));
    world.at(40_000);
    is_told(&seeing.again(&look, &none).await, &none);
}

#[tokio::test]
async fn a_tag_of_another_theater_section_or_view_says_nothing() {
    let seeing = Seeing::new().await;
    let row = |row: &str| json!([{ "row": row, "first": 1, "last": 3 }]);
    let sections = json!([{ "section": "Left", "rows": row("A") }, { "section": "Right", "rows": row("B") }]);
    let hall = Call::put_theater("hall", &json!({ "name": "Hall", "sections": sections })).administrator();
    assert_eq!(hall.send(&seeing.world().office).await.status, 201);
    // Both theaters have six available seats, and layouts with the same version.
    let theaters = ["1", "2"].map(Call::get_seats);
    let views = ["view=map", "view=states"].map(|view| Call::get_seats("1").query(view));
    let sections = ["section=Left", "section=Right", ""].map(|section| Call::get_seats("hall").query(section));
    let ways: Vec<_> = theaters.into_iter().chain(views).chain(sections).collect();
    for seen_by in &ways {
        let seen = seeing.seen(seen_by).await;
        for look in &ways {
            seeing.seen(look).await;
            let (reply, ..) = seeing.again(look, &seen).await;
            let same = look.event() == seen_by.event();
            assert_eq!(reply.status, if same { 304 } else { 200 }, "{look:?} after {seen_by:?}");
        }
    }
}

#[tokio::test]
async fn what_changed_elsewhere_is_unchanged_by_what_is_shown_and_the_tag_is_a_new_one() {
    let seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    // A seat is reserved and released. The slots differ then, but the response shows the same.
    let office = &seeing.world().office;
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(office).await;
    Call::release("1", &id(1)).send(office).await;
    let (reply, cost, bytes) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.0), (304, "hit", 1));
    assert!(bytes > FEW && reply.header("etag") != seen.header("etag"));
    is_told(&seeing.again(&look, &reply).await, &reply);
}

#[tokio::test]
async fn looks_that_are_personal_or_past_the_cache_are_answered_by_dynamodb() {
    let seeing = Seeing::new().await;
    for (query, personal) in [("view=map", "consistent=true&view=map"), ("", "consistent=true")] {
        let seen = seeing.seen(&Call::get_seats("1").query(query)).await;
        let (reply, cost, bytes) = seeing.again(&Call::get_seats("1").query(personal), &seen).await;
        assert_eq!((reply.status, reply.header("x-cache"), reply.header("cache-control")), (304, "bypass", "no-store"));
        assert_eq!((cost.0, cost.1, bytes), (0, calls(&["Query"]), 0));
    }
    let map = Call::get_seats("1").query("view=map");
    let seen = seeing.seen(&map).await;
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&seeing.world().office).await;
    let seen_since = seeing.seen(&map).await;
    for (seen, status) in [(seen, 200), (seen_since, 200)] {
        let (own, ..) = seeing.again(&map.clone().header("Reservation-Id", &id(1)), &seen).await;
        assert_eq!((own.status, own.header("cache-control")), (status, "no-store"), "the owner of the seats is new");
    }
}

#[tokio::test]
async fn a_key_that_ends_soon_is_renewed_by_one_who_has_seen_it_and_the_others_are_served() {
    let mut seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    seeing.world().at(46_000);
    let key = seeing.world().cache_key("1");
    is_told_at_the_cost(&seeing.again(&look, &seen).await, 2, "due by the reader's clock, but not by Redis's");
    let _: () = seeing.redis.pexpire(&key, 14_000).await.unwrap();
    let (renewed, cost, _) = seeing.again(&look, &seen).await;
    assert_eq!((renewed.status, renewed.header("x-cache"), cost.1), (304, "miss", calls(&["Query"])));
    let left: i64 = seeing.redis.pttl(&key).await.unwrap();
    assert!(left > 30_000, "{left}");
    is_told(&seeing.again(&look, &seen).await, &seen);

    // While another instance renews the key, readers still get the cached string.
    let _: () = seeing.redis.pexpire(&key, 14_000).await.unwrap();
    seeing.world().at(92_000);
    // This read loads the layout into memory.
    Call::get_seats("1").query("consistent=true").send(&seeing.world().office).await;
    let store = seeing.world().store(seeing.world().clock.clone()).await;
    let tally = Tally::default();
    let layout = store.layout(&tally, &TheaterId::parse("1").unwrap()).await.unwrap().unwrap();
    let begun = seeing.world().cache().begin(&tally, &layout, FillReason::Renewal, FillToken::new()).await.unwrap();
    assert!(matches!(begun, Begun::Fill(_)));
    is_told_at_the_cost(&seeing.again(&look, &seen).await, 2, "the reader asks whether to renew");
}

fn is_told_at_the_cost((reply, cost, bytes): &Asked, redis_calls: usize, why: &str) {
    assert_eq!((reply.status, reply.header("x-cache"), cost), (304, "hit", &(redis_calls, calls(&[]), 0.0)), "{why}");
    assert!(*bytes < 2 * FEW, "{bytes} bytes");
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_what_was_seen() {
    let mut seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    seeing.world().at(46_000);
    let _: () = seeing.redis.pexpire(seeing.counted.world.cache_key("1"), 10_000).await.unwrap();
    seeing.counted.dynamodb.next("Query", Fault::error(400, "AccessDeniedException"));
    let (reply, cost, _) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "hit", calls(&["Query"])));
    assert_eq!(reply.header("etag"), seen.header("etag"));
}

#[tokio::test]
async fn a_theater_that_was_removed_or_changed_is_not_what_was_seen() {
    let seeing = Seeing::new().await;
    let (world, look) = (seeing.world(), Call::get_seats("1"));
    let seen = seeing.seen(&look).await;
    // Only the name has changed. The cache doesn't know this yet, and this instance finds out within a minute.
    world.at(6_000);
    world.put_theater("1", "Theater_C", &["A1", "A2", "A3", "B1", "B2", "B3"]).await;
    let other = world.instance(world.clock.clone()).await;
    let conditional = |seen: &Reply| look.clone().header("If-None-Match", seen.header("etag"));
    let reply = conditional(&seen).send(&other).await;
    assert_eq!((reply.status, reply.header("x-cache"), reply.text("name")), (200, "miss", "Theater_C"));
    // This instance has the former layout in memory. A caller that has seen the newer one gets a 304, after the
    // instance reads the layout.
    let newer = look.clone().send(&other).await;
    let (reply, cost, bytes) = seeing.again(&look, &newer).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.0, cost.1), (304, "hit", 1, calls(&["GetItem"])));
    assert!(bytes < FEW, "{bytes} bytes");
    let version = Call::theater("1").send(&world.office).await.header("etag").to_owned();
    let removed = Call::delete_theater("1").header("If-Match", &version).send(&other).await;
    assert_eq!(removed.status, 204, "{}", removed.text);
    // The instance may use its copy of the layout for so long, and no longer.
    world.at(66_000);
    assert_eq!(conditional(&newer).send(&other).await.status, 404);
}

#[tokio::test]
async fn one_that_cannot_find_the_layout_of_the_string_asks_dynamodb() {
    let mut seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    // Sets the version of the key to one that the table doesn't have.
    let _: usize = seeing.redis.setrange(seeing.counted.world.cache_key("1"), 4, &[255_u8][..]).await.unwrap();
    seeing.world().at(6_000);
    let (reply, cost, _) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "bypass", calls(&["GetItem", "Query"])));
}

#[tokio::test]
async fn what_is_odd_in_the_key_is_filled_anew_and_what_was_seen_is_recognised() {
    let mut seeing = Seeing::new().await;
    let (look, key) = (Call::get_seats("1"), seeing.world().cache_key("1"));
    let seen = seeing.seen(&look).await;
    let good: Vec<u8> = seeing.redis.get(&key).await.unwrap();
    let spoilt = |at: usize, byte: u8| [&good[..at], &[byte], &good[at + 1..]].concat();
    let short = good[..good.len() - 12].to_vec();
    for bytes in [vec![], spoilt(0, 1), spoilt(1, 0), spoilt(9, good[9] ^ 1), short, good[..HEADER].to_vec()] {
        let _: () = seeing.redis.set(&key, &bytes).await.unwrap();
        let (reply, cost, _) = seeing.again(&look, &seen).await;
        let source = reply.header("x-cache");
        assert!(matches!((reply.status, source), (304, "miss" | "bypass")), "{bytes:?}: {reply:?}");
        assert!(cost.1.contains(&"Query".to_owned()), "{cost:?}");
    }
    let _: () = seeing.redis.set(&key, spoilt(40, !good[40])).await.unwrap();
    let (reply, _, bytes) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache")), (304, "hit"), "a corrupt revision doesn't match");
    assert!(bytes > FEW && reply.header("etag") != seen.header("etag"));
    let _: () = seeing.redis.del(&key).await.unwrap();
    let _: () = seeing.redis.lpush(&key, "a list").await.unwrap();
    let (reply, ..) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache")), (304, "miss"));
    is_told(&seeing.again(&look, &seen).await, &seen);
}

#[tokio::test]
async fn without_redis_what_was_seen_is_recognised_by_what_dynamodb_says() {
    let seeing = Seeing::new().await;
    let look = Call::get_seats("1");
    let seen = seeing.seen(&look).await;
    seeing.counted.redis.set(Some(RedisFault::Refused)).await;
    let (reply, cost, _) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, reply.header("x-cache"), cost.1), (304, "bypass", calls(&["Query"])));
    let (reply, cost, _) = seeing.again(&look, &seen).await;
    assert_eq!((reply.status, cost.0), (304, 0), "then Redis is skipped");
    seeing.counted.redis.set(None).await;
    seeing.world().at(9_000);
    assert_eq!(seeing.again(&look, &seen).await.0.header("x-cache"), "hit", "connected again");
    is_told(&seeing.again(&look, &seen).await, &seen);
}

#[tokio::test]
async fn a_redis_that_has_forgotten_the_script_is_told_it_again_and_so_is_a_cluster() {
    let single = Valkey::start().unwrap();
    let cluster = one_node_cluster().await;
    for (valkey, is_cluster) in [(&single, false), (&cluster, true)] {
        let cache = CacheAddress { url: valkey.url(), cluster: is_cluster, ca: None };
        let world = World::on(Setup { cache: Some(cache), ..Setup::shared() }).await;
        let look = async |known: &str| Call::get_seats("1").header("If-None-Match", known).send(&world.office).await;
        look("").await;
        let seen = look("").await;
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut world.redis().await).await.unwrap();
        for _ in 0..2 {
            let again = look(seen.header("etag")).await;
            assert_eq!(
                (again.status, again.header("x-cache"), again.header("etag")),
                (304, "hit", seen.header("etag"))
            );
        }
    }
}
