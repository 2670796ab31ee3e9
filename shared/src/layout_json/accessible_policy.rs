//! The names of the policy for accessible seats in layouts, and its fields in responses.

use serde::Serialize;

use crate::domain::accessible_policy::{AccessiblePolicy, Release};

pub(super) const POLICY: &str = "accessible_policy";
pub(super) const RELEASE_AT: &str = "accessible_release_at";
pub(super) const BEFORE_START: &str = "accessible_release_before_start";
pub(super) const PROTECT: &str = "protect";
pub(super) const RELEASE: &str = "release";
pub(super) const OPEN: &str = "open";

/// The fields of a response. The default policy has none.
#[derive(Debug, Default, Serialize)]
pub(super) struct AccessiblePolicyBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    accessible_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessible_release_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accessible_release_before_start: Option<u32>,
}

impl From<AccessiblePolicy> for AccessiblePolicyBody {
    fn from(policy: AccessiblePolicy) -> Self {
        match policy {
            AccessiblePolicy::Protect => Self::default(),
            AccessiblePolicy::Open => Self { accessible_policy: Some(OPEN), ..Self::default() },
            AccessiblePolicy::Release(Release { at, before_start }) => Self {
                accessible_policy: Some(RELEASE),
                accessible_release_at: at.map(|at| at.to_string()),
                accessible_release_before_start: before_start,
            },
        }
    }
}
