//! A small HTTP server on a port of this machine.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::ports;

/// The pause after a connection could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// An answer with its whole body.
pub(crate) type Answer = Response<Full<Bytes>>;

/// A running server. Dropping it ends it and its connections.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a port of 127.0.0.1 and answers each request with `answer`. Port 0 means any free port.
    pub(crate) async fn start<A, F>(port: u16, answer: A) -> Result<Self>
    where
        A: Fn(SocketAddr, Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind(ports::loopback(port)).await;
        let listener = listener.with_context(|| format!("can't listen on port {port}"))?;
        let port = listener.local_addr()?.port();
        Ok(Self { port, task: tokio::spawn(serve(listener, Arc::new(answer))) })
    }

    /// Returns the port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<A, F>(listener: TcpListener, answer: Arc<A>)
where
    A: Fn(SocketAddr, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    // Dropped with this task, which ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, caller)) = listener.accept().await else {
            // The process has too many open files, or the caller has disconnected. The next attempt may succeed.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Without this, the system may hold back a small answer for 40 ms.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(answer(caller, request).await) });
            // A caller may disconnect at any time.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Builds an answer in JSON that must not be cached.
pub(crate) fn json(status: u16, body: &Value) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    // Can't fail, because each part is a constant.
    answer.header("cache-control", "no-store").body(Full::from(body.to_string())).unwrap_or_default()
}
