//! Faults of calls, and the answers that the proxy gives in place of the engine.

use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

pub(super) type Answer = Response<Full<Bytes>>;

/// A fault of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The call isn't carried out. The proxy returns this status and body.
    Answer(u16, Value),
    /// The call isn't carried out. The connection is cut.
    CutBefore,
    /// The call is carried out. The connection is cut before the answer.
    CutAfter,
    /// The call is carried out. The answer is delayed by this time.
    Late(Duration),
    /// The call is neither carried out nor answered.
    Silence,
    /// The call isn't carried out. All requested keys are returned as unprocessed.
    Unprocessed,
}

impl Fault {
    /// Creates an answer with a DynamoDB error of this name.
    pub fn error(status: u16, name: &str) -> Self {
        Self::Answer(
            status,
            json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": "staged" }),
        )
    }

    /// Returns `true` if the call is carried out.
    pub(super) fn is_carried_out(&self) -> bool {
        matches!(self, Self::CutAfter | Self::Late(_))
    }

    /// Creates the answer to a cancelled transaction, with these codes as its reasons.
    pub fn cancelled(codes: &[&str]) -> Self {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code, "Message": "staged" })).collect();
        let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        Self::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }))
    }
}

/// A cut connection, as an error for the HTTP server.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

/// Returns the proxy's own answer to a call that isn't carried out, and `None` for calls that are.
pub(super) async fn answer_in_place(fault: Option<&Fault>, body: &[u8]) -> Option<Result<Answer, Cut>> {
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
