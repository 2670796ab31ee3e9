//! A request as an event: payload 2.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{COOKIE, HOST, HeaderMap, USER_AGENT};
use hyper::http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::routes::Found;

/// The event for a function. What a caller sent is in it as such; who calls stands in `authorizer` alone, which no caller
/// can write.
pub(super) fn of(
    head: &Parts,
    body: &Bytes,
    route: &Found,
    claims: Option<Map<String, Value>>,
    now: Timestamp,
) -> Value {
    let headers = headers(&head.headers);
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "pathParameters": route.parameters,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": header(HOST.as_str()),
            "domainPrefix": "local",
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header(USER_AGENT.as_str()),
            },
            "requestId": format!("{:016x}", fastrand::u64(..)),
            "routeKey": route.key,
            "stage": "v1",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    event["headers"] = Value::Object(headers);
    if let Some(claims) = claims {
        // Scopes are picked out only where a route demands some, and none does: the functions look for themselves.
        event["requestContext"]["authorizer"] = json!({ "jwt": { "claims": claims, "scopes": null } });
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(parameters(query));
    }
    put_body(&mut event, body);
    event
}

/// By their names in lower case; those that are there several times joined by commas.
fn headers(sent: &HeaderMap) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in sent.keys().filter(|name| **name != COOKIE) {
        let values: Vec<_> = sent.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), values.join(",").into());
    }
    headers
}

/// Decoded; those that are there several times joined by commas.
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

fn put_body(event: &mut Value, body: &Bytes) {
    match std::str::from_utf8(body) {
        Ok("") => {}
        Ok(text) => event["body"] = text.into(),
        Err(_) => {
            event["body"] = STANDARD.encode(body).into();
            event["isBase64Encoded"] = true.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::Request;

    use super::*;

    fn event(request: Request<&'static [u8]>, claims: Option<Map<String, Value>>) -> Value {
        let route = Found {
            key: "GET /theaters/{theaterId}".to_owned(),
            function: "theaters".to_owned(),
            parameters: BTreeMap::from([("theaterId".to_owned(), "1".to_owned())]),
        };
        let (head, body) = request.into_parts();
        of(&head, &Bytes::from_static(body), &route, claims, "2026-11-22T18:00:00Z".parse().unwrap())
    }

    #[test]
    fn an_event_holds_what_was_sent_and_claims_where_there_are_some() {
        let request = Request::get("/v1/theaters/1?seats=A1&seats=A+2%2C")
            .header("Host", "127.0.0.1:8000")
            .header("X-Odd", "a")
            .header("x-odd", "b")
            .header("cookie", "c=d");
        let claims = json!({ "sub": "alice" }).as_object().cloned();
        let event = event(request.body(&b"{}"[..]).unwrap(), claims);
        assert_eq!(event["headers"], json!({ "host": "127.0.0.1:8000", "x-odd": "a,b" }));
        assert_eq!(event["queryStringParameters"], json!({ "seats": "A1,A 2," }));
        assert_eq!(event["rawQueryString"], "seats=A1&seats=A+2%2C");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let context = &event["requestContext"];
        assert_eq!(context["authorizer"], json!({ "jwt": { "claims": { "sub": "alice" }, "scopes": null } }));
        assert_eq!(context["time"], "22/Nov/2026:18:00:00 +0000");
    }

    #[test]
    fn without_claims_there_is_no_authorizer_and_bytes_come_as_base64() {
        let event = event(Request::get("/v1/theaters/1").body(&b"\xff"[..]).unwrap(), None);
        assert_eq!(event["requestContext"]["authorizer"], Value::Null);
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    }
}
