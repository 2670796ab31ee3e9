//! What happens to calls, and what those meet that aren't carried out.

use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

pub(super) type Answer = Response<Full<Bytes>>;

/// What happens to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It isn't carried out; this is answered.
    Answer(u16, Value),
    /// It isn't carried out; the connection is cut.
    CutBefore,
    /// It is carried out; the connection is cut before the answer.
    CutAfter,
    /// It is carried out, and answered so much later.
    Late(Duration),
    /// It isn't carried out, and never answered.
    Silence,
    /// It isn't carried out; all keys that it asks for are handed back as not processed.
    Unprocessed,
}

impl Fault {
    /// An error of DynamoDB's by its name.
    pub fn error(status: u16, name: &str) -> Self {
        Self::Answer(
            status,
            json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "staged" }),
        )
    }

    /// Whether a call that meets it is carried out.
    pub(super) fn lets_through(&self) -> bool {
        matches!(self, Self::CutAfter | Self::Late(_))
    }

    /// A cancelled transaction, with these codes as its reasons.
    pub fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code, "Message": "staged" })).collect();
        let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        Self::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }))
    }
}

/// A connection that is cut, as an error for the server.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

/// What a call meets that isn't carried out.
pub(super) async fn in_its_place(fault: Option<&Fault>, body: &[u8]) -> Option<Result<Answer, Cut>> {
    let answer = match fault? {
        Fault::Answer(status, body) => {
            let response = Response::builder().status(*status).header("content-type", "application/x-amz-json-1.0");
            response.body(Full::from(body.to_string())).unwrap()
        }
        Fault::Unprocessed => {
            let request: Value = serde_json::from_slice(body).unwrap();
            let body = json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] });
            Response::new(Full::from(body.to_string()))
        }
        Fault::CutBefore => return Some(Err(Cut)),
        Fault::Silence => std::future::pending().await,
        Fault::CutAfter | Fault::Late(_) => return None,
    };
    Some(Ok(answer))
}
