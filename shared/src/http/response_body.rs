//! Responses, and the form in which Lambda gets them: JSON with the body as a string, so that each quote in it is
//! escaped.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_http::Response;
use lambda_http::http::HeaderMap;
use serde::{Serialize, Serializer};

pub type Answer = Response<ResponseBody>;

/// The body of a response.
#[derive(Debug, Default)]
pub enum ResponseBody {
    #[default]
    Nothing,
    Text(String),
    /// A text that was escaped while it was written.
    PreEscapedJson(PreEscapedJson),
    /// Bytes that aren't text: a compressed body.
    Bytes(Vec<u8>),
}

impl ResponseBody {
    /// Returns the bytes that entity tags are computed from. Equal contents of one variant have equal bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Text(text) => text.as_bytes(),
            Self::PreEscapedJson(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Returns the text without escapes.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Nothing | Self::Bytes(_) => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::PreEscapedJson(text) => Cow::Owned(text.unescaped()),
        }
    }
}

/// A text that is escaped once, while it is written. Its buffer starts as a response does, so it becomes one without a
/// copy.
#[derive(Debug)]
pub struct PreEscapedJson(String);

/// The beginning of a response with a body.
const BEGIN: &str = "{\"body\":\"";
/// The capacity for status and headers, which follow the body.
const REST: usize = 512;

impl PreEscapedJson {
    /// Creates an empty text with a capacity for this number of bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut json = String::with_capacity(BEGIN.len() + bytes + REST);
        json.push_str(BEGIN);
        Self(json)
    }

    /// Encodes bytes in base64, which needs no escapes.
    fn base64(bytes: &[u8]) -> Self {
        let mut encoded = Self::with_capacity(bytes.len().div_ceil(3) * 4);
        STANDARD.encode_string(bytes, &mut encoded.0);
        encoded
    }

    fn of(text: &str) -> Self {
        let mut escaped = Self::with_capacity(capacity_for(text));
        escaped.push(text);
        escaped
    }

    /// Appends a text and escapes it.
    pub(super) fn push(&mut self, text: &str) {
        let mut quoted = Vec::with_capacity(capacity_for(text));
        serde_json::to_writer(&mut quoted, text).expect("every text can be written as JSON to memory");
        let quoted = String::from_utf8(quoted).expect("JSON is valid UTF-8");
        self.0.push_str(&quoted[1..quoted.len() - 1]);
    }

    /// Appends text that is escaped already.
    pub(super) fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), std::string::FromUtf8Error> {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        write(&mut bytes);
        self.0 = String::from_utf8(bytes)?;
        Ok(())
    }

    /// Returns the text written so far, without escapes.
    fn unescaped(&self) -> String {
        let quoted = &self.0[BEGIN.len() - 1..];
        serde_json::from_str(&format!("{quoted}\"")).expect("only the quote at the end was missing")
    }

    /// Returns the text written so far, with escapes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0.as_bytes()[BEGIN.len()..]
    }
}

/// Returns the capacity for a text in JSON with its two quotes and some escapes, so that the buffer rarely has to grow.
fn capacity_for(text: &str) -> usize {
    text.len() + text.len() / 2 + 2
}

/// A response in the form that API Gateway expects of an integration (payload 2.0).
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
///
/// It is written at once into one buffer. The runtime copies it where it would serialize any other type.
#[derive(Debug, Serialize)]
#[serde(rename = "$serde_json::private::RawValue")]
pub struct LambdaResponse {
    // The name by which serde_json recognizes a value that is JSON already. Its own `RawValue` has it too, but would
    // parse all of it first.
    #[serde(rename = "$serde_json::private::RawValue")]
    json: String,
}

#[derive(Serialize)]
struct NoHeaders {}

/// The parts of a response behind the body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest<'a> {
    status_code: u16,
    #[serde(serialize_with = "serialize_headers")]
    headers: &'a HeaderMap,
    multi_value_headers: NoHeaders,
    is_base64_encoded: bool,
    cookies: [(); 0],
}

impl From<Answer> for LambdaResponse {
    fn from(answer: Answer) -> Self {
        let (parts, content) = answer.into_parts();
        let rest = Rest {
            status_code: parts.status.as_u16(),
            headers: &parts.headers,
            multi_value_headers: NoHeaders {},
            is_base64_encoded: matches!(content, ResponseBody::Bytes(_)),
            cookies: [],
        };
        let mut json = match content {
            ResponseBody::Nothing => PreEscapedJson::with_capacity(0).0,
            ResponseBody::Text(text) => PreEscapedJson::of(&text).0,
            ResponseBody::PreEscapedJson(PreEscapedJson(json)) => json,
            ResponseBody::Bytes(bytes) => PreEscapedJson::base64(&bytes).0,
        };
        json.push_str("\",");
        let rest = serde_json::to_string(&rest).expect("a status and headers can be written as JSON");
        json.push_str(&rest[1..]);
        Self { json }
    }
}

/// Writes each header once. All headers of a response occur only once.
fn serialize_headers<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    let headers = headers.iter();
    serializer.collect_map(headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use lambda_http::request::LambdaRequest;
    use lambda_http::tower::ServiceExt;
    use lambda_http::{Adapter, Body, Context, LambdaEvent, Request, service_fn};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn answer<B>(status: u16, body: B) -> Response<B> {
        let response = Response::builder().status(status).header("etag", "\"0a\"").header("cache-control", "no-store");
        response.header("link", "</theaters/1>; rel=\"theater\"").body(body).unwrap()
    }

    fn serialized(content: ResponseBody) -> String {
        serde_json::to_string(&LambdaResponse::from(answer(200, content))).unwrap()
    }

    /// Returns the form in which `lambda_http` would pass the same response to Lambda.
    async fn serialized_by_lambda_http(status: u16, body: Body) -> Value {
        let service = service_fn(|_: Request| {
            let response = answer(status, body.clone());
            async { Ok::<_, std::convert::Infallible>(response) }
        });
        let mut event = ApiGatewayV2httpRequest::default();
        event.raw_path = Some("/".to_owned());
        let event = LambdaRequest::ApiGatewayV2(event);
        let Ok(sent) = Adapter::from(service).oneshot(LambdaEvent::new(event, Context::default())).await;
        serde_json::to_value(sent).unwrap()
    }

    #[tokio::test]
    async fn response_equals_that_of_lambda_http() {
        for text in ["", "{}", "{\"a\":\"b \\\" \\\\ \u{7f} \u{2028} é 座\"}\n"] {
            let mut escaped = PreEscapedJson::with_capacity(0);
            text.chars().for_each(|part| escaped.push(&part.to_string()));
            for content in [ResponseBody::Text(text.to_owned()), ResponseBody::PreEscapedJson(escaped)] {
                let ours: Value = serde_json::from_str(&serialized(content)).unwrap();
                assert_eq!(ours, serialized_by_lambda_http(200, Body::Text(text.to_owned())).await);
            }
        }
        for status in [204, 304] {
            let ours = serde_json::to_string(&LambdaResponse::from(answer(status, ResponseBody::Nothing))).unwrap();
            let ours: Value = serde_json::from_str(&ours).unwrap();
            assert_eq!(ours, serialized_by_lambda_http(status, Body::Empty).await);
        }
    }

    #[test]
    fn bytes_are_sent_as_base64() {
        let ours: Value = serde_json::from_str(&serialized(ResponseBody::Bytes(vec![0x1f, 0x8b, 0xff, 0x00]))).unwrap();
        assert_eq!((&ours["body"], &ours["isBase64Encoded"]), (&Value::from("H4v/AA=="), &Value::from(true)));
    }

    #[test]
    fn raw_json_is_written_unchanged() {
        let json = "{\"body\":\"x\"}".to_owned();
        assert_eq!(serde_json::to_string(&LambdaResponse { json: json.clone() }).unwrap(), json);
    }

    proptest! {
        #[test]
        fn any_text_arrives_unchanged(parts in prop::collection::vec(any::<String>(), 0..5)) {
            let mut escaped = PreEscapedJson::with_capacity(3);
            parts.iter().for_each(|part| escaped.push(part));
            let whole = parts.concat();
            for content in [ResponseBody::Text(whole.clone()), ResponseBody::PreEscapedJson(escaped)] {
                let text = content.text().into_owned();
                let sent: Value = serde_json::from_str(&serialized(content)).unwrap();
                prop_assert_eq!(sent["body"].as_str(), Some(whole.as_str()));
                prop_assert_eq!(text, whole.as_str());
            }
        }
    }
}
