//! The cache script by itself: which calls it accepts, and which slots it keeps, returns and drops.

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

/// Returns the slot of a seat that was reserved at this time (milliseconds) for this many seconds.
fn reserved(changed_at: u64, seconds: u64) -> Slot {
    slot(changed_at, SeatState::Reserved { expires_at: EpochSeconds(changed_at / 1_000 + seconds) })
}

#[tokio::test]
async fn where_a_stamp_may_have_died_with_its_item_the_key_is_dropped_instead_of_believed() {
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
        (FREE, reserved(CHANGED, 1), false),
    ] {
        for (known, told) in [(smaller, larger), (larger, smaller)] {
            let expected = |now: Slot| (!doubtful).then(|| vec![now, FREE, FREE]);
            let bare = Bare::new().await;
            bare.filled([known, FREE, FREE]).await;
            bare.merge(0, told).await;
            assert_eq!(bare.read().await, expected(larger), "{told:?} merged into {known:?}");

            // The same during a fill: one slot is merged while the filler reads the other.
            let bare = Bare::new().await;
            let token = bare.begun(FillReason::Missing).await;
            bare.merge(0, told).await;
            assert_eq!(bare.end(token, [known, FREE, FREE]).await, !doubtful);
            assert_eq!(bare.read().await, expected(larger), "{told:?} merged while {known:?} was read");
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
    // The filler has read all seats as available. Then a booking is accepted and merged into the incomplete key.
    bare.merge(1, slot(5, BOOKED)).await;
    assert!(bare.end(token, [FREE; 3]).await);
    assert_eq!(bare.read().await, Some(vec![FREE, slot(5, BOOKED), FREE]));
}

#[tokio::test]
async fn an_old_write_told_late_does_not_hide_what_the_filler_read() {
    let bare = Bare::new().await;
    // The newer write is merged before the key exists. Then a fill begins, and the older write is merged again.
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
    // The key is evicted, and the merge of a write finds no key. The outdated read of the filler must not be accepted.
    let _: () = bare.world.redis().await.del(bare.world.cache_key("1")).await.unwrap();
    bare.merge(1, slot(5, BOOKED)).await;
    assert!(!bare.end(token, [FREE; 3]).await);
    assert_eq!(bare.read().await, None);
    // It must not be accepted after another filler has begun either.
    let other = bare.begun(FillReason::Missing).await;
    assert!(!bare.end(token, [FREE; 3]).await);
    assert!(bare.end(other, [FREE, slot(5, BOOKED), FREE]).await);
}

#[tokio::test]
async fn another_layout_is_a_miss_and_a_merge_of_another_layout_drops_the_key() {
    let mut bare = Bare::new().await;
    bare.filled([slot(5, BOOKED), FREE, FREE]).await;
    bare.layout = layout(8);
    assert_eq!(bare.read().await, None);
    assert_eq!(bare.cache.peek(&bare.tally, &bare.layout.theater, 8, &[0]).await.unwrap(), None);
    bare.merge(2, slot(6, BOOKED)).await;
    assert!(!bare.world.redis().await.exists::<_, bool>(bare.world.cache_key("1")).await.unwrap());
    bare.filled([FREE; 3]).await;
    assert_eq!(bare.read().await, Some(vec![FREE; 3]));
}

#[tokio::test]
async fn a_few_slots_can_be_peeked_at() {
    let bare = Bare::new().await;
    let peek =
        async |positions: &[u32]| bare.cache.peek(&bare.tally, &bare.layout.theater, 7, positions).await.unwrap();
    assert_eq!(peek(&[0]).await, None);
    bare.filled([FREE, slot(5, BOOKED), FREE]).await;
    assert_eq!(peek(&[1, 0]).await, Some(vec![slot(5, BOOKED), FREE]));
    assert_eq!(peek(&[9]).await, None, "no such seat");
}
