//! Replies to calls of the API.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boxoffice::http::response_body::{Answer, LambdaResponse};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

/// The reply to a call.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as JSON. Null if it is empty.
    pub body: Value,
    /// The body as text.
    pub text: String,
}

impl From<Answer> for Reply {
    /// Converts the answer in the same way as the runtime does for Lambda.
    fn from(answer: Answer) -> Self {
        let serialized = serde_json::to_string(&LambdaResponse::from(answer)).expect("an answer");
        Self::of_function(&serde_json::from_str(&serialized).expect("JSON"))
    }
}

impl Reply {
    /// Converts a function's answer to an HTTP reply.
    pub fn of_function(answer: &Value) -> Self {
        let mut headers: BTreeMap<String, String> =
            serde_json::from_value(answer["headers"].clone()).unwrap_or_default();
        for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
            headers.insert(name.clone(), values[0].as_str().unwrap_or_default().to_owned());
        }
        let text = text_of(answer);
        let is_plain = headers.get("content-type").is_some_and(|media_type| media_type.starts_with("text/plain"));
        let body = match text.as_str() {
            "" => Value::Null,
            text if is_plain => json!(text),
            text => serde_json::from_str(text).expect("JSON"),
        };
        let status = answer["statusCode"].as_u64().and_then(|status| status.try_into().ok()).expect("a status");
        Self { status, headers, body, text }
    }

    /// Returns a header, or an empty string.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Returns the `code` of a problem, or an empty string.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Returns a string field of the body.
    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.text))
    }

    /// Returns the labels in `seats`.
    pub fn seats(&self) -> Vec<&str> {
        let seats = self.body["seats"].as_array().unwrap_or_else(|| panic!("no seats in {}", self.text));
        seats.iter().map(|seat| seat.as_str().or(seat["seat"].as_str()).unwrap()).collect()
    }
}

/// Returns the text of an answer, as read by a client that supports gzip.
fn text_of(answer: &Value) -> String {
    let body = answer["body"].as_str().unwrap_or_default();
    if answer["isBase64Encoded"] != true {
        return body.to_owned();
    }
    let bytes = STANDARD.decode(body).expect("base64");
    let mut text = String::new();
    GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("a gzipped text");
    text
}
