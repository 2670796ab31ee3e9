//! The policy for accessible seats: `accessible_policy`, and the instant at which `release` releases them.

use crate::domain::accessible_policy::{AccessiblePolicy, Release};
use crate::domain::rfc_3339;
use crate::json::Object;
use crate::layout_json::accessible_policy::{BEFORE_START, OPEN, POLICY, PROTECT, RELEASE, RELEASE_AT};

/// Reads the policy. Without one, accessible seats are protected.
pub(super) fn read(object: &Object<'_, '_, '_>) -> Option<AccessiblePolicy> {
    let expected = format_args!("{PROTECT}, {RELEASE} or {OPEN}");
    let policy = object.optional(POLICY, |node| match node.text(expected)? {
        PROTECT => Some(AccessiblePolicy::Protect),
        RELEASE => Some(AccessiblePolicy::Release(Release { at: None, before_start: None })),
        OPEN => Some(AccessiblePolicy::Open),
        _ => node.fault(expected),
    });
    let at =
        object.optional(RELEASE_AT, |node| node.parsed(rfc_3339::EXPECTED, |text| rfc_3339::parse(text).ok_or(())));
    let before_start = object.optional(BEFORE_START, |node| node.whole(0..=Release::MAX_BEFORE_START));
    let release = [RELEASE_AT, BEFORE_START].into_iter().filter(|field| object.has(field));
    match policy {
        None if object.has(POLICY) => None,
        Some(AccessiblePolicy::Release(_)) => {
            if release.count() == 0 {
                let expected = format_args!("an instant for the policy {RELEASE}, here or in {BEFORE_START}");
                return object.fault(RELEASE_AT, expected);
            }
            Some(AccessiblePolicy::Release(Release { at, before_start }))
        }
        None | Some(AccessiblePolicy::Protect | AccessiblePolicy::Open) => {
            for field in release {
                object.fault::<()>(field, format_args!("{POLICY} to be {RELEASE}"));
            }
            Some(policy.unwrap_or_default())
        }
    }
}
