//! DynamoDB inside this process (dynoxide, on SQLite), served over HTTP on this machine.
//!
//! It has its own thread and runtime. So it outlives the runtime of a single test, and several tests can share it.

use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use boxoffice::aws::{Authorities, Https};
use dynoxide::Database;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::ports;
use crate::stream::StreamReader;

/// The region of all local services.
pub const REGION: &str = "us-east-1";

/// The time limit for requests in flight after the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A running DynamoDB. Dropping it ends it.
pub struct DynamoDb {
    database: Database,
    endpoint: String,
    end: Option<oneshot::Sender<()>>,
    sweeping: Option<mpsc::Sender<()>>,
    server: JoinHandle<()>,
}

impl DynamoDb {
    /// Starts a DynamoDB in memory, on any free port.
    pub fn memory() -> Result<Self> {
        let database = Database::memory().context("can't start the embedded DynamoDB")?;
        Self::serve(database, 0)
    }

    /// Starts a DynamoDB with its data in a file. Port 0 means any free port.
    pub fn open(file: &Path, port: u16) -> Result<Self> {
        let path = file.to_str().with_context(|| format!("{} is not a name in UTF-8", file.display()))?;
        let database = Database::new(path).with_context(|| format!("can't open its file {path}"))?;
        Self::serve(database, port)
    }

    fn serve(database: Database, port: u16) -> Result<Self> {
        let listener = TcpListener::bind(ports::loopback(port))
            .with_context(|| format!("the embedded DynamoDB can't listen on 127.0.0.1:{port}"))?;
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let (end, told_to_end) = oneshot::channel();
        let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let served = database.clone();
        let server = thread::Builder::new().name("dynamodb".to_owned()).spawn(move || {
            runtime.block_on(async {
                if let Ok(listener) = tokio::net::TcpListener::from_std(listener) {
                    // An error would come from accepting connections, which axum repeats by itself.
                    let told = async { drop(told_to_end.await) };
                    drop(dynoxide::server::serve_with_shutdown(listener, served, told).await);
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { database, endpoint, end: Some(end), sweeping: None, server })
    }

    /// Returns the address: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a client for this DynamoDB.
    pub fn client(&self) -> Client {
        client(&self.endpoint)
    }

    /// Returns a reader of a table's stream that starts now.
    pub fn stream(&self, table: &str) -> Result<StreamReader> {
        StreamReader::from_now_on(&self.database, table)
    }

    /// Deletes expired items and returns their number. DynamoDB's TTL does this by itself within days.
    pub fn sweep_ttl(&self) -> Result<usize> {
        self.database.sweep_ttl().context("the embedded DynamoDB can't delete what has expired")
    }

    /// Deletes expired items periodically until this value is dropped. Ignores errors, because the next sweep may
    /// succeed.
    pub fn sweep_ttl_every(&mut self, period: Duration) {
        let database = self.database.clone();
        let (sweeping, dropped) = mpsc::channel::<()>();
        self.sweeping = Some(sweeping);
        thread::spawn(move || {
            while dropped.recv_timeout(period) == Err(mpsc::RecvTimeoutError::Timeout) {
                drop(database.sweep_ttl());
            }
        });
    }

    /// Stops the server. Requests in flight get up to two seconds to finish.
    pub fn stop(mut self) {
        drop((self.end.take(), self.sweeping.take()));
        let deadline = Instant::now() + STOP_TIMEOUT;
        while !self.server.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns a client for a DynamoDB that doesn't check credentials: this one or Amazon's DynamoDB Local.
pub fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .http_client(Https::new(Authorities::Amazon))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}
