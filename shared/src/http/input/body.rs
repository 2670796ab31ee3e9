//! Reading bodies: their size, their media type, and the fields that several routes have.

use lambda_http::http::HeaderValue;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::{Input, UUID};
use crate::app::BoxOffice;
use crate::domain::ids::{InvalidId, SeatLabel};
use crate::http::problem::{Code, Problem};
use crate::http::route::Body;
use crate::json::{self, Json, Node, Object};

/// The default length of a reservation, in seconds.
const DEFAULT_EXPIRES_IN: u32 = 600;
/// The form of a list of seats, for messages.
const LABELS: &str = "an array of seat labels";

impl<'r> Input<'r> {
    /// Reads the body, a JSON object with the route's fields. An optional body may be missing.
    ///
    /// Rejects at once a body that is too large or of another media type.
    pub(in crate::http) fn body<T>(
        &self,
        read: impl FnOnce(&Object<'_, '_, '_>) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let bytes = match (self.json()?, self.route.body) {
            ([], Body::OptionalFields(..)) => b"{}",
            ([], _) => return Ok(None),
            (bytes, _) => bytes,
        };
        Ok(json::read(bytes, "body", &self.faults, |node| node.object(self.route.fields(), read)))
    }

    /// Returns the bytes of the body. Rejects a body that is too long or isn't JSON by its headers.
    pub(in crate::http) fn json(&self) -> Result<&'r [u8], Problem> {
        let body: &[u8] = self.request.body().as_ref();
        let most = match self.route.body {
            Body::Nothing => 0,
            Body::Fields(_, most) | Body::OptionalFields(_, most) | Body::Document(most) => most,
        };
        if body.len() > most {
            return Err(Problem::too_large(body.len(), most));
        }
        if !body.is_empty() {
            self.check_media_type()?;
        } else if !matches!(self.route.body, Body::OptionalFields(..)) {
            self.faults.named("body", "a JSON object, got nothing");
        }
        Ok(body)
    }

    /// Rejects a body that is compressed or isn't JSON in UTF-8. A missing content type counts as JSON.
    fn check_media_type(&self) -> Result<(), Problem> {
        let header = |name| self.request.headers().get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
        if header(CONTENT_ENCODING).is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
            let problem = Problem::of_field(Code::UnsupportedMediaType, "Content-Encoding", "identity, or none");
            return Err(problem.with_header("accept-encoding", "identity"));
        }
        if header(CONTENT_TYPE).is_some_and(|media_type| !is_json(media_type)) {
            let problem = Problem::of_field(Code::UnsupportedMediaType, "Content-Type", "application/json");
            return Err(problem.with_header("accept", "application/json"));
        }
        Ok(())
    }
}

/// Returns `true` for `application/json` and `+json`, in UTF-8.
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().expect("a split text has a first part");
    let mut charsets =
        parts.filter_map(|part| part.strip_prefix("charset=").map(|name| name.trim_matches('"').to_owned()));
    let is_json = essence == "application/json"
        || essence
            .strip_suffix("+json")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(kind, _)| !kind.is_empty());
    is_json && !essence.contains(',') && charsets.all(|name| ["utf-8", "utf8", "us-ascii"].contains(&name.as_str()))
}

/// Reads `expires_in`, or returns its default.
pub(in crate::http) fn expires_in(office: &BoxOffice, body: &Object<'_, '_, '_>) -> Option<u32> {
    let (least, most) = (office.shortest_reservation(), office.longest_reservation());
    if !body.has("expires_in") {
        return Some(DEFAULT_EXPIRES_IN.clamp(least, most));
    }
    body.optional("expires_in", |node| node.integer_with_unit("seconds", least..=most))
}

/// Reads an optional field that is an id.
pub(in crate::http) fn optional_id<T>(
    body: &Object<'_, '_, '_>,
    field: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidId>,
) -> Option<T> {
    body.optional(field, |node| node.parsed(UUID, parse))
}

/// Reads an array of one to `most` labels without repetition.
pub(in crate::http) fn labels(node: Node<'_, '_>, most: usize) -> Option<Vec<SeatLabel>> {
    if let Json::Array(elements) = node.json()
        && !(1..=most).contains(&elements.len())
    {
        return node.fault(format_args!("1 to {most} seat labels, got {}", elements.len()));
    }
    let mut seen = Vec::new();
    node.array(1..=most, LABELS, |node| {
        let label = label(node)?;
        if seen.contains(&label) {
            return node.fault(format_args!("another seat, as {label} is there twice"));
        }
        seen.push(label.clone());
        Some(label)
    })
}

/// Reads a label.
pub(super) fn label(node: Node<'_, '_>) -> Option<SeatLabel> {
    node.parsed(SeatLabel::EXPECTED, SeatLabel::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_media_types_are_utf_8() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/vnd.api+json",
            "application/json; profile=x",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/jsonp",
            "+json",
            "/+json",
            "application/json, text/plain",
            "text/plain, a/b+json",
            "application/json; charset=utf-16",
            "application/json;charset=iso-8859-1",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
