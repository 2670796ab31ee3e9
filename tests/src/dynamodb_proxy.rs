//! A proxy in front of DynamoDB. It records calls with their names and capacity, and can answer them itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::connections::{Connection, Connections};
use crate::gate::Gate;
pub use fault::Fault;
use fault::{Answer, Cut, answer_in_place};

mod fault;

/// A call that reached the proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// The operation's name, such as `UpdateItem`.
    pub operation: String,
    /// The capacity units that the engine reported.
    pub capacity: f64,
    pub request: Value,
    /// The fault that was applied to the call.
    pub fault: Option<Fault>,
    /// True if the engine carried out the call. `None` while the call is on its way, or if the connection was lost
    /// before an answer.
    pub carried_out: Option<bool>,
    serial: u64,
}

#[derive(Default)]
struct State {
    seen: Vec<RecordedCall>,
    serial: u64,
    faults: VecDeque<(String, Fault)>,
    always: Option<Fault>,
    barriers: Vec<(String, Arc<Semaphore>)>,
    removes_tokens: bool,
}

/// A running proxy. It ends with the test's runtime.
pub struct DynamoDbProxy {
    /// The URL that the proxy listens on.
    pub endpoint: String,
    proxy: Arc<Proxy>,
}

struct Proxy {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    gate: Gate,
    connections: Connections,
    state: Mutex<State>,
    under_way: watch::Sender<usize>,
}

impl DynamoDbProxy {
    /// Starts a proxy in front of an engine.
    pub async fn before(upstream: &str) -> Self {
        Self::behind(Gate::default(), upstream).await
    }

    /// Starts a proxy whose calls pass a gate.
    pub async fn behind(gate: Gate, upstream: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (connections, state, under_way) = Default::default();
        let proxy = Proxy { upstream: upstream.to_owned(), client, gate, connections, state, under_way };
        let proxy = Arc::new(proxy);
        tokio::spawn(serve(listener, proxy.clone()));
        Self { endpoint, proxy }
    }

    /// Queues a fault for the next call of this operation.
    pub fn next(&self, operation: &str, fault: Fault) {
        self.proxy.state().faults.push_back((operation.to_owned(), fault));
    }

    /// Removes all queued faults.
    pub fn clear_queued_faults(&self) {
        self.proxy.state().faults.clear();
    }

    /// Applies a fault to every call from now on, or stops doing so with `None`.
    pub fn always(&self, fault: Option<Fault>) {
        self.proxy.state().always = fault;
    }

    /// Holds every later call of this operation until the barrier is dropped. A held call is recorded, but not carried
    /// out.
    pub fn hold(&self, operation: &str) -> Barrier {
        let closed = Arc::new(Semaphore::new(0));
        self.proxy.state().barriers.push((operation.to_owned(), closed.clone()));
        Barrier(closed)
    }

    /// Returns the number of recorded calls of this operation.
    pub fn count(&self, operation: &str) -> usize {
        self.proxy.state().seen.iter().filter(|call| call.operation == operation).count()
    }

    /// Removes the token from every later transaction. DynamoDB forgets tokens in the same way after ten minutes.
    pub fn forget_tokens(&self) {
        self.proxy.state().removes_tokens = true;
    }

    /// Freezes all current connections, as if their instance were frozen. They stay open, and no call on them is
    /// carried out or answered. New connections work.
    pub fn freeze_connections(&self) {
        self.proxy.connections.freeze();
    }

    /// Resets all current connections. New connections work.
    pub fn reset_connections(&self) {
        self.proxy.connections.cut();
    }

    /// Removes and returns the recorded calls.
    pub fn take(&self) -> Vec<RecordedCall> {
        std::mem::take(&mut self.proxy.state().seen)
    }

    /// Removes the queued faults and the fault of every call.
    pub fn clear_faults(&self) {
        let mut state = self.proxy.state();
        state.faults.clear();
        state.always = None;
    }

    /// Waits until no call is on its way to the engine.
    pub async fn wait_until_idle(&self) {
        // Can't fail: `self` keeps the sender alive.
        let _ = self.proxy.under_way.subscribe().wait_for(|calls| *calls == 0).await;
    }

    /// Returns the number of queued faults.
    pub fn queued_faults(&self) -> usize {
        self.proxy.state().faults.len()
    }
}

/// A barrier that holds calls. Dropping it lets all of them continue.
pub struct Barrier(Arc<Semaphore>);

impl Drop for Barrier {
    fn drop(&mut self) {
        self.0.close();
    }
}

async fn serve(listener: TcpListener, proxy: Arc<Proxy>) {
    while let Ok((stream, _)) = listener.accept().await {
        // A cut connection is reset, as by a host that no longer knows it.
        let _ = stream.set_zero_linger();
        let proxy = proxy.clone();
        tokio::spawn(async move {
            let connection = proxy.connections.accept();
            let service = service_fn(|request| proxy.pass(request, &connection));
            let server = hyper::server::conn::http1::Builder::new();
            tokio::select! {
                // A cut connection is an error here. It is intended.
                _ = server.serve_connection(TokioIo::new(stream), service) => {}
                () = connection.cut() => {}
            }
        });
    }
}

impl Proxy {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn pass(self: &Arc<Self>, request: Request<Incoming>, connection: &Connection) -> Result<Answer, Cut> {
        let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let serial = self.record_call(&operation, &body);
        if connection.is_frozen() {
            std::future::pending::<()>().await;
        }
        self.wait_at_barriers(&operation).await;
        let fault = self.fault_of(&operation, serial);
        if let Some(answer) = answer_in_place(fault.as_ref(), &body).await {
            return answer;
        }
        // Runs in a task of its own, so that the call reaches the engine even if the caller disconnects.
        self.under_way.send_modify(|calls| *calls += 1);
        let proxy = self.clone();
        let carried_out = tokio::spawn(async move {
            let answer = proxy.forward(head, body, serial).await;
            proxy.under_way.send_modify(|calls| *calls -= 1);
            answer
        });
        let carried_out = carried_out.await;
        let answer = carried_out.map_err(|_| Cut)??;
        match fault {
            Some(Fault::CutAfter) => return Err(Cut),
            Some(Fault::Late(late)) => tokio::time::sleep(late).await,
            _ => {}
        }
        Ok(answer)
    }

    /// Records a call under its own number. The number finds the call even after [`DynamoDbProxy::take`].
    fn record_call(&self, operation: &str, body: &[u8]) -> u64 {
        let request = serde_json::from_slice(body).unwrap_or_default();
        let mut state = self.state();
        state.serial += 1;
        let serial = state.serial;
        let operation = operation.to_owned();
        state.seen.push(RecordedCall { operation, capacity: 0.0, request, fault: None, carried_out: None, serial });
        serial
    }

    /// Updates a recorded call, if it is still recorded.
    fn add(&self, serial: u64, change: impl FnMut(&mut RecordedCall)) {
        self.state().seen.iter_mut().find(|seen| seen.serial == serial).into_iter().for_each(change);
    }

    async fn wait_at_barriers(&self, operation: &str) {
        let barrier =
            self.state().barriers.iter().find(|(name, _)| name == operation).map(|(_, barrier)| barrier.clone());
        if let Some(barrier) = barrier {
            // The semaphore never has a permit. The call waits until it is closed.
            let _ = barrier.acquire().await;
        }
    }

    fn fault_of(&self, operation: &str, serial: u64) -> Option<Fault> {
        let fault = {
            let mut state = self.state();
            let queued = state.faults.iter().position(|(name, _)| name == operation);
            let queued = queued.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault);
            queued.or_else(|| state.always.clone())
        };
        self.add(serial, |seen| {
            seen.carried_out = fault.as_ref().filter(|fault| !fault.is_carried_out()).map(|_| false);
            seen.fault = fault.clone();
        });
        fault
    }

    /// Forwards a call to the engine.
    async fn forward(&self, mut head: Parts, body: Bytes, serial: u64) -> Result<Answer, Cut> {
        let ticket = self.gate.enter().await.ok_or(Cut)?;
        let body = if self.state().removes_tokens { without_token(&body) } else { body };
        head.headers.remove(hyper::header::CONTENT_LENGTH);
        head.uri = format!("{}/", self.upstream).parse().unwrap();
        let response = self.client.request(Request::from_parts(head, Full::from(body))).await.map_err(|_| Cut)?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        self.add(serial, |seen| {
            seen.capacity = capacity(&body);
            seen.carried_out = Some(head.status.is_success());
        });
        self.gate.leave(ticket).await;
        Ok(Response::from_parts(head, Full::from(body)))
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
