//! The endpoint of the cache, and how a connection to it is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, RedisFuture, RedisResult, TlsCertificates, Value};

use super::error::CacheError;
use super::iam_provider::IamTokenProvider;
use crate::aws::use_one_cryptography;

/// Time limit for opening a connection. Requests may stop waiting for it earlier.
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(2);

/// The address of the cache.
#[derive(Clone)]
pub struct CacheAddress {
    /// `redis://` or `rediss://` (TLS), with a user and a password if needed.
    pub url: String,
    /// `true` if the cache speaks the cluster protocol, as ElastiCache Serverless does.
    pub cluster: bool,
    /// The certificate authorities (PEM) to trust for TLS.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for CacheAddress {
    /// Leaves out the URL, because it may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAddress").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

/// A connection of either kind. Clones share it.
#[derive(Clone)]
pub(crate) enum Connection {
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

/// The endpoint of the cache. Opens connections. Clones share what they can.
#[derive(Clone)]
pub(crate) struct Endpoint {
    client: ClientKind,
    signer: Option<IamTokenProvider>,
}

#[derive(Clone)]
enum ClientKind {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Endpoint {
    /// Creates an endpoint from an address. `signer` signs in if neither a password nor anonymous access is used.
    pub(crate) fn new(address: CacheAddress, signer: Option<IamTokenProvider>) -> RedisResult<Self> {
        use_one_cryptography();
        let certificates = address.ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        let client = if address.cluster {
            ClientKind::Cluster(Box::new(cluster(address.url, certificates, signer.clone())?))
        } else {
            ClientKind::Single(Box::new(match certificates {
                Some(certificates) => Client::build_with_tls(address.url, certificates)?,
                None => Client::open(address.url)?,
            }))
        };
        Ok(Self { client, signer })
    }

    /// Returns `true` if keys may be on several nodes.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.client, ClientKind::Cluster(_))
    }

    /// Returns `true` if connections sign in with tokens. ElastiCache closes these after a while.
    pub(crate) fn uses_tokens(&self) -> bool {
        self.signer.is_some()
    }

    pub(crate) async fn connect(self) -> Result<Connection, CacheError> {
        let connect = async {
            match self.client {
                ClientKind::Single(client) => {
                    // Calls and the connect below have deadlines of their own, so a timer in the client would only add
                    // cost.
                    let mut config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(CONNECT_TIME_LIMIT))
                        .set_response_timeout(None);
                    if let Some(signer) = self.signer {
                        config = config.set_credentials_provider(signer);
                    }
                    client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
                }
                ClientKind::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
            }
        };
        match tokio::time::timeout(CONNECT_TIME_LIMIT, connect).await {
            Ok(result) => result.map_err(|error| CacheError::Connection(Arc::new(error))),
            Err(_) => Err(CacheError::Deadline),
        }
    }
}

fn cluster(
    url: String,
    certificates: Option<TlsCertificates>,
    signer: Option<IamTokenProvider>,
) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClient::builder([url])
        // One retry is needed to follow a slot that moved to another node. The client also uses it to resend the same
        // bytes after a connection broke. The theaters' script recognizes them, and a rate limit counts them twice. All
        // other retries are made by our Redis client.
        .retries(1)
        .connection_timeout(CONNECT_TIME_LIMIT)
        .response_timeout(CONNECT_TIME_LIMIT);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    if let Some(signer) = signer {
        builder = builder.set_credentials_provider(signer);
    }
    builder.build()
}
