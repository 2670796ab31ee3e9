//! Events on their way in, as requests.
//!
//! `lambda_http` would make requests of them too. But it builds a URI of host, scheme, path and query, and decodes the body,
//! and unwraps each: a caller chooses most of these, and a panic is a failed request without a summary line or a
//! `request_id`. Of the URI nothing is used here, so there is none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use lambda_http::tower::ServiceExt;
use lambda_http::tower::util::{MapRequest, MapResponse};
use lambda_http::{Body, LambdaEvent, Request, RequestExt, Service};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::content::{Answer, Told};
use super::delivered::Delivered;

/// The longest path and query that are taken, each as it would stand in a URI. API Gateway takes 10,240 bytes of request line
/// and headers.
const LONGEST_PART: usize = 30 * 1024;
/// What may not stand in a URI as it is, besides what isn't ASCII. A path is shown in problems and in links.
const NOT_IN_URIS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'}');

/// A function's way in: an event of API Gateway's HTTP API (payload 2.0).
pub type Event = LambdaEvent<Delivered>;

/// A service of such events made of a service of requests.
pub type Events<S> = MapResponse<MapRequest<S, fn(Event) -> Request>, fn(Answer) -> Told>;

/// A service of requests as a service of events, for [`crate::startup::run`].
pub fn events<S: Service<Request, Response = Answer>>(service: S) -> Events<S> {
    service.map_request(request as fn(Event) -> Request).map_response(Told::from as fn(Answer) -> Told)
}

/// An event as a request.
pub fn request(event: Event) -> Request {
    let LambdaEvent { payload: Delivered(payload), context } = event;
    let path = payload.raw_path.as_deref().filter(|path| path.starts_with('/'));
    let path = path.and_then(encoded).unwrap_or_else(|| "/".to_owned());
    let query = payload.raw_query_string.as_deref().and_then(encoded).unwrap_or_default();
    let Ok(query) = query.parse::<QueryMap>();
    let mut request = Request::new(payload.body.map_or(Body::Empty, |body| decoded(body, payload.is_base64_encoded)));
    *request.method_mut() = payload.request_context.http.method.clone();
    *request.headers_mut() = payload.headers;
    request
        .with_raw_http_path(path)
        .with_query_string_parameters(query)
        .with_path_parameters(payload.path_parameters)
        .with_request_context(RequestContext::ApiGatewayV2(payload.request_context))
        .with_lambda_context(context)
}

/// A body as it was sent. One that isn't the base64 that it should be is taken as it is, and refused as what it is.
fn decoded(body: String, is_base64: bool) -> Body {
    match is_base64.then(|| STANDARD.decode(&body)) {
        Some(Ok(bytes)) => Body::Binary(bytes),
        _ => Body::Text(body),
    }
}

/// A text as it may stand in a URI, unless it is too long for that.
fn encoded(text: &str) -> Option<String> {
    let whole = |text: &String| text.len() <= LONGEST_PART;
    // It never gets shorter.
    (text.len() <= LONGEST_PART).then(|| utf8_percent_encode(text, NOT_IN_URIS).to_string()).filter(whole)
}
