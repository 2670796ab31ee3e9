//! The Lambda Runtime API for one process (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::sync::{mpsc, oneshot, watch};

use crate::engine::REGION;
use crate::ports;
use crate::server::{Answer, Server};

/// The trace ids of events. lambda_runtime puts each id into the environment, where glibc keeps every value that a
/// variable ever had, some 110 bytes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceIds {
    /// A different id for each event, as in Lambda.
    Distinct,
    /// This many ids that repeat, so that a leak of the function itself can be seen.
    Repeating(u64),
}

impl TraceIds {
    fn root(self, number: u64) -> u64 {
        match self {
            Self::Distinct => number,
            Self::Repeating(count) => number % count,
        }
    }
}

/// The process's report about an event, as it sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The answer of the function.
    Answer(Bytes),
    /// An error: `errorType`, `errorMessage`.
    Error(Bytes),
}

/// A report, and the time from handing over the event to receiving the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedReport {
    pub report: Report,
    pub latency: Duration,
}

/// A listener with its connections. Dropping it ends them.
#[derive(Debug)]
pub struct RuntimeApi {
    address: String,
    events: mpsc::UnboundedSender<Event>,
    state: watch::Receiver<State>,
    server: Server,
}

/// The progress of the process.
#[derive(Debug, Clone, PartialEq)]
enum State {
    Starting,
    FailedToStart(String),
    /// The process has been waiting for an event since this time.
    Waiting(Instant),
    /// The process is handling an event.
    Busy,
}

/// An event on its way to the process.
#[derive(Debug)]
struct Event {
    /// Its request id. Without one, the next number becomes the id.
    id: Option<String>,
    body: Bytes,
    report: oneshot::Sender<TimedReport>,
}

/// State that the connections of the process share.
struct Shared {
    arn: String,
    traces: TraceIds,
    timeout: Duration,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    state: watch::Sender<State>,
    handed_over: Mutex<HandedOver>,
}

/// The events that the process received.
#[derive(Default)]
struct HandedOver {
    count: u64,
    in_flight: Option<InFlight>,
}

/// The event that the process is handling.
struct InFlight {
    id: String,
    since: Instant,
    report: oneshot::Sender<TimedReport>,
}

impl RuntimeApi {
    /// Listens on a free port. The process learns the time limit of each event. The caller has to enforce it.
    pub async fn listen(function: &str, traces: TraceIds, timeout: Duration) -> Result<Self> {
        let (events, queued) = mpsc::unbounded_channel();
        let (shown, state) = watch::channel(State::Starting);
        let shared = Shared {
            arn: format!("arn:aws:lambda:{REGION}:123456789012:function:{function}"),
            traces,
            timeout,
            events: tokio::sync::Mutex::new(queued),
            state: shown,
            handed_over: Mutex::default(),
        };
        let shared = Arc::new(shared);
        let server = Server::start(0, move |_, request| {
            let shared = shared.clone();
            async move { shared.answer(request).await }
        });
        let server = server.await.context("no port for the Lambda Runtime API")?;
        let address = ports::loopback(server.port()).to_string();
        Ok(Self { address, events, state, server })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Waits until the process asks for an event. Returns the time of that request. Returns an error if the process
    /// reported that it can't start.
    pub async fn asked(&self) -> Result<Instant> {
        let mut state = self.state.clone();
        let moved = state.wait_for(|state| matches!(state, State::Waiting(_) | State::FailedToStart(_))).await;
        match &*moved.context("the Lambda Runtime API has ended")? {
            State::Waiting(since) => Ok(*since),
            State::FailedToStart(error) => bail!("the function can't start: {error}"),
            State::Starting | State::Busy => unreachable!("the wait ends with another state"),
        }
    }

    /// Queues an event for the process's next request. The report arrives through the receiver. The receiver fails if
    /// there will be no report.
    pub fn send_event(&self, event: Bytes) -> Result<oneshot::Receiver<TimedReport>> {
        self.queue(None, event)
    }

    /// Queues an event with an existing request id. Otherwise like [`RuntimeApi::send_event`].
    pub fn send_event_with_id(&self, id: &str, event: Bytes) -> Result<oneshot::Receiver<TimedReport>> {
        self.queue(Some(id.to_owned()), event)
    }

    fn queue(&self, id: Option<String>, body: Bytes) -> Result<oneshot::Receiver<TimedReport>> {
        let (report, reported) = oneshot::channel();
        self.events.send(Event { id, body, report }).ok().context("the Lambda Runtime API has ended")?;
        Ok(reported)
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().trim_start_matches("/2018-06-01/runtime/").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["invocation", "next"] => self.next().await,
            ["invocation", id, "response"] => self.take(id, Report::Answer, request).await,
            ["invocation", id, "error"] => self.take(id, Report::Error, request).await,
            ["init", "error"] => {
                let error = body(request).await.unwrap_or_default();
                self.state.send_replace(State::FailedToStart(String::from_utf8_lossy(&error).into_owned()));
                status(202)
            }
            _ => status(404),
        }
    }

    /// Waits for an event. Until then the connection stays open, as Lambda's does.
    async fn next(&self) -> Answer {
        self.state.send_replace(State::Waiting(Instant::now()));
        let Some(event) = self.events.lock().await.recv().await else { return status(500) };
        self.state.send_replace(State::Busy);
        let mut handed_over = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        handed_over.count += 1;
        let number = handed_over.count;
        let id = event.id.unwrap_or_else(|| format!("00000000-0000-4000-8000-{number:012x}"));
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &id)
            .header("lambda-runtime-deadline-ms", deadline(self.timeout))
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .header(
                "lambda-runtime-trace-id",
                format!("Root=1-00000000-{:024x};Parent=00000000000000f0;Sampled=1", self.traces.root(number)),
            );
        handed_over.in_flight = Some(InFlight { id, since: Instant::now(), report: event.report });
        response.body(Full::from(event.body)).unwrap_or_default()
    }

    async fn take(&self, id: &str, report: impl FnOnce(Bytes) -> Report, request: Request<Incoming>) -> Answer {
        // An incomplete body doesn't count: the process is ending.
        let Some(body) = body(request).await else { return status(400) };
        let mut handed_over = self.handed_over.lock().unwrap_or_else(PoisonError::into_inner);
        match handed_over.in_flight.take_if(|event| event.id == id) {
            Some(event) => {
                drop(event.report.send(TimedReport { report: report(body), latency: event.since.elapsed() }));
                status(202)
            }
            None => status(400),
        }
    }
}

async fn body(request: Request<Incoming>) -> Option<Bytes> {
    Some(request.into_body().collect().await.ok()?.to_bytes())
}

fn status(code: u16) -> Answer {
    let mut response = Response::new(Full::from("{}"));
    *response.status_mut() = code.try_into().unwrap_or_default();
    response
}

/// Returns the deadline of an event that is sent now, in milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "Lambda also uses the system's clock")]
fn deadline(timeout: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now + timeout).as_millis().to_string()
}
