//! Invokes functions through `cargo lambda watch`, and never gives it more requests than it can handle.
//!
//! `cargo lambda watch` stops for good once more than 100 requests wait for one function. So each function has a lane.
//! As many requests as there are instances are in flight, and the others wait in the order of their arrival. If a
//! caller disconnects, its request stays in flight until it is answered, because `cargo lambda watch` still has it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;

use crate::lambda_host::TOKEN_HEADER;
use crate::watch::{Access, INSTANCES};

/// The time limit that API Gateway gives an integration. It includes the wait in the lane.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest answer that Lambda accepts from a function, in bytes.
const MAX_ANSWER_BYTES: usize = 6_291_556;
/// The time between two attempts to reach `cargo lambda watch`.
const PAUSE: Duration = Duration::from_millis(100);
/// The number of requests that may wait in a lane.
const MAX_WAITING: usize = 10_000;

/// All functions of the workspace. Clones share their lanes.
#[derive(Clone)]
pub(crate) struct Functions(Arc<Inner>);

struct Inner {
    access: Access,
    client: Client<HttpConnector, Full<Bytes>>,
    lanes: BTreeMap<String, Arc<Lane>>,
    /// The number of answers so far.
    answered: AtomicU64,
    /// `true` while requests may be sent to `cargo lambda watch`.
    open: watch::Sender<bool>,
}

/// The requests of one function.
struct Lane {
    places: Arc<Semaphore>,
    state: Mutex<LaneState>,
}

struct LaneState {
    waiting: usize,
    in_flight: usize,
    /// The time of the last answer, or of the first request in flight after a time without any.
    last_progress: Instant,
}

/// The reason for a missing answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvokeError {
    /// The function failed, or its answer exceeds Lambda's limit.
    Failed,
    /// The function did not answer in time, `cargo lambda watch` ended meanwhile, or too many requests are waiting.
    Unavailable,
    /// There is no function of that name.
    Unknown,
}

impl Functions {
    /// Creates the lanes of these functions, which are invoked through a running `cargo lambda watch`.
    pub(crate) fn new(names: Vec<String>, access: &Access) -> Self {
        let lanes = names.into_iter().map(|name| (name, Arc::new(Lane::new())));
        Self(Arc::new(Inner {
            access: access.clone(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            lanes: lanes.collect(),
            answered: AtomicU64::new(0),
            open: watch::Sender::new(true),
        }))
    }

    /// Returns `true` if this is the token of the run.
    pub(super) fn is_token(&self, shown: &str) -> bool {
        shown.trim() == self.0.access.token
    }

    /// Sends an event to a function when it is the event's turn, and returns the answer.
    pub(crate) async fn invoke(&self, function: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let lane = self.0.lanes.get(function).ok_or(InvokeError::Unknown)?.clone();
        let answer = self.clone().invoke_in_turn(lane, function.to_owned(), event);
        tokio::time::timeout(CALL_TIMEOUT, answer).await.unwrap_or(Err(InvokeError::Unavailable))
    }

    async fn invoke_in_turn(self, lane: Arc<Lane>, function: String, event: Bytes) -> Result<Bytes, InvokeError> {
        let waits = lane.wait()?;
        // Semaphores are fair: requests get their places in the order of arrival.
        let place = lane.places.clone().acquire_owned().await.map_err(|_| InvokeError::Unavailable)?;
        let mut open = self.0.open.subscribe();
        open.wait_for(|open| *open).await.map_err(|_| InvokeError::Unavailable)?;
        drop(waits);
        let (answer, answered) = oneshot::channel();
        let in_flight = lane.begin();
        // A separate task holds the place until there is an answer, even if the caller disconnects.
        tokio::spawn(async move {
            let result = self.send(&function, event).await;
            if result.is_ok() {
                self.0.answered.fetch_add(1, Ordering::Relaxed);
            }
            drop((in_flight, place));
            drop(answer.send(result));
        });
        answered.await.unwrap_or(Err(InvokeError::Unavailable))
    }

    /// Sends the event. Repeats it while `cargo lambda watch` does not listen, because such an event has reached no
    /// function.
    async fn send(&self, function: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        let deadline = Instant::now() + CALL_TIMEOUT;
        loop {
            match self.0.client.request(self.request(function, event.clone())?).await {
                Ok(answer) => return read(answer).await,
                Err(error) if error.is_connect() && Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(_) => return Err(InvokeError::Unavailable),
            }
        }
    }

    /// Builds an Invoke request (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).
    fn request(&self, function: &str, event: Bytes) -> Result<Request<Full<Bytes>>, InvokeError> {
        let Access { port, suffix, token } = &self.0.access;
        let address = format!("http://127.0.0.1:{port}/2015-03-31/functions/{function}{suffix}/invocations");
        let request = Request::builder().method(Method::POST).uri(address).header(TOKEN_HEADER, token);
        let request = request.header("content-type", "application/json").body(Full::from(event));
        request.map_err(|_| InvokeError::Failed)
    }

    /// Holds new requests back. Requests in flight continue.
    pub(crate) fn pause(&self) {
        self.0.open.send_replace(false);
    }

    /// Sends requests again. Restarts the clock of those in flight.
    pub(crate) fn resume(&self) {
        for lane in self.0.lanes.values() {
            lane.state().last_progress = Instant::now();
        }
        self.0.open.send_replace(true);
    }

    /// Returns the number of answers so far, of all functions.
    pub(crate) fn answered(&self) -> u64 {
        self.0.answered.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that `cargo lambda watch` has, of all functions.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.lanes.values().map(|lane| lane.state().in_flight).sum()
    }

    /// Returns the function with requests in flight that has been silent the longest, and the length of that silence.
    pub(crate) fn longest_silence(&self) -> Option<(&str, Duration)> {
        let silent = self.0.lanes.iter().filter_map(|(name, lane)| Some((name.as_str(), lane.silence()?)));
        silent.max_by_key(|(_, silence)| *silence)
    }
}

async fn read(answer: Response<Incoming>) -> Result<Bytes, InvokeError> {
    let is_success = answer.status().is_success();
    match Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await {
        Ok(body) if is_success => Ok(body.to_bytes()),
        _ => Err(InvokeError::Failed),
    }
}

impl Lane {
    fn new() -> Self {
        let state = LaneState { waiting: 0, in_flight: 0, last_progress: Instant::now() };
        Self { places: Arc::new(Semaphore::new(INSTANCES)), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(self: &Arc<Self>) -> Result<Waiting, InvokeError> {
        let mut state = self.state();
        if state.waiting >= MAX_WAITING {
            return Err(InvokeError::Unavailable);
        }
        state.waiting += 1;
        Ok(Waiting(self.clone()))
    }

    fn begin(self: &Arc<Self>) -> InFlight {
        let mut state = self.state();
        if state.in_flight == 0 {
            state.last_progress = Instant::now();
        }
        state.in_flight += 1;
        InFlight(self.clone())
    }

    fn silence(&self) -> Option<Duration> {
        let state = self.state();
        (state.in_flight > 0).then(|| state.last_progress.elapsed())
    }
}

/// A request that waits for its turn.
struct Waiting(Arc<Lane>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

/// A request in flight.
struct InFlight(Arc<Lane>);

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.last_progress = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::server::{Server, json};

    /// A server in place of `cargo lambda watch`. It counts its requests and answers one for each permit.
    struct Counting {
        server: Server,
        arrived: watch::Receiver<usize>,
        most: Arc<AtomicUsize>,
        permits: Arc<Semaphore>,
    }

    impl Counting {
        async fn start() -> Self {
            let (arrivals, arrived) = watch::channel(0);
            let (arrivals, in_flight, most) =
                (Arc::new(arrivals), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let permits = Arc::new(Semaphore::new(0));
            let (highest, released) = (most.clone(), permits.clone());
            let server = Server::start(0, move |_, request| {
                let (arrivals, in_flight, highest, released) =
                    (arrivals.clone(), in_flight.clone(), highest.clone(), released.clone());
                async move {
                    highest.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    arrivals.send_modify(|arrived| *arrived += 1);
                    let path = request.uri().path().to_owned();
                    let token = request.headers()[TOKEN_HEADER].to_str().unwrap_or_default().to_owned();
                    released.acquire().await.unwrap().forget();
                    in_flight.fetch_sub(1, Ordering::SeqCst);
                    json(200, &serde_json::json!({ "path": path, "token": token }))
                }
            });
            Self { server: server.await.unwrap(), arrived, most, permits }
        }

        fn functions(&self) -> Functions {
            let access = Access { port: self.server.port(), suffix: "-0f".to_owned(), token: "secret".to_owned() };
            Functions::new(vec!["book".to_owned(), "reserve".to_owned()], &access)
        }

        async fn wait_for(&mut self, arrivals: usize) {
            self.arrived.wait_for(|arrived| *arrived >= arrivals).await.unwrap();
        }
    }

    #[tokio::test]
    async fn requests_in_flight_never_exceed_instances() {
        let mut counting = Counting::start().await;
        let functions = counting.functions();
        let calls = tokio::spawn({
            let functions = functions.clone();
            async move { join_all((0..200).map(|_| functions.invoke("book", Bytes::new()))).await }
        });
        counting.wait_for(INSTANCES).await;
        assert_eq!(functions.in_flight(), INSTANCES);
        // Another function isn't blocked by it.
        let other = tokio::spawn({
            let functions = functions.clone();
            async move { functions.invoke("reserve", Bytes::new()).await }
        });
        counting.wait_for(INSTANCES + 1).await;
        counting.permits.add_permits(201);
        assert!(calls.await.unwrap().iter().all(Result::is_ok));
        let answer = String::from_utf8(other.await.unwrap().unwrap().to_vec()).unwrap();
        assert!(answer.contains("/functions/reserve-0f/invocations") && answer.contains("secret"), "{answer}");
        assert!(counting.most.load(Ordering::SeqCst) <= INSTANCES + 1);
        assert_eq!((functions.in_flight(), functions.longest_silence()), (0, None));
    }

    #[tokio::test]
    async fn abandoned_request_keeps_its_place_until_answered() {
        let mut counting = Counting::start().await;
        let functions = counting.functions();
        let caller = tokio::spawn({
            let functions = functions.clone();
            async move { functions.invoke("book", Bytes::new()).await }
        });
        counting.wait_for(1).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(functions.in_flight(), 1);
        counting.permits.add_permits(2);
        assert!(functions.invoke("book", Bytes::new()).await.is_ok());
    }

    #[tokio::test]
    async fn requests_wait_while_paused() {
        let mut counting = Counting::start().await;
        counting.permits.add_permits(1);
        let functions = counting.functions();
        functions.pause();
        let caller = tokio::spawn({
            let functions = functions.clone();
            async move { functions.invoke("book", Bytes::new()).await }
        });
        while functions.0.lanes["book"].state().waiting == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(functions.in_flight(), 0);
        functions.resume();
        counting.wait_for(1).await;
        assert!(caller.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn oversized_answer_is_an_error() {
        for (size, is_taken) in [(MAX_ANSWER_BYTES, true), (MAX_ANSWER_BYTES + 1, false)] {
            let server =
                Server::start(0, move |_, _| async move { Response::new(vec![b' '; size].into()) }).await.unwrap();
            let access = Access { port: server.port(), suffix: String::new(), token: "secret".to_owned() };
            let answer = Functions::new(vec!["book".to_owned()], &access).invoke("book", Bytes::new()).await;
            assert_eq!(
                answer.map_err(|why| why == InvokeError::Failed).map(|body| body.len()),
                if is_taken { Ok(size) } else { Err(true) }
            );
        }
    }

    #[tokio::test]
    async fn unknown_function_is_an_error() {
        let counting = Counting::start().await;
        assert_eq!(counting.functions().invoke("nothing", Bytes::new()).await, Err(InvokeError::Unknown));
    }
}
