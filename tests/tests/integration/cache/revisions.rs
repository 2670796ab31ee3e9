//! Revisions: when they change, and that a read with the current revision gets only a confirmation.

use super::*;

impl CacheFixture {
    async fn revision(&self) -> Revision {
        match self.cache.read(&self.ctx, &self.inventory.id).await.unwrap() {
            Lookup::Complete(packed) => packed.revision(),
            other => panic!("{other:?}"),
        }
    }

    async fn renewed(&self, slots: [Slot; 3]) {
        expire_in(self, &mut self.world.redis().await, 10_000).await;
        let token = self.begun(FillReason::Renewal).await;
        assert!(self.end(token, slots).await);
    }

    /// Reads the cache as a caller that knows this revision.
    async fn read_unless_known(&self, known: Revision) -> Lookup {
        self.cache.read_unless(&self.ctx, &self.inventory.id, known).await.unwrap()
    }
}

const BOTH: [Slot; 3] = [slot_of(5), slot_of(6), Slot { changed_at: EpochMillis::new(0), state: SeatState::Available }];

const fn slot_of(changed_at: u64) -> Slot {
    Slot { changed_at: EpochMillis::new(changed_at), state: BOOKED }
}

#[tokio::test]
async fn fill_revision_is_determined_by_its_slots() {
    let fixture = CacheFixture::new().await;
    fixture.filled([AVAILABLE; 3]).await;
    let free = fixture.revision().await;
    fixture.renewed([AVAILABLE; 3]).await;
    assert_eq!(fixture.revision().await, free, "nothing has changed");
    fixture.renewed(BOTH).await;
    assert_ne!(fixture.revision().await, free);
    let mut newer = CacheFixture::new().await;
    newer.inventory = inventory(8);
    newer.filled([AVAILABLE; 3]).await;
    assert_ne!(newer.revision().await, free, "seat indexes of another layout mean other seats");
}

#[tokio::test]
async fn only_a_merge_of_new_state_changes_the_revision() {
    let fixture = CacheFixture::new().await;
    fixture.filled([AVAILABLE; 3]).await;
    let mut seen = vec![fixture.revision().await];
    for (seat_index, slot) in [(0, slot_of(5)), (1, slot_of(5)), (0, slot_of(6))] {
        fixture.merge(seat_index, slot).await;
        let now = fixture.revision().await;
        assert!(!seen.contains(&now));
        seen.push(now);
        for known in [slot, slot_of(4)] {
            fixture.merge(seat_index, known).await;
            fixture.merge(99, known).await;
        }
        assert_eq!(fixture.revision().await, now);
    }
    expire_in(&fixture, &mut fixture.world.redis().await, 10_000).await;
    fixture.begun(FillReason::Renewal).await;
    assert_eq!(seen.last(), Some(&fixture.revision().await), "a begin doesn't change it either");
}

#[tokio::test]
async fn revision_depends_on_the_sequence_of_merges() {
    let steps = [(0, slot_of(5)), (1, slot_of(6)), (2, slot_of(7))];
    let mut ends = Vec::new();
    for order in [[0, 1, 2], [0, 1, 2], [0, 2, 1], [2, 1, 0]] {
        let fixture = CacheFixture::new().await;
        fixture.filled([AVAILABLE; 3]).await;
        for at in order {
            fixture.merge(steps[at].0, steps[at].1).await;
        }
        ends.push(fixture.revision().await);
    }
    assert_eq!(ends[0], ends[1]);
    assert!(ends[1] != ends[2] && ends[1] != ends[3] && ends[2] != ends[3], "{ends:?}");
}

#[tokio::test]
async fn revision_is_never_reused_after_a_lossy_failover() {
    let fixture = CacheFixture::new().await;
    let (key, mut redis) = (fixture.world.cache_key("1"), fixture.world.redis().await);
    fixture.filled([AVAILABLE; 3]).await;
    let replica: Vec<u8> = redis.get(&key).await.unwrap();
    fixture.merge(0, slot_of(5)).await;
    let lost = fixture.revision().await;
    let _: () = redis.pset_ex(&key, replica, 30_000).await.unwrap();
    fixture.merge(1, slot_of(5)).await;
    let other = fixture.revision().await;
    fixture.merge(0, slot_of(5)).await;
    assert!(other != lost && fixture.revision().await != lost, "the same merge, but after another");
}

#[tokio::test]
async fn fill_that_keeps_merges_gets_another_revision() {
    let filled_with = async |merged: &[(u32, Slot)], read: [Slot; 3]| {
        let fixture = CacheFixture::new().await;
        let token = fixture.begun(FillReason::Missing).await;
        for (seat_index, slot) in merged {
            fixture.merge(*seat_index, *slot).await;
        }
        assert!(fixture.end(token, read).await);
        (fixture.read().await.unwrap(), fixture.revision().await)
    };
    let (read, plain) = filled_with(&[], BOTH).await;
    let known = filled_with(&[(0, slot_of(5)), (1, slot_of(4))], BOTH).await;
    assert_eq!(known, (read.clone(), plain), "the merged slots were also read");
    let (kept, moved) = filled_with(&[(0, slot_of(7))], BOTH).await;
    assert_ne!((&kept, moved), (&read, plain));
    assert_eq!(filled_with(&[(0, slot_of(7))], BOTH).await, (kept, moved), "the same way again");
    assert_ne!(filled_with(&[(0, slot_of(8))], BOTH).await.1, moved);
    assert_ne!(filled_with(&[(1, slot_of(7))], BOTH).await.1, moved);
}

#[tokio::test]
async fn read_with_current_revision_is_unchanged_else_full() {
    let fixture = CacheFixture::new().await;
    let unknown = Revision([7; 8]);
    assert!(matches!(fixture.read_unless_known(unknown).await, Lookup::Miss), "nothing there");
    let token = fixture.begun(FillReason::Missing).await;
    assert!(
        matches!(fixture.read_unless_known(Revision([0; 8])).await, Lookup::Miss),
        "an incomplete string never matches"
    );
    fixture.end(token, BOTH).await;
    let now = fixture.revision().await;
    let Lookup::Unchanged(told) = fixture.read_unless_known(now).await else { panic!("it is still there") };
    let packed = |lookup| match lookup {
        Lookup::Complete(packed) => packed,
        other => panic!("{other:?}"),
    };
    let whole = packed(fixture.read_unless_known(unknown).await);
    assert_eq!(whole.slots(&fixture.inventory), Some(BOTH.to_vec()));
    assert_eq!((told.layout_version, told.ends_at), (whole.layout_version(), whole.ends_at()));
    assert!(told.is_of(&fixture.inventory) && !told.is_of(&inventory(8)));
    fixture.merge(2, slot_of(9)).await;
    assert_eq!(packed(fixture.read_unless_known(now).await).revision(), fixture.revision().await);
}

#[tokio::test]
async fn corrupt_string_is_never_reported_unchanged() {
    let fixture = CacheFixture::new().await;
    let (key, mut redis) = (fixture.world.cache_key("1"), fixture.world.redis().await);
    fixture.filled(BOTH).await;
    let now = fixture.revision().await;
    let good: Vec<u8> = redis.get(&key).await.unwrap();
    let spoilt = |at: usize, byte: u8| [&good[..at], &[byte], &good[at + 1..]].concat();
    for bytes in [
        vec![],
        b"nonsense".to_vec(),
        spoilt(0, 1),
        spoilt(1, 0),
        spoilt(1, 2),
        spoilt(40, !good[40]),
        spoilt(47, !good[47]),
        good[..HEADER - 1].to_vec(),
        good[..good.len() - 5].to_vec(),
    ] {
        let _: () = redis.set(&key, &bytes).await.unwrap();
        assert!(!matches!(fixture.read_unless_known(now).await, Lookup::Unchanged(_)), "{bytes:?}");
    }
    // A string with one seat fewer than the layout, or of another layout, is reported as unchanged. The caller sees
    // that it doesn't fit the layout.
    for bytes in [good[..good.len() - 12].to_vec(), spoilt(9, 9)] {
        let _: () = redis.set(&key, &bytes).await.unwrap();
        let Lookup::Unchanged(told) = fixture.read_unless_known(now).await else { panic!("{bytes:?}") };
        assert!(!told.is_of(&fixture.inventory), "{bytes:?}");
    }
    let _: () = redis.del(&key).await.unwrap();
    let _: () = redis.lpush(&key, "a list").await.unwrap();
    assert!(matches!(fixture.read_unless_known(now).await, Lookup::Miss));
}
