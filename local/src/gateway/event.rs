//! A request as an event in payload 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::routes::RouteMatch;

/// Facts about a request that are not part of it.
pub(super) struct RequestInfo<'a> {
    pub(super) id: &'a str,
    /// The host and port that are served.
    pub(super) domain: &'a str,
    /// The caller's address.
    pub(super) caller: IpAddr,
    pub(super) now: Timestamp,
}

/// Returns the event for a function. The caller's input is passed on unchanged. The caller's identity is in
/// `authorizer` only, which no caller can write.
pub(super) fn of(
    arrival: &RequestInfo<'_>,
    head: &Parts,
    body: &Bytes,
    route: &RouteMatch,
    claims: Option<Map<String, Value>>,
) -> Value {
    let headers = headers(arrival, head, body);
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": arrival.domain,
            "domainPrefix": "local",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": arrival.caller.to_string(),
                "userAgent": headers.get(USER_AGENT.as_str()).cloned().unwrap_or_default(),
            },
            "requestId": arrival.id,
            "routeKey": route.key,
            "stage": "v1",
            "time": arrival.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": arrival.now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    event["headers"] = Value::Object(headers);
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event["cookies"] = cookies.into();
    }
    if !route.parameters.is_empty() {
        event["pathParameters"] = json!(route.parameters);
    }
    if let Some(claims) = claims {
        // API Gateway lists scopes only if a route requires some. No route does. The functions check scopes themselves.
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters(query));
    }
    put_body(&mut event, &head.headers, body);
    event
}

/// Headers that concern one connection only.
const HOP_BY_HOP_HEADERS: [&str; 8] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"];

/// Returns the headers with lower-case names, including those that API Gateway adds. Several values of one name are
/// joined by commas.
fn headers(arrival: &RequestInfo<'_>, head: &Parts, body: &Bytes) -> Map<String, Value> {
    let sent = &head.headers;
    let mut headers = Map::new();
    let names = sent.keys().filter(|name| **name != COOKIE && !HOP_BY_HOP_HEADERS.contains(&name.as_str()));
    for name in names {
        let values: Vec<_> = sent.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), values.join(",").into());
    }
    let caller = arrival.caller.to_string();
    let forwarded = match headers.get("x-forwarded-for").and_then(Value::as_str) {
        Some(before) => format!("{before}, {caller}"),
        None => caller,
    };
    let port = arrival.domain.rsplit_once(':').map_or("80", |(_, port)| port);
    let trace = format!("Root=1-{:08x}-{:024x}", arrival.now.as_second(), fastrand::u128(..) >> 32);
    let added = [
        ("content-length", body.len().to_string()),
        ("host", arrival.domain.to_owned()),
        ("x-amzn-trace-id", trace),
        ("x-forwarded-for", forwarded),
        ("x-forwarded-port", port.to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    headers.extend(added.map(|(name, value)| (name.to_owned(), value.into())));
    headers
}

fn cookies(sent: &HeaderMap) -> Vec<String> {
    let texts = sent.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies = texts.flat_map(|text| text.split(';')).map(|cookie| cookie.trim().to_owned());
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// Decodes a query string. Several values of one name are joined by commas.
fn parameters(query: &str) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let joined = match parameters.get(name.as_ref()).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.into_owned(),
        };
        parameters.insert(name.into_owned(), joined.into());
    }
    parameters
}

/// Puts the body into the event: as text if its content type says so, otherwise as base64.
fn put_body(event: &mut Value, headers: &HeaderMap, body: &Bytes) {
    if body.is_empty() {
        return;
    }
    match std::str::from_utf8(body) {
        Ok(text) if is_text(headers) => event["body"] = text.into(),
        _ => {
            event["body"] = STANDARD.encode(body).into();
            event["isBase64Encoded"] = true.into();
        }
    }
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let texts = ["text/", "application/json", "application/javascript", "application/xml"];
    texts.iter().any(|text| kind.starts_with(text)) && !headers.contains_key(CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::Request;

    use super::*;

    fn event(request: Request<&'static [u8]>, claims: Option<Map<String, Value>>) -> Value {
        let route = RouteMatch {
            key: "GET /theaters/{theaterId}".to_owned(),
            function: "theaters".to_owned(),
            parameters: BTreeMap::from([("theaterId".to_owned(), "1".to_owned())]),
        };
        let (head, body) = request.into_parts();
        let now = "2026-11-22T18:00:00Z".parse().unwrap();
        let arrival = RequestInfo { id: "an-id", domain: "127.0.0.1:8000", caller: [127, 0, 0, 1].into(), now };
        of(&arrival, &head, &Bytes::from_static(body), &route, claims)
    }

    #[test]
    fn event_contains_request_and_claims() {
        let request = Request::get("/v1/theaters/1?seats=A1&seats=A+2%2C")
            .header("Host", "localhost:8000")
            .header("X-Odd", "a")
            .header("x-odd", "b")
            .header("connection", "keep-alive")
            .header("X-Forwarded-For", "192.0.2.1")
            .header("content-type", "application/json; charset=utf-8")
            .header("cookie", "c=d; e=f");
        let claims = json!({ "sub": "alice" }).as_object().cloned();
        let mut event = event(request.body(&b"{}"[..]).unwrap(), claims);
        let trace = event["headers"].as_object_mut().unwrap().remove("x-amzn-trace-id").unwrap();
        assert!(trace.as_str().unwrap().starts_with("Root=1-"), "{trace}");
        let headers = json!({
            "content-length": "2",
            "content-type": "application/json; charset=utf-8",
            "host": "127.0.0.1:8000",
            "x-forwarded-for": "192.0.2.1, 127.0.0.1",
            "x-forwarded-port": "8000",
            "x-forwarded-proto": "http",
            "x-odd": "a,b",
        });
        assert_eq!(event["headers"], headers);
        assert_eq!(event["cookies"], json!(["c=d", "e=f"]));
        assert_eq!(event["pathParameters"], json!({ "theaterId": "1" }));
        assert_eq!(event["queryStringParameters"], json!({ "seats": "A1,A 2," }));
        assert_eq!(event["rawQueryString"], "seats=A1&seats=A+2%2C");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let context = &event["requestContext"];
        assert_eq!(context["authorizer"], json!({ "jwt": { "claims": { "sub": "alice" }, "scopes": null } }));
        assert_eq!(context["time"], "22/Nov/2026:18:00:00 +0000");
        assert_eq!((&context["domainName"], &context["stage"]), (&json!("127.0.0.1:8000"), &json!("v1")));
        assert_eq!((&context["requestId"], &context["http"]["sourceIp"]), (&json!("an-id"), &json!("127.0.0.1")));
    }

    #[test]
    fn event_without_claims_has_no_authorizer() {
        let event = event(Request::get("/v1/theaters/1").body(&b""[..]).unwrap(), None);
        for absent in ["cookies", "queryStringParameters", "body"] {
            assert!(event.get(absent).is_none(), "{absent}");
        }
        assert_eq!(event["requestContext"]["authorizer"], Value::Null);
    }

    #[test]
    fn body_without_text_type_is_base64() {
        for (kind, encoding, body, is_base64) in [
            (None, None, &b"{}"[..], true),
            (Some("application/octet-stream"), None, b"{}", true),
            (Some("application/json"), None, b"\xff", true),
            (Some("application/json"), Some("gzip"), b"{}", true),
            (Some("Text/Plain"), None, b"{}", false),
        ] {
            let mut request = Request::get("/v1/theaters/1");
            for (name, value) in [("content-type", kind), ("content-encoding", encoding)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let event = event(request.body(body).unwrap(), None);
            assert_eq!(event["isBase64Encoded"], is_base64, "{kind:?} {encoding:?}");
            let expected = if is_base64 { STANDARD.encode(body) } else { String::from_utf8(body.into()).unwrap() };
            assert_eq!(event["body"], expected);
        }
    }
}
