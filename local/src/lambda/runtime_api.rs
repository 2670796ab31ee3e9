//! The Lambda Runtime API for one process (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Outcome, POLL};
use crate::engine::REGION;
use crate::ports;
use crate::server::{Answer, Server};

/// The number of different trace ids. The ids repeat, unlike Lambda's, because lambda_runtime puts each into the
/// environment. There glibc keeps every value that it ever had, some 110 bytes a request, and would hide leaks of the
/// function itself.
const TRACE_IDS: u64 = 100;

/// A listener with its connections. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
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
    Asked,
}

/// An event on its way to the process.
#[derive(Debug)]
struct Event {
    /// Its request id. Without one, the next number becomes the id.
    id: Option<String>,
    body: Bytes,
    timeout: Duration,
    answer: oneshot::Sender<Outcome>,
}

/// State that the connections of the process share.
struct Shared {
    arn: String,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>,
    state: watch::Sender<State>,
    in_flight: Mutex<InFlight>,
}

/// The event that the process is handling, with its request id.
#[derive(Default)]
struct InFlight {
    sent: u64,
    answer: Option<(String, oneshot::Sender<Outcome>)>,
}

impl RuntimeApi {
    pub(crate) async fn listen(function: &str) -> Result<Self> {
        let (events, queued) = mpsc::unbounded_channel();
        let (shown, state) = watch::channel(State::Starting);
        let shared = Shared {
            arn: format!("arn:aws:lambda:{REGION}:123456789012:function:{function}"),
            events: tokio::sync::Mutex::new(queued),
            state: shown,
            in_flight: Mutex::default(),
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
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns `true` if the process has asked for an event. Waits a moment for the request. Returns an error if the
    /// process reported that it can't start.
    pub(crate) async fn has_asked_for_event(&self) -> Result<bool> {
        let mut state = self.state.clone();
        let moved = tokio::time::timeout(POLL, state.wait_for(|state| *state != State::Starting)).await;
        match moved.ok().and_then(Result::ok).as_deref() {
            Some(State::FailedToStart(error)) => bail!("the function can't start: {error}"),
            Some(State::Asked) => Ok(true),
            Some(State::Starting) | None => Ok(false),
        }
    }

    /// Queues an event for the process's next request. The outcome arrives through the receiver. The receiver fails if
    /// there will be no outcome.
    pub(super) fn send_event(&self, event: &Value, timeout: Duration) -> Result<oneshot::Receiver<Outcome>> {
        self.queue(None, event.to_string().into(), timeout)
    }

    /// Queues an event with an existing request id. Otherwise like [`RuntimeApi::send_event`].
    pub(crate) fn send_event_with_id(
        &self,
        id: &str,
        event: Bytes,
        timeout: Duration,
    ) -> Result<oneshot::Receiver<Outcome>> {
        self.queue(Some(id.to_owned()), event, timeout)
    }

    fn queue(&self, id: Option<String>, body: Bytes, timeout: Duration) -> Result<oneshot::Receiver<Outcome>> {
        let (answer, answered) = oneshot::channel();
        let event = Event { id, body, timeout, answer };
        self.events.send(event).ok().context("the Lambda Runtime API has ended")?;
        Ok(answered)
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().trim_start_matches("/2018-06-01/runtime/").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["invocation", "next"] => self.next().await,
            ["invocation", id, "response"] => self.take(id, Outcome::Answered, request).await,
            ["invocation", id, "error"] => self.take(id, Outcome::Failed, request).await,
            ["init", "error"] => {
                let error = body(request).await.unwrap_or_default().to_string();
                self.state.send_replace(State::FailedToStart(error));
                status(202)
            }
            _ => status(404),
        }
    }

    /// Waits for an event. Until then the connection stays open, as Lambda's does.
    async fn next(&self) -> Answer {
        self.state.send_replace(State::Asked);
        let Some(event) = self.events.lock().await.recv().await else { return status(500) };
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.sent += 1;
        let number = in_flight.sent;
        let id = event.id.unwrap_or_else(|| format!("00000000-0000-4000-8000-{number:012x}"));
        in_flight.answer = Some((id.clone(), event.answer));
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", id)
            .header("lambda-runtime-deadline-ms", deadline(event.timeout))
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .header(
                "lambda-runtime-trace-id",
                format!("Root=1-00000000-{:024x};Parent=00000000000000f0;Sampled=1", number % TRACE_IDS),
            );
        response.body(Full::from(event.body)).unwrap_or_default()
    }

    async fn take(&self, id: &str, outcome: impl FnOnce(Value) -> Outcome, request: Request<Incoming>) -> Answer {
        // An incomplete body doesn't count: the process is ending.
        let Some(body) = body(request).await else { return status(400) };
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        match in_flight.answer.take_if(|(wanted, _)| wanted == id) {
            Some((_, answer)) => {
                drop(answer.send(outcome(body)));
                status(202)
            }
            None => status(400),
        }
    }
}

async fn body(request: Request<Incoming>) -> Option<Value> {
    let bytes = request.into_body().collect().await.ok()?.to_bytes();
    serde_json::from_slice(&bytes).ok()
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
