//! Randomness. This is the only place that generates ids and jitter.

use std::time::Duration;

use uuid::{Builder, Uuid};

/// Generates a random UUID from the operating system's generator. It can't be guessed, so it may grant a right.
///
/// Its version is 8, like the version of all ids that the server generates.
#[allow(clippy::disallowed_methods, reason = "the one place that may ask")]
pub(crate) fn random_id() -> Uuid {
    Builder::from_custom_bytes(Uuid::new_v4().into_bytes()).into_uuid()
}

/// Returns a random part of `most`, so that callers that collided don't collide again.
pub(crate) fn jitter(most: Duration) -> Duration {
    most.mul_f64(fastrand::f64())
}

/// Returns a random number.
pub(crate) fn random_u64() -> u64 {
    fastrand::u64(..)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generated_ids_are_random_and_independent() {
        let ids: Vec<_> = (0..1_000).map(|_| random_id()).collect();
        assert!(ids.iter().all(|id| id.get_version_num() == 8), "122 random bits");
        let halves: HashSet<_> = ids.iter().flat_map(|id| [id.as_u64_pair().0, id.as_u64_pair().1]).collect();
        assert_eq!(halves.len(), 2_000, "no half repeats");
    }
}
