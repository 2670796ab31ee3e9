//! Filling the cache after a miss, and renewing a key that expires soon: *begin*, read DynamoDB, *end*.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use redis::Value;

use super::packed::{self, Packed};
use super::revision::Revision;
use crate::cache::{Cache, CacheError};
use crate::context::RequestContext;
use crate::domain::availability::Slot;
use crate::domain::inventory::Inventory;

/// The lifetime of a complete key. It limits the age of a cached answer even if everything else is broken.
pub const LIFETIME: Duration = Duration::from_secs(60);
/// The remaining lifetime below which a key that is being read is renewed by one of its readers.
pub const RENEWAL: Duration = Duration::from_secs(15);
/// The time that a filler has before another one may take over. Each one that takes over gets twice the lease of the
/// one before, up to the longest lease, so that even the slowest fill completes.
pub const LEASE: Duration = Duration::from_millis(500);
const LONGEST_LEASE: Duration = Duration::from_secs(8);
/// The lifetime of an incomplete key, into which writers merge. A slow filler may still complete after its lease.
const INCOMPLETE_LIFETIME: Duration = Duration::from_secs(10);

/// The token of a fill. Only the fill that holds it can complete.
///
/// The last byte numbers the attempts of one [`Cache::begin`], starting at 1. Each begin needs a new token. With the
/// same token a delayed attempt could be taken for an attempt of a later begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillToken([u8; 16]);

/// The reason for a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillReason {
    /// The key is missing or incomplete.
    Missing,
    /// The key expires soon.
    Renewal,
    /// The key can't be read and has to be overwritten.
    Unreadable,
}

/// The answer to [`Cache::begin`].
#[derive(Debug)]
pub enum Begun {
    /// The caller fills: it reads DynamoDB now, and then calls [`Cache::end`].
    Fill(FillToken),
    /// Another request is filling. Its lease lasts this much longer.
    Leased(Duration),
    /// The key is complete by now.
    Complete(Packed),
    /// The key has been renewed already.
    NotDue,
    /// The key has a newer layout than the caller.
    Behind,
}

impl Cache {
    /// Begins a fill, unless another request is filling.
    ///
    /// Has to be called *before* DynamoDB is read. From this call on the key exists, so writers merge into it. So no
    /// write that DynamoDB accepts after the read is missed.
    pub async fn begin(
        &self,
        ctx: &RequestContext,
        inventory: &Inventory,
        reason: FillReason,
        filler: FillToken,
    ) -> Result<Begun, CacheError> {
        let attempts = AtomicU8::new(0);
        let reason = match reason {
            FillReason::Missing => "missing",
            FillReason::Renewal => "renewal",
            FillReason::Unreadable => "unreadable",
        };
        let answer = self
            .script(ctx, &inventory.id, |call| {
                call.arg("begin")
                    .arg(inventory.version.as_u64())
                    .arg(inventory.layout.seats().len())
                    .arg(filler.attempt(attempts.fetch_add(1, Ordering::Relaxed) + 1).0.as_slice())
                    .arg(reason)
                    .arg(millis(LEASE))
                    .arg(millis(LONGEST_LEASE))
                    .arg(millis(INCOMPLETE_LIFETIME))
                    .arg(millis(RENEWAL));
            })
            .await?;
        // The answer is that of the last attempt, so only its token may complete the fill.
        decode_begin(answer, filler.attempt(attempts.load(Ordering::Relaxed)))
    }

    /// Completes a fill with the slots that were read from DynamoDB after [`Cache::begin`]. Returns `true` if the cache
    /// took them.
    ///
    /// The cache rejects them if the key has gone, or another request has started since. In both cases a write may have
    /// been missed.
    pub async fn end(
        &self,
        ctx: &RequestContext,
        inventory: &Inventory,
        token: FillToken,
        slots: &[Slot],
    ) -> Result<bool, CacheError> {
        let body: Vec<u8> = slots.iter().flat_map(|slot| packed::encode(*slot)).collect();
        let revision = Revision::of_slots(&body, inventory.version);
        let answer = self
            .script(ctx, &inventory.id, |call| {
                call.arg("end")
                    .arg(inventory.version.as_u64())
                    .arg(token.0.as_slice())
                    .arg(body.as_slice())
                    .arg(millis(LIFETIME))
                    .arg(self.clock.now().as_millis())
                    .arg(revision.0.as_slice());
            })
            .await?;
        Ok(answer == Value::Int(1))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a lease or a lifetime fits into 64 bits")
}

impl FillToken {
    /// Creates a unique token.
    pub fn new() -> Self {
        Self(crate::random::random_id().into_bytes())
    }

    /// Returns the token's bytes as they are in the string.
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

/// Reads the script's answer. `token` is the token of the attempt that was answered.
fn decode_begin(answer: Value, token: FillToken) -> Result<Begun, CacheError> {
    match answer {
        Value::BulkString(bytes) if bytes == b"fill" => Ok(Begun::Fill(token)),
        Value::BulkString(bytes) if bytes == b"behind" => Ok(Begun::Behind),
        Value::BulkString(bytes) if bytes == b"fresh" => Ok(Begun::NotDue),
        Value::BulkString(bytes) => Packed::complete(bytes).map(Begun::Complete).ok_or(CacheError::Unexpected("begin")),
        Value::Int(left) => Ok(Begun::Leased(Duration::from_millis(u64::try_from(left).unwrap_or_default()))),
        _ => Err(CacheError::Unexpected("begin")),
    }
}
