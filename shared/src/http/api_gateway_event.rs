//! The events of API Gateway (HTTP API, payload 2.0), limited to the fields that are used here.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//!
//! The result is the type of `aws_lambda_events`. That crate can parse events too, but it parses all fields, and tries
//! three types for each header's value. This takes longer than a whole read of a small theater.

use std::collections::HashMap;
use std::fmt;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequest};
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An event with the fields that are used here. Parsed from bytes or text, which it borrows while it parses.
#[derive(Debug)]
pub struct ApiGatewayEvent(pub(super) ApiGatewayV2httpRequest);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<Headers>,
    path_parameters: Option<HashMap<String, String>>,
    request_context: RequestContext,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    authorizer: Option<ApiGatewayRequestAuthorizer>,
    domain_name: Option<String>,
    http: Http,
    route_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

impl<'de> Deserialize<'de> for ApiGatewayEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The event is taken as one raw value first. The runtime tracks the position of each step for its error
        // messages, which takes twice as long as the parsing itself.
        let whole = <&RawValue>::deserialize(deserializer)?;
        let event: Event = serde_json::from_str(whole.get()).map_err(D::Error::custom)?;
        let RequestContext { authorizer, domain_name, http, route_key } = event.request_context;
        let mut delivered = ApiGatewayV2httpRequest::default();
        delivered.request_context.http.method = Method::try_from(http.method.as_str()).map_err(D::Error::custom)?;
        delivered.request_context.http.source_ip = http.source_ip;
        delivered.request_context.authorizer = authorizer;
        delivered.request_context.domain_name = domain_name;
        delivered.request_context.route_key = route_key;
        delivered.raw_path = event.raw_path;
        delivered.raw_query_string = event.raw_query_string;
        delivered.headers = event.headers.unwrap_or_default().0;
        delivered.path_parameters = event.path_parameters.unwrap_or_default();
        delivered.body = event.body;
        delivered.is_base64_encoded = event.is_base64_encoded;
        Ok(Self(delivered))
    }
}

/// Headers, each with a string or a list of strings as its value.
#[derive(Default)]
struct Headers(HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Headers {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HTTP headers")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let name = HeaderName::try_from(name).map_err(A::Error::custom)?;
            map.next_value_seed(Values { name, headers: &mut self.0 })?;
        }
        Ok(self)
    }
}

/// The values of one header, to be added to the others.
struct Values<'a> {
    name: HeaderName,
    headers: &'a mut HeaderMap,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value, or a list of its values")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        // A name may occur twice in different capitals, so values are appended.
        self.headers.append(self.name, HeaderValue::from_str(value).map_err(E::custom)?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<String>()? {
            self.headers.append(&self.name, HeaderValue::try_from(value).map_err(A::Error::custom)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Value {
        json!({
            "version": "2.0",
            "rawPath": "/v1/theaters/1/seats",
            "rawQueryString": "view=map",
            "headers": { "If-None-Match": "\"a\"", "x-forwarded-for": "192.0.2.1, 192.0.2.2", "x-twice": ["a", "b"] },
            "pathParameters": { "theaterId": "1" },
            "requestContext": {
                "authorizer": { "jwt": { "claims": { "sub": "somebody" }, "scopes": ["a"] } },
                "domainName": "api.example",
                "routeKey": "GET /theaters/{theaterId}/seats",
                "http": { "method": "PUT", "sourceIp": "192.0.2.1" },
            },
            "body": "AAAA",
            "isBase64Encoded": true,
        })
    }

    #[test]
    fn event_equals_that_of_aws_lambda_events() {
        let mut bare = event();
        for field in ["headers", "pathParameters", "body"] {
            bare[field] = Value::Null;
        }
        for event in [event(), bare, json!({ "requestContext": { "http": { "method": "GET" } } })] {
            let ApiGatewayEvent(ours) = serde_json::from_str(&event.to_string()).unwrap();
            let mut whole: ApiGatewayV2httpRequest = serde_json::from_value(event).unwrap();
            whole.version = None;
            assert_eq!(ours, whole);
        }
    }

    #[test]
    fn invalid_http_events_are_rejected() {
        for (pointer, bad) in [
            ("/requestContext", json!({})),
            ("/requestContext/http/method", json!("a b")),
            ("/headers", json!([])),
            ("/headers", json!({ "a b": "c" })),
            ("/headers", json!({ "a": "b\nc" })),
            ("/headers", json!({ "a": ["b\nc"] })),
            ("/headers", json!({ "a": 1 })),
            ("/pathParameters", json!({ "theaterId": 1 })),
            ("/body", json!({})),
        ] {
            let mut event = event();
            *event.pointer_mut(pointer).unwrap() = bad.clone();
            assert!(serde_json::from_str::<ApiGatewayEvent>(&event.to_string()).is_err(), "{pointer}: {bad}");
        }
    }
}
