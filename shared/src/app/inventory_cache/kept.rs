//! Values that an instance keeps for a while, up to a number.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::time::EpochMillis;

/// Values by key, each with the instant at which it was read. The oldest makes room for a new one.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    most: usize,
    values: Mutex<HashMap<K, (V, EpochMillis)>>,
}

impl<K: Clone + Eq + Hash, V: Clone> Kept<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, values: Mutex::default() }
    }

    /// Returns a value that is younger than `age`. If the clock was set back, the value counts as old, unless values
    /// of this kind never grow old.
    pub(super) fn find(&self, key: &K, age: Duration, now: EpochMillis) -> Option<V> {
        let (value, read_at) = self.values().get(key).cloned()?;
        (age == Duration::MAX || (now >= read_at && now.since(read_at) < age)).then_some(value)
    }

    pub(super) fn put(&self, key: K, value: V, read_at: EpochMillis) {
        let mut values = self.values();
        if values.len() >= self.most && !values.contains_key(&key) {
            let oldest = values.iter().min_by_key(|(_, (_, read_at))| *read_at).map(|(key, _)| key.clone());
            oldest.and_then(|key| values.remove(&key));
        }
        values.insert(key, (value, read_at));
    }

    pub(super) fn remove(&self, key: &K) {
        self.values().remove(key);
    }

    fn values(&self) -> MutexGuard<'_, HashMap<K, (V, EpochMillis)>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(10);

    fn at(second: u64) -> EpochMillis {
        EpochMillis::new(second * 1_000)
    }

    #[test]
    fn a_value_grows_old_and_an_immutable_one_does_not() {
        let kept = Kept::new(2);
        kept.put('a', 1, at(100));
        assert_eq!((kept.find(&'a', AGE, at(109)), kept.find(&'a', AGE, at(110))), (Some(1), None));
        assert_eq!(kept.find(&'a', AGE, at(99)), None, "the clock was set back");
        assert_eq!(kept.find(&'a', Duration::MAX, at(0)), Some(1));
    }

    #[test]
    fn the_oldest_value_makes_room() {
        let kept = Kept::new(2);
        kept.put('a', 1, at(2));
        kept.put('b', 2, at(1));
        kept.put('c', 3, at(3));
        assert_eq!(['a', 'b', 'c'].map(|key| kept.find(&key, AGE, at(3))), [Some(1), None, Some(3)]);
        kept.remove(&'a');
        assert_eq!(kept.find(&'a', AGE, at(3)), None);
    }
}
