//! The Lambda Runtime API for one process (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>). It
//! records the times of requests and answers.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boxoffice::clock::Clock;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

type Reply = Response<Full<Bytes>>;

/// The time limit of an event, as in `infra/template.yaml`.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The trace ids of events. The function puts each value into its environment for a while, and the C library keeps all
/// different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TraceIds {
    /// A different id for each event, as in Lambda.
    Distinct,
    /// The same id for all events.
    Constant,
}

/// An answer, and the time from sending the event to receiving the answer.
#[derive(Debug)]
pub(crate) struct TimedAnswer {
    pub(crate) body: Bytes,
    pub(crate) latency: Duration,
}

/// A listener for one process. Dropping it ends its connections.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    traces: TraceIds,
    state: Mutex<State>,
    /// The process has asked for an event, or has failed.
    moved: Notify,
    /// An event is available.
    offered: Notify,
    handed_over: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Instant>,
    failed: Option<String>,
    waiting: Option<(Bytes, oneshot::Sender<TimedAnswer>)>,
    under_way: Option<(Instant, oneshot::Sender<TimedAnswer>)>,
}

impl RuntimeApi {
    pub(crate) async fn listen(function: &str, traces: TraceIds) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the Lambda Runtime API")?;
        let address = listener.local_addr()?.to_string();
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{function}");
        let (state, moved, offered, handed_over) = Default::default();
        let shared = Arc::new(Shared { arn, traces, state, moved, offered, handed_over });
        let task = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self { address, shared, task })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until the process asks for an event. Returns the time of that request.
    pub(crate) async fn asked(&self) -> Result<Instant> {
        loop {
            let moved = self.shared.moved.notified();
            {
                let state = self.shared.state();
                if let Some(error) = &state.failed {
                    bail!("the function reports {error}");
                }
                if let Some(since) = state.asked {
                    return Ok(since);
                }
            }
            moved.await;
        }
    }

    /// Sends an event when the process asks for one, and waits for the answer.
    pub(crate) async fn invoke(&self, event: Bytes) -> Result<TimedAnswer> {
        self.asked().await?;
        let (answer, answered) = oneshot::channel();
        self.shared.state().waiting = Some((event, answer));
        self.shared.offered.notify_one();
        tokio::select! {
            answer = answered => answer.context("the event was not answered"),
            error = self.failed() => bail!("the function reports {error}"),
        }
    }

    async fn failed(&self) -> String {
        loop {
            let moved = self.shared.moved.notified();
            if let Some(error) = &self.shared.state().failed {
                return error.clone();
            }
            moved.await;
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, which ends the connections.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| async { Ok::<_, Infallible>(shared.answer(request).await) });
            // The process may disconnect at any time.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let path = request.uri().path().to_owned();
        match path.trim_start_matches("/2018-06-01/runtime/").rsplit('/').next() {
            Some("next") => self.next().await,
            Some("response") => self.take(request).await,
            _ => self.fail(&path, request).await,
        }
    }

    /// Waits for an event. Until then the connection stays open, as Lambda's does.
    async fn next(&self) -> Reply {
        self.state().asked = Some(Instant::now());
        self.moved.notify_waiters();
        let (event, answer) = loop {
            let offered = self.offered.notified();
            if let Some(waiting) = self.state().waiting.take() {
                break waiting;
            }
            offered.await;
        };
        let number = self.handed_over.fetch_add(1, Ordering::Relaxed);
        let traced = if self.traces == TraceIds::Distinct { number } else { 0 };
        let deadline = Clock::System.now().0 + u64::try_from(TIMEOUT.as_millis()).unwrap_or_default();
        let reply = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", format!("00000000-0000-4000-8000-{number:012x}"))
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .header("lambda-runtime-trace-id", format!("Root=1-6b02c0a4-{traced:024x};Parent={traced:016x};Sampled=1"));
        let mut state = self.state();
        state.asked = None;
        state.under_way = Some((Instant::now(), answer));
        reply.body(Full::from(event)).unwrap_or_default()
    }

    async fn take(&self, request: Request<Incoming>) -> Reply {
        let Ok(body) = request.into_body().collect().await else { return status(400) };
        if let Some((started, answer)) = self.state().under_way.take() {
            drop(answer.send(TimedAnswer { body: body.to_bytes(), latency: started.elapsed() }));
        }
        status(202)
    }

    async fn fail(&self, path: &str, request: Request<Incoming>) -> Reply {
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        self.state().failed = Some(format!("{path}: {}", String::from_utf8_lossy(&body)));
        self.moved.notify_waiters();
        status(202)
    }
}

fn status(code: u16) -> Reply {
    let mut reply = Response::new(Full::from("{}"));
    *reply.status_mut() = code.try_into().unwrap_or_default();
    reply
}
