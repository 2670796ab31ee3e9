//! Revisions in the same random runs: the slots that they identify, and when they may change. The model doesn't have
//! them.

use std::collections::HashMap;

use boxoffice::cache::Revision;
use boxoffice::domain::availability::Slot;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice_model::key::{self, Key};
use proptest::prelude::*;

use super::steps::Step;

/// A key and its revision, if it has one.
type Before = (Option<Key>, Option<Revision>);

/// The slots of a complete key, and the version of their layout.
type Slots = (LayoutVersion, Vec<Slot>);

/// All revisions of complete keys in all runs.
#[derive(Default)]
pub(super) struct Revisions {
    stand_for: HashMap<Revision, Slots>,
    /// Revisions of fills that kept no concurrent merge.
    of_fills: HashMap<Slots, Revision>,
    kept: usize,
    moved: usize,
}

impl Revisions {
    /// Checks the revision of a key after a step.
    pub(super) fn judge(
        &mut self,
        step: &Step,
        before: &Before,
        (key, revision): (&Option<Key>, Option<Revision>),
    ) -> Result<(), TestCaseError> {
        let complete = key.as_ref().filter(|key| key.complete);
        let (Some(key), Some(revision)) = (complete, revision) else { return Ok(()) };
        let slots = slots(key);
        let known = self.stand_for.entry(revision).or_insert_with(|| slots.clone());
        prop_assert_eq!(&*known, &slots, "one revision, two sets of slots");
        let was = before.0.as_ref().filter(|key| key.complete).zip(before.1);
        let was_filling = before.0.as_ref().is_some_and(|key| key.token != key::NO_TOKEN);
        match (step, was) {
            (Step::End(_, _, read), _) if was_filling && key.token == key::NO_TOKEN => {
                let kept_nothing = slots.1 == read[..slots.1.len()];
                // The same slots are too rarely filled twice to rely on it.
                // The unit tests in shared/src/cache/protocol/revision.rs cover this case.
                if kept_nothing && let Some(first) = self.of_fills.insert(slots, revision) {
                    prop_assert_eq!(first, revision, "the slots that were read determine the revision");
                }
            }
            (_, Some((was, before))) => {
                let moved = self::slots(was) != slots;
                prop_assert_eq!(moved, before != revision, "the revision changes exactly with the slots");
                self.moved += usize::from(moved);
                self.kept += usize::from(!moved);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that there were enough cases of each kind.
    pub(super) fn were_of_many_kinds(self) {
        let seen = [self.stand_for.len(), self.of_fills.len(), self.kept, self.moved];
        assert!(seen.iter().all(|number| *number > 0), "{seen:?}");
    }
}

fn slots(key: &Key) -> Slots {
    (key.version, key.slots.iter().map(|known| known.slot).collect())
}
