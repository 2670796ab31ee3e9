//! The entity tag of a look.
//!
//! What is shown has the hash of its bytes. What came from the cache is told more of, so that whoever asks with it again can be
//! answered by the cache's word alone: the revision of the slots, and between which two seconds they show just that.
//!
//! Two forms, both opaque to callers: 16 hexadecimal digits, the hash; or 32 characters of base64url, that is 24 bytes:
//!
//! | bytes | |
//! | --- | --- |
//! | 0..8 | the slots' revision, mixed with what was asked for: a tag of another theater, section or view leads nowhere |
//! | 8..12 | since when they show just that, s |
//! | 12..16 | until when, s; the largest number for ever |
//! | 16..24 | the hash |

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::conditional::{Condition, Tag};
use super::seat_map::View;
use crate::cache::Revision;
use crate::rules::availability::Steady;
use crate::rules::names::TheaterId;
use crate::rules::time::EpochSeconds;
use crate::usecases::{SeatsView, Seen};

const BYTES: usize = 24;

/// Writes and reads the tags of what is shown of one theater in one way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    mask: u64,
}

impl Tags {
    /// Of a theater in a view, whole or a section of it.
    pub(super) fn of(theater: &TheaterId, view: View, section: Option<&str>) -> Self {
        let mut hasher = Xxh3::new();
        for part in [theater.as_str(), view.name(), if section.is_some() { "one" } else { "all" }] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        hasher.update(section.unwrap_or_default().as_bytes());
        Self { mask: hasher.digest() }
    }

    /// The tag of a body that shows a view, and the hash by which it is recognised whatever the rest says.
    pub(super) fn tag(self, body: &[u8], view: &SeatsView) -> (String, u64) {
        let hash = xxh3_64(body);
        let seen =
            view.slots.revision().map(|revision| Seen { revision, steady: view.slots.steady(view.now), body: hash });
        (seen.map_or_else(|| format!("\"{hash:016x}\""), |seen| self.write(seen)), hash)
    }

    /// The tag of what came from the cache.
    pub(super) fn write(self, seen: Seen) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&(u64::from_be_bytes(seen.revision.0) ^ self.mask).to_be_bytes());
        for second in [seen.steady.since, seen.steady.until] {
            bytes.extend_from_slice(&u32::try_from(second.0).unwrap_or(u32::MAX).to_be_bytes());
        }
        bytes.extend_from_slice(&seen.body.to_be_bytes());
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What the caller has seen, if `If-None-Match` is one such tag and no more. That a proxy made it a weak one (by
    /// compressing the body, say) doesn't matter: here weak and strong compare alike.
    pub(super) fn read(self, wanted: &Condition<'_>) -> Option<Seen> {
        let Condition::Tags(tags) = wanted else { return None };
        let [Tag { opaque, .. }] = tags.as_slice() else { return None };
        let bytes = decoded(opaque)?;
        let (revision, rest) = bytes.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let second = |bytes: [u8; 4]| EpochSeconds(u64::from(u32::from_be_bytes(bytes)));
        Some(Seen {
            revision: Revision((u64::from_be_bytes(*revision) ^ self.mask).to_be_bytes()),
            steady: Steady { since: second(*since), until: second(*until) },
            body: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// Returns `true` if `If-None-Match` names a body of this hash, in either form.
pub(super) fn names(wanted: &Condition<'_>, hash: u64) -> bool {
    let short = format!("{hash:016x}");
    wanted.has_weakly(|tag| tag == short || decoded(tag).is_some_and(|bytes| bytes.ends_with(&hash.to_be_bytes())))
}

/// Decodes a tag of the longer form.
fn decoded(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    (text.len() == BYTES / 3 * 4).then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())??;
    Some(bytes)
}
