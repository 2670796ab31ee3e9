//! Reading requests. Every part has a maximum size, and an error names all faults with what was expected of each.

use std::fmt;
use std::ops::RangeInclusive;

use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizerJwtDescription;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use super::api_gateway::{MAX_PART_BYTES, QueryTooLong};
use super::conditional::Condition;
use super::problem::{Code, Problem};
use super::router::{Body, Route};
use crate::app::{Administrators, BoxOffice};
use crate::domain::caller::Caller;
use crate::domain::idempotency::IdempotencyKey;
use crate::domain::ids::{InvalidId, ReservationId, SeatLabel, TheaterId};
use crate::domain::selection::MAX_SEATS_PER_TRANSACTION;
use crate::json::{self, Faults, Json, Node, Object, plain};

/// The maximum number of seats that a call may name as the seats of a reservation.
pub(super) const MAX_SEATS_NAMED: usize = MAX_SEATS_PER_TRANSACTION;
/// The default length of a reservation, in seconds.
const DEFAULT_EXPIRES_IN: u32 = 600;
/// The form of an id, for messages.
const UUID: &str = "a UUID (not nil)";
/// The form of a list of seats, for messages.
const LABELS: &str = "an array of seat labels";

/// A request that is being read by the rules of its route. Collects all faults before the request is rejected.
#[derive(Debug)]
pub(super) struct Input<'r> {
    request: &'r Request,
    route: &'static Route,
    faults: Faults,
}

impl<'r> Input<'r> {
    /// Starts to read a request. Records at once everything that its route doesn't read.
    pub(super) fn of(request: &'r Request, route: &'static Route) -> Self {
        let input = Self { request, route, faults: Faults::default() };
        input.check_parameters();
        input.check_headers_once();
        input.check_conditions();
        if route.body == Body::Nothing && !request.body().is_empty() {
            input.faults.named("body", "no body");
        }
        input
    }

    /// Finishes reading. Returns the request, or a problem that names every fault.
    pub(super) fn finish<T>(self, read: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        if !self.faults.is_empty() {
            return Err(Problem::of_faults(Code::MalformedRequest, self.faults));
        }
        read().ok_or_else(|| Problem::internal("a part of a request is missing without a fault"))
    }

    /// Returns the faults found so far, for a separate parser.
    pub(super) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Records a fault, and returns `None`.
    pub(super) fn fault<T>(&self, field: &str, expected: impl fmt::Display) -> Option<T> {
        self.faults.named(field, expected);
        None
    }

    /// Reads `{theaterId}` of the path.
    pub(super) fn theater_id(&self) -> Option<TheaterId> {
        self.path_parameter("theaterId", TheaterId::EXPECTED, TheaterId::parse)
    }

    /// Reads an id of the path.
    pub(super) fn path_id<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, InvalidId>) -> Option<T> {
        self.path_parameter(name, UUID, parse)
    }

    /// Reads a parameter of the path. API Gateway has decoded it.
    pub(super) fn path_parameter<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, InvalidId>,
    ) -> Option<T> {
        parse(path_parameter(self.request, name)).ok().or_else(|| self.fault(name, expected))
    }

    /// Returns a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&'r str> {
        debug_assert!(self.route.query.contains(&name), "{name} isn't in the table of routes");
        self.request.query_string_parameters_ref().and_then(|parameters| parameters.first(name))
    }

    /// Reads an optional query parameter.
    pub(super) fn parsed_query<T>(
        &self,
        name: &str,
        expected: impl fmt::Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.query(name)?;
        parse(text).or_else(|| self.fault(name, expected))
    }

    /// Reads an optional query parameter that is `true` or `false`. The default is `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let flag = self.parsed_query(name, "true or false", |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        });
        flag.unwrap_or(false)
    }

    /// Reads a query parameter that is an integer in decimal digits.
    pub(super) fn integer_query(&self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let (from, to) = (range.start(), range.end());
        self.parsed_query(name, format_args!("a whole number from {from} to {to}"), |text| {
            let digits = text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|number| digits && range.contains(number))
        })
    }

    /// Reads the optional seats of `?seats=A1,A2` or `?seats=A1&seats=A2`.
    pub(super) fn named_seats(&self) -> Option<Vec<SeatLabel>> {
        let values = self.request.query_string_parameters_ref()?.all("seats")?;
        // API Gateway joins the values of a repeated parameter the same way.
        let text = values.join(",");
        let count = text.split(',').count();
        if text.is_empty() || count > MAX_SEATS_NAMED {
            return self.fault("seats", format_args!("1 to {MAX_SEATS_NAMED} seat labels, separated by commas"));
        }
        let mut labels = Vec::with_capacity(count);
        for (place, text) in text.split(',').enumerate() {
            let field = format!("seats[{place}]");
            match SeatLabel::parse(text) {
                Err(_) => self.faults.named(field, SeatLabel::EXPECTED),
                Ok(label) if labels.contains(&label) => {
                    self.faults.named(field, format_args!("another seat, as {label} is there twice"));
                }
                Ok(label) => labels.push(label),
            }
        }
        (labels.len() == count).then_some(labels)
    }

    /// Reads the optional `Reservation-Id` header.
    pub(super) fn reservation_header(&self) -> Option<ReservationId> {
        let value = self.request.headers().get("reservation-id")?;
        let id = value.to_str().ok().and_then(|text| ReservationId::parse(text).ok());
        id.or_else(|| self.fault("Reservation-Id", UUID))
    }

    /// Reads the optional `Idempotency-Key` header.
    pub(super) fn idempotency_key(&self) -> Option<IdempotencyKey> {
        let value = self.request.headers().get("idempotency-key")?;
        let key = value.to_str().ok().and_then(|text| IdempotencyKey::parse(text).ok());
        key.or_else(|| self.fault("Idempotency-Key", IdempotencyKey::EXPECTED))
    }

    /// Returns a header that is a list. All its lines are joined by commas, as API Gateway joins them.
    pub(super) fn list_header(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect();
        (!values.is_empty()).then(|| String::from_utf8_lossy(&values.join(&b',')).into_owned())
    }

    /// Reads the body, a JSON object with the route's fields. An optional body may be missing.
    ///
    /// Rejects at once a body that is too large or of another media type.
    pub(super) fn body<T>(&self, read: impl FnOnce(&Object<'_, '_, '_>) -> Option<T>) -> Result<Option<T>, Problem> {
        let bytes = match (self.json()?, self.route.body) {
            ([], Body::OptionalFields(..)) => b"{}",
            ([], _) => return Ok(None),
            (bytes, _) => bytes,
        };
        Ok(json::read(bytes, "body", &self.faults, |node| node.object(self.route.fields(), read)))
    }

    /// Returns the bytes of the body. Rejects a body that is too long or isn't JSON by its headers.
    pub(super) fn json(&self) -> Result<&'r [u8], Problem> {
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

    fn check_parameters(&self) {
        if self.request.extensions().get::<QueryTooLong>().is_some() {
            self.faults.named("query", format_args!("at most {MAX_PART_BYTES} bytes"));
        }
        let Some(given) = self.request.query_string_parameters_ref() else { return };
        let mut names: Vec<_> = given.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        for same in names.chunk_by(|one, other| one == other) {
            let Some(name) = same.first() else { continue };
            if !self.route.query.contains(name) {
                self.faults.named(plain(name), Parameters(self.route.query));
            } else if same.len() > 1 && !LIST_PARAMETERS.contains(name) {
                self.faults.named(plain(name), "this parameter once");
            }
        }
    }

    /// Records conditions that the route doesn't check. Without this a change would be made although its condition
    /// isn't met.
    fn check_conditions(&self) {
        if self.request.method().is_safe() {
            return;
        }
        let given = |name: &str| self.request.headers().contains_key(name) && !self.route.headers.contains(&name);
        for name in CONDITIONS.into_iter().filter(|name| given(name)) {
            self.faults.named(name, "no such condition");
        }
    }

    /// Records headers that occur twice and aren't lists, because it is unclear which value is meant.
    fn check_headers_once(&self) {
        let single = self.route.headers.iter().filter(|name| !LISTS.contains(name));
        let of_body: &[&str] = if self.route.body == Body::Nothing { &[] } else { &["Content-Type"] };
        for name in single.chain(of_body) {
            if self.request.headers().get_all(*name).iter().count() > 1 {
                self.faults.named(name, "this header once");
            }
        }
    }
}

/// The conditions of a request (RFC 9110, 13.1).
const CONDITIONS: [&str; 4] = ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];

/// Headers that are lists. Several lines of them mean the same as one.
const LISTS: [&str; 2] = ["If-Match", "If-None-Match"];

/// Query parameters that are lists. Many clients repeat the parameter for each item, whatever docs/openapi.yaml says.
const LIST_PARAMETERS: [&str; 1] = ["seats"];

/// The parameters that a route reads, for a message.
struct Parameters(&'static [&'static str]);

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no query parameter"),
            [only] => write!(f, "no query parameter but {only}"),
            several => write!(f, "no query parameters but {}", several.join(", ")),
        }
    }
}

/// Returns a parameter of the path, or an empty text.
pub(super) fn path_parameter<'r>(request: &'r Request, name: &str) -> &'r str {
    request.path_parameters_ref().and_then(|parameters| parameters.first(name)).unwrap_or_default()
}

/// Returns `true` for `application/json` and `+json`, in UTF-8.
fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
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
pub(super) fn expires_in(office: &BoxOffice, body: &Object<'_, '_, '_>) -> Option<u32> {
    let (least, most) = (office.shortest_reservation(), office.longest_reservation());
    if !body.has("expires_in") {
        return Some(DEFAULT_EXPIRES_IN.clamp(least, most));
    }
    body.optional("expires_in", |node| node.integer_with_unit("seconds", least..=most))
}

/// Reads an optional field that is an id.
pub(super) fn optional_id<T>(
    body: &Object<'_, '_, '_>,
    field: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidId>,
) -> Option<T> {
    body.optional(field, |node| node.parsed(UUID, parse))
}

/// Reads `seat` or `seats`: one to `most` labels without repetition.
pub(super) fn seats(body: &Object<'_, '_, '_>, most: usize) -> Option<Vec<SeatLabel>> {
    let one = body.optional("seat", label);
    let several = body.optional("seats", |node| labels(node, most));
    match (body.has("seat"), body.has("seats")) {
        (true, false) => Some(vec![one?]),
        (false, true) => several,
        (false, false) => body.fault("seat", "seat (a label) or seats (an array of labels)"),
        (true, true) => body.fault("seats", "either seat or seats, got both"),
    }
}

/// Reads an array of one to `most` labels without repetition.
pub(super) fn labels(node: Node<'_, '_>, most: usize) -> Option<Vec<SeatLabel>> {
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

fn label(node: Node<'_, '_>) -> Option<SeatLabel> {
    node.parsed(SeatLabel::EXPECTED, SeatLabel::parse)
}

/// Parses `If-None-Match` of a read. A malformed value is ignored, and the whole answer is sent.
pub(super) fn parse_if_none_match(header: Option<&str>) -> Option<Condition<'_>> {
    header.and_then(Condition::parse)
}

/// Returns the caller, as API Gateway's JWT authorizer has verified. Ignores everything else that the client sends.
pub(super) fn caller(request: &Request) -> Caller {
    let subject = token(request).and_then(|token| token.claims.get("sub")).filter(|subject| !subject.is_empty());
    subject.map_or(Caller::Anonymous, |subject| Caller::Subject(subject.to_owned()))
}

/// Rejects callers who aren't administrators, because their verified token lacks the scope. If everyone may administer,
/// rejects no caller.
pub(super) fn administrator(office: &BoxOffice, request: &Request) -> Result<(), Problem> {
    let Administrators::WithScope(wanted) = office.administrators() else { return Ok(()) };
    if token(request).is_some_and(|token| scopes(token).any(|scope| scope == wanted)) {
        return Ok(());
    }
    Err(Problem::of_field(Code::Forbidden, "Authorization", format_args!("a token with the scope {wanted}")))
}

/// Rejects an expensive read without a verified token, if the API has an authorizer.
///
/// On a route that is open to all, API Gateway doesn't verify tokens. So with an authorizer, such reads only work in
/// deployments in which all reads need a token.
pub(super) fn require_token(office: &BoxOffice, request: &Request, reading: &str) -> Result<(), Problem> {
    if !office.has_authorizer() || caller(request) != Caller::Anonymous {
        return Ok(());
    }
    let expected = format_args!("a verified token for {reading}; a route that is open to all verifies none");
    Err(Problem::of_field(Code::Unauthorized, "Authorization", expected).with_header("www-authenticate", "Bearer"))
}

/// Returns the scopes of a token, each a whole word.
///
/// API Gateway converts every claim to text. `scope` is a text with words separated by spaces (RFC 8693). `scp` is a
/// text with some issuers and a list with others, and API Gateway writes a list as `[a b]`.
///
/// A `scope` in brackets is read as plain words, because it may be a list or a text that looks like one. The scopes
/// that API Gateway selected for a route count too.
fn scopes(token: &ApiGatewayRequestAuthorizerJwtDescription) -> impl Iterator<Item = &str> {
    let text = token.claims.get("scope").map(String::as_str).unwrap_or_default();
    let scp = token.claims.get("scp").map(String::as_str).unwrap_or_default();
    let scp = scp.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(scp);
    let claimed = text.split(' ').chain(scp.split(' ')).filter(|scope| !scope.is_empty());
    claimed.chain(token.scopes.iter().flatten().map(String::as_str))
}

fn token(request: &Request) -> Option<&ApiGatewayRequestAuthorizerJwtDescription> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref()?.jwt.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_of_scope_and_scp() {
        let scopes_of = |token: serde_json::Value| -> Vec<String> {
            let token = serde_json::from_value(token).unwrap();
            scopes(&token).map(str::to_owned).collect()
        };
        let claims = serde_json::json!({ "claims": { "scope": "a b/c", "scp": "[d e]" }, "scopes": ["f"] });
        assert_eq!(scopes_of(claims), ["a", "b/c", "d", "e", "f"]);
        for (claims, scopes) in [
            (serde_json::json!({ "scope": "[boxoffice/admin]" }), vec!["[boxoffice/admin]"]),
            (serde_json::json!({ "scope": "[a boxoffice/admin]" }), vec!["[a", "boxoffice/admin]"]),
            (serde_json::json!({ "scp": "[d" }), vec!["[d"]),
            (serde_json::json!({ "scp": "[]" }), vec![]),
            (serde_json::json!({ "scope": " a  b " }), vec!["a", "b"]),
            (serde_json::json!({ "scope": "a,b\tc" }), vec!["a,b\tc"]),
        ] {
            assert_eq!(scopes_of(serde_json::json!({ "claims": claims, "scopes": null })), scopes, "{claims}");
        }
    }

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
