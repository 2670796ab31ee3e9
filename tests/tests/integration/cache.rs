//! The cache: what it answers, what it may not answer, and that losing it costs speed and nothing else.

use std::time::Duration;

use boxoffice::cache::{Begun, Cache, CacheAddress, FillReason, FillToken, LIFETIME, Lookup, Merged, WhenBehind};
use boxoffice::rules::availability::{LearnedSlot, SeatState, Slot};
use boxoffice::rules::layout::Layout;
use boxoffice::rules::names::{SeatLabel, TheaterId};
use boxoffice::rules::time::{EpochMillis, EpochSeconds};
use boxoffice::tally::Tally;
use boxoffice_local::engine::{Valkey, ValkeyOptions};
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Setup, World, engines};
use redis::AsyncCommands;
use serde_json::json;

use crate::api::id;

const BOOKED: SeatState = SeatState::Booked;

fn layout(version: u64) -> Layout {
    let seats = ["A1", "A2", "A3"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
    Layout::new(TheaterId::parse("1").unwrap(), "T".into(), version, seats).unwrap()
}

fn slot(changed_at: u64, state: SeatState) -> Slot {
    Slot { changed_at: EpochMillis(changed_at), state }
}

fn learned(position: u32, slot: Slot) -> LearnedSlot {
    LearnedSlot { position, slot }
}

/// The cache by itself, on a layout of three seats.
struct Bare {
    cache: Cache,
    world: World,
    layout: Layout,
    tally: Tally,
}

impl Bare {
    async fn new() -> Self {
        let world = World::new().await;
        Self { cache: world.cache(), world, layout: layout(7), tally: Tally::default() }
    }

    async fn begin(&self, reason: FillReason) -> Begun {
        self.cache.begin(&self.layout, reason, FillToken::new(), &self.tally).await.unwrap()
    }

    async fn begun(&self, reason: FillReason) -> FillToken {
        match self.begin(reason).await {
            Begun::Fill(token) => token,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&self, token: FillToken, slots: [Slot; 3]) -> bool {
        self.cache.end(&self.layout, token, &slots, &self.tally).await.unwrap()
    }

    async fn merge(&self, position: u32, slot: Slot) {
        let learned = [learned(position, slot)];
        let (theater, version) = (&self.layout.theater, self.layout.version);
        self.cache.merge(theater, version, &learned, WhenBehind::Drop, &self.tally).await.unwrap();
    }

    /// What a reader gets: the slots, or nothing.
    async fn read(&self) -> Option<Vec<Slot>> {
        match self.cache.read(&self.layout.theater, &self.tally).await.unwrap() {
            Lookup::Complete(packed) => packed.slots(&self.layout),
            Lookup::Miss => None,
        }
    }

    async fn filled(&self, slots: [Slot; 3]) {
        let token = self.begun(FillReason::Missing).await;
        assert!(self.end(token, slots).await);
    }
}

const FREE: Slot = Slot { changed_at: EpochMillis(0), state: SeatState::Available };

#[tokio::test]
async fn what_was_filled_is_read_and_what_is_incomplete_is_a_miss() {
    let bare = Bare::new().await;
    assert_eq!(bare.read().await, None, "nothing there");
    let token = bare.begun(FillReason::Missing).await;
    assert_eq!(bare.read().await, None, "incomplete");
    let reserved = SeatState::Reserved { expires_at: EpochSeconds(50) };
    let slots = [FREE, slot(5, reserved), slot(6, BOOKED)];
    assert!(bare.end(token, slots).await);
    assert_eq!(bare.read().await, Some(slots.to_vec()));
    let mut redis = bare.world.redis().await;
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left > 0 && left <= LIFETIME.as_millis() as i64, "a complete key ends");
}

#[tokio::test]
async fn merges_in_any_order_and_number_leave_the_largest_stamp() {
    let news = [slot(10, BOOKED), slot(20, SeatState::Reserved { expires_at: EpochSeconds(9) }), slot(30, BOOKED)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let bare = Bare::new().await;
        bare.filled([FREE, FREE, slot(99, BOOKED)]).await;
        for at in order.into_iter().chain(order) {
            bare.merge(1, news[at]).await;
            bare.merge(2, news[at]).await;
        }
        assert_eq!(bare.read().await, Some(vec![FREE, news[2], slot(99, BOOKED)]), "{order:?}");
    }
}

#[tokio::test]
async fn equal_stamps_merge_in_redis_as_they_do_in_the_rules() {
    let states = [
        SeatState::Available,
        SeatState::Reserved { expires_at: EpochSeconds(1) },
        SeatState::Reserved { expires_at: EpochSeconds(2) },
        BOOKED,
    ];
    let bare = Bare::new().await;
    for (round, (a, b)) in states.iter().flat_map(|a| states.iter().map(move |b| (*a, *b))).enumerate() {
        let stamp = round as u64 + 1;
        let (a, b) = (slot(stamp, a), slot(stamp, b));
        let mut redis = bare.world.redis().await;
        let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
        bare.filled([a, FREE, FREE]).await;
        bare.merge(0, b).await;
        assert_eq!(bare.read().await.unwrap()[0], a.merge(b), "{a:?} {b:?}");
    }
}

#[tokio::test]
async fn nothing_is_made_by_a_merge() {
    let bare = Bare::new().await;
    bare.merge(0, slot(5, BOOKED)).await;
    assert!(!bare.world.redis().await.exists::<_, bool>(bare.world.cache_key("1")).await.unwrap());
}

#[tokio::test]
async fn a_fill_that_read_before_a_write_cannot_bury_it() {
    let bare = Bare::new().await;
    let token = bare.begun(FillReason::Missing).await;
    // The filler has read: all free. Then a booking is accepted, and merged into the incomplete key.
    bare.merge(1, slot(5, BOOKED)).await;
    assert!(bare.end(token, [FREE; 3]).await);
    assert_eq!(bare.read().await, Some(vec![FREE, slot(5, BOOKED), FREE]));
}

#[tokio::test]
async fn an_old_write_told_late_does_not_hide_what_the_filler_read() {
    let bare = Bare::new().await;
    // The newer write was told to no key; then the fill began, and the older one is told again.
    bare.merge(1, slot(6, BOOKED)).await;
    let token = bare.begun(FillReason::Missing).await;
    bare.merge(1, slot(5, BOOKED)).await;
    assert!(bare.end(token, [FREE, slot(6, BOOKED), FREE]).await);
    assert_eq!(bare.read().await, Some(vec![FREE, slot(6, BOOKED), FREE]));
}

#[tokio::test]
async fn a_fill_whose_key_went_away_is_not_taken() {
    let bare = Bare::new().await;
    let token = bare.begun(FillReason::Missing).await;
    // Evicted; a write's merge finds nothing; the old read must not come back.
    let _: () = bare.world.redis().await.del(bare.world.cache_key("1")).await.unwrap();
    bare.merge(1, slot(5, BOOKED)).await;
    assert!(!bare.end(token, [FREE; 3]).await);
    assert_eq!(bare.read().await, None);
    // Nor when somebody else has begun since.
    let other = bare.begun(FillReason::Missing).await;
    assert!(!bare.end(token, [FREE; 3]).await);
    assert!(bare.end(other, [FREE, slot(5, BOOKED), FREE]).await);
}

#[tokio::test]
async fn one_fills_and_the_others_wait_until_its_lease_ends() {
    let bare = Bare::new().await;
    let token = bare.begun(FillReason::Missing).await;
    let Begun::Held(left) = bare.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= boxoffice::cache::LEASE);
    // The one who has it may ask again: a lost reply.
    let again = bare.cache.begin(&bare.layout, FillReason::Missing, token, &bare.tally).await.unwrap();
    assert!(matches!(again, Begun::Fill(_)));
    // Its lease ends; another takes over, and from then on the first one's end counts for nothing.
    let other = loop {
        match bare.begin(FillReason::Missing).await {
            Begun::Fill(token) => break token,
            Begun::Held(left) => tokio::time::sleep(left).await,
            other => panic!("{other:?}"),
        }
    };
    assert!(!bare.end(token, [slot(1, BOOKED); 3]).await);
    assert!(bare.end(other, [FREE; 3]).await);
    assert!(matches!(bare.begin(FillReason::Missing).await, Begun::Complete(_)));
}

#[tokio::test]
async fn a_fill_replaces_what_was_known_before_and_keeps_what_was_merged_meanwhile() {
    let bare = Bare::new().await;
    bare.filled([slot(50, BOOKED), slot(50, BOOKED), FREE]).await;
    let mut redis = bare.world.redis().await;
    assert!(matches!(bare.begin(FillReason::Renewal).await, Begun::NotDue));
    // Something that the table will not confirm, merged in an earlier round.
    bare.merge(0, slot(70, BOOKED)).await;
    // Its life ends soon: now the renewal is due.
    end_of_life(&bare, &mut redis, 10_000).await;
    let token = bare.begun(FillReason::Renewal).await;
    assert!(matches!(bare.begin(FillReason::Renewal).await, Begun::NotDue), "one is at it");
    assert_eq!(bare.read().await, Some(vec![slot(70, BOOKED), slot(50, BOOKED), FREE]), "others are served on");
    bare.merge(1, slot(60, BOOKED)).await;
    bare.merge(2, slot(55, BOOKED)).await;
    // DynamoDB has seat 0 deleted, seat 1 as before, seat 2 free: read before the merges.
    assert!(bare.end(token, [FREE, slot(50, BOOKED), FREE]).await);
    let now = [FREE, slot(60, BOOKED), slot(55, BOOKED)];
    assert_eq!(bare.read().await, Some(now.to_vec()), "seat 0 is healed, the merges are kept");
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left > 30_000, "a new life: {left} ms");
}

#[tokio::test]
async fn a_fill_slower_than_its_lease_ends_at_last() {
    let bare = Bare::new().await;
    let mut leases = Vec::new();
    let mut token = bare.begun(FillReason::Missing).await;
    // Each filler is slower than its lease, and the next takes over: with twice the time, so that it converges.
    for _ in 0..2 {
        token = loop {
            match bare.begin(FillReason::Missing).await {
                Begun::Fill(token) => break token,
                Begun::Held(left) => {
                    leases.push(left);
                    tokio::time::sleep(left).await;
                }
                other => panic!("{other:?}"),
            }
        };
    }
    let Begun::Held(left) = bare.begin(FillReason::Missing).await else { panic!("held") };
    let lease = boxoffice::cache::LEASE;
    assert!(left > lease * 2 && left <= lease * 4, "{left:?} after {leases:?}");
    assert!(bare.end(token, [FREE; 3]).await);
    // And once it has ended, the next one begins with the first lease again.
    let mut redis = bare.world.redis().await;
    end_of_life(&bare, &mut redis, 10_000).await;
    bare.begun(FillReason::Renewal).await;
    let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    bare.begun(FillReason::Missing).await;
    let Begun::Held(left) = bare.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= lease);
}

#[tokio::test]
async fn a_begin_that_was_held_up_on_the_way_does_not_reopen_the_door() {
    let bare = Bare::new().await;
    // Two attempts of one begin. The second is answered; the filler reads; then a write is accepted and merged.
    let filler = FillToken::new();
    let begin = async || match bare.cache.begin(&bare.layout, FillReason::Missing, filler, &bare.tally).await.unwrap() {
        Begun::Fill(token) => token,
        other => panic!("{other:?}"),
    };
    let answered = begin().await;
    bare.merge(1, slot(5, BOOKED)).await;
    // The key goes, and the other attempt arrives late. It is the same filler's, but not the one that was answered.
    let mut redis = bare.world.redis().await;
    let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    late_begin(&bare, &mut redis, answered, 2).await;
    assert!(!bare.end(answered, [FREE; 3]).await);
    assert_eq!(bare.read().await, None);
}

/// What a begin's other attempt leaves behind: a blank key under the same token but for its last byte.
async fn late_begin(bare: &Bare, redis: &mut redis::aio::MultiplexedConnection, answered: FillToken, number: u8) {
    // Made by the real script: another filler begins, and its token is written over.
    bare.begun(FillReason::Missing).await;
    let mut token = answered.bytes();
    token[15] = number;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 10, &token[..]).await.unwrap();
}

#[tokio::test]
async fn every_key_ends_by_itself() {
    let bare = Bare::new().await;
    let mut redis = bare.world.redis().await;
    let key = bare.world.cache_key("1");
    let mut left = async || -> i64 { redis.pttl(&key).await.unwrap() };
    bare.begun(FillReason::Missing).await;
    assert!((1..=10_000).contains(&left().await), "incomplete");
    let Begun::Held(lease) = bare.begin(FillReason::Missing).await else { panic!("held") };
    let before = left().await;
    tokio::time::sleep(lease).await;
    let token = bare.begun(FillReason::Missing).await;
    assert!((1..=10_000).contains(&left().await), "taken over");
    assert!(left().await > before - 400, "and kept for whoever took over");
    assert!(bare.end(token, [FREE; 3]).await);
    let complete = left().await;
    assert!((50_000..=60_000).contains(&complete), "complete: {complete}");
    bare.merge(0, slot(5, BOOKED)).await;
    assert!((1..=complete).contains(&left().await), "merged into");
}

#[tokio::test]
async fn what_was_filled_is_as_old_as_the_begin_of_its_fill() {
    let bare = Bare::new().await;
    let mut redis = bare.world.redis().await;
    for (seconds_ago, taken) in [(20, true), (61, false)] {
        let token = bare.begun(FillReason::Missing).await;
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
        // As if it had begun so long ago; the lease that it began with is 500 ms.
        let lease = ((seconds - seconds_ago) * 1_000 + 500).to_be_bytes();
        let _: usize = redis.setrange(bare.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
        assert_eq!(bare.end(token, [FREE; 3]).await, taken, "{seconds_ago} s");
        let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
        assert!(left <= 40_000, "{seconds_ago} s ago, {left} ms left");
        let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    }
}

#[tokio::test]
async fn one_behind_the_layout_finds_out_the_newer_positions_and_harms_nothing() {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    world.at(6_000);
    // Seats move: A1 is last now. Another instance fills the cache by the new layout.
    world.put_theater("1", "Theater_A", &["A2", "A3", "B1", "B2", "B3", "A1"]).await;
    let newer = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "miss");
    // This one still has the old layout in memory.
    assert_eq!(Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })).send(&world.office).await.status, 201);
    let look = Call::get_seats("1").send(&newer).await;
    assert_eq!((look.header("x-cache"), look.seats()), ("hit", vec!["A2", "A3", "B1", "B2", "B3"]));

    let bare = Bare { cache: world.cache(), layout: layout(7), tally: Tally::default(), world };
    assert!(matches!(bare.begin(FillReason::Missing).await, Begun::Behind));
    let news = [learned(0, slot(u64::from(u32::MAX), BOOKED))];
    let merge = async |when| bare.cache.merge(&bare.layout.theater, 7, &news, when, &bare.tally).await.unwrap();
    assert_eq!(merge(WhenBehind::Tell).await, Merged::Behind);
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "hit", "untouched");
    assert_eq!(merge(WhenBehind::Drop).await, Merged::Done);
    assert_eq!(Call::get_seats("1").send(&newer).await.header("x-cache"), "miss", "dropped");
}

#[tokio::test]
async fn with_a_warm_cache_the_holder_and_whoever_comes_after_an_expiry_are_not_refused() {
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

/// Makes the key end after so many milliseconds, as if most of its life had gone by.
async fn end_of_life(bare: &Bare, redis: &mut redis::aio::MultiplexedConnection, millis: i64) {
    let key = bare.world.cache_key("1");
    let _: () = redis.pexpire(&key, millis).await.unwrap();
}

#[tokio::test]
async fn another_layout_is_a_miss_and_a_merge_of_another_layout_drops_the_key() {
    let mut bare = Bare::new().await;
    bare.filled([slot(5, BOOKED), FREE, FREE]).await;
    bare.layout = layout(8);
    assert_eq!(bare.read().await, None);
    assert_eq!(bare.cache.peek(&bare.layout.theater, 8, &[0], &bare.tally).await.unwrap(), None);
    bare.merge(2, slot(6, BOOKED)).await;
    assert!(!bare.world.redis().await.exists::<_, bool>(bare.world.cache_key("1")).await.unwrap());
    bare.filled([FREE; 3]).await;
    assert_eq!(bare.read().await, Some(vec![FREE; 3]));
}

#[tokio::test]
async fn a_few_slots_can_be_peeked_at() {
    let bare = Bare::new().await;
    let peek =
        async |positions: &[u32]| bare.cache.peek(&bare.layout.theater, 7, positions, &bare.tally).await.unwrap();
    assert_eq!(peek(&[0]).await, None);
    bare.filled([FREE, slot(5, BOOKED), FREE]).await;
    assert_eq!(peek(&[1, 0]).await, Some(vec![slot(5, BOOKED), FREE]));
    assert_eq!(peek(&[9]).await, None, "no such seat");
}

#[tokio::test]
async fn spoilt_bytes_and_keys_of_another_type_are_replaced() {
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
    for bytes in [vec![], vec![0], b"nonsense".to_vec(), spoil(0, 9), spoil(40 + 6, 7), good[..good.len() - 5].to_vec()]
    {
        let _: () = redis.set(&key, &bytes).await.unwrap();
        let look = Call::get_seats("1").send(&world.office).await;
        assert_eq!((look.status, look.header("x-cache"), look.seats().len()), (200, "miss", 5), "{bytes:?}");
        let look = Call::get_seats("1").send(&world.office).await;
        assert_eq!((look.header("x-cache"), look.seats().len()), ("hit", 5), "{bytes:?} was replaced");
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
async fn a_changed_layout_is_seen_within_a_minute_and_new_seats_at_once() {
    let world = World::new().await;
    let look = async || Call::get_seats("1").send(&world.office).await;
    assert_eq!(look().await.seats().len(), 6);
    world.at(6_000);
    world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4"]).await;
    // Another instance knows the new layout, and fills the cache with it; this one sees that it is behind.
    let other = world.instance(world.clock.clone()).await;
    assert_eq!(Call::get_seats("1").send(&other).await.seats().len(), 7);
    assert_eq!(look().await.seats().len(), 7);
    // A seat that isn't known is looked for in the table, if the layout wasn't read just now.
    world.put_theater("2", "Theater_B", &["C1", "C2", "C3", "D1", "D2", "D3", "D4"]).await;
    assert_eq!(Call::book("2", &json!({ "seat": "D4" })).send(&world.office).await.status, 201);
    // With no hint at all: within a minute.
    world.at(6_001);
    world.put_theater("1", "Theater_A", &["A1", "A2", "A3", "B1", "B2", "B3", "B4", "B5"]).await;
    world.at(70_000);
    assert_eq!(look().await.seats().len(), 8);
}

#[tokio::test]
async fn every_booking_and_reservation_is_in_the_cache_at_once() {
    let world = World::new().await;
    let look = async || Call::get_seats("1").send(&world.office).await;
    look().await;
    let mut expected = vec!["A1", "A2", "A3", "B1", "B2", "B3"];
    for (call, taken) in [
        (Call::reserve("1", &json!({ "seat": "A1" })), vec!["A1"]),
        (Call::reserve("1", &json!({ "seats": ["A2", "B1"] })), vec!["A2", "B1"]),
        (Call::book("1", &json!({ "seat": "A3" })), vec!["A3"]),
    ] {
        assert_eq!(call.send(&world.office).await.status, 201);
        expected.retain(|seat| !taken.contains(seat));
        let seen = look().await;
        assert_eq!((seen.header("x-cache"), seen.seats()), ("hit", expected.clone()));
    }
}

#[tokio::test]
async fn what_a_refusal_or_a_replay_brings_to_light_is_told_to_the_cache() {
    let world = World::new().await;
    let without = world.instance_on(&Setup::without_cache()).await;
    Call::get_seats("1").send(&world.office).await;
    // A writer that never reached the cache, as one killed between its two calls.
    for (seats, refused) in [(json!(["A1", "A2"]), false), (json!(["B1", "B2"]), true)] {
        let body = json!({ "seats": seats, "booking_id": id(if refused { 2 } else { 1 }) });
        assert_eq!(Call::book("1", &body).send(&without).await.status, 201);
        let stale = Call::get_seats("1").send(&world.office).await;
        assert!(stale.seats().contains(&seats[0].as_str().unwrap()));
        let again = if refused { json!({ "seats": seats, "booking_id": id(9) }) } else { body };
        let reply = Call::book("1", &again).send(&world.office).await;
        assert_eq!(reply.status, if refused { 409 } else { 200 });
        let healed = Call::get_seats("1").send(&world.office).await;
        assert!(seats.as_array().unwrap().iter().all(|seat| !healed.seats().contains(&seat.as_str().unwrap())));
        assert_eq!(healed.header("x-cache"), "hit");
    }
}

#[tokio::test]
async fn many_looks_at_a_cold_theater_are_a_query_or_two() {
    let proxy =
        boxoffice_tests::dynamodb_proxy::DynamoDbProxy::before(boxoffice_tests::engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    let mut offices = Vec::new();
    for _ in 0..50 {
        offices.push(world.instance(world.clock.clone()).await);
    }
    let looks = offices.iter().map(|office| async { Call::get_seats("1").send(office).await });
    let replies = futures_util::future::join_all(looks).await;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.seats().len() == 6));
    let queries = proxy.take().iter().filter(|call| call.operation == "Query").count();
    assert!(queries <= 2, "{queries}");
}

/// A world on a Valkey of its own, to be stopped and started.
async fn own_valkey() -> (World, Valkey) {
    let valkey = Valkey::start().unwrap();
    let setup = Setup { cache_deadline: Duration::from_millis(500), ..Setup::with_cache(&valkey.url()) };
    (World::on(setup).await, valkey)
}

async fn is_right(world: &World, free: usize) {
    for query in ["", "consistent=true"] {
        let look = Call::get_seats("1").query(query).send(&world.office).await;
        assert_eq!((look.status, look.seats().len()), (200, free), "{query:?}");
    }
}

#[tokio::test]
async fn a_redis_that_stops_and_comes_back_empty_costs_no_answer_and_no_restart() {
    let (world, mut valkey) = own_valkey().await;
    is_right(&world, 6).await;
    valkey.kill().unwrap();
    // While it is away.
    is_right(&world, 6).await;
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    assert_eq!(Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 201);
    assert_eq!(Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 409);
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "bypass");
    is_right(&world, 4).await;
    // It comes back with nothing, and the breaker's pause goes by.
    valkey.restart().unwrap();
    world.at(60_000);
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
    is_right(&world, 4).await;
    assert_eq!(Call::book("1", &json!({ "seat": "A3" })).send(&world.office).await.status, 201);
    is_right(&world, 3).await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_from_the_start_is_found_later() {
    let (world, mut valkey) = own_valkey().await;
    valkey.stop().unwrap();
    let office = world.instance(world.clock.clone()).await;
    let look = async || Call::get_seats("1").send(&office).await;
    assert_eq!(look().await.header("x-cache"), "bypass");
    valkey.restart().unwrap();
    world.at(10_000);
    assert_eq!(look().await.header("x-cache"), "miss");
    assert_eq!(look().await.header("x-cache"), "hit");
}

#[tokio::test]
async fn a_redis_that_says_nothing_is_waited_for_once_and_then_left_alone() {
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
    // Back again it still has what it had, and doesn't know better until a fill or its end, at most a minute on.
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
async fn after_a_failure_redis_is_left_alone_until_the_pause_has_gone_by() {
    let (valkey_world, mut valkey) = own_valkey().await;
    let proxy = RedisProxy::before(valkey.port()).await;
    let setup = Setup { cache_deadline: Duration::from_millis(100), ..Setup::with_cache(&proxy.url) };
    let office = valkey_world.instance_on(&setup).await;
    let look = async || Call::get_seats("1").send(&office).await.header("x-cache").to_owned();
    look().await;
    assert_eq!(look().await, "hit");
    valkey.pause().unwrap();
    assert_eq!(look().await, "bypass");
    proxy.take();
    for call in [Call::get_seats("1"), Call::reserve("1", &json!({ "seat": "A1" })), Call::get_seats("1")] {
        assert!(call.send(&office).await.status < 300);
    }
    assert_eq!(proxy.take(), Vec::<String>::new(), "nothing was sent");
    valkey.resume().unwrap();
    valkey_world.at(10_000);
    assert_eq!(look().await, "hit");
}

#[tokio::test]
async fn a_connection_that_died_unnoticed_costs_a_second_try_and_no_answer() {
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let world = World::on(Setup { cache_deadline: Duration::from_secs(2), ..Setup::with_cache(&proxy.url) }).await;
    let look = async || Call::get_seats("1").send(&world.office).await.header("x-cache").to_owned();
    look().await;
    proxy.let_connections_die();
    assert_eq!(look().await, "hit", "on a fresh connection");
    proxy.let_connections_die();
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let seen = Call::get_seats("1").send(&world.office).await;
    assert_eq!((seen.header("x-cache"), seen.seats().len()), ("hit", 5), "the booking was told");
}

#[tokio::test]
async fn a_redis_that_became_read_only_is_reconnected_and_fails_nobody() {
    let (world, valkey) = own_valkey().await;
    is_right(&world, 6).await;
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let replicate = async |redis: &mut redis::aio::MultiplexedConnection, host: &str, port: &str| {
        redis::cmd("REPLICAOF").arg(host).arg(port).exec_async(redis).await.unwrap();
    };
    // A master that isn't there: it keeps what it has, and takes no writes.
    replicate(&mut redis, "127.0.0.1", "1").await;
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let look = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((look.status, look.seats().len()), (200, 5));
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    replicate(&mut redis, "NO", "ONE").await;
    let _: () = redis.del(world.cache_key("1")).await.unwrap();
    is_right(&world, 5).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "hit");
}

#[tokio::test]
async fn a_redis_that_is_full_is_a_redis_without_our_key() {
    let options = ValkeyOptions {
        args: ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"].map(str::to_owned).to_vec(),
        ..ValkeyOptions::default()
    };
    let valkey = Valkey::start_with(&options).unwrap();
    let world = World::on(Setup::with_cache(&valkey.url())).await;
    for _ in 0..2 {
        let look = Call::get_seats("1").send(&world.office).await;
        assert_eq!((look.status, look.header("x-cache")), (200, "bypass"));
    }
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    is_right(&world, 5).await;
}

#[tokio::test]
async fn a_cluster_serves_as_a_single_node_does() {
    let args = ["--cluster-enabled", "yes"].map(str::to_owned).to_vec();
    let valkey = Valkey::start_with(&ValkeyOptions { args, ..ValkeyOptions::default() }).unwrap();
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec_async(&mut redis).await.unwrap();
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut redis).await.unwrap();
        if info.contains("cluster_state:ok") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cache = CacheAddress { url: valkey.url(), cluster: true, ca: None };
    let world = World::on(Setup { cache: Some(cache), ..Setup::shared() }).await;
    serves(&world).await;
}

#[tokio::test]
async fn tls_is_spoken_where_the_url_says_so_and_only_to_whom_is_trusted() {
    let proxy = TlsProxy::before(engines::shared().valkey.port()).await;
    let trusting = CacheAddress { url: proxy.url.clone(), cluster: false, ca: Some(proxy.authority.clone()) };
    let world = World::on(Setup { cache: Some(trusting), ..Setup::shared() }).await;
    serves(&world).await;
    let wary = CacheAddress { url: proxy.url.clone(), cluster: false, ca: None };
    let world = World::on(Setup { cache: Some(wary), ..Setup::shared() }).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "bypass", "not a known authority");
}

async fn serves(world: &World) {
    assert_eq!(Call::get_seats("1").send(&world.office).await.header("x-cache"), "miss");
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    let look = Call::get_seats("1").send(&world.office).await;
    assert_eq!((look.header("x-cache"), look.seats().len()), ("hit", 5));
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 409);
}

#[tokio::test]
async fn a_reader_renews_a_key_that_ends_soon() {
    let bare = Bare::new().await;
    let look = async || Call::get_seats("1").send(&bare.world.office).await.header("x-cache").to_owned();
    assert_eq!(look().await, "miss");
    assert_eq!(look().await, "hit");
    let mut redis = bare.world.redis().await;
    bare.world.at(46_000);
    assert_eq!(look().await, "hit", "due by the reader's clock, but not by Redis's");
    end_of_life(&bare, &mut redis, 14_000).await;
    assert_eq!(look().await, "miss", "this one renews");
    assert_eq!(look().await, "hit");
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left > 30_000, "{left}");
}
