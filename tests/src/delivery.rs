//! Delivery of raw event bytes to a function. The event is parsed, sanitized and handled, and the answer is serialized
//! as for Lambda.

use std::sync::OnceLock;

use boxoffice::app::BoxOffice;
use boxoffice::http::api_gateway::events;
use boxoffice::http::router::ROUTES;
use lambda_http::http::Method;
use lambda_http::tower::ServiceExt;
use lambda_http::{Context, LambdaEvent, Request, service_fn};

use crate::Reply;
use crate::event::serve;

/// The request made from an event, and its answer.
#[derive(Debug)]
pub struct Delivery {
    /// The method of the request.
    pub method: Method,
    pub reply: Reply,
}

/// Returns the API's routes.
pub fn routes() -> Vec<&'static str> {
    ROUTES.iter().map(|route| route.key).collect()
}

/// Sends an event to the function of a route. Returns `None` if the bytes aren't an API Gateway event, because the
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
