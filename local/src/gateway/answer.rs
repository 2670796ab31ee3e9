//! The answer of a function as HTTP.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::Value;

use crate::server::Answer;

/// Converts an answer of payload 2.0. Returns `None` for any other form.
pub(super) fn of(answered: &[u8]) -> Option<Answer> {
    let answered: Value = serde_json::from_slice(answered).ok()?;
    let status = u16::try_from(answered["statusCode"].as_u64()?).ok()?;
    let mut answer = Response::builder().status(status);
    let one = answered["headers"].as_object().into_iter().flatten();
    let one = one.filter_map(|(name, value)| Some((name, value.as_str()?)));
    let several = answered["multiValueHeaders"].as_object().into_iter().flatten();
    let several = several.flat_map(|(name, values)| {
        values.as_array().into_iter().flatten().filter_map(move |value| Some((name, value.as_str()?)))
    });
    // lambda_http writes each header into both fields.
    let several: Vec<_> = several.collect();
    let one = one.filter(|(name, _)| several.iter().all(|(known, _)| known != name));
    for (name, value) in one.chain(several.iter().copied()) {
        answer = answer.header(name, value);
    }
    answer.body(Full::from(body(&answered)?)).ok()
}

fn body(answered: &Value) -> Option<Bytes> {
    let text = answered["body"].as_str().unwrap_or_default();
    match answered["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(text).ok().map(Bytes::from),
        _ => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn answer_keeps_status_headers_and_body() {
        let answered = json!({ "statusCode": 201, "headers": { "a": "1", "b": "2" }, "multiValueHeaders": { "b": ["2", "3"] },
            "body": "aGk=", "isBase64Encoded": true });
        let answer = of(answered.to_string().as_bytes()).unwrap();
        let headers: Vec<_> =
            answer.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!((answer.status().as_u16(), headers), (201, vec![("a", "1"), ("b", "2"), ("b", "3")]));
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hi");
    }

    #[test]
    fn error_is_not_an_answer() {
        for answered in
            [json!({ "errorType": "x", "errorMessage": "y" }), json!("text"), json!({ "statusCode": 99_999 })]
        {
            assert!(of(answered.to_string().as_bytes()).is_none(), "{answered}");
        }
    }
}
