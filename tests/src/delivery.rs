//! Delivery of events to the functions' handlers.

use std::convert::Infallible;
use std::sync::OnceLock;

use boxoffice::app::BoxOffice;
use boxoffice::http::api_gateway::{events, request};
use boxoffice::http::response_body::Answer;
use boxoffice::http::router::{FunctionName, ROUTES, Route};
use boxoffice::http::routes::FUNCTIONS;
use boxoffice::sync_cache;
use lambda_http::http::Method;
use lambda_http::tower::ServiceExt;
use lambda_http::{Context, LambdaEvent, Request, service_fn};
use serde_json::Value;

use crate::contract;
use crate::reply::Reply;

/// The request made from an event, and its answer.
#[derive(Debug)]
pub struct Delivery {
    /// The method of the request.
    pub method: Method,
    pub reply: Reply,
}

/// Returns the keys of the API's routes, on theaters and on shows.
pub fn routes() -> Vec<&'static str> {
    ROUTES.iter().flat_map(Route::keys).collect()
}

/// Sends the raw bytes of an event to the function of a route. The event is parsed, sanitized and handled, and the
/// answer is serialized as for Lambda. Returns `None` if the bytes aren't an API Gateway event, because the
/// runtime rejects such bytes before any of our code runs.
pub async fn deliver(office: &BoxOffice, route: &'static str, event: &[u8]) -> Option<Delivery> {
    let payload = serde_json::from_slice(event).ok()?;
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    let method = OnceLock::new();
    let service = service_fn(async |request: Request| {
        method.get_or_init(|| request.method().clone());
        serve(office, route, &request).await
    });
    let Ok(response) = events(service).oneshot(LambdaEvent::new(payload, context)).await;
    let serialized = serde_json::to_vec(&response).expect("an answer");
    let reply = Reply::of_function(&serde_json::from_slice(&serialized).expect("JSON"));
    Some(Delivery { method: method.into_inner().expect("a request"), reply })
}

/// Returns the function that serves a route.
pub(crate) fn function_of(route: &str) -> FunctionName {
    let get = route.replace("HEAD ", "GET ");
    let found = ROUTES.iter().find(|known| known.keys().any(|key| key == get));
    found.unwrap_or_else(|| panic!("no route {route}")).function
}

/// Sends a batch of the table's stream through the handler of sync-cache, and returns its answer.
pub async fn send_batch(office: &BoxOffice, event: Value) -> Value {
    let outcome = sync_cache::handle(office, LambdaEvent::new(event, Context::default())).await.expect("a batch");
    serde_json::to_value(outcome).unwrap()
}

/// Sends the text of an event through the handler of a route.
pub async fn send_event(office: &BoxOffice, route: &str, event: &str) -> Reply {
    let payload = serde_json::from_str(event).expect("an event");
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    let request = &request(LambdaEvent::new(payload, context));
    let Ok(answer) = serve(office, route, request).await;
    let reply = Reply::from(answer);
    contract::check(route, &reply);
    reply
}

/// Serves a request by the function of a route.
async fn serve(office: &BoxOffice, route: &str, request: &Request) -> Result<Answer, Infallible> {
    let name = function_of(route);
    let function = FUNCTIONS.into_iter().find(|function| function.name == name);
    boxoffice::http::serve(office, function.unwrap_or_else(|| panic!("no function {name:?}")), request).await
}
