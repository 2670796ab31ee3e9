//! The cache by itself: what the script takes, keeps, hands out and forgets.

use super::*;

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
    let news = [slot(10, BOOKED), slot(20, SeatState::Reserved { expires_at: EpochSeconds(900) }), slot(30, BOOKED)];
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

/// Reserved at so many milliseconds for so many seconds.
fn reserved(changed_at: u64, seconds: u64) -> Slot {
    slot(changed_at, SeatState::Reserved { expires_at: EpochSeconds(changed_at / 1_000 + seconds) })
}

#[tokio::test]
async fn where_a_stamp_may_have_died_with_its_item_the_key_is_dropped_instead_of_believed() {
    const CHANGED: u64 = 100_000;
    // The smaller stamp, the larger one, and whether it can't be told which was written first.
    for (smaller, larger, doubtful) in [
        (slot(CHANGED - 5_000, BOOKED), reserved(CHANGED, 5), true),
        (reserved(CHANGED - 5_000, 600), reserved(CHANGED, 5), true),
        (slot(CHANGED - 5_001, BOOKED), reserved(CHANGED, 5), false),
        (slot(CHANGED - 1, BOOKED), reserved(CHANGED, 10), false),
        (slot(CHANGED - 1, BOOKED), reserved(CHANGED, 9), true),
        (slot(CHANGED - 1, BOOKED), slot(CHANGED, SeatState::Available), false),
        (reserved(CHANGED - 1, 1), slot(CHANGED, BOOKED), false),
        (reserved(CHANGED - 2_000, 1), reserved(CHANGED, 600), false),
        (FREE, reserved(CHANGED, 1), false),
    ] {
        for (known, told) in [(smaller, larger), (larger, smaller)] {
            let expected = |now: Slot| (!doubtful).then(|| vec![now, FREE, FREE]);
            let bare = Bare::new().await;
            bare.filled([known, FREE, FREE]).await;
            bare.merge(0, told).await;
            assert_eq!(bare.read().await, expected(larger), "{told:?} told where {known:?} was known");

            // And in a fill: told while the other was being read.
            let bare = Bare::new().await;
            let token = bare.begun(FillReason::Missing).await;
            bare.merge(0, told).await;
            assert_eq!(bare.end(token, [known, FREE, FREE]).await, !doubtful);
            assert_eq!(bare.read().await, expected(larger), "{told:?} told while {known:?} was read");
        }
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
async fn a_lease_never_grows_beyond_eight_seconds() {
    let bare = Bare::new().await;
    bare.begun(FillReason::Missing).await;
    // The longest there is, and it ran out.
    let mut redis = bare.world.redis().await;
    let key = bare.world.cache_key("1");
    let longest = [vec![0; 6], 8_000_u16.to_be_bytes().to_vec()].concat();
    let _: usize = redis.setrange(&key, 26, longest).await.unwrap();
    bare.begun(FillReason::Missing).await;
    let Begun::Held(left) = bare.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= Duration::from_secs(8), "{left:?}");
}

#[tokio::test]
async fn after_255_fills_the_rounds_begin_again_and_a_fill_still_heals() {
    let bare = Bare::new().await;
    bare.filled([FREE, slot(50, BOOKED), FREE]).await;
    let mut redis = bare.world.redis().await;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 2, &[255_u8][..]).await.unwrap();
    end_of_life(&bare, &mut redis, 10_000).await;
    let token = bare.begun(FillReason::Renewal).await;
    bare.merge(0, slot(60, BOOKED)).await;
    // DynamoDB has nothing of either: the first was written since, the second was deleted before.
    assert!(bare.end(token, [FREE; 3]).await);
    assert_eq!(bare.read().await, Some(vec![slot(60, BOOKED), FREE, FREE]));
}

#[tokio::test]
async fn a_renewal_that_never_ends_gives_no_new_life() {
    let bare = Bare::new().await;
    bare.filled([FREE; 3]).await;
    let mut redis = bare.world.redis().await;
    end_of_life(&bare, &mut redis, 5_000).await;
    bare.begun(FillReason::Renewal).await;
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!((1..=5_000).contains(&left), "{left}");
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
async fn a_redis_whose_clock_was_set_back_prolongs_no_life_and_no_lease() {
    let bare = Bare::new().await;
    let mut redis = bare.world.redis().await;
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    // Begun an hour from now, by the clock of the Redis that it failed over from.
    let lease = ((seconds + 3_600) * 1_000 + 500).to_be_bytes();
    let token = bare.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    assert!(bare.end(token, [FREE; 3]).await);
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left <= LIFETIME.as_millis() as i64, "{left} ms");
    // And one who is heard of no more holds nobody up for an hour.
    let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    bare.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    bare.begun(FillReason::Missing).await;
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
