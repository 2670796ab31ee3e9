//! The Redis client: one deadline for a whole call, one retry on a new connection, and a circuit breaker.
//!
//! | module | contents |
//! | --- | --- |
//! | [`commands`] | commands that are sent together, in one round trip |
//! | [`connection`] | the connection in use, and its replacement |
//! | [`endpoint`] | the address of the cache, and how a connection to it is opened |
//! | [`iam_provider`], [`iam_token`] | signing in with IAM auth tokens |
//! | [`circuit_breaker`] | the pause after a failure |
//! | [`error`] | the failures of a call |

mod circuit_breaker;
mod commands;
mod connection;
mod endpoint;
mod error;
mod iam_provider;
mod iam_token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisResult;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::observability::trace::Engine;
use circuit_breaker::CircuitBreaker;
use connection::{ConnectionSlot, Opening};
pub use endpoint::CacheAddress;
pub(super) use endpoint::{Connection, Endpoint};
pub use error::CacheError;
use error::ErrorMeaning;
pub use iam_provider::IamTokenProvider;
pub use iam_token::{IamToken, IamUser, IamUserError, SigningError, sign};

/// The client of one cache.
pub(super) struct RedisClient {
    current: ConnectionSlot,
    deadline: Duration,
    circuit_breaker: CircuitBreaker,
}

impl fmt::Debug for RedisClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisClient").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl RedisClient {
    pub(super) fn new(target: Endpoint, deadline: Duration, clock: Clock) -> Self {
        Self {
            current: ConnectionSlot::new(target, clock.clone()),
            deadline,
            circuit_breaker: CircuitBreaker::new(clock),
        }
    }

    /// Opens the connection in advance and calls `first` with it. Waits at most `patience`.
    pub(super) async fn prepare<F>(
        &self,
        patience: Duration,
        first: impl FnOnce(Connection) -> F,
    ) -> Result<(), CacheError>
    where
        F: Future<Output = RedisResult<()>>,
    {
        let work = async {
            let connection = self.current.get().connecting.await?;
            first(connection).await.map_err(|error| CacheError::Refused(Arc::new(error)))
        };
        tokio::time::timeout(patience, work).await.unwrap_or(Err(CacheError::Deadline))
    }

    /// Returns `true` if keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.current.is_cluster()
    }

    /// Makes a call. Ends at the deadline, which includes the time to connect.
    ///
    /// The first attempt gets half of the time. A connection that died while the instance was frozen gives no error,
    /// only silence. A second attempt on a new connection then has the other half. All calls to the cache may be
    /// repeated. If a rate-limit check is repeated, the caller pays for it twice.
    pub(super) async fn call<T, F>(&self, ctx: &RequestContext, call: impl Fn(Connection) -> F) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if !self.circuit_breaker.allows() {
            return Err(CacheError::CircuitOpen);
        }
        let started = Instant::now();
        let end = started + self.deadline;
        let mut result = self.attempt(ctx, &call, started + self.deadline / 2).await;
        if matches!(result, Err(CacheError::Deadline | CacheError::Connection(_))) && Instant::now() < end {
            result = self.attempt(ctx, &call, end).await;
        }
        match &result {
            // An error is an answer too, so the cache is reachable.
            Ok(_) | Err(CacheError::Refused(_)) => self.circuit_breaker.succeeded(),
            Err(_) => self.circuit_breaker.failed(),
        }
        ctx.trace_call(Engine::Redis, "", started, result.is_err());
        ctx.record_costs(|costs| {
            costs.redis_time += started.elapsed();
            costs.redis_failures += u32::from(result.is_err());
        });
        if let Err(error) = &result {
            tracing::warn!(%error, "a call to the cache failed");
        }
        result
    }

    async fn attempt<T, F>(
        &self,
        ctx: &RequestContext,
        call: &impl Fn(Connection) -> F,
        until: Instant,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Opening { number, connecting, .. } = self.current.get();
        let connection = match timeout_at(until, connecting).await {
            // The connection goes on opening in its task, so it isn't discarded.
            Err(_) => return Err(CacheError::Deadline),
            Ok(Err(error)) => {
                self.current.discard(number);
                return Err(error);
            }
            Ok(Ok(connection)) => connection,
        };
        ctx.record_costs(|costs| costs.redis_calls += 1);
        match timeout_at(until, call(connection)).await {
            Err(_) => {
                self.current.discard(number);
                Err(CacheError::Deadline)
            }
            Ok(Err(error)) => {
                let meaning = ErrorMeaning::of(&error);
                if meaning != ErrorMeaning::Answer {
                    self.current.discard(number);
                }
                let error = Arc::new(error);
                Err(match meaning {
                    ErrorMeaning::Answer | ErrorMeaning::WrongServer => CacheError::Refused(error),
                    ErrorMeaning::ConnectionFailed => CacheError::Connection(error),
                })
            }
            Ok(Ok(value)) => Ok(value),
        }
    }
}
