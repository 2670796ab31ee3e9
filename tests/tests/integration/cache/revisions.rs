//! Revisions: when they change, and that a read with the current revision gets only a confirmation.

use super::*;

impl Bare {
    async fn revision(&self) -> Revision {
        match self.cache.read(&self.tally, &self.layout.theater).await.unwrap() {
            Lookup::Complete(packed) => packed.revision(),
            other => panic!("{other:?}"),
        }
    }

    async fn renewed(&self, slots: [Slot; 3]) {
        end_of_life(self, &mut self.world.redis().await, 10_000).await;
        let token = self.begun(FillReason::Renewal).await;
        assert!(self.end(token, slots).await);
    }

    /// Reads the cache as a caller that knows this revision.
    async fn looked(&self, known: Revision) -> Lookup {
        self.cache.read_unless(&self.tally, &self.layout.theater, known).await.unwrap()
    }
}

const BOTH: [Slot; 3] = [slot_of(5), slot_of(6), Slot { changed_at: EpochMillis(0), state: SeatState::Available }];

const fn slot_of(changed_at: u64) -> Slot {
    Slot { changed_at: EpochMillis(changed_at), state: BOOKED }
}

#[tokio::test]
async fn a_fill_of_the_same_slots_has_the_same_revision_and_of_others_another() {
    let bare = Bare::new().await;
    bare.filled([FREE; 3]).await;
    let free = bare.revision().await;
    bare.renewed([FREE; 3]).await;
    assert_eq!(bare.revision().await, free, "nothing has changed");
    bare.renewed(BOTH).await;
    assert_ne!(bare.revision().await, free);
    let mut newer = Bare::new().await;
    newer.layout = layout(8);
    newer.filled([FREE; 3]).await;
    assert_ne!(newer.revision().await, free, "seat indexes of another layout mean other seats");
}

#[tokio::test]
async fn what_is_merged_moves_the_revision_on_and_what_is_known_does_not() {
    let bare = Bare::new().await;
    bare.filled([FREE; 3]).await;
    let mut seen = vec![bare.revision().await];
    for (position, slot) in [(0, slot_of(5)), (1, slot_of(5)), (0, slot_of(6))] {
        bare.merge(position, slot).await;
        let now = bare.revision().await;
        assert!(!seen.contains(&now));
        seen.push(now);
        for known in [slot, slot_of(4)] {
            bare.merge(position, known).await;
            bare.merge(99, known).await;
        }
        assert_eq!(bare.revision().await, now);
    }
    end_of_life(&bare, &mut bare.world.redis().await, 10_000).await;
    bare.begun(FillReason::Renewal).await;
    assert_eq!(seen.last(), Some(&bare.revision().await), "a begin doesn't change it either");
}

#[tokio::test]
async fn a_revision_is_reached_by_the_same_way_and_by_no_other() {
    let steps = [(0, slot_of(5)), (1, slot_of(6)), (2, slot_of(7))];
    let mut ends = Vec::new();
    for order in [[0, 1, 2], [0, 1, 2], [0, 2, 1], [2, 1, 0]] {
        let bare = Bare::new().await;
        bare.filled([FREE; 3]).await;
        for at in order {
            bare.merge(steps[at].0, steps[at].1).await;
        }
        ends.push(bare.revision().await);
    }
    assert_eq!(ends[0], ends[1]);
    assert!(ends[1] != ends[2] && ends[1] != ends[3] && ends[2] != ends[3], "{ends:?}");
}

#[tokio::test]
async fn after_a_failover_that_lost_a_merge_no_revision_comes_again_with_other_slots() {
    let bare = Bare::new().await;
    let (key, mut redis) = (bare.world.cache_key("1"), bare.world.redis().await);
    bare.filled([FREE; 3]).await;
    let replica: Vec<u8> = redis.get(&key).await.unwrap();
    bare.merge(0, slot_of(5)).await;
    let lost = bare.revision().await;
    let _: () = redis.pset_ex(&key, replica, 30_000).await.unwrap();
    bare.merge(1, slot_of(5)).await;
    let other = bare.revision().await;
    bare.merge(0, slot_of(5)).await;
    assert!(other != lost && bare.revision().await != lost, "the same merge, but after another");
}

#[tokio::test]
async fn a_fill_that_keeps_what_was_merged_meanwhile_moves_on_from_what_it_read() {
    let filled_with = async |merged: &[(u32, Slot)], read: [Slot; 3]| {
        let bare = Bare::new().await;
        let token = bare.begun(FillReason::Missing).await;
        for (position, slot) in merged {
            bare.merge(*position, *slot).await;
        }
        assert!(bare.end(token, read).await);
        (bare.read().await.unwrap(), bare.revision().await)
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
async fn who_knows_the_revision_is_told_that_it_is_there_and_all_others_get_the_string() {
    let bare = Bare::new().await;
    let unknown = Revision([7; 8]);
    assert!(matches!(bare.looked(unknown).await, Lookup::Miss), "nothing there");
    let token = bare.begun(FillReason::Missing).await;
    assert!(matches!(bare.looked(Revision([0; 8])).await, Lookup::Miss), "an incomplete string never matches");
    bare.end(token, BOTH).await;
    let now = bare.revision().await;
    let Lookup::Unchanged(told) = bare.looked(now).await else { panic!("it is still there") };
    let packed = |lookup| match lookup {
        Lookup::Complete(packed) => packed,
        other => panic!("{other:?}"),
    };
    let whole = packed(bare.looked(unknown).await);
    assert_eq!(whole.slots(&bare.layout), Some(BOTH.to_vec()));
    assert_eq!((told.layout_version, told.ends_at), (whole.layout_version(), whole.ends_at()));
    assert!(told.is_of(&bare.layout) && !told.is_of(&layout(8)));
    bare.merge(2, slot_of(9)).await;
    assert_eq!(packed(bare.looked(now).await).revision(), bare.revision().await);
}

#[tokio::test]
async fn of_a_spoilt_string_nobody_is_told_that_it_is_unchanged() {
    let bare = Bare::new().await;
    let (key, mut redis) = (bare.world.cache_key("1"), bare.world.redis().await);
    bare.filled(BOTH).await;
    let now = bare.revision().await;
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
        assert!(!matches!(bare.looked(now).await, Lookup::Unchanged(_)), "{bytes:?}");
    }
    // A string with one seat fewer than the layout, or of another layout, is reported as unchanged. The caller sees
    // that it doesn't fit the layout.
    for bytes in [good[..good.len() - 12].to_vec(), spoilt(9, 9)] {
        let _: () = redis.set(&key, &bytes).await.unwrap();
        let Lookup::Unchanged(told) = bare.looked(now).await else { panic!("{bytes:?}") };
        assert!(!told.is_of(&bare.layout), "{bytes:?}");
    }
    let _: () = redis.del(&key).await.unwrap();
    let _: () = redis.lpush(&key, "a list").await.unwrap();
    assert!(matches!(bare.looked(now).await, Lookup::Miss));
}
