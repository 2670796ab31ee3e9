//! A proxy before DynamoDB: knows its calls by name, counts them with their capacity, and answers in its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It isn't carried out; this is answered.
    Answer(u16, Value),
    /// It isn't carried out; the connection is cut.
    CutBefore,
    /// It is carried out; the connection is cut before the answer.
    CutAfter,
    /// It isn't carried out, and never answered.
    Silence,
    /// It isn't carried out; all keys that it asks for are handed back as not processed.
    Unprocessed,
}

impl Fault {
    /// An error of DynamoDB's by its name.
    pub fn error(status: u16, name: &str) -> Self {
        Self::Answer(
            status,
            json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "staged" }),
        )
    }

    /// A cancelled transaction, with these codes as its reasons.
    pub fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code, "Message": "staged" })).collect();
        let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        Self::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }))
    }
}

/// A call that came through.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name: `UpdateItem`.
    pub operation: String,
    /// The capacity units that the engine said it consumed.
    pub capacity: f64,
    /// The request.
    pub request: Value,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    faults: VecDeque<(String, Fault)>,
    always: Option<Fault>,
    gates: Vec<(String, Arc<Semaphore>)>,
    forgetful: bool,
}

/// A running proxy; ends with the test's runtime.
pub struct DynamoDbProxy {
    /// Where it listens.
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl DynamoDbProxy {
    /// Starts one before an engine.
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        tokio::spawn(serve(listener, upstream.to_owned(), state.clone()));
        Self { endpoint, state }
    }

    /// The next call of this name meets a fault; several queue up.
    pub fn next(&self, operation: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((operation.to_owned(), fault));
    }

    /// From now on every call meets a fault, or with `None` no longer.
    pub fn always(&self, fault: Option<Fault>) {
        self.state.lock().unwrap().always = fault;
    }

    /// From now on every call of this name waits, seen but not carried out, until the gate is opened.
    pub fn hold(&self, operation: &str) -> Gate {
        let closed = Arc::new(Semaphore::new(0));
        self.state.lock().unwrap().gates.push((operation.to_owned(), closed.clone()));
        Gate(closed)
    }

    /// How many calls of this name have come since [`DynamoDbProxy::take`].
    pub fn count(&self, operation: &str) -> usize {
        self.state.lock().unwrap().seen.iter().filter(|call| call.operation == operation).count()
    }

    /// From now on no transaction is known by its token: as when DynamoDB has forgotten it, after ten minutes.
    pub fn forget_tokens(&self) {
        self.state.lock().unwrap().forgetful = true;
    }

    /// The calls since the last time this was asked.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    /// How many faults are still to come.
    pub fn faults_left(&self) -> usize {
        self.state.lock().unwrap().faults.len()
    }
}

/// What calls wait at. Opened for good, at the latest when it is dropped.
pub struct Gate(Arc<Semaphore>);

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn serve(listener: TcpListener, upstream: String, state: Arc<Mutex<State>>) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    while let Ok((stream, _)) = listener.accept().await {
        let (client, upstream, state) = (client.clone(), upstream.clone(), state.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| pass(request, &client, &upstream, &state));
            // A cut connection is an error here, and meant.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

async fn pass(
    request: Request<Incoming>,
    client: &Client<HttpConnector, Full<Bytes>>,
    upstream: &str,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let place = {
        let mut state = state.lock().unwrap();
        let request = serde_json::from_slice(&body).unwrap_or_default();
        state.seen.push(Seen { operation: operation.clone(), capacity: 0.0, request });
        state.seen.len() - 1
    };
    let gate = state.lock().unwrap().gates.iter().find(|(name, _)| *name == operation).map(|(_, gate)| gate.clone());
    if let Some(gate) = gate {
        // It never has a permit: what is waited for is that it closes.
        let _ = gate.acquire().await;
    }
    let fault = {
        let mut state = state.lock().unwrap();
        let queued = state.faults.iter().position(|(name, _)| *name == operation);
        let queued = queued.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault);
        queued.or_else(|| state.always.clone())
    };
    match &fault {
        Some(Fault::Answer(status, body)) => {
            let response = Response::builder().status(*status).header("content-type", "application/x-amz-json-1.0");
            return Ok(response.body(Full::from(body.to_string())).unwrap());
        }
        Some(Fault::Unprocessed) => {
            let request: Value = serde_json::from_slice(&body).unwrap();
            let body = json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] });
            return Ok(Response::new(Full::from(body.to_string())));
        }
        Some(Fault::CutBefore) => return Err(Cut),
        Some(Fault::Silence) => std::future::pending::<()>().await,
        Some(Fault::CutAfter) | None => {}
    }
    let body = if state.lock().unwrap().forgetful { without_token(&body) } else { body };
    head.headers.remove(hyper::header::CONTENT_LENGTH);
    head.uri = format!("{upstream}/").parse().unwrap();
    let response = client.request(Request::from_parts(head, Full::from(body))).await.map_err(|_| Cut)?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    if let Some(seen) = state.lock().unwrap().seen.get_mut(place) {
        seen.capacity = capacity(&body);
    }
    match fault {
        Some(Fault::CutAfter) => Err(Cut),
        _ => Ok(Response::from_parts(head, Full::from(body))),
    }
}

fn without_token(body: &Bytes) -> Bytes {
    let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(fields) = request.as_object_mut() {
        fields.remove("ClientRequestToken");
    }
    Bytes::from(request.to_string())
}

fn capacity(body: &[u8]) -> f64 {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match &body["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum(),
        table => table["CapacityUnits"].as_f64().unwrap_or_default(),
    }
}
