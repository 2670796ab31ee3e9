//! Randomness: the only place that makes ids and jitter.

use std::time::Duration;

use uuid::Uuid;

/// A random (version 4) UUID from the operating system's generator: it can't be guessed, so it may be a right.
#[allow(clippy::disallowed_methods, reason = "the one place that may ask")]
pub(crate) fn new_id() -> Uuid {
    Uuid::new_v4()
}

/// A random share of `most`, so that those who collided don't meet again.
pub(crate) fn jitter(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}

/// A number to choose by.
pub(crate) fn seed() -> u64 {
    fastrand::u64(..)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_random_and_tell_nothing_of_each_other() {
        let ids: Vec<_> = (0..1_000).map(|_| new_id()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 4), "122 random bits");
        let halves: HashSet<_> = ids.iter().flat_map(|id| [id.as_u64_pair().0, id.as_u64_pair().1]).collect();
        assert_eq!(halves.len(), 2_000, "no half comes twice");
    }
}
