//! The connection to Redis: one deadline for everything a call does, one retry on a fresh connection, a breaker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::time::{Instant, timeout_at};

use super::breaker::Breaker;
use super::current::Current;
use super::target::{Connection, Target};
use crate::clock::Clock;
use crate::tally::Tally;
use crate::xray::Engine;

/// Why the cache gave no answer. Never a reason to fail a request.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CacheError {
    /// It failed a moment ago and is left alone for now.
    #[error("left alone after a failure")]
    LeftAlone,
    /// It didn't answer in time.
    #[error("no answer within the deadline")]
    Deadline,
    /// The connection failed.
    #[error("connection failed: {0}")]
    Connection(Arc<RedisError>),
    /// It answered with an error.
    #[error("refused: {0}")]
    Refused(Arc<RedisError>),
    /// It answered something that makes no sense.
    #[error("unexpected answer to {0}")]
    Unexpected(&'static str),
}

pub(super) struct Link {
    current: Current,
    deadline: Duration,
    breaker: Breaker,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(target: Target, deadline: Duration, clock: Clock) -> Self {
        Self { current: Current::new(target, clock.clone()), deadline, breaker: Breaker::new(clock) }
    }

    /// Connects ahead of time and does something with the connection, for as long as `patience` allows.
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

    /// Whether keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        self.current.is_cluster()
    }

    /// The answer to one of several commands that made up a call: what was refused is logged and counted.
    pub(super) fn refused<T>(answer: RedisResult<T>, tally: &Tally) -> Result<T, CacheError> {
        answer.map_err(|error| {
            tally.add(|costs| costs.redis_failures += 1);
            tracing::warn!(%error, "a part of a call to the cache was refused");
            CacheError::Refused(Arc::new(error))
        })
    }

    /// Makes a call, at the latest until the deadline, connecting included.
    ///
    /// The first try gets half the time: a connection that died while the instance was frozen swallows it without a
    /// word, and then a second try on a fresh connection still has the other half. Everything called here may be
    /// repeated; of a draw on a budget the repeat costs the caller once more.
    pub(super) async fn call<T, F>(&self, tally: &Tally, call: impl Fn(Connection) -> F) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if !self.breaker.allows() {
            return Err(CacheError::LeftAlone);
        }
        let started = Instant::now();
        let end = started + self.deadline;
        let mut result = self.attempt(tally, &call, started + self.deadline / 2).await;
        if matches!(result, Err(CacheError::Deadline | CacheError::Connection(_))) && Instant::now() < end {
            result = self.attempt(tally, &call, end).await;
        }
        match &result {
            // A refusal is an answer: the cache is there.
            Ok(_) | Err(CacheError::Refused(_)) => self.breaker.succeeded(),
            Err(_) => self.breaker.failed(),
        }
        tally.called(Engine::Redis, "", started, result.is_err());
        tally.add(|costs| {
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
        tally: &Tally,
        call: &impl Fn(Connection) -> F,
        until: Instant,
    ) -> Result<T, CacheError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (number, connecting) = self.current.get();
        let connection = match timeout_at(until, connecting).await {
            // It goes on connecting; it isn't thrown away.
            Err(_) => return Err(CacheError::Deadline),
            Ok(Err(error)) => {
                self.current.discard(number);
                return Err(error);
            }
            Ok(Ok(connection)) => connection,
        };
        tally.add(|costs| costs.redis_calls += 1);
        match timeout_at(until, call(connection)).await {
            Err(_) => {
                self.current.discard(number);
                Err(CacheError::Deadline)
            }
            Ok(Err(error)) => {
                let (answered, stay) = judge(&error);
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

/// Whether the connection that brought an error is worth keeping.
pub(super) fn is_worth_keeping(error: &RedisError) -> bool {
    judge(error).1
}

/// Whether an error is an answer of the server's, and whether the connection is worth keeping.
fn judge(error: &RedisError) -> (bool, bool) {
    match (error.kind(), error.code()) {
        // This server doesn't take writes (any more): after a failover the name leads to another.
        (
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown),
            _,
        ) => (true, false),
        // It doesn't know (any more) who is asking, which says nothing about what was asked: a fresh connection signs in.
        (_, Some("NOAUTH" | "WRONGPASS")) => (false, false),
        (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType, _) => (true, true),
        _ => (false, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ServerError;

    fn judged(answer: &str) -> (bool, bool) {
        let Ok(redis::Value::ServerError(error)) = redis::parse_redis_value(answer.as_bytes()) else {
            panic!("{answer} is no error")
        };
        let error: ServerError = error;
        judge(&error.into())
    }

    #[test]
    fn who_is_not_known_any_more_tries_a_fresh_connection_and_who_is_refused_does_not() {
        assert_eq!(judged("-NOAUTH Authentication required.\r\n"), (false, false));
        assert_eq!(judged("-WRONGPASS invalid username-password pair or user is disabled.\r\n"), (false, false));
        assert_eq!(judged("-READONLY You can't write against a read only replica.\r\n"), (true, false));
        assert_eq!(judged("-NOPERM this user has no permissions\r\n"), (true, true));
        assert_eq!(judged("-OOM command not allowed\r\n"), (true, true));
    }
}
