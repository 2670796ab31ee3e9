//! Versions of shows, and of the sales of theaters.

/// Declares the version of something that callers replace. Versions of different things can't be mistaken for each
/// other.
macro_rules! version {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            pub const fn new(version: u64) -> Self {
                Self(version)
            }

            pub const fn as_u64(self) -> u64 {
                self.0
            }

            /// Returns the version of a change that is made now: the time in milliseconds, or the number after the
            /// previous version if the clock is behind it.
            pub fn following(previous: Option<Self>, now: $crate::domain::time::EpochMillis) -> Self {
                Self(now.as_millis().max(previous.map_or(1, |previous| previous.0 + 1)))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(super) use version;

version! {
    /// Version of a show, or of a theater's sale. Every change raises it.
    Version
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::EpochMillis;

    #[test]
    fn version_is_the_time_and_always_rises() {
        let now = EpochMillis::new(1_000);
        assert_eq!(Version::following(None, now), Version::new(1_000));
        assert_eq!(Version::following(Some(Version::new(999)), now), Version::new(1_000));
        assert_eq!(Version::following(Some(Version::new(1_000)), now), Version::new(1_001));
        assert_eq!(Version::following(None, EpochMillis::new(0)), Version::new(1));
    }
}
