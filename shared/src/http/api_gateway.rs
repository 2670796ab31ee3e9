//! Conversion of events to requests.
//!
//! `lambda_http` could do it too. But it builds a URI of host, scheme, path and query, decodes the body, and unwraps
//! each result. Callers choose most of these, and after a panic the failed request has no access log and no
//! `request_id`. No code here uses the URI, so none is built.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::request::RequestContext;
use lambda_http::tower::ServiceExt;
use lambda_http::tower::util::{MapRequest, MapResponse};
use lambda_http::{Body, LambdaEvent, Request, RequestExt, Service};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::api_gateway_event::ApiGatewayEvent;
use super::response_body::{Answer, LambdaResponse};

/// The maximum length of the path and of the query, each as it would be in a URI. API Gateway accepts 10,240 bytes of
/// request line and headers.
pub(super) const MAX_PART_BYTES: usize = 30 * 1024;
/// The characters that have to be encoded in the path of a URI (RFC 3986, 3.3). `%` begins an encoded byte, and is
/// handled separately.
const NOT_IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Marks a request whose query is too long to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueryTooLong;

/// The input of a function: an event of API Gateway's HTTP API (payload 2.0).
pub type Event = LambdaEvent<ApiGatewayEvent>;

/// A service of events, made from a service of requests.
pub type Events<S> = MapResponse<MapRequest<S, fn(Event) -> Request>, fn(Answer) -> LambdaResponse>;

/// Converts a service of requests to a service of events, for [`crate::startup::run`].
pub fn events<S: Service<Request, Response = Answer>>(service: S) -> Events<S> {
    service
        .map_request(request as fn(Event) -> Request)
        .map_response(LambdaResponse::from as fn(Answer) -> LambdaResponse)
}

/// Converts an event to a request.
pub fn request(event: Event) -> Request {
    let LambdaEvent { payload: ApiGatewayEvent(payload), context } = event;
    let path = payload.raw_path.as_deref().filter(|path| path.starts_with('/'));
    let path = path.and_then(path_of_uri).unwrap_or_else(|| "/".to_owned());
    let query = payload.raw_query_string.as_deref().unwrap_or_default();
    let is_too_long = query.len() > MAX_PART_BYTES;
    let Ok(query) = (if is_too_long { "" } else { query }).parse::<QueryMap>();
    let mut request =
        Request::new(payload.body.map_or(Body::Empty, |body| decode_body(body, payload.is_base64_encoded)));
    *request.method_mut() = payload.request_context.http.method.clone();
    *request.headers_mut() = payload.headers;
    if is_too_long {
        request.extensions_mut().insert(QueryTooLong);
    }
    request
        .with_raw_http_path(path)
        .with_query_string_parameters(query)
        .with_path_parameters(payload.path_parameters)
        .with_request_context(RequestContext::ApiGatewayV2(payload.request_context))
        .with_lambda_context(context)
}

/// Decodes a body. A body with invalid base64 is kept as it is, and is rejected later for its content.
fn decode_body(body: String, is_base64: bool) -> Body {
    match is_base64.then(|| STANDARD.decode(&body)) {
        Some(Ok(bytes)) => Body::Binary(bytes),
        _ => Body::Text(body),
    }
}

/// Encodes a path as a URI needs it, unless it is too long. An encoded byte (`%41`) stays, and a stray `%` is encoded.
fn path_of_uri(path: &str) -> Option<String> {
    if path.len() > MAX_PART_BYTES {
        return None;
    }
    // Two slashes at the beginning would make the first part a host (RFC 3986, 4.2).
    let mut encoded = String::from(if path.starts_with("//") { "/." } else { "" });
    for (place, part) in path.split('%').enumerate() {
        if place > 0 {
            let is_byte = part.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
            encoded.push_str(if is_byte { "%" } else { "%25" });
        }
        encoded.extend(utf8_percent_encode(part, NOT_IN_PATHS));
    }
    (encoded.len() <= MAX_PART_BYTES).then_some(encoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The grammar of `path-absolute` in RFC 3986.
    fn is_absolute_path(text: &str) -> bool {
        let bytes = text.as_bytes();
        let is_byte = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        let allowed = |(at, c): (usize, &u8)| match c {
            b'%' => is_byte(at),
            c => c.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(c),
        };
        text.starts_with('/') && !text.starts_with("//") && bytes.iter().enumerate().all(allowed)
    }

    #[test]
    fn path_is_encoded_only_where_needed() {
        for (path, expected) in [
            ("/v1/theaters/1/seats", "/v1/theaters/1/seats"),
            ("/v1/theaters/Saal 50%/seats", "/v1/theaters/Saal%2050%25/seats"),
            ("/a%20b%2fc%zz%4", "/a%20b%2fc%25zz%254"),
            ("/[a]|{b}^`<>\"\\", "/%5Ba%5D%7C%7Bb%7D%5E%60%3C%3E%22%5C"),
            ("/a?b#c", "/a%3Fb%23c"),
            ("/a-._~!$&'()*+,;=:@b", "/a-._~!$&'()*+,;=:@b"),
            ("//host/a", "/.//host/a"),
            ("/座", "/%E5%BA%A7"),
            ("/%é1", "/%25%C3%A91"),
        ] {
            assert_eq!(path_of_uri(path).as_deref(), Some(expected));
            assert!(is_absolute_path(expected), "{expected}");
        }
    }

    proptest! {
        #[test]
        fn any_path_becomes_a_valid_uri_reference(rest in "\\PC{0,40}", odd in "[%/?#\\[\\]{}|a-f0-9\u{0}\u{7f} ]{0,40}") {
            for path in [format!("/{rest}"), format!("/{odd}"), format!("/{rest}%{odd}")] {
                let encoded = path_of_uri(&path).unwrap();
                prop_assert!(is_absolute_path(&encoded), "{path:?} became {encoded:?}");
                // An encoded path stays as it is.
                prop_assert_eq!(path_of_uri(&encoded), Some(encoded.clone()));
            }
        }
    }
}
