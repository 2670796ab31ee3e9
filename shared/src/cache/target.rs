//! Where the cache is, and how a connection to it is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, Pipeline, RedisFuture, RedisResult, TlsCertificates, Value};

use super::link::CacheError;
use super::signer::Signer;
use crate::aws::use_one_cryptography;

/// A connection takes as long as it takes, up to this: it goes on while requests no longer wait for it.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Where the cache is.
#[derive(Clone)]
pub struct CacheAddress {
    /// `redis://` or `rediss://` (TLS), with user and password if need be.
    pub url: String,
    /// Whether it speaks the cluster protocol, as ElastiCache Serverless does.
    pub cluster: bool,
    /// The authorities (PEM) to trust where TLS is spoken.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for CacheAddress {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheAddress").field("cluster", &self.cluster).finish_non_exhaustive()
    }
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

/// How to open connections to it; clones share what they can.
#[derive(Clone)]
pub(super) struct Target {
    client: Way,
    signer: Option<Signer>,
}

#[derive(Clone)]
enum Way {
    Single(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl Target {
    /// An address, and who signs in there, if that isn't done by a password or not at all.
    pub(super) fn new(address: CacheAddress, signer: Option<Signer>) -> RedisResult<Self> {
        use_one_cryptography();
        let certificates = address.ca.map(|ca| TlsCertificates { client_tls: None, root_cert: Some(ca) });
        let client = if address.cluster {
            Way::Cluster(Box::new(cluster(address.url, certificates, signer.clone())?))
        } else {
            Way::Single(Box::new(match certificates {
                Some(certificates) => Client::build_with_tls(address.url, certificates)?,
                None => Client::open(address.url)?,
            }))
        };
        Ok(Self { client, signer })
    }

    /// Whether keys may be on several nodes.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.client, Way::Cluster(_))
    }

    /// Whether its connections are signed in by tokens, and so are cut when they are old.
    pub(super) fn signs_in(&self) -> bool {
        self.signer.is_some()
    }

    /// Opens a connection.
    pub(super) async fn connect(self) -> Result<Connection, CacheError> {
        let connect = async {
            match self.client {
                Way::Single(client) => {
                    // Each call has a deadline of its own, as connecting has below: a second clock would only cost.
                    let mut config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(CONNECT_PATIENCE))
                        .set_response_timeout(None);
                    if let Some(signer) = self.signer {
                        config = config.set_credentials_provider(signer);
                    }
                    client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Single)
                }
                Way::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
            }
        };
        match tokio::time::timeout(CONNECT_PATIENCE, connect).await {
            Ok(result) => result.map_err(|error| CacheError::Connection(Arc::new(error))),
            Err(_) => Err(CacheError::Deadline),
        }
    }
}

fn cluster(url: String, certificates: Option<TlsCertificates>, signer: Option<Signer>) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClient::builder([url])
        // Following a slot that moved takes one. It also sends again what a broken connection may have carried: the very
        // same bytes, which the theaters' script knows; a budget counts them twice. All other repeating is the link's business.
        .retries(1)
        .connection_timeout(CONNECT_PATIENCE)
        .response_timeout(CONNECT_PATIENCE);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    if let Some(signer) = signer {
        builder = builder.set_credentials_provider(signer);
    }
    builder.build()
}
