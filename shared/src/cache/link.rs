//! The connection to Redis: one deadline for everything a call does, one retry on a fresh connection, a breaker.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult, ServerErrorKind,
    TlsCertificates, Value,
};
use tokio::time::{Instant, timeout_at};

use super::breaker::Breaker;
use crate::clock::Clock;
use crate::tally::Tally;
use crate::xray::Engine;

/// A connection takes as long as it takes, up to this: it goes on while requests no longer wait for it.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Where the cache is.
#[derive(Clone)]
pub struct CacheAddress {
    /// `redis://` or `rediss://` (TLS), with user and password if need be.
    pub url: String,
    /// Whether it speaks the cluster protocol, as ElastiCache Serverless does.
    pub cluster: bool,
    /// A certificate authority (PEM) to trust in place of the system's.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for CacheAddress {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAddress").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

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

/// A connection of either kind; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a redis::Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

#[derive(Clone)]
enum Target {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

/// A connection that is being made, or is made. It runs by itself, so that a call that no longer waits for it doesn't
/// throw away what was achieved: the next call finds it ready.
type Connecting = Shared<BoxFuture<'static, Result<Connection, CacheError>>>;

pub(super) struct Link {
    target: Target,
    deadline: Duration,
    breaker: Breaker,
    current: Mutex<Option<(u64, Connecting)>>,
    made: std::sync::atomic::AtomicU64,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(address: CacheAddress, deadline: Duration, clock: Clock) -> Result<Self, CacheError> {
        let target = target(address).map_err(|error| CacheError::Refused(Arc::new(error)))?;
        let made = std::sync::atomic::AtomicU64::new(0);
        Ok(Self { target, deadline, breaker: Breaker::new(clock), current: Mutex::new(None), made })
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
            let connection = self.connection().1.await?;
            first(connection).await.map_err(|error| CacheError::Refused(Arc::new(error)))
        };
        tokio::time::timeout(patience, work).await.unwrap_or(Err(CacheError::Deadline))
    }

    /// Whether keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.target, Target::Cluster(_))
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
        let (number, connecting) = self.connection();
        let connection = match timeout_at(until, connecting).await {
            // It goes on connecting; it isn't thrown away.
            Err(_) => return Err(CacheError::Deadline),
            Ok(Err(error)) => {
                self.discard(number);
                return Err(error);
            }
            Ok(Ok(connection)) => connection,
        };
        tally.add(|costs| costs.redis_calls += 1);
        match timeout_at(until, call(connection)).await {
            Err(_) => {
                self.discard(number);
                Err(CacheError::Deadline)
            }
            Ok(Err(error)) => {
                let (answered, stay) = judge(&error);
                if !stay {
                    self.discard(number);
                }
                let error = Arc::new(error);
                Err(if answered { CacheError::Refused(error) } else { CacheError::Connection(error) })
            }
            Ok(Ok(value)) => Ok(value),
        }
    }

    /// The current connection, begun if there is none.
    fn connection(&self) -> (u64, Connecting) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, connecting) = current.get_or_insert_with(|| {
            let number = self.made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let task = tokio::spawn(connect(self.target.clone()));
            let connecting = async move {
                task.await.unwrap_or_else(|_| Err(CacheError::Unexpected("connecting: the task was lost")))
            };
            (number, connecting.boxed().shared())
        });
        (*number, connecting.clone())
    }

    /// Drops the connection, unless another has taken its place already.
    fn discard(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|(there, _)| *there == number) {
            *current = None;
        }
    }
}

async fn connect(target: Target) -> Result<Connection, CacheError> {
    let connect = async {
        match target {
            Target::Single(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(CONNECT_PATIENCE))
                    .set_response_timeout(Some(CONNECT_PATIENCE));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
            }
            Target::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    };
    match tokio::time::timeout(CONNECT_PATIENCE, connect).await {
        Ok(result) => result.map_err(|error| CacheError::Connection(Arc::new(error))),
        Err(_) => Err(CacheError::Deadline),
    }
}

/// Whether the connection that brought an error is worth keeping.
pub(super) fn is_worth_keeping(error: &RedisError) -> bool {
    judge(error).1
}

/// Whether an error is an answer of the server's, and whether the connection is worth keeping.
fn judge(error: &RedisError) -> (bool, bool) {
    match error.kind() {
        // This server doesn't take writes (any more): after a failover the name leads to another.
        ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown) => {
            (true, false)
        }
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType => (true, true),
        _ => (false, false),
    }
}

fn target(address: CacheAddress) -> RedisResult<Target> {
    let certificates = address.ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
    if !address.cluster {
        let client = match certificates {
            Some(certificates) => Client::build_with_tls(address.url, certificates)?,
            None => Client::open(address.url)?,
        };
        return Ok(Target::Single(Box::new(client)));
    }
    let mut builder = ClusterClient::builder([address.url])
        // Following a slot that moved takes one. It also sends again what a broken connection may have carried: the very
        // same bytes, which the script knows. All other repeating is this module's business.
        .retries(1)
        .connection_timeout(CONNECT_PATIENCE)
        .response_timeout(CONNECT_PATIENCE);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build().map(|client| Target::Cluster(Box::new(client)))
}
