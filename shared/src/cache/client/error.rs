//! The failures of a call to the cache.

use std::sync::Arc;

use redis::{ErrorKind, RedisError, ServerErrorKind};

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

/// The meaning of an error of the Redis library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ErrorMeaning {
    /// The server answered with an error.
    Answer,
    /// A server answered that is no longer the primary. After a failover the name leads to another server.
    WrongServer,
    /// The command wasn't answered.
    ConnectionFailed,
}

impl ErrorMeaning {
    pub(super) fn of(error: &RedisError) -> Self {
        match (error.kind(), error.code()) {
            (
                ErrorKind::Server(
                    ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown,
                ),
                _,
            ) => Self::WrongServer,
            // The server no longer knows this connection's user. The command itself wasn't checked, and a new
            // connection signs in.
            (_, Some("NOAUTH" | "WRONGPASS")) => Self::ConnectionFailed,
            (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType, _) => Self::Answer,
            _ => Self::ConnectionFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::ServerError;

    fn meaning(answer: &str) -> ErrorMeaning {
        let Ok(redis::Value::ServerError(error)) = redis::parse_redis_value(answer.as_bytes()) else {
            panic!("{answer} is no error")
        };
        let error: ServerError = error;
        ErrorMeaning::of(&error.into())
    }

    #[test]
    fn unknown_user_reconnects_and_rejected_user_does_not() {
        assert_eq!(meaning("-NOAUTH Authentication required.\r\n"), ErrorMeaning::ConnectionFailed);
        assert_eq!(
            meaning("-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            ErrorMeaning::ConnectionFailed
        );
        assert_eq!(meaning("-READONLY You can't write against a read only replica.\r\n"), ErrorMeaning::WrongServer);
        assert_eq!(meaning("-NOPERM this user has no permissions\r\n"), ErrorMeaning::Answer);
        assert_eq!(meaning("-OOM command not allowed\r\n"), ErrorMeaning::Answer);
    }
}
