//! A proxy in front of an engine. It counts the bytes in each direction, the round trips, and DynamoDB's calls by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The text before the name of a call in DynamoDB's requests.
const TARGET: &[u8] = b"DynamoDB_20120810.";
/// Longer than any name of a call.
const MAX_NAME_BYTES: usize = 40;

/// The counted traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Traffic {
    /// The number of round trips. A trip begins when something is sent after an answer, so a pipeline is one trip.
    pub(crate) trips: f64,
    /// Bytes to the engine.
    pub(crate) sent: f64,
    /// Bytes from the engine.
    pub(crate) received: f64,
}

impl Traffic {
    /// Returns the traffic per request.
    pub(crate) fn per(self, requests: f64) -> Self {
        Self { trips: self.trips / requests, sent: self.sent / requests, received: self.received / requests }
    }
}

#[derive(Debug, Default)]
struct Counts {
    trips: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    calls: Mutex<BTreeMap<String, u64>>,
    first: Mutex<Option<Instant>>,
}

/// A running wiretap. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Wiretap {
    port: u16,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Wiretap {
    /// Starts a wiretap in front of an engine on a port of this machine.
    pub(crate) async fn before(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(listen(listener, upstream, counts.clone()));
        Ok(Self { port, counts, task })
    }

    /// Returns the port on which it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns and resets the counted traffic.
    #[allow(clippy::cast_precision_loss, reason = "no count is that large")]
    pub(crate) fn take(&self) -> Traffic {
        let take = |count: &AtomicU64| count.swap(0, Ordering::SeqCst) as f64;
        let Counts { trips, sent, received, .. } = &*self.counts;
        Traffic { trips: take(trips), sent: take(sent), received: take(received) }
    }

    /// Returns and resets the counts of DynamoDB's calls by name.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.counts.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns and resets the time of the first connection.
    pub(crate) fn take_first_connection(&self) -> Option<Instant> {
        self.counts.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Wiretap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, upstream: u16, counts: Arc<Counts>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        counts.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        connections.spawn(pass(client, upstream, counts.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(client: TcpStream, upstream: u16, counts: Arc<Counts>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // `true` while the client has sent something that the server hasn't answered.
    let asked = Mutex::new(false);
    tokio::select! {
        () = requests(from_client, to_server, &counts, &asked) => {}
        () = replies(from_server, to_client, &counts, &asked) => {}
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: &Counts, asked: &Mutex<bool>) {
    let mut chunk = vec![0; 64 * 1024];
    let mut names = CallNameParser::default();
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        let bytes = chunk.get(..read).unwrap_or_default();
        if !std::mem::replace(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner), true) {
            counts.trips.fetch_add(1, Ordering::SeqCst);
        }
        counts.sent.fetch_add(read as u64, Ordering::SeqCst);
        for name in names.read(bytes) {
            *counts.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        }
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn replies(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, counts: &Counts, asked: &Mutex<bool>) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = false;
        counts.received.fetch_add(read as u64, Ordering::SeqCst);
        if to.write_all(chunk.get(..read).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}

/// A parser that finds the names of calls in a stream, even across chunks.
#[derive(Default)]
struct CallNameParser {
    rest: Vec<u8>,
}

impl CallNameParser {
    fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend_from_slice(bytes);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(start) = self.rest.get(at..).and_then(|rest| find(rest, TARGET)) {
            let name = self.rest.get(at + start + TARGET.len()..).unwrap_or_default();
            let Some(length) = name.iter().position(|byte| !byte.is_ascii_alphanumeric()) else { break };
            found.push(String::from_utf8_lossy(name.get(..length).unwrap_or_default()).into_owned());
            at += start + TARGET.len() + length;
        }
        let keep = self.rest.len().saturating_sub(TARGET.len() + MAX_NAME_BYTES).max(at);
        self.rest.drain(..keep);
        found
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_names_are_found_across_chunks() {
        let stream =
            b"x-amz-target: DynamoDB_20120810.Query\r\n\r\n{}x-amz-target: DynamoDB_20120810.GetItem\r\n\r\n{}";
        for cut in 0..stream.len() {
            let mut names = CallNameParser::default();
            let mut found = names.read(&stream[..cut]);
            found.extend(names.read(&stream[cut..]));
            assert_eq!(found, ["Query", "GetItem"], "cut at {cut}");
        }
    }

    #[test]
    fn traffic_is_counted_in_both_directions_and_trips() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let echo = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let tap = Wiretap::before(echo.local_addr().unwrap().port()).await.unwrap();
            let mut client = TcpStream::connect(("127.0.0.1", tap.port())).await.unwrap();
            let (mut server, _) = echo.accept().await.unwrap();
            let mut read = [0; 3];
            for _ in 0..2 {
                client.write_all(b"ask").await.unwrap();
                server.read_exact(&mut read).await.unwrap();
                server.write_all(b"an").await.unwrap();
                client.read_exact(&mut read[..2]).await.unwrap();
            }
            assert_eq!(tap.take(), Traffic { trips: 2.0, sent: 6.0, received: 4.0 });
            assert_eq!(tap.take(), Traffic::default());
            assert!(tap.take_first_connection().is_some());
        });
    }
}
