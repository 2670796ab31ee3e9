//! Events on their way in: what `lambda_http` would panic on is made harmless before it gets there.
//!
//! It builds a URI of host, scheme, path and query, and decodes the body, and unwraps each. A caller chooses most of
//! these, and a panic is a failed request without a summary line or a `request_id`. Of the URI nothing is used here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use lambda_http::tower::ServiceExt;
use lambda_http::tower::util::{MapRequest, MapResponse};
use lambda_http::{LambdaEvent, Request, RequestExt, Service};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::content::{Answer, Told};
use super::delivered::Delivered;

/// The longest path and query that become part of a URI, each as it stands there: a URI has 65,534 bytes at the most.
/// API Gateway takes 10,240 bytes of request line and headers.
const LONGEST_PART: usize = 30 * 1024;
/// What may not stand in a URI as it is, besides what isn't ASCII. Nothing is left that would be encoded again on the way.
const NOT_IN_URIS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'}');

/// A function's way in: an event of API Gateway's HTTP API (payload 2.0).
pub type Event = LambdaEvent<Delivered>;

/// A service of such events made of a service of requests.
pub type Events<S> = MapResponse<MapRequest<S, fn(Event) -> Request>, fn(Answer) -> Told>;

/// A service of requests as a service of events, for `lambda_runtime::run`.
pub fn events<S: Service<Request, Response = Answer>>(service: S) -> Events<S> {
    service.map_request(request as fn(Event) -> Request).map_response(Told::from as fn(Answer) -> Told)
}

/// An event as a request.
pub fn request(event: Event) -> Request {
    let LambdaEvent { payload, context } = tame(event);
    Request::from(payload).with_lambda_context(context)
}

/// The event without what can't be made a request of.
fn tame(event: Event) -> LambdaEvent<LambdaRequest> {
    let LambdaEvent { payload: Delivered(mut payload), context } = event;
    payload.headers.remove(HOST);
    payload.headers.remove("x-forwarded-proto");
    payload.request_context.domain_name = None;
    // It would be put before the path, as it is.
    payload.request_context.stage = None;
    let path = payload.raw_path.as_deref().filter(|path| path.starts_with('/'));
    payload.raw_path = Some(path.and_then(encoded).unwrap_or_else(|| "/".to_owned()));
    payload.raw_query_string = Some(payload.raw_query_string.as_deref().and_then(encoded).unwrap_or_default());
    if payload.is_base64_encoded && payload.body.as_deref().is_some_and(|body| STANDARD.decode(body).is_err()) {
        // Then it is taken as it is, and refused as what it is.
        payload.is_base64_encoded = false;
    }
    LambdaEvent { payload: LambdaRequest::ApiGatewayV2(payload), context }
}

/// A text as it may stand in a URI, unless it is too long for that.
fn encoded(text: &str) -> Option<String> {
    let whole = |text: &String| text.len() <= LONGEST_PART;
    // It never gets shorter.
    (text.len() <= LONGEST_PART).then(|| utf8_percent_encode(text, NOT_IN_URIS).to_string()).filter(whole)
}
