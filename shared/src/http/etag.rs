//! The entity tag of a theater's seats.
//!
//! Each tag has a hash of the body. A tag of a body from the cache also has the revision of the slots and its validity
//! window, the seconds in which the slots show the same states. When the caller sends it again, the cache alone can
//! answer.
//!
//! There are two forms, both opaque to callers. The short one is the hash in 16 hexadecimal digits. The long one has 32
//! characters of base64url, that is 24 bytes:
//!
//! | bytes | |
//! | --- | --- |
//! | 0..8 | the slots' revision, mixed with inventory, section and view, so that a tag of another one never matches |
//! | 8..12 | beginning of the validity window, s |
//! | 12..16 | end of the validity window, s (the largest number if it doesn't end) |
//! | 16..24 | the hash |

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::conditional::{Condition, Tag};
use super::seat_map::View;
use crate::app::{KnownAnswer, Revision, SeatsView};
use crate::domain::availability::ValidityWindow;
use crate::domain::inventory::InventoryId;
use crate::domain::time::EpochSeconds;

const BYTES: usize = 24;

/// Writes and reads the tags of one inventory in one view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    mask: u64,
}

impl Tags {
    /// Creates the tags of an inventory in a view, for all of it or one section.
    pub(super) fn of(inventory: &InventoryId, view: View, section: Option<&str>) -> Self {
        let mut hasher = Xxh3::new();
        for part in [inventory.to_string().as_str(), view.name(), if section.is_some() { "one" } else { "all" }] {
            hasher.update(part.as_bytes());
            hasher.update(b"\0");
        }
        hasher.update(section.unwrap_or_default().as_bytes());
        Self { mask: hasher.digest() }
    }

    /// Returns the tag of a body that shows a view, and the hash that identifies the body in either form of tag.
    pub(super) fn tag(self, body: &[u8], view: &SeatsView) -> (String, u64) {
        let hash = xxh3_64(body);
        let seen = view.slots.revision().map(|revision| KnownAnswer {
            revision,
            validity: view.slots.validity(view.now),
            body: hash,
        });
        (seen.map_or_else(|| format!("\"{hash:016x}\""), |seen| self.write(seen)), hash)
    }

    /// Writes the tag of an answer from the cache.
    pub(super) fn write(self, seen: KnownAnswer) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(&(u64::from_be_bytes(seen.revision.0) ^ self.mask).to_be_bytes());
        for second in [seen.validity.since, seen.validity.until] {
            bytes.extend_from_slice(&u32::try_from(second.as_secs()).unwrap_or(u32::MAX).to_be_bytes());
        }
        bytes.extend_from_slice(&seen.body.to_be_bytes());
        format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads the caller's answer from `If-None-Match`, if that is one tag of the long form. The tag may be weak, for
    /// example because a proxy compressed the body. Weak and strong tags compare alike here.
    pub(super) fn read(self, wanted: &Condition<'_>) -> Option<KnownAnswer> {
        let Condition::Tags(tags) = wanted else { return None };
        let [Tag { opaque, .. }] = tags.as_slice() else { return None };
        let bytes = decode_tag(opaque)?;
        let (revision, rest) = bytes.split_first_chunk()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let second = |bytes: [u8; 4]| EpochSeconds::new(u64::from(u32::from_be_bytes(bytes)));
        Some(KnownAnswer {
            revision: Revision((u64::from_be_bytes(*revision) ^ self.mask).to_be_bytes()),
            validity: ValidityWindow { since: second(*since), until: second(*until) },
            body: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// Returns `true` if `If-None-Match` names a body of this hash, in either form.
pub(super) fn names(wanted: &Condition<'_>, hash: u64) -> bool {
    let short = format!("{hash:016x}");
    wanted.has_weakly(|tag| tag == short || decode_tag(tag).is_some_and(|bytes| bytes.ends_with(&hash.to_be_bytes())))
}

/// Decodes a tag of the long form.
fn decode_tag(text: &str) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    (text.len() == BYTES / 3 * 4).then(|| URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok())??;
    Some(bytes)
}
