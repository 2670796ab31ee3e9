//! Filling the cache: leases and takeovers, rounds, renewals, and the lifetime of a key.

use super::*;

#[tokio::test]
async fn one_reader_fills_and_others_wait_for_its_lease() {
    let fixture = CacheFixture::new().await;
    let token = fixture.begun(FillReason::Missing).await;
    let Begun::Leased(left) = fixture.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= boxoffice::cache::LEASE);
    // The same filler may ask again, because it may have lost the reply.
    let again = fixture.cache.begin(&fixture.ctx, &fixture.inventory, FillReason::Missing, token).await.unwrap();
    assert!(matches!(again, Begun::Fill(_)));
    // When the lease ends, another filler takes over. From then on the end of the first fill is ignored.
    let other = loop {
        match fixture.begin(FillReason::Missing).await {
            Begun::Fill(token) => break token,
            Begun::Leased(left) => tokio::time::sleep(left).await,
            other => panic!("{other:?}"),
        }
    };
    assert!(!fixture.end(token, [slot(1, BOOKED); 3]).await);
    assert!(fixture.end(other, [AVAILABLE; 3]).await);
    assert!(matches!(fixture.begin(FillReason::Missing).await, Begun::Complete(_)));
}

#[tokio::test]
async fn fill_replaces_old_slots_and_keeps_concurrent_merges() {
    let fixture = CacheFixture::new().await;
    fixture.filled([slot(50, BOOKED), slot(50, BOOKED), AVAILABLE]).await;
    let mut redis = fixture.world.redis().await;
    assert!(matches!(fixture.begin(FillReason::Renewal).await, Begun::NotDue));
    // Merges a state in an earlier round that the table doesn't confirm later.
    fixture.merge(0, slot(70, BOOKED)).await;
    // The key expires soon, so a renewal is due.
    expire_in(&fixture, &mut redis, 10_000).await;
    let token = fixture.begun(FillReason::Renewal).await;
    assert!(matches!(fixture.begin(FillReason::Renewal).await, Begun::NotDue), "another instance renews");
    assert_eq!(
        fixture.read().await,
        Some(vec![slot(70, BOOKED), slot(50, BOOKED), AVAILABLE]),
        "readers still get the string"
    );
    fixture.merge(1, slot(60, BOOKED)).await;
    fixture.merge(2, slot(55, BOOKED)).await;
    // DynamoDB has no item for seat 0, the old state for seat 1, and seat 2 available. The filler read this before the
    // merges.
    assert!(fixture.end(token, [AVAILABLE, slot(50, BOOKED), AVAILABLE]).await);
    let now = [AVAILABLE, slot(60, BOOKED), slot(55, BOOKED)];
    assert_eq!(fixture.read().await, Some(now.to_vec()), "seat 0 is healed, the merges are kept");
    let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
    assert!(left > 30_000, "renewed: {left} ms");
}

#[tokio::test]
async fn fill_slower_than_its_lease_succeeds_with_longer_leases() {
    let fixture = CacheFixture::new().await;
    let mut leases = Vec::new();
    let mut token = fixture.begun(FillReason::Missing).await;
    // Each filler is slower than its lease, and the next one takes over. Its lease is twice as long, so that filling
    // succeeds in the end.
    for _ in 0..2 {
        token = loop {
            match fixture.begin(FillReason::Missing).await {
                Begun::Fill(token) => break token,
                Begun::Leased(left) => {
                    leases.push(left);
                    tokio::time::sleep(left).await;
                }
                other => panic!("{other:?}"),
            }
        };
    }
    let Begun::Leased(left) = fixture.begin(FillReason::Missing).await else { panic!("held") };
    let lease = boxoffice::cache::LEASE;
    assert!(left > lease * 2 && left <= lease * 4, "{left:?} after {leases:?}");
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
    // After a complete fill, the next one begins with the first lease again.
    let mut redis = fixture.world.redis().await;
    expire_in(&fixture, &mut redis, 10_000).await;
    fixture.begun(FillReason::Renewal).await;
    let _: () = redis.del(fixture.world.cache_key("1")).await.unwrap();
    fixture.begun(FillReason::Missing).await;
    let Begun::Leased(left) = fixture.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= lease);
}

#[tokio::test]
async fn a_lease_never_grows_beyond_eight_seconds() {
    let fixture = CacheFixture::new().await;
    fixture.begun(FillReason::Missing).await;
    // Sets the longest lease, already expired.
    let mut redis = fixture.world.redis().await;
    let key = fixture.world.cache_key("1");
    let longest = [vec![0; 6], 8_000_u16.to_be_bytes().to_vec()].concat();
    let _: usize = redis.setrange(&key, 26, longest).await.unwrap();
    fixture.begun(FillReason::Missing).await;
    let Begun::Leased(left) = fixture.begin(FillReason::Missing).await else { panic!("held") };
    assert!(left <= Duration::from_secs(8), "{left:?}");
}

#[tokio::test]
async fn round_counter_wraps_after_255_fills() {
    let fixture = CacheFixture::new().await;
    fixture.filled([AVAILABLE, slot(50, BOOKED), AVAILABLE]).await;
    let mut redis = fixture.world.redis().await;
    let _: usize = redis.setrange(fixture.world.cache_key("1"), 2, &[255_u8][..]).await.unwrap();
    expire_in(&fixture, &mut redis, 10_000).await;
    let token = fixture.begun(FillReason::Renewal).await;
    fixture.merge(0, slot(60, BOOKED)).await;
    // The filler found neither seat in DynamoDB. The first was written after that read, the second was deleted before
    // it.
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
    assert_eq!(fixture.read().await, Some(vec![slot(60, BOOKED), AVAILABLE, AVAILABLE]));
}

#[tokio::test]
async fn unfinished_renewal_does_not_prolong_the_key() {
    let fixture = CacheFixture::new().await;
    fixture.filled([AVAILABLE; 3]).await;
    let mut redis = fixture.world.redis().await;
    expire_in(&fixture, &mut redis, 5_000).await;
    fixture.begun(FillReason::Renewal).await;
    let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
    assert!((1..=5_000).contains(&left), "{left}");
}

#[tokio::test]
async fn delayed_begin_does_not_accept_a_stale_fill() {
    let fixture = CacheFixture::new().await;
    // The same begin is sent twice. The second attempt is answered and the filler reads. Then a write is accepted and
    // merged.
    let filler = FillToken::new();
    let begin = async || match fixture
        .cache
        .begin(&fixture.ctx, &fixture.inventory, FillReason::Missing, filler)
        .await
        .unwrap()
    {
        Begun::Fill(token) => token,
        other => panic!("{other:?}"),
    };
    let answered = begin().await;
    fixture.merge(1, slot(5, BOOKED)).await;
    // The key is deleted, and the other attempt arrives late. It is of the same filler, but it isn't the attempt that
    // was answered.
    let mut redis = fixture.world.redis().await;
    let _: () = redis.del(fixture.world.cache_key("1")).await.unwrap();
    late_begin(&fixture, &mut redis, answered, 2).await;
    assert!(!fixture.end(answered, [AVAILABLE; 3]).await);
    assert_eq!(fixture.read().await, None);
}

/// Makes the key as a late attempt of a begin leaves it: blank, under the same token except for its last byte.
async fn late_begin(
    fixture: &CacheFixture,
    redis: &mut redis::aio::MultiplexedConnection,
    answered: FillToken,
    number: u8,
) {
    // The real script makes the key for another filler. Then its token is overwritten.
    fixture.begun(FillReason::Missing).await;
    let mut token = answered.bytes();
    token[15] = number;
    let _: usize = redis.setrange(fixture.world.cache_key("1"), 10, &token[..]).await.unwrap();
}

#[tokio::test]
async fn every_key_expires() {
    let fixture = CacheFixture::new().await;
    let mut redis = fixture.world.redis().await;
    let key = fixture.world.cache_key("1");
    let mut left = async || -> i64 { redis.pttl(&key).await.unwrap() };
    fixture.begun(FillReason::Missing).await;
    assert!((1..=10_000).contains(&left().await), "incomplete");
    let Begun::Leased(lease) = fixture.begin(FillReason::Missing).await else { panic!("held") };
    let before = left().await;
    tokio::time::sleep(lease).await;
    let token = fixture.begun(FillReason::Missing).await;
    assert!((1..=10_000).contains(&left().await), "taken over");
    assert!(left().await > before - 400, "kept for the next filler");
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
    let complete = left().await;
    assert!((50_000..=60_000).contains(&complete), "complete: {complete}");
    fixture.merge(0, slot(5, BOOKED)).await;
    assert!((1..=complete).contains(&left().await), "merged into");
}

#[tokio::test]
async fn key_lifetime_counts_from_the_begin_of_its_fill() {
    let fixture = CacheFixture::new().await;
    let mut redis = fixture.world.redis().await;
    for (seconds_ago, taken) in [(20, true), (61, false)] {
        let token = fixture.begun(FillReason::Missing).await;
        let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
        // Sets the lease as if the fill had begun this many seconds ago with a lease of 500 ms.
        let lease = ((seconds - seconds_ago) * 1_000 + 500).to_be_bytes();
        let _: usize = redis.setrange(fixture.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
        assert_eq!(fixture.end(token, [AVAILABLE; 3]).await, taken, "{seconds_ago} s");
        let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
        assert!(left <= 40_000, "{seconds_ago} s ago, {left} ms left");
        let _: () = redis.del(fixture.world.cache_key("1")).await.unwrap();
    }
}

#[tokio::test]
async fn redis_clock_set_back_prolongs_neither_key_nor_lease() {
    let fixture = CacheFixture::new().await;
    let mut redis = fixture.world.redis().await;
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut redis).await.unwrap();
    // Sets the begin of the fill an hour into the future, by the clock of the Redis before a failover.
    let lease = ((seconds + 3_600) * 1_000 + 500).to_be_bytes();
    let token = fixture.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(fixture.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
    let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
    assert!(left <= LIFETIME.as_millis() as i64, "{left} ms");
    // A filler that never ends doesn't block others for an hour either.
    let _: () = redis.del(fixture.world.cache_key("1")).await.unwrap();
    fixture.begun(FillReason::Missing).await;
    let _: usize = redis.setrange(fixture.world.cache_key("1"), 26, &lease[2..]).await.unwrap();
    fixture.begun(FillReason::Missing).await;
}
