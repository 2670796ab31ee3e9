//! Events as bytes, taken the whole way that a function takes them: parsed, made harmless, handled, and answered as the
//! runtime tells Lambda.

use std::sync::OnceLock;

use boxoffice::http::event::events;
use boxoffice::http::routes::ROUTES;
use boxoffice::usecases::BoxOffice;
use lambda_http::http::Method;
use lambda_http::tower::ServiceExt;
use lambda_http::{Context, LambdaEvent, Request, service_fn};

use crate::Reply;
use crate::event::serve;

/// The request made of an event, and its answer.
#[derive(Debug)]
pub struct Delivery {
    /// The method of the request that was made of it.
    pub method: Method,
    /// The answer.
    pub reply: Reply,
}

/// The API's routes.
pub fn routes() -> Vec<&'static str> {
    ROUTES.iter().map(|route| route.key).collect()
}

/// Hands an event to the function of a route. Returns nothing for bytes that are no event of API Gateway's: those the
/// runtime refuses before any code of ours.
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
    let told = serde_json::to_vec(&response).expect("an answer");
    let reply = Reply::of_function(&serde_json::from_slice(&told).expect("JSON"));
    Some(Delivery { method: method.into_inner().expect("a request"), reply })
}
