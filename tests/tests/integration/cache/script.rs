//! The cache script by itself: which calls it accepts, and which slots it keeps, returns and drops.

use super::*;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::seat_index::SeatIndex;

#[tokio::test]
async fn complete_key_is_read_and_incomplete_key_is_a_miss() {
    let fixture = CacheFixture::new().await;
    assert_eq!(fixture.read().await, None, "nothing there");
    let token = fixture.begun(FillReason::Missing).await;
    assert_eq!(fixture.read().await, None, "incomplete");
    let reserved = SeatState::Reserved { expires_at: EpochSeconds::new(50) };
    let slots = [AVAILABLE, slot(5, reserved), slot(6, BOOKED)];
    assert!(fixture.end(token, slots).await);
    assert_eq!(fixture.read().await, Some(slots.to_vec()));
    let mut redis = fixture.world.redis().await;
    let left: i64 = redis.pttl(fixture.world.cache_key("1")).await.unwrap();
    assert!(left > 0 && left <= LIFETIME.as_millis() as i64, "a complete key ends");
}

#[tokio::test]
async fn merges_in_any_order_and_number_leave_the_largest_stamp() {
    let news =
        [slot(10, BOOKED), slot(20, SeatState::Reserved { expires_at: EpochSeconds::new(900) }), slot(30, BOOKED)];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let fixture = CacheFixture::new().await;
        fixture.filled([AVAILABLE, AVAILABLE, slot(99, BOOKED)]).await;
        for at in order.into_iter().chain(order) {
            fixture.merge(1, news[at]).await;
            fixture.merge(2, news[at]).await;
        }
        assert_eq!(fixture.read().await, Some(vec![AVAILABLE, news[2], slot(99, BOOKED)]), "{order:?}");
    }
}

#[tokio::test]
async fn equal_stamps_merge_in_redis_as_in_rust() {
    let states = [
        SeatState::Available,
        SeatState::Reserved { expires_at: EpochSeconds::new(1) },
        SeatState::Reserved { expires_at: EpochSeconds::new(2) },
        BOOKED,
    ];
    let fixture = CacheFixture::new().await;
    for (round, (a, b)) in states.iter().flat_map(|a| states.iter().map(move |b| (*a, *b))).enumerate() {
        let stamp = round as u64 + 1;
        let (a, b) = (slot(stamp, a), slot(stamp, b));
        let mut redis = fixture.world.redis().await;
        let _: () = redis.del(fixture.world.cache_key("1")).await.unwrap();
        fixture.filled([a, AVAILABLE, AVAILABLE]).await;
        fixture.merge(0, b).await;
        assert_eq!(fixture.read().await.unwrap()[0], a.merge(b), "{a:?} {b:?}");
    }
}

/// Returns the slot of a seat that was reserved at this time (milliseconds) for this many seconds.
fn reserved(changed_at: u64, seconds: u64) -> Slot {
    slot(changed_at, SeatState::Reserved { expires_at: EpochSeconds::new(changed_at / 1_000 + seconds) })
}

#[tokio::test]
async fn doubtful_stamp_order_drops_the_key() {
    const CHANGED: u64 = 100_000;
    // Each row has the smaller stamp, the larger stamp, and whether the order of the two writes is unknown.
    for (smaller, larger, doubtful) in [
        (slot(CHANGED - 5_000, BOOKED), reserved(CHANGED, 5), true),
        (reserved(CHANGED - 5_000, 600), reserved(CHANGED, 5), true),
        (slot(CHANGED - 5_001, BOOKED), reserved(CHANGED, 5), false),
        (slot(CHANGED - 1, BOOKED), reserved(CHANGED, 10), false),
        (slot(CHANGED - 1, BOOKED), reserved(CHANGED, 9), true),
        (slot(CHANGED - 1, BOOKED), slot(CHANGED, SeatState::Available), false),
        (reserved(CHANGED - 1, 1), slot(CHANGED, BOOKED), false),
        (reserved(CHANGED - 2_000, 1), reserved(CHANGED, 600), false),
        (AVAILABLE, reserved(CHANGED, 1), false),
    ] {
        for (known, told) in [(smaller, larger), (larger, smaller)] {
            let expected = |now: Slot| (!doubtful).then(|| vec![now, AVAILABLE, AVAILABLE]);
            let fixture = CacheFixture::new().await;
            fixture.filled([known, AVAILABLE, AVAILABLE]).await;
            fixture.merge(0, told).await;
            assert_eq!(fixture.read().await, expected(larger), "{told:?} merged into {known:?}");

            // The same during a fill: one slot is merged while the filler reads the other.
            let fixture = CacheFixture::new().await;
            let token = fixture.begun(FillReason::Missing).await;
            fixture.merge(0, told).await;
            assert_eq!(fixture.end(token, [known, AVAILABLE, AVAILABLE]).await, !doubtful);
            assert_eq!(fixture.read().await, expected(larger), "{told:?} merged while {known:?} was read");
        }
    }
}

#[tokio::test]
async fn merge_does_not_create_a_key() {
    let fixture = CacheFixture::new().await;
    fixture.merge(0, slot(5, BOOKED)).await;
    assert!(!fixture.world.redis().await.exists::<_, bool>(fixture.world.cache_key("1")).await.unwrap());
}

#[tokio::test]
async fn fill_that_read_before_a_write_keeps_the_write() {
    let fixture = CacheFixture::new().await;
    let token = fixture.begun(FillReason::Missing).await;
    // The filler has read all seats as available. Then a booking is accepted and merged into the incomplete key.
    fixture.merge(1, slot(5, BOOKED)).await;
    assert!(fixture.end(token, [AVAILABLE; 3]).await);
    assert_eq!(fixture.read().await, Some(vec![AVAILABLE, slot(5, BOOKED), AVAILABLE]));
}

#[tokio::test]
async fn late_merge_of_an_old_write_does_not_hide_a_newer_read() {
    let fixture = CacheFixture::new().await;
    // The newer write is merged before the key exists. Then a fill begins, and the older write is merged again.
    fixture.merge(1, slot(6, BOOKED)).await;
    let token = fixture.begun(FillReason::Missing).await;
    fixture.merge(1, slot(5, BOOKED)).await;
    assert!(fixture.end(token, [AVAILABLE, slot(6, BOOKED), AVAILABLE]).await);
    assert_eq!(fixture.read().await, Some(vec![AVAILABLE, slot(6, BOOKED), AVAILABLE]));
}

#[tokio::test]
async fn fill_of_an_evicted_key_is_rejected() {
    let fixture = CacheFixture::new().await;
    let token = fixture.begun(FillReason::Missing).await;
    // The key is evicted, and the merge of a write finds no key. The outdated read of the filler must not be accepted.
    let _: () = fixture.world.redis().await.del(fixture.world.cache_key("1")).await.unwrap();
    fixture.merge(1, slot(5, BOOKED)).await;
    assert!(!fixture.end(token, [AVAILABLE; 3]).await);
    assert_eq!(fixture.read().await, None);
    // It must not be accepted after another filler has begun either.
    let other = fixture.begun(FillReason::Missing).await;
    assert!(!fixture.end(token, [AVAILABLE; 3]).await);
    assert!(fixture.end(other, [AVAILABLE, slot(5, BOOKED), AVAILABLE]).await);
}

#[tokio::test]
async fn read_of_another_layout_misses_and_merge_drops_the_key() {
    let mut fixture = CacheFixture::new().await;
    fixture.filled([slot(5, BOOKED), AVAILABLE, AVAILABLE]).await;
    fixture.inventory = inventory(8);
    assert_eq!(fixture.read().await, None);
    assert_eq!(
        fixture
            .cache
            .peek(&fixture.ctx, &fixture.inventory.id, LayoutVersion::new(8), &[SeatIndex::new(0)])
            .await
            .unwrap(),
        None
    );
    fixture.merge(2, slot(6, BOOKED)).await;
    assert!(!fixture.world.redis().await.exists::<_, bool>(fixture.world.cache_key("1")).await.unwrap());
    fixture.filled([AVAILABLE; 3]).await;
    assert_eq!(fixture.read().await, Some(vec![AVAILABLE; 3]));
}

#[tokio::test]
async fn peek_returns_single_slots() {
    let fixture = CacheFixture::new().await;
    let peek = async |indexes: &[u32]| {
        let seat_indexes: Vec<_> = indexes.iter().copied().map(SeatIndex::new).collect();
        fixture.cache.peek(&fixture.ctx, &fixture.inventory.id, LayoutVersion::new(7), &seat_indexes).await.unwrap()
    };
    assert_eq!(peek(&[0]).await, None);
    fixture.filled([AVAILABLE, slot(5, BOOKED), AVAILABLE]).await;
    assert_eq!(peek(&[1, 0]).await, Some(vec![slot(5, BOOKED), AVAILABLE]));
    assert_eq!(peek(&[9]).await, None, "no such seat");
}
