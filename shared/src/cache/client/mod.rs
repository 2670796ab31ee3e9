//! The Redis client: one deadline for a whole call, one retry on a new connection, and a circuit breaker.

mod circuit_breaker;
mod connection;
pub(super) mod endpoint;
pub(super) mod iam_provider;
pub(super) mod iam_token;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::observability::trace::Engine;
use circuit_breaker::CircuitBreaker;
use connection::ConnectionSlot;
use endpoint::{Connection, Endpoint};

/// The reasons why the cache gave no answer. A request never fails because of one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CacheError {
    /// The cache failed a moment ago, and the circuit breaker is open.
    #[error("the circuit breaker is open after a failure")]
    CircuitOpen,
    #[error("no answer within the deadline")]
    Deadline,
    #[error("connection failed: {0}")]
    Connection(Arc<RedisError>),
    /// The cache answered with an error.
    #[error("refused: {0}")]
    Refused(Arc<RedisError>),
    /// The cache answered in an unknown form.
    #[error("unexpected answer to {0}")]
    Unexpected(&'static str),
}

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
            let connection = self.current.get().1.await?;
            first(connection).await.map_err(|error| CacheError::Refused(Arc::new(error)))
        };
        tokio::time::timeout(patience, work).await.unwrap_or(Err(CacheError::Deadline))
    }

    /// Returns `true` if keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.current.is_cluster()
    }

    /// Converts the answer to one of several commands of a call. Logs and counts it if it is an error.
    pub(super) fn refused<T>(ctx: &RequestContext, answer: RedisResult<T>) -> Result<T, CacheError> {
        answer.map_err(|error| {
            ctx.record_costs(|costs| costs.redis_failures += 1);
            tracing::warn!(%error, "a part of a call to the cache was refused");
            CacheError::Refused(Arc::new(error))
        })
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
        let (number, connecting) = self.current.get();
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
                let (answered, stay) = classify(&error);
                if !stay {
                    self.current.discard(number);
                }
                let error = Arc::new(error);
                Err(if answered { CacheError::Refused(error) } else { CacheError::Connection(error) })
            }
            Ok(Ok(value)) => Ok(value),
        }
    }
}

/// Returns `true` if a connection is worth keeping after this error.
pub(super) fn is_worth_keeping(error: &RedisError) -> bool {
    classify(error).1
}

/// Returns whether the error is an answer of the server, and whether the connection is worth keeping.
fn classify(error: &RedisError) -> (bool, bool) {
    match (error.kind(), error.code()) {
        // This server is no longer the primary. After a failover the name leads to another server.
        (
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown),
            _,
        ) => (true, false),
        // The server no longer knows this connection's user. The command itself wasn't checked, and a new connection
        // signs in.
        (_, Some("NOAUTH" | "WRONGPASS")) => (false, false),
        (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType, _) => (true, true),
        _ => (false, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ServerError;

    fn classified(answer: &str) -> (bool, bool) {
        let Ok(redis::Value::ServerError(error)) = redis::parse_redis_value(answer.as_bytes()) else {
            panic!("{answer} is no error")
        };
        let error: ServerError = error;
        classify(&error.into())
    }

    #[test]
    fn unknown_user_reconnects_and_rejected_user_does_not() {
        assert_eq!(classified("-NOAUTH Authentication required.\r\n"), (false, false));
        assert_eq!(classified("-WRONGPASS invalid username-password pair or user is disabled.\r\n"), (false, false));
        assert_eq!(classified("-READONLY You can't write against a read only replica.\r\n"), (true, false));
        assert_eq!(classified("-NOPERM this user has no permissions\r\n"), (true, true));
        assert_eq!(classified("-OOM command not allowed\r\n"), (true, true));
    }
}
