//! The policy that decides which parties get accessible seats and their companion seats.

use super::time::{EpochMillis, EpochSeconds};

/// The policy of a theater for its accessible seats.
///
/// It decides which seats are chosen for a party that names none. A seat that a caller names is sold to any caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessiblePolicy {
    /// Only parties that ask for accessible seats get them and their companion seats.
    #[default]
    Protect,
    /// As `Protect` until an instant, and then as `Open`.
    Release(Release),
    /// Other parties get accessible seats if no other seats are left together.
    Open,
}

/// The instant at which accessible seats are released. If both parts are given, the earlier instant counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// A fixed instant.
    pub at: Option<EpochSeconds>,
    /// Seconds before a show starts. It has no effect on the seats that a theater sells without shows.
    pub before_start: Option<u32>,
}

impl Release {
    /// The longest time before a show's start: a year.
    pub const MAX_BEFORE_START: u32 = 366 * 86_400;
}

impl AccessiblePolicy {
    /// Returns `true` if accessible seats are kept for parties that ask for them. `starts_at` is the start of the show,
    /// if the seats are those of a show.
    pub fn protects(self, starts_at: Option<EpochSeconds>, now: EpochMillis) -> bool {
        match self {
            Self::Protect => true,
            Self::Open => false,
            Self::Release(Release { at, before_start }) => {
                let before_start = starts_at
                    .zip(before_start)
                    .map(|(start, seconds)| EpochSeconds::new(start.as_secs().saturating_sub(u64::from(seconds))));
                !at.into_iter().chain(before_start).any(|released| released <= now.seconds())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> EpochSeconds {
        EpochSeconds::new(seconds)
    }

    fn protects(release: Release, starts_at: Option<EpochSeconds>, now_millis: u64) -> bool {
        AccessiblePolicy::Release(release).protects(starts_at, EpochMillis::new(now_millis))
    }

    #[test]
    fn seats_are_released_at_the_instant() {
        let release = Release { at: Some(at(100)), before_start: None };
        assert!(protects(release, None, 99_999));
        assert!(!protects(release, None, 100_000));
        assert!(!protects(release, Some(at(500)), 100_000));
    }

    #[test]
    fn seats_of_a_show_are_released_before_its_start() {
        let release = Release { at: None, before_start: Some(60) };
        assert!(protects(release, Some(at(200)), 139_999));
        assert!(!protects(release, Some(at(200)), 140_000));
        assert!(protects(release, None, u64::MAX / 2), "a theater has no start");
        assert!(!protects(Release { at: None, before_start: Some(300) }, Some(at(200)), 0), "no instant before 1970");
    }

    #[test]
    fn the_earlier_instant_counts() {
        let release = Release { at: Some(at(100)), before_start: Some(60) };
        assert!(!protects(release, Some(at(500)), 100_000));
        assert!(!protects(release, Some(at(150)), 90_000));
    }

    #[test]
    fn protection_is_the_default() {
        assert!(AccessiblePolicy::default().protects(None, EpochMillis::new(0)));
        assert!(!AccessiblePolicy::Open.protects(None, EpochMillis::new(0)));
    }
}
