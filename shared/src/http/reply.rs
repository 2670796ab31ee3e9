//! The reply of a handler: a response, and the facts that are counted about it.

use lambda_http::Response;
use lambda_http::http::{HeaderMap, HeaderValue};
use serde::Serialize;

use super::problem::Problem;
use super::response_body::{Answer, ResponseBody};
use crate::app::Source;

/// The header of a response to a repeated request.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// The header that names the source of the seats: `hit`, `miss` or `bypass`.
pub const X_CACHE: &str = "x-cache";

/// A response, and the facts that are counted about it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) response: Answer,
    /// `true` if the request was a repeat and got the answer of the first one.
    pub(super) replayed: bool,
    /// The source of the seats, if the response shows any.
    pub(super) source: Option<Source>,
}

impl Reply {
    /// Creates a JSON response that no HTTP cache may store.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(Problem::internal)?;
        let response = Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .body(ResponseBody::Text(body));
        Ok(response.map_err(Problem::internal)?.into())
    }

    /// Creates the response to a deletion.
    pub(super) fn no_content() -> Result<Self, Problem> {
        let response = Response::builder().status(204).header("cache-control", "no-store").body(ResponseBody::Nothing);
        Ok(response.map_err(Problem::internal)?.into())
    }

    /// Marks the response as the response to a repeated request.
    pub(super) fn marked_as_replayed(self) -> Self {
        Self { replayed: true, ..self.with_header(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true")) }
    }

    /// Adds a header.
    pub(super) fn with_header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers_mut().insert(name, value);
        self
    }

    pub(super) fn headers_mut(&mut self) -> &mut HeaderMap {
        self.response.headers_mut()
    }
}

impl From<Answer> for Reply {
    fn from(response: Answer) -> Self {
        Self { response, replayed: false, source: None }
    }
}
