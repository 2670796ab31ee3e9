//! Filling the cache: leases and takeovers, rounds, renewals, and the lifetime of a key.

use super::*;

#[tokio::test]
async fn one_fills_and_the_others_wait_until_its_lease_ends() {
    let bare = Bare::new().await;
    let token = bare.begun(FillReason::Missing).await;
    let Begun::Held(left) = bare.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= boxoffice::cache::LEASE);
    // The same filler may ask again, because it may have lost the reply.
    let again = bare.cache.begin(&bare.tally, &bare.layout, FillReason::Missing, token).await.unwrap();
    assert!(matches!(again, Begun::Fill(_)));
    // When the lease ends, another filler takes over. From then on the end of the first fill is ignored.
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
    // Merges a state in an earlier round that the table doesn't confirm later.
    bare.merge(0, slot(70, BOOKED)).await;
    // The key expires soon, so a renewal is due.
    end_of_life(&bare, &mut redis, 10_000).await;
    let token = bare.begun(FillReason::Renewal).await;
    assert!(matches!(bare.begin(FillReason::Renewal).await, Begun::NotDue), "another instance renews");
    assert_eq!(bare.read().await, Some(vec![slot(70, BOOKED), slot(50, BOOKED), FREE]), "readers still get the string");
    bare.merge(1, slot(60, BOOKED)).await;
    bare.merge(2, slot(55, BOOKED)).await;
    // DynamoDB has no item for seat 0, the old state for seat 1, and seat 2 available. The filler read this before the
    // merges.
    assert!(bare.end(token, [FREE, slot(50, BOOKED), FREE]).await);
    let now = [FREE, slot(60, BOOKED), slot(55, BOOKED)];
    assert_eq!(bare.read().await, Some(now.to_vec()), "seat 0 is healed, the merges are kept");
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left > 30_000, "renewed: {left} ms");
}

#[tokio::test]
async fn a_fill_slower_than_its_lease_ends_at_last() {
    let bare = Bare::new().await;
    let mut leases = Vec::new();
    let mut token = bare.begun(FillReason::Missing).await;
    // Each filler is slower than its lease, and the next one takes over. Its lease is twice as long, so that filling
    // succeeds in the end.
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
    // After a complete fill, the next one begins with the first lease again.
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
    // Sets the longest lease, already expired.
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
    // The filler found neither seat in DynamoDB. The first was written after that read, the second was deleted before
    // it.
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
    // The same begin is sent twice. The second attempt is answered and the filler reads. Then a write is accepted and
    // merged.
    let filler = FillToken::new();
    let begin = async || match bare.cache.begin(&bare.tally, &bare.layout, FillReason::Missing, filler).await.unwrap() {
        Begun::Fill(token) => token,
        other => panic!("{other:?}"),
    };
    let answered = begin().await;
    bare.merge(1, slot(5, BOOKED)).await;
    // The key is deleted, and the other attempt arrives late. It is of the same filler, but it isn't the attempt that
    // was answered.
    let mut redis = bare.world.redis().await;
    let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    late_begin(&bare, &mut redis, answered, 2).await;
    assert!(!bare.end(answered, [FREE; 3]).await);
    assert_eq!(bare.read().await, None);
}

/// Makes the key as a late attempt of a begin leaves it: blank, under the same token except for its last byte.
async fn late_begin(bare: &Bare, redis: &mut redis::aio::MultiplexedConnection, answered: FillToken, number: u8) {
    // The real script makes the key for another filler. Then its token is overwritten.
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
    assert!(left().await > before - 400, "kept for the next filler");
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
        // Sets the lease as if the fill had begun this many seconds ago with a lease of 500 ms.
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
    // Sets the begin of the fill an hour into the future, by the clock of the Redis before a failover.
    let lease = ((seconds + 3_600) * 1_000 + 500).to_be_bytes();
    let token = bare.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    assert!(bare.end(token, [FREE; 3]).await);
    let left: i64 = redis.pttl(bare.world.cache_key("1")).await.unwrap();
    assert!(left <= LIFETIME.as_millis() as i64, "{left} ms");
    // A filler that never ends doesn't block others for an hour either.
    let _: () = redis.del(bare.world.cache_key("1")).await.unwrap();
    bare.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(bare.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    bare.begun(FillReason::Missing).await;
}
