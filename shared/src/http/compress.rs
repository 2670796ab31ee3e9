//! Compression of responses, for clients that accept it.
//!
//! A compressed response is another representation, so it has another entity tag: the tag of the plain response with
//! `-gzip` at its end (RFC 9110, 8.8.3.3). The ending is removed whenever a client sends the tag. So either form is
//! recognized, in `If-Match` too.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::Request;
use lambda_http::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use lambda_http::http::{HeaderMap, HeaderValue};

use super::response_body::{Answer, ResponseBody};
use super::route::Route;

/// Smaller bodies fit into two packets, so they aren't compressed.
const MIN_BYTES: usize = 2_048;
/// The ending of a compressed response's tag.
const ENDING: &str = "-gzip";

/// Compresses a response if it is large, it is the same for all callers, and its client accepts that.
pub(super) fn for_client(route: &Route, request: &Request, mut answer: Answer) -> Answer {
    if !route.is_public || !may_be_compressed(&answer) {
        return answer;
    }
    answer.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    if answer.status().as_u16() == 304 {
        // A 304 has the tag of the response that the client has.
        if names_compressed(request.headers()) {
            mark(&mut answer);
        }
        return answer;
    }
    if answer.body().as_bytes().len() <= MIN_BYTES || !accepts_gzip(request.headers()) {
        return answer;
    }
    *answer.body_mut() = ResponseBody::Bytes(gzip(answer.body().text().as_bytes()));
    answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    mark(&mut answer);
    answer
}

/// Removes the ending of a compressed response's tag.
pub(super) fn plain_tag(opaque: &str) -> &str {
    opaque.strip_suffix(ENDING).unwrap_or(opaque)
}

fn may_be_compressed(answer: &Answer) -> bool {
    let json = answer.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
    match answer.status().as_u16() {
        200 => json,
        304 => true,
        _ => false,
    }
}

fn mark(answer: &mut Answer) {
    let tag = answer.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    let marked = tag.and_then(|tag| HeaderValue::try_from(format!("{tag}{ENDING}\"")).ok());
    if let Some(marked) = marked {
        answer.headers_mut().insert(ETAG, marked);
    }
}

fn names_compressed(headers: &HeaderMap) -> bool {
    let ending = format!("{ENDING}\"");
    headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|tags| tags.contains(&ending))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory accepts every write")
}

/// Returns `true` if a client accepts gzip and doesn't prefer the plain response (RFC 9110, 12.5.3). Without the header
/// it gets the plain response, which every client understands.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let (mut gzip, mut identity, mut others) = (None, None, None);
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for (coding, weight) in values.flat_map(|value| value.split(',')).filter_map(weighted) {
        match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = gzip.max(Some(weight)),
            "identity" => identity = Some(weight),
            "*" => others = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(others).unwrap_or(0);
    gzip > 0 && identity.is_none_or(|identity| gzip >= identity)
}

/// Parses a coding and its weight in thousandths. Returns `None` if the weight is invalid.
fn weighted(part: &str) -> Option<(&str, u16)> {
    let mut pieces = part.split(';').map(str::trim);
    let coding = pieces.next()?;
    let mut weight = 1_000;
    for piece in pieces {
        if let Some(text) = piece.strip_prefix("q=").or_else(|| piece.strip_prefix("Q=")) {
            weight = thousandths(text.trim())?;
        }
    }
    Some((coding, weight))
}

/// Parses a weight such as `0.5` as 500 (RFC 9110, 12.4.2). It is 0 to 1, with at most three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if rest.len() > 3 || !rest.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let rest: u16 = format!("{rest:0<3}").parse().ok()?;
    match (whole, rest) {
        ("0", rest) => Some(rest),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use lambda_http::{Body, Response};

    use super::*;
    use crate::http::route::Operation;

    fn request(accepts: &[&str]) -> Request {
        let mut request = Request::new(Body::Empty);
        for value in accepts {
            request.headers_mut().append(ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        request
    }

    fn answer(status: u16, text: &str) -> Answer {
        let response = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
        response.header(ETAG, "\"0a\"").body(ResponseBody::Text(text.to_owned())).unwrap()
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
        answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[test]
    fn gzip_is_accepted_by_its_weight() {
        for yes in [
            "gzip",
            "GZIP",
            "x-gzip",
            "*",
            "br, gzip",
            "gzip;q=0.5",
            "gzip ; q=1.000",
            "br;q=1.0, gzip;q=0.001",
            "*;q=0.1",
            "identity;q=0.5, gzip",
            "deflate, gzip;q=1.0, *;q=0",
        ] {
            assert!(accepts_gzip(request(&[yes]).headers()), "{yes}");
        }
        for no in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip;q=0, *",
            "*;q=0",
            "gzip;q=x",
            "gzip;q=2",
            "gzip;q=0.5, identity",
            "gzipped",
        ] {
            assert!(!accepts_gzip(request(&[no]).headers()), "{no}");
        }
        assert!(accepts_gzip(request(&["br", "gzip"]).headers()), "two headers");
        assert!(!accepts_gzip(request(&[]).headers()));
    }

    #[test]
    fn large_answer_is_compressed_with_its_own_tag() {
        let text = "[\"a\"]".repeat(1_000);
        let compressed = for_client(Route::of(Operation::GetMap), &request(&["gzip"]), answer(200, &text));
        let mut read = String::new();
        GzDecoder::new(compressed.body().as_bytes()).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
        assert_eq!(header(&compressed, "content-encoding"), "gzip");
        assert_eq!((header(&compressed, "etag"), header(&compressed, "vary")), ("\"0a-gzip\"", "accept-encoding"));
        assert_eq!((plain_tag("0a-gzip"), plain_tag("0a")), ("0a", "0a"));
    }

    #[test]
    fn small_or_private_answers_are_not_compressed() {
        let large = "x".repeat(MIN_BYTES + 1);
        for (operation, accepts, status, text) in [
            (Operation::GetSeats, "gzip", 200, &large[..MIN_BYTES]),
            (Operation::GetSeats, "identity", 200, &large),
            (Operation::GetSeats, "gzip", 404, &large),
            (Operation::GetReservation, "gzip", 200, &large),
            (Operation::Book, "gzip", 200, &large),
        ] {
            let plain = for_client(Route::of(operation), &request(&[accepts]), answer(status, text));
            assert_eq!(plain.body().text(), text);
            assert_eq!((header(&plain, "content-encoding"), header(&plain, "etag")), ("", "\"0a\""));
            let varies = operation == Operation::GetSeats && status == 200;
            assert_eq!(header(&plain, "vary"), if varies { "accept-encoding" } else { "" });
        }
    }

    #[test]
    fn not_modified_has_the_clients_tag() {
        for (tag, shown) in [("\"0a-gzip\"", "\"0a-gzip\""), ("W/\"0a-gzip\"", "\"0a-gzip\""), ("\"0a\"", "\"0a\"")] {
            let mut request = request(&["gzip"]);
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap());
            let answer = for_client(Route::of(Operation::GetMap), &request, answer(304, ""));
            assert_eq!((header(&answer, "etag"), header(&answer, "vary")), (shown, "accept-encoding"));
        }
    }
}
