//! The effect of the cache on responses. Responses are correct within the bound on staleness, and every seat state that
//! a request learns is merged into the cache.

use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn instance_with_an_old_layout_updates_the_right_seats() {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    world.at(6_000);
    // The seats change places: A1 is last now. Another instance fills the cache by the new layout.
    world.put_theater("1", "Theater_A", &["A2", "A3", "B1", "B2", "B3", "A1"]).await;
    let newer = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "miss");
    // The first instance still has the old layout in memory.
    assert_eq!(Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })).send(&world.office).await.status, 201);
    let seat_map = Call::get_seats("1").send(&newer).await;
    assert_eq!((seat_map.header("x-cache"), seat_map.seats()), ("hit", vec!["A2", "A3", "B1", "B2", "B3"]));

    let fixture = CacheFixture { cache: world.cache(), inventory: inventory(7), ctx: RequestContext::default(), world };
    assert!(matches!(fixture.begin(FillReason::Missing).await, Begun::Behind));
    let news = [learned(0, slot(u64::from(u32::MAX), BOOKED))];
    let merge = async |when| {
        fixture.cache.merge(&fixture.ctx, &fixture.inventory.id, LayoutVersion::new(7), &news, when).await.unwrap()
    };
    assert_eq!(merge(WhenBehind::Keep).await, Merged::Behind);
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "hit", "untouched");
    assert_eq!(merge(WhenBehind::Drop).await, Merged::Done);
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "miss", "dropped");
}

#[tokio::test]
async fn warm_cache_rejects_neither_holder_nor_caller_after_expiry() {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    let reserve = |seat: &str| Call::reserve("1", &json!({ "seat": seat, "expires_in": 10 }));
    let holder = reserve("A1").send(&world.office).await;
    reserve("A2").send(&world.office).await;
    reserve("A3").send(&world.office).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
    let book = json!({ "seat": "A1", "reservation_id": holder.text("reservation_id") });
    assert_eq!(Call::book("1", &book).send(&world.office).await.status, 201);
    world.at(9_999);
    assert_eq!(reserve("A2").send(&world.office).await.status, 409);
    world.at(10_000);
    assert_eq!(reserve("A2").send(&world.office).await.status, 201);
    assert_eq!(Call::book("1", &json!({ "seat": "A3" })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn corrupt_bytes_and_keys_of_another_type_are_replaced() {
    let world = World::new().await;
    let key = world.cache_key("1");
    let mut redis = world.redis().await;
    Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await;
    Call::get_seats("1").send(&world.office).await;
    let good: Vec<u8> = redis.get(&key).await.unwrap();
    let spoil = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for bytes in
        [vec![], vec![0], b"nonsense".to_vec(), spoil(0, 9), spoil(HEADER + 6, 7), good[..good.len() - 5].to_vec()]
    {
        let _: () = redis.set(&key, &bytes).await.unwrap();
        let seat_map = Call::get_seats("1").send(&world.office).await;
        assert_eq!(
            (seat_map.status, seat_map.header("x-cache"), seat_map.seats().len()),
            (200, "miss", 5),
            "{bytes:?}"
        );
        let seat_map = Call::get_seats("1").send(&world.office).await;
        assert_eq!((seat_map.header("x-cache"), seat_map.seats().len()), ("hit", 5), "{bytes:?} was replaced");
    }
    let _: () = redis.del(&key).await.unwrap();
    let _: () = redis.lpush(&key, "a list").await.unwrap();
    let booked = Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await;
    assert_eq!(booked.status, 201);
    let _: () = redis.del(&key).await.unwrap();
    let _: () = redis.lpush(&key, "a list").await.unwrap();
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn changed_layout_is_seen_in_a_minute_and_new_seats_at_once() {
    let world = World::new().await;
    let seat_map = async || Call::get_seats("1").send(&world.office).await;
    assert_eq!(seat_map().await.seats().len(), 6);
    world.at(6_000);
    world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4"]).await;
    // Another instance knows the new layout and fills the cache with it. From the cache, the first instance finds out
    // that its layout is old.
    let other = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("1").send(&other).await.seats().len(), 7);
    assert_eq!(seat_map().await.seats().len(), 7);
    // An unknown seat leads to a read of the layout from the table, unless the layout was read just before.
    world.put_theater("2", "Theater_B", &["C1", "C2", "C3", "D1", "D2", "D3", "D4"]).await;
    assert_eq!(Call::book("2", &json!({ "seat": "D4" })).send(&world.office).await.status, 201);
    // Without any such hint, the layout is read again within a minute.
    world.at(6_001);
    world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4", "B5"]).await;
    world.at(70_000);
    assert_eq!(seat_map().await.seats().len(), 8);
}

#[tokio::test]
async fn every_booking_and_reservation_is_in_the_cache_at_once() {
    let world = World::new().await;
    let seat_map = async || Call::get_seats("1").send(&world.office).await;
    seat_map().await;
    let mut expected = vec!["A1", "A2", "A3", "B1", "B2", "B3"];
    for (call, taken) in [
        (Call::reserve("1", &json!({ "seat": "A1" })), vec!["A1"]),
        (Call::reserve("1", &json!({ "seats": ["A2", "B1"] })), vec!["A2", "B1"]),
        (Call::book("1", &json!({ "seat": "A3" })), vec!["A3"]),
    ] {
        assert_eq!(call.send(&world.office).await.status, 201);
        expected.retain(|seat| !taken.contains(seat));
        let seen = seat_map().await;
        assert_eq!((seen.header("x-cache"), seen.seats()), ("hit", expected.clone()));
    }
}

#[tokio::test]
async fn rejections_and_replays_update_the_cache() {
    let world = World::new().await;
    let without = world.instance_on(&Setup::without_cache()).await;
    Call::get_seats("1").send(&world.office).await;
    // A writer without a cache stands for a writer that was killed between its call to DynamoDB and its call to the
    // cache. Then each call below learns the state of the seats.
    let book = |seats: [&str; 2], booking| Call::book("1", &json!({ "seats": seats, "booking_id": id(booking) }));
    let reserve = Call::reserve("1", &json!({ "seats": ["A3", "B3"], "reservation_id": id(9) }));
    for (seats, booking, call, status) in [
        (["A1", "A2"], 1, book(["A1", "A2"], 1), 200),
        (["B1", "B2"], 2, book(["B1", "B2"], 9), 409),
        (["A3", "B3"], 3, reserve, 409),
    ] {
        assert_eq!(book(seats, booking).send(&without).await.status, 201);
        let stale = Call::get_seats("1").send(&world.office).await;
        assert!(seats.iter().all(|seat| stale.seats().contains(seat)));
        assert_eq!(call.send(&world.office).await.status, status);
        let healed = Call::get_seats("1").send(&world.office).await;
        assert!(seats.iter().all(|seat| !healed.seats().contains(seat)));
        assert_eq!(healed.header("x-cache"), "hit");
    }
}

#[tokio::test]
async fn a_reader_renews_a_key_that_ends_soon() {
    let fixture = CacheFixture::new().await;
    let seat_map = async || Call::get_seats("1").send(&fixture.world.office).await.header("x-cache").to_owned();
    assert_eq!(seat_map().await, "miss");
    assert_eq!(seat_map().await, "hit");
    let mut redis = fixture.world.redis().await;
    fixture.world.at(46_000);
    assert_eq!(seat_map().await, "hit", "due by the reader's clock, but not by Redis's");
    expire_in(&fixture, &mut redis, 14_000).await;
    assert_eq!(seat_map().await, "miss", "this one renews");
    assert_eq!(seat_map().await, "hit");
    let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
    assert!(left > 30_000, "{left}");
}

#[tokio::test]
async fn failed_renewal_still_answers_from_the_cache() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    Call::get_seats("1").send(&world.office).await;
    world.at(46_000);
    let _: () = world.redis().await.pexpire(world.cache_key("1"), 10_000).await.unwrap();
    proxy.take();
    proxy.next("Query", Fault::error(400, "AccessDeniedException"));
    let seat_map = Call::get_seats("1").send(&world.office).await;
    assert_eq!(proxy.take().len(), 1, "it was tried");
    assert_eq!((seat_map.status, seat_map.header("x-cache"), seat_map.seats().len()), (200, "hit", 6));
}

#[tokio::test]
async fn waiting_reader_begins_with_a_new_token_each_time() {
    let world = World::on(Setup { fill_wait: Duration::from_secs(600), ..Setup::shared() }).await;
    let (key, mut redis) = (world.cache_key("1"), world.redis().await);
    Call::get_seats("1").send(&world.office).await;
    // Sets the header as if another instance were filling, with the longest lease.
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    let lease = ((seconds + 7) * 1_000).to_be_bytes();
    for (at, bytes) in [(1, &[0][..]), (10, &[7; 16]), (26, &lease[2..])] {
        let _: usize = redis.setrange(&key, at, bytes).await.unwrap();
    }
    let mut begins = Begins::of(&key).await;
    let two = async {
        let tokens = [begins.next().await, begins.next().await];
        let _: () = redis.del(&key).await.unwrap();
        tokens
    };
    let call = Call::get_seats("1");
    let (seat_map, [one, other]) = tokio::join!(call.send(&world.office), two);
    assert_eq!(seat_map.header("x-cache"), "miss");
    assert_ne!(one, other, "an attempt of the delayed begin could be taken for the other one's");
}

/// The `begin` calls for one key, as Redis's MONITOR shows them.
struct Begins {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
    key: String,
}

impl Begins {
    async fn of(key: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", engines::shared().valkey.port())).await.unwrap();
        stream.write_all(b"MONITOR\r\n").await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
        Self { lines, key: key.to_owned() }
    }

    /// Returns the token of the next `begin` call, as MONITOR writes it.
    async fn next(&mut self) -> String {
        loop {
            let line = self.lines.next_line().await.unwrap().unwrap();
            let words: Vec<_> = line.split("\" \"").collect();
            if let Some(at) = words.windows(2).position(|two| two == [self.key.as_str(), "begin"]) {
                return words[at + 4].to_owned();
            }
        }
    }
}
