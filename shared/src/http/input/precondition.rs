//! The conditions `If-Match` and `If-None-Match` of a change, and the tags that they compare (RFC 9110, 13.1).

use std::fmt::Display;

use lambda_http::http::HeaderValue;

use super::Input;
use crate::app::Precondition;
use crate::http::conditional::Condition;

impl Input<'_> {
    /// Reads the condition on what is to be replaced. `version` makes a version of its number.
    pub(in crate::http) fn precondition<V: Display>(&self, version: impl Fn(u64) -> V) -> Option<Precondition<V>> {
        let (matching, none_matching) = (self.list_header("if-match"), self.list_header("if-none-match"));
        match (matching.as_deref(), none_matching.as_deref()) {
            (None, None) => Some(Precondition::Unsaid),
            (Some(value), None) => match Condition::parse(value) {
                Some(Condition::Any) => Some(Precondition::Any),
                // Tags are compared strongly and by each character. Only the exact tag of a version matches.
                Some(Condition::Tags(tags)) => {
                    let strong = tags.iter().filter(|tag| !tag.weak);
                    let versions = strong.filter_map(|tag| version_of(tag.opaque, &version));
                    Some(Precondition::OneOf(versions.collect()))
                }
                None => self.fault("If-Match", Condition::EXPECTED),
            },
            (None, Some(value)) => match Condition::parse(value) {
                Some(Condition::Any) => Some(Precondition::Nothing),
                _ => self.fault("If-None-Match", "*"),
            },
            (Some(_), Some(_)) => self.fault("If-Match", "either If-Match or If-None-Match, got both"),
        }
    }
}

/// Returns the entity tag of a version.
pub(in crate::http) fn etag(version: impl Display) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits and quotes are visible ASCII")
}

/// Returns the version that a tag names.
fn version_of<V: Display>(opaque: &str, version: impl Fn(u64) -> V) -> Option<V> {
    opaque.parse().ok().map(version).filter(|version| version.to_string() == opaque)
}
