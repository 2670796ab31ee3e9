//! The cache: the availability of a theater in one packed string, into which changes merge in any order.
//!
//! The cache only makes reads fast. Each call has one deadline and may fail. Then the caller reads DynamoDB.
//!
//! The protocol is in `protocol/availability.lua`, a
//! [script](https://redis.io/docs/latest/develop/programmability/eval-intro/) that runs in Redis. It has these
//! operations:
//! - *merge* the slots that a write changed,
//! - *begin* and *end* a fill after a miss,
//! - *peek* at the slots of a few seats,
//! - *look* at the revision, to see whether a theater has changed.
//!
//! The rate limits of callers are stored beside it. They are checked together with a call that a request makes anyway
//! ([`Cache::draw`]).
//!
//! | module | contents |
//! | --- | --- |
//! | `protocol` | the packed string, its revisions, and fills |
//! | `rate_limit` | the check of the rate limit |
//! | `summaries` | the summaries of shows for lists |
//! | `scripts` | the Lua scripts |
//! | `client` | the Redis client |

mod client;
mod protocol;
mod rate_limit;
mod scripts;
mod summaries;

use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, ScriptInvocation, Value};

pub use client::{CacheAddress, CacheError, IamToken, IamTokenProvider, IamUser, IamUserError, SigningError, sign};
pub use protocol::{Begun, FillReason, FillToken, LEASE, LIFETIME, Packed, RENEWAL, Revision, Unchanged};
pub use rate_limit::CheckedRead;
pub use summaries::Summary;

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::domain::availability::{Slot, SlotUpdate};
use crate::domain::inventory::InventoryId;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seat_index::SeatIndex;
use client::{Connection, Endpoint, RedisClient};
use protocol::packed;

/// The cache of one deployment.
#[derive(Debug)]
pub struct Cache {
    client: RedisClient,
    prefix: String,
    clock: Clock,
}

/// The outcome of [`Cache::read`] or [`Cache::read_unless`].
#[derive(Debug)]
pub enum Lookup {
    /// A complete string. The caller has to compare it with the layout.
    Complete(Packed),
    /// A complete string that has the revision that the caller knows.
    Unchanged(Unchanged),
    /// No string, or an incomplete one.
    Miss,
}

/// The action if the cache has a newer layout than the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenBehind {
    /// Keep the key, and return [`Merged::Behind`]. The caller can then merge with the new seat indices.
    Keep,
    /// Drop the key, because it would be wrong without this merge.
    Drop,
}

/// The outcome of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// The cache has the slots, or has no key that could lack them.
    Done,
    /// The cache has a newer layout. It still has its slots, and the caller has to merge again.
    Behind,
}

impl Cache {
    /// Creates a client for the cache at an address. `signer` signs in where no password does. The connection opens at
    /// the first use, or by [`Cache::connect`].
    pub fn new(
        address: CacheAddress,
        signer: Option<IamTokenProvider>,
        prefix: String,
        deadline: Duration,
        clock: Clock,
    ) -> Result<Self, CacheError> {
        let target = Endpoint::new(address, signer).map_err(|error| CacheError::Refused(Arc::new(error)))?;
        Ok(Self { client: RedisClient::new(target, deadline, clock.clone()), prefix, clock })
    }

    /// Opens the connection and loads the scripts before the first request. If this fails, the first request tries
    /// again.
    pub async fn connect(&self, patience: Duration) {
        let load = |mut connection: Connection| async move { scripts::load(&mut connection).await };
        if let Err(error) = self.client.prepare(patience, load).await {
            tracing::warn!(%error, "the cache can't be reached yet, the first request tries again");
        }
    }

    /// Reads a theater's string with one GET.
    pub async fn read(&self, ctx: &RequestContext, inventory: &InventoryId) -> Result<Lookup, CacheError> {
        let get = &self.read_command(inventory, None);
        let query = |mut connection: Connection| async move { get.query_async(&mut connection).await };
        decode_lookup(self.client.call(ctx, query).await)
    }

    /// Reads a theater's string, unless it still has the revision `known`. Then only that is answered. One call, which
    /// costs Redis a bit more than a GET and sends next to nothing.
    pub async fn read_unless(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        known: Revision,
    ) -> Result<Lookup, CacheError> {
        decode_lookup(self.client.send_one(ctx, &self.read_command(inventory, Some(known))).await)
    }

    /// Merges slots that DynamoDB accepted or that a rejected write revealed. The larger stamp wins in each slot.
    ///
    /// Repeating it, or sending it late, changes nothing. If there is no key, none is created. If the key has an older
    /// layout, it is dropped, because its seat indices mean other seats.
    pub async fn merge(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        version: LayoutVersion,
        learned: &[SlotUpdate],
        when_behind: WhenBehind,
    ) -> Result<Merged, CacheError> {
        if learned.is_empty() {
            return Ok(Merged::Done);
        }
        let when_behind = match when_behind {
            WhenBehind::Keep => "tell",
            WhenBehind::Drop => "drop",
        };
        let mut entries = Vec::with_capacity(learned.len() * packed::ENTRY);
        for SlotUpdate { seat_index, slot } in learned {
            entries.extend_from_slice(&seat_index.as_u32().to_be_bytes());
            entries.extend_from_slice(&packed::encode(*slot));
        }
        let answer = self
            .script(ctx, inventory, |call| {
                call.arg("merge").arg(version.as_u64()).arg(entries.as_slice()).arg(when_behind);
            })
            .await?;
        Ok(if answer == Value::Int(-1) { Merged::Behind } else { Merged::Done })
    }

    /// Drops a theater from the cache, for changes that can't be merged. The next read fills it again. A fill that is
    /// under way is rejected when it ends.
    pub async fn forget(&self, ctx: &RequestContext, inventory: &InventoryId) -> Result<(), CacheError> {
        let mut del = redis::cmd("DEL");
        del.arg(self.key(inventory));
        let del = &del;
        self.client.call(ctx, |mut connection: Connection| async move { del.query_async(&mut connection).await }).await
    }

    /// Returns the slots of a few seats in the given order, if the string is complete and of this layout.
    pub async fn peek(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        version: LayoutVersion,
        seat_indexes: &[SeatIndex],
    ) -> Result<Option<Vec<Slot>>, CacheError> {
        let index_bytes = index_bytes(seat_indexes);
        let peek = |call: &mut ScriptInvocation<'static>| {
            call.arg("peek").arg(version.as_u64()).arg(index_bytes.as_slice());
        };
        Ok(decode_peek(&self.script(ctx, inventory, peek).await?, seat_indexes.len()))
    }

    fn read_command(&self, inventory: &InventoryId, unless: Option<Revision>) -> Cmd {
        let key = self.key(inventory);
        let Some(known) = unless else { return redis::cmd("GET").arg(key).clone() };
        scripts::evalsha(&scripts::AVAILABILITY, &key, |call| {
            call.arg("look").arg(known.0.as_slice());
        })
    }

    /// Runs the script on a theater's key.
    async fn script(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        args: impl Fn(&mut ScriptInvocation<'static>),
    ) -> Result<Value, CacheError> {
        let attempt = |mut connection: Connection| {
            let mut call = scripts::AVAILABILITY.prepare_invoke();
            call.key(self.key(inventory));
            args(&mut call);
            async move { call.invoke_async(&mut connection).await }
        };
        self.client.call(ctx, attempt).await
    }

    /// Returns the key of a theater. The braces keep all keys of a theater on one node of a cluster.
    fn key(&self, inventory: &InventoryId) -> String {
        format!("{}:{{{inventory}}}:availability", self.prefix)
    }
}

/// Converts the answer to a read of a theater's string.
fn decode_lookup(answer: Result<Value, CacheError>) -> Result<Lookup, CacheError> {
    match answer {
        Ok(Value::BulkString(bytes)) => Ok(Packed::complete(bytes).map_or(Lookup::Miss, Lookup::Complete)),
        Ok(value) => Ok(Unchanged::read(&value).map_or(Lookup::Miss, Lookup::Unchanged)),
        // A key of another type counts as a miss. The fill replaces it.
        Err(CacheError::Refused(error)) if error.code() == Some("WRONGTYPE") => Ok(Lookup::Miss),
        Err(error) => Err(error),
    }
}

/// Encodes seat indices for the script.
fn index_bytes(seat_indexes: &[SeatIndex]) -> Vec<u8> {
    seat_indexes.iter().flat_map(|seat_index| seat_index.as_u32().to_be_bytes()).collect()
}

/// Converts the answer to a peek at this number of seats.
fn decode_peek(answer: &Value, seats: usize) -> Option<Vec<Slot>> {
    match answer {
        Value::BulkString(bytes) => packed::decode_all(bytes).filter(|slots| slots.len() == seats),
        _ => None,
    }
}
