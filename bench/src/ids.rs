//! Ids as callers choose them: random UUIDs of version 4.

use uuid::{Builder, Uuid};

/// Creates an id. A UUID of arbitrary bits could be of version 8, which is reserved for the server.
pub(crate) fn chosen(random: &mut fastrand::Rng) -> Uuid {
    Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_are_never_of_version_8() {
        let mut random = fastrand::Rng::with_seed(1);
        assert!((0..1_000).all(|_| chosen(&mut random).get_version_num() == 4));
    }
}
