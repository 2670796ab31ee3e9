//! Events as bytes, taken the whole way that a function takes them: parsed, made harmless, handled, and answered as the
//! runtime tells Lambda.

use boxoffice::http::event::events;
use boxoffice::http::routes::ROUTES;
use boxoffice::usecases::BoxOffice;
use lambda_http::tower::ServiceExt;
use lambda_http::{Context, LambdaEvent, Request, service_fn};

use crate::Reply;
use crate::event::serve;

/// The API's routes.
pub fn routes() -> Vec<&'static str> {
    ROUTES.iter().map(|route| route.key).collect()
}

/// Hands an event to the function of a route. Nothing comes back for bytes that are no event of API Gateway's: those
/// the runtime refuses before any code of ours.
pub async fn deliver(office: &BoxOffice, route: &'static str, event: &[u8]) -> Option<Reply> {
    let payload = serde_json::from_slice(event).ok()?;
    let mut context = Context::default();
    context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    let service = service_fn(async |request: Request| serve(office, route, &request).await);
    let Ok(response) = events(service).oneshot(LambdaEvent::new(payload, context)).await;
    let told = serde_json::to_vec(&response).expect("an answer");
    Some(Reply::of_function(&serde_json::from_slice(&told).expect("JSON")))
}
