//! The cache: availability packed into one string per theater, which merges whatever is told, in whatever order.
//!
//! It only makes looking fast. Each call has one deadline and may fail; then the caller asks DynamoDB. The protocol is
//! in [`availability.lua`](https://redis.io/docs/latest/develop/programmability/eval-intro/), which runs in Redis:
//! *merge* what a write changed, *begin* and *end* filling after a miss, *peek* at a few seats, *look* whether anything has
//! changed.
//!
//! Callers' budgets are kept beside it, and asked for on the way of a call that a request makes anyway ([`Cache::draw`]).

mod breaker;
mod current;
mod fill;
mod limits;
mod link;
mod packed;
mod revision;
mod signer;
mod target;
mod token;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{Cmd, Script, ScriptInvocation, Value};

pub use fill::{Begun, FillReason, FillToken, LEASE, LIFETIME, RENEWAL};
pub use link::CacheError;
pub use packed::Packed;
pub use revision::{Revision, Unchanged};
pub use signer::Signer;
pub use target::CacheAddress;
pub use token::{IamUser, IamUserError, SigningError, Token, sign};

use crate::clock::Clock;
use crate::rules::availability::{LearnedSlot, Slot};
use crate::rules::names::TheaterId;
use crate::tally::Tally;
use link::Link;
use target::{Connection, Target};

const TEXT: &str = include_str!("availability.lua");
static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(TEXT));

/// The way to the cache, with the rules of how long to wait for it.
#[derive(Debug)]
pub struct Cache {
    link: Link,
    prefix: String,
    clock: Clock,
}

/// What [`Cache::read`] or [`Cache::read_unless`] found.
#[derive(Debug)]
pub enum Lookup {
    /// A complete string, still to be held against the layout.
    Complete(Packed),
    /// A complete string of the revision that the asker knows.
    Unchanged(Unchanged),
    /// Nothing, or nothing complete.
    Miss,
}

/// What to do where the cache has a newer layout than the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenBehind {
    /// Change nothing; the caller finds out the newer positions.
    Tell,
    /// Drop the key: without this merge it must not be believed.
    Drop,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// The cache knows it, or has nothing that could lack it.
    Done,
    /// Told to [`WhenBehind::Tell`]: the cache has a newer layout.
    Behind,
}

impl Cache {
    /// A cache at an address, and who signs in there where no password does. Connects when first used, or by
    /// [`Cache::connect`].
    pub fn new(
        address: CacheAddress,
        signer: Option<Signer>,
        prefix: String,
        deadline: Duration,
        clock: Clock,
    ) -> Result<Self, CacheError> {
        let target = Target::new(address, signer).map_err(|error| CacheError::Refused(Arc::new(error)))?;
        Ok(Self { link: Link::new(target, deadline, clock.clone()), prefix, clock })
    }

    /// Opens the connection and loads the scripts ahead of the first request. Failing is no harm: the first request
    /// tries again.
    pub async fn connect(&self, patience: Duration) {
        let load = |mut connection: Connection| async move {
            SCRIPT.load_async(&mut connection).await?;
            limits::SCRIPT.load_async(&mut connection).await.map(drop)
        };
        if let Err(error) = self.link.prepare(patience, load).await {
            tracing::warn!(%error, "the cache isn't there yet; the first request tries again");
        }
    }

    /// Reads a theater's string: one GET.
    pub async fn read(&self, theater: &TheaterId, tally: &Tally) -> Result<Lookup, CacheError> {
        let get = &self.reading(theater, None);
        let query = |mut connection: Connection| async move { get.query_async(&mut connection).await };
        looked_up(self.link.call(tally, query).await)
    }

    /// Reads a theater's string unless it has this revision, which is all that is told then. One call, which costs Redis a bit
    /// more than a GET, and the wire next to nothing.
    pub async fn read_unless(&self, theater: &TheaterId, known: Revision, tally: &Tally) -> Result<Lookup, CacheError> {
        looked_up(self.ask(&self.reading(theater, Some(known)), tally).await)
    }

    /// Tells the cache what DynamoDB accepted, or what a refusal brought to light: the larger stamp wins in each slot.
    ///
    /// Repeating it, or telling it late, changes nothing. Where there is no key nothing is made; where there is one of
    /// an older layout it is dropped, since positions mean nothing in it.
    pub async fn merge(
        &self,
        theater: &TheaterId,
        version: u64,
        learned: &[LearnedSlot],
        when_behind: WhenBehind,
        tally: &Tally,
    ) -> Result<Merged, CacheError> {
        if learned.is_empty() {
            return Ok(Merged::Done);
        }
        let when_behind = match when_behind {
            WhenBehind::Tell => "tell",
            WhenBehind::Drop => "drop",
        };
        let mut entries = Vec::with_capacity(learned.len() * packed::ENTRY);
        for LearnedSlot { position, slot } in learned {
            entries.extend_from_slice(&position.to_be_bytes());
            entries.extend_from_slice(&packed::encode(*slot));
        }
        let answer = self
            .script(theater, tally, |call| {
                call.arg("merge").arg(version).arg(entries.as_slice()).arg(when_behind);
            })
            .await?;
        Ok(if answer == Value::Int(-1) { Merged::Behind } else { Merged::Done })
    }

    /// Drops what is known of a theater; the next look fills anew, and a fill that is under way ends in vain. For what
    /// merging can't tell.
    pub async fn forget(&self, theater: &TheaterId, tally: &Tally) -> Result<(), CacheError> {
        let mut del = redis::cmd("DEL");
        del.arg(self.key(theater));
        let del = &del;
        self.link.call(tally, |mut connection: Connection| async move { del.query_async(&mut connection).await }).await
    }

    /// The slots of a few seats, in their order, if the string is complete and of this layout.
    pub async fn peek(
        &self,
        theater: &TheaterId,
        version: u64,
        positions: &[u32],
        tally: &Tally,
    ) -> Result<Option<Vec<Slot>>, CacheError> {
        let wanted = wanted(positions);
        let peek = |call: &mut ScriptInvocation<'static>| {
            call.arg("peek").arg(version).arg(wanted.as_slice());
        };
        Ok(peeked(&self.script(theater, tally, peek).await?, positions.len()))
    }

    fn reading(&self, theater: &TheaterId, unless: Option<Revision>) -> Cmd {
        let key = self.key(theater);
        let Some(known) = unless else { return redis::cmd("GET").arg(key).clone() };
        limits::evalsha(&SCRIPT, &key, |call| {
            call.arg("look").arg(known.0.as_slice());
        })
    }

    /// Runs the script on a theater's key.
    async fn script(
        &self,
        theater: &TheaterId,
        tally: &Tally,
        args: impl Fn(&mut ScriptInvocation<'static>),
    ) -> Result<Value, CacheError> {
        let attempt = |mut connection: Connection| {
            let mut call = SCRIPT.prepare_invoke();
            call.key(self.key(theater));
            args(&mut call);
            async move { call.invoke_async(&mut connection).await }
        };
        self.link.call(tally, attempt).await
    }

    /// One key per theater; the braces make a cluster keep what belongs to a theater in one place.
    fn key(&self, theater: &TheaterId) -> String {
        format!("{}:{{{theater}}}:availability", self.prefix)
    }
}

/// What reading a theater's string has found.
fn looked_up(answer: Result<Value, CacheError>) -> Result<Lookup, CacheError> {
    match answer {
        Ok(Value::BulkString(bytes)) => Ok(Packed::complete(bytes).map_or(Lookup::Miss, Lookup::Complete)),
        Ok(told) => Ok(Unchanged::read(&told).map_or(Lookup::Miss, Lookup::Unchanged)),
        // A key of another type is as good as none: filling replaces it.
        Err(CacheError::Refused(error)) if error.code() == Some("WRONGTYPE") => Ok(Lookup::Miss),
        Err(error) => Err(error),
    }
}

/// Positions as the script takes them.
fn wanted(positions: &[u32]) -> Vec<u8> {
    positions.iter().flat_map(|position| position.to_be_bytes()).collect()
}

/// What peeking at so many seats has found.
fn peeked(answer: &Value, seats: usize) -> Option<Vec<Slot>> {
    match answer {
        Value::BulkString(bytes) => packed::decode_all(bytes).filter(|slots| slots.len() == seats),
        _ => None,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
