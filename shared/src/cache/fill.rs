//! Filling the cache after a miss, and renewing what ends soon: *begin*, read DynamoDB, *end*.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use redis::Value;

use super::{Cache, CacheError, Packed, Revision, millis, packed};
use crate::rules::availability::Slot;
use crate::rules::layout::Layout;
use crate::tally::Tally;

/// How long a complete key lives: with everything else broken, the bound on how old an answer can be.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// With so little of its life left, a key that is still looked at is filled anew by one of its readers.
pub const RENEWAL: Duration = Duration::from_secs(15);
/// How long the one who fills may take before another may begin in its place. Each who takes over gets twice that of
/// the one before, up to the longest, so that even the slowest fill ends once.
pub const LEASE: Duration = Duration::from_millis(500);
const LONGEST_LEASE: Duration = Duration::from_secs(8);
/// How long an incomplete key is kept for what is merged into it: a slow filler may still end after its lease.
const INCOMPLETE_LIFETIME: Duration = Duration::from_secs(10);

/// Proof of having begun to fill; only its holder can end. The last byte numbers the attempts of one [`Cache::begin`], from 1
/// on: so each begin needs a new one, or an attempt that was held up could be taken for a later begin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillToken([u8; 16]);

/// What there is to fill, as [`Cache::begin`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillReason {
    /// There was nothing complete.
    Missing,
    /// What there was ends soon.
    Renewal,
    /// What there was couldn't be read: overwrite it.
    Unreadable,
}

/// What [`Cache::begin`] answers.
#[derive(Debug)]
pub enum Begun {
    /// Read DynamoDB now, then [`Cache::end`].
    Fill(FillToken),
    /// Somebody else is filling and has that long left.
    Held(Duration),
    /// Meanwhile it is complete.
    Complete(Packed),
    /// It has been renewed already.
    NotDue,
    /// What is there is of a newer layout than the caller's.
    Behind,
}

impl Cache {
    /// Begins to fill, unless somebody else is at it. Must come *before* reading DynamoDB: from here on the key exists
    /// for writers to merge into, so that nothing accepted after the read can be missed.
    pub async fn begin(
        &self,
        layout: &Layout,
        reason: FillReason,
        filler: FillToken,
        tally: &Tally,
    ) -> Result<Begun, CacheError> {
        let attempts = AtomicU8::new(0);
        let reason = match reason {
            FillReason::Missing => "missing",
            FillReason::Renewal => "renewal",
            FillReason::Unreadable => "unreadable",
        };
        let answer = self
            .script(&layout.theater, tally, |call| {
                call.arg("begin")
                    .arg(layout.version)
                    .arg(layout.seats().len())
                    .arg(filler.attempt(attempts.fetch_add(1, Ordering::Relaxed) + 1).0.as_slice())
                    .arg(reason)
                    .arg(millis(LEASE))
                    .arg(millis(LONGEST_LEASE))
                    .arg(millis(INCOMPLETE_LIFETIME))
                    .arg(millis(RENEWAL));
            })
            .await?;
        // The attempt that was answered is the last one; only it may end.
        begun(answer, filler.attempt(attempts.load(Ordering::Relaxed)))
    }

    /// Ends filling with what DynamoDB held after [`Cache::begin`]. Whether it was taken: it isn't when the key has
    /// gone, or somebody else has begun since, because then a write may have been missed.
    pub async fn end(
        &self,
        layout: &Layout,
        token: FillToken,
        slots: &[Slot],
        tally: &Tally,
    ) -> Result<bool, CacheError> {
        let body: Vec<u8> = slots.iter().flat_map(|slot| packed::encode(*slot)).collect();
        let revision = Revision::of_slots(&body, layout.version);
        let answer = self
            .script(&layout.theater, tally, |call| {
                call.arg("end")
                    .arg(layout.version)
                    .arg(token.0.as_slice())
                    .arg(body.as_slice())
                    .arg(millis(LIFETIME))
                    .arg(self.clock.now().0)
                    .arg(revision.0.as_slice());
            })
            .await?;
        Ok(answer == Value::Int(1))
    }
}

impl FillToken {
    /// A token that nobody else has.
    pub fn new() -> Self {
        Self(crate::entropy::new_id().into_bytes())
    }

    /// Its bytes, as they stand in the string.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }

    fn attempt(mut self, number: u8) -> Self {
        self.0[15] = number;
        self
    }
}

impl Default for FillToken {
    fn default() -> Self {
        Self::new()
    }
}

/// What the script's answer says; `token` is that of the attempt it answered.
fn begun(answer: Value, token: FillToken) -> Result<Begun, CacheError> {
    match answer {
        Value::BulkString(bytes) if bytes == b"fill" => Ok(Begun::Fill(token)),
        Value::BulkString(bytes) if bytes == b"behind" => Ok(Begun::Behind),
        Value::BulkString(bytes) if bytes == b"fresh" => Ok(Begun::NotDue),
        Value::BulkString(bytes) => Packed::complete(bytes).map(Begun::Complete).ok_or(CacheError::Unexpected("begin")),
        Value::Int(left) => Ok(Begun::Held(Duration::from_millis(u64::try_from(left).unwrap_or_default()))),
        _ => Err(CacheError::Unexpected("begin")),
    }
}
