//! Reading requests: every part is bounded, and what is wrong is named together with what was expected.

use std::borrow::Cow;

use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizerJwtDescription;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::{Code, Problem};
use crate::rules::caller::Caller;
use crate::rules::idempotency::IdempotencyKey;
use crate::rules::names::{InvalidName, ReservationId, SeatLabel, TheaterId};
use crate::rules::selection::MOST_SEATS_AT_ONCE;
use crate::usecases::{Administrators, BoxOffice};

/// Seats that a call may name to say where a reservation is to be looked for.
pub(super) const MOST_NAMED: usize = MOST_SEATS_AT_ONCE;
/// How long a reservation lasts, in seconds, unless the caller says otherwise.
const DEFAULT_EXPIRES_IN: u32 = 600;
/// The largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// The longest piece of a library's message that is passed on.
const MAX_DETAIL: usize = 200;

/// `{theaterId}` of the path. API Gateway hands it over decoded, `cargo lambda watch` as it was sent; no id has a `%`,
/// so decoding what is decoded already changes nothing.
pub(super) fn theater_id(request: &Request) -> Result<TheaterId, Problem> {
    path_parameter(request, "theaterId", TheaterId::EXPECTED, TheaterId::parse)
}

/// A parameter of the path, decoded.
pub(super) fn path_parameter<T>(
    request: &Request,
    name: &str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<T, InvalidName>,
) -> Result<T, Problem> {
    let malformed = |error: InvalidName| Problem::malformed(name, error);
    let parameters = request.path_parameters_ref();
    let raw = parameters.and_then(|parameters| parameters.first(name)).unwrap_or_default();
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| malformed(InvalidName { expected }))?;
    parse(&decoded).map_err(malformed)
}

/// A query parameter, the first of its name.
pub(super) fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.query_string_parameters_ref().and_then(|parameters| parameters.first(name))
}

/// The `Reservation-Id` header, if there is one.
pub(super) fn reservation_header(request: &Request) -> Result<Option<ReservationId>, Problem> {
    let Some(value) = request.headers().get("reservation-id") else { return Ok(None) };
    let id = value.to_str().map_err(|_| InvalidName { expected: "a UUID" }).and_then(ReservationId::parse);
    id.map(Some).map_err(|error| Problem::malformed("Reservation-Id", error))
}

/// A query parameter that is `true` or `false`, and false when it isn't there.
pub(super) fn flag(request: &Request, name: &str) -> Result<bool, Problem> {
    match query(request, name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::malformed(name, "expected true or false")),
    }
}

/// `?seats=A1,A2`: the seats that a call is about, if it names them.
pub(super) fn named_seats(request: &Request) -> Result<Option<Vec<SeatLabel>>, Problem> {
    let parameters = request.query_string_parameters_ref();
    // API Gateway joins a parameter that is there several times by commas.
    let Some(values) = parameters.and_then(|parameters| parameters.all("seats")) else { return Ok(None) };
    let labels: Vec<_> = values.iter().flat_map(|value| value.split(',')).map(Value::from).collect();
    SeatFields { seat: None, seats: Some(Value::Array(labels)) }.labels(MOST_NAMED).map(Some)
}

/// How many seconds a reservation is to last from now on.
pub(super) fn expires_in(office: &BoxOffice, value: Option<&Value>) -> Result<u32, Problem> {
    let most = office.longest_reservation();
    let Some(value) = value else { return Ok(DEFAULT_EXPIRES_IN.min(most)) };
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
    seconds
        .filter(|seconds| (1..=most).contains(seconds))
        .ok_or_else(|| Problem::malformed("expires_in", format!("expected a whole number of seconds from 1 to {most}")))
}

/// The `Idempotency-Key` header, if there is one. Of two it can't be known which is meant.
pub(super) fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let malformed = || Problem::malformed("Idempotency-Key", format!("expected {}", IdempotencyKey::EXPECTED));
    let mut values = request.headers().get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::malformed("Idempotency-Key", "expected one, got several"));
    }
    let value = value.to_str().map_err(|_| malformed())?;
    IdempotencyKey::parse(value).map(Some).map_err(|_| malformed())
}

/// Who calls, by what API Gateway's JWT authorizer has verified. Nothing that the caller sends is believed.
pub(super) fn caller(request: &Request) -> Caller {
    let subject = token(request).and_then(|token| token.claims.get("sub")).filter(|subject| !subject.is_empty());
    subject.map_or(Caller::Anonymous, |subject| Caller::Subject(subject.to_owned()))
}

/// Refuses whoever is no administrator: whose verified token lacks the scope. Where administration is open everybody is one.
pub(super) fn administrator(office: &BoxOffice, request: &Request) -> Result<(), Problem> {
    let Administrators::WithScope(wanted) = office.administrators() else { return Ok(()) };
    if token(request).is_some_and(|token| scopes(token).any(|scope| scope == wanted)) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, format!("Expected a token with the scope {wanted}. Nothing was changed.")))
}

/// The scopes of a token: `scope` or `scp`, as issuers differ, and those that API Gateway picked out for the route. Claims
/// are texts by the time that they get here: a list has become `[a b]`.
fn scopes(token: &ApiGatewayRequestAuthorizerJwtDescription) -> impl Iterator<Item = &str> {
    let claims = ["scope", "scp"].into_iter().filter_map(|name| token.claims.get(name));
    let claimed = claims.flat_map(|claim| {
        let list = claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        list.unwrap_or(claim).split(' ')
    });
    claimed.chain(token.scopes.iter().flatten().map(String::as_str))
}

fn token(request: &Request) -> Option<&ApiGatewayRequestAuthorizerJwtDescription> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref()?.jwt.as_ref(),
        _ => None,
    }
}

/// `If-None-Match`, if it is there.
pub(super) fn none_match(request: &Request) -> Option<&str> {
    request.headers().get("if-none-match")?.to_str().ok()
}

/// Whether `If-None-Match` names this tag (RFC 9110, 13.1.2): `*`, or a list in which weak and strong compare alike.
pub(super) fn matches(wanted: &str, etag: &str) -> bool {
    matches_any(wanted, |tag| tag == etag)
}

/// The same, of whatever tags are right.
pub(super) fn matches_any(wanted: &str, is_right: impl Fn(&str) -> bool) -> bool {
    wanted.trim() == "*" || wanted.split(',').any(|tag| is_right(&opaque(tag)))
}

/// A tag as a strong one, of the answer that isn't compressed.
pub(super) fn opaque(tag: &str) -> Cow<'_, str> {
    super::compress::plain_tag(tag.trim().trim_start_matches("W/"))
}

/// The body, which has to be a JSON object of known fields. A missing content type is taken for JSON.
pub(super) fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    serde_json::from_slice(json(request, MAX_BODY)?)
        .map_err(|error| Problem::malformed("body", plain(&error.to_string())))
}

/// The body, which has to be JSON of at most so many bytes; not read yet.
pub(super) fn json(request: &Request, most: usize) -> Result<&[u8], Problem> {
    let body: &[u8] = request.body().as_ref();
    if body.len() > most {
        let detail = format!("The body has {} bytes; at most {most} are taken", body.len());
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    if let Some(content_type) = request.headers().get("content-type") {
        let essence = content_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            let detail = "Content-Type: expected application/json";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
    }
    if body.is_empty() {
        return Err(Problem::malformed("body", "expected a JSON object, got nothing"));
    }
    Ok(body)
}

/// A message that may quote the caller: not at length, and nothing that could play tricks where it is shown.
pub(super) fn plain(message: &str) -> String {
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    message.chars().take(MAX_DETAIL).map(plain).collect()
}

/// The fields that name seats; each call's body has them.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SeatFields {
    pub(super) seat: Option<Value>,
    pub(super) seats: Option<Value>,
}

impl SeatFields {
    /// Whether no seat is named at all.
    pub(super) fn is_empty(&self) -> bool {
        self.seat.is_none() && self.seats.is_none()
    }

    /// The labels as they were named: at least one, at most `most`, none twice.
    pub(super) fn labels(&self, most: usize) -> Result<Vec<SeatLabel>, Problem> {
        match (&self.seat, &self.seats) {
            (Some(seat), None) => Ok(vec![label("seat", seat)?]),
            (None, Some(Value::Array(seats))) => {
                if seats.is_empty() || seats.len() > most {
                    let count = seats.len();
                    return Err(Problem::malformed("seats", format!("expected 1 to {most} labels, got {count}")));
                }
                let mut labels = Vec::with_capacity(seats.len());
                for (place, seat) in seats.iter().enumerate() {
                    let label = label(&format!("seats[{place}]"), seat)?;
                    if labels.contains(&label) {
                        return Err(Problem::malformed(format!("seats[{place}]"), format!("{label} is there twice")));
                    }
                    labels.push(label);
                }
                Ok(labels)
            }
            (None, Some(_)) => Err(Problem::malformed("seats", "expected an array of seat labels")),
            (None, None) => Err(Problem::malformed("seat", "expected seat (a label) or seats (an array of labels)")),
            (Some(_), Some(_)) => Err(Problem::malformed("seats", "expected either seat or seats, got both")),
        }
    }
}

fn label(field: &str, value: &Value) -> Result<SeatLabel, Problem> {
    text(field, value, SeatLabel::EXPECTED, SeatLabel::parse)
}

/// An optional field that is a UUID.
pub(super) fn optional_id<T>(
    field: &str,
    value: Option<&Value>,
    parse: impl FnOnce(&str) -> Result<T, InvalidName>,
) -> Result<Option<T>, Problem> {
    value.map(|value| text(field, value, "a UUID", parse)).transpose()
}

/// An optional field that is a text of at most so many characters.
pub(super) fn optional_text(field: &str, value: Option<&Value>, most: usize) -> Result<Option<String>, Problem> {
    let bounded = |value: &Value| {
        let text = value.as_str().filter(|text| text.chars().count() <= most);
        text.map(str::to_owned).ok_or_else(|| Problem::malformed(field, format!("expected at most {most} characters")))
    };
    value.map(bounded).transpose()
}

fn text<T>(
    field: &str,
    value: &Value,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Result<T, InvalidName>,
) -> Result<T, Problem> {
    let parsed = value.as_str().ok_or(InvalidName { expected }).and_then(parse);
    parsed.map_err(|error| Problem::malformed(field, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_matches_alone_in_a_list_weak_or_by_a_star() {
        let etag = "\"00aa\"";
        for wanted in ["\"00aa\"", "\"x\", \"00aa\"", "W/\"00aa\"", "*", " * "] {
            assert!(matches(wanted, etag), "{wanted}");
        }
        for wanted in ["", "00aa", "\"00ab\"", "\"x\",\"y\""] {
            assert!(!matches(wanted, etag), "{wanted}");
        }
    }

    #[test]
    fn scopes_are_those_of_either_claim_as_a_text_or_a_list_and_whole() {
        let scopes_of = |token: serde_json::Value| -> Vec<String> {
            let token = serde_json::from_value(token).unwrap();
            scopes(&token).map(str::to_owned).collect()
        };
        let claims = serde_json::json!({ "claims": { "scope": "a b/c", "scp": "[d e]" }, "scopes": ["f"] });
        assert_eq!(scopes_of(claims), ["a", "b/c", "d", "e", "f"]);
        assert_eq!(scopes_of(serde_json::json!({ "claims": { "scp": "[d" }, "scopes": null })), ["[d"]);
    }
}
