//! Cross-origin requests, as API Gateway answers them
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>).
//!
//! The lists are those of `infra/template.yaml`. A test checks that both are the same.

use anyhow::{Result, bail};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use hyper::{Method, Response};

use crate::server::Answer;

/// Methods that a page may use.
pub const ALLOWED_METHODS: &str = "GET,HEAD,POST,PUT,DELETE";
/// Headers that a page may send.
pub const ALLOWED_HEADERS: &str = "authorization,content-type,idempotency-key,if-match,if-none-match,on-behalf-of,reservation-id,\
     x-request-id";
/// Headers of an answer that a page may read. A page may always read some others, such as `content-type`.
pub const EXPOSED_HEADERS: &str = "accept,accept-encoding,apigw-requestid,content-encoding,date,etag,idempotent-replayed,link,\
     location,ratelimit,ratelimit-policy,retry-after,vary,www-authenticate,x-cache,x-request-id";
/// The seconds for which a browser may remember the answer to a preflight request.
pub const MAX_AGE: &str = "600";

/// Origins whose pages may read answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOrigins(Origins);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origins {
    /// Cross-origin requests get no special treatment.
    None,
    Any,
    /// Origins such as `http://localhost:5173`. `http://localhost:*` means every port.
    Listed(Vec<String>),
}

impl CorsOrigins {
    /// Returns the default: pages on this machine, on every port.
    pub fn loopback() -> Self {
        let hosts = ["localhost", "127.0.0.1", "[::1]"];
        let origins = hosts.iter().flat_map(|host| [format!("http://{host}:*"), format!("https://{host}:*")]);
        Self(Origins::Listed(origins.collect()))
    }

    /// Returns the empty set of origins.
    pub fn none() -> Self {
        Self(Origins::None)
    }

    /// Parses origins that are separated by commas, or `*`, or `none`.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim() {
            "*" => Ok(Self(Origins::Any)),
            "none" => Ok(Self::none()),
            list => {
                let origins = list.split(',').map(|origin| parse_origin(origin.trim()));
                Ok(Self(Origins::Listed(origins.collect::<Result<_>>()?)))
            }
        }
    }

    /// Returns the answer to a preflight request, or `None` for other requests. No function is called for a preflight.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Answer> {
        if *method != Method::OPTIONS || self.0 == Origins::None {
            return None;
        }
        let mut answer: Answer = Response::default();
        *answer.status_mut() = hyper::StatusCode::NO_CONTENT;
        if headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) && self.allow(headers, &mut answer) {
            let lists = [
                (ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ];
            for (name, value) in lists {
                answer.headers_mut().insert(name, HeaderValue::from_static(value));
            }
        }
        Some(answer)
    }

    /// Adds the headers that let the page read the answer, if its origin is allowed.
    pub(crate) fn expose(&self, headers: &HeaderMap, answer: &mut Answer) {
        if self.0 == Origins::None {
            return;
        }
        // A function's own CORS headers are removed, as in API Gateway.
        for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS] {
            answer.headers_mut().remove(name);
        }
        if self.allow(headers, answer) {
            answer.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
        }
    }

    fn allow(&self, headers: &HeaderMap, answer: &mut Answer) -> bool {
        if let Origins::Listed(_) = self.0 {
            answer.headers_mut().append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(origin) = headers.get(ORIGIN) else { return false };
        let allowed = match &self.0 {
            Origins::None => return false,
            Origins::Any => HeaderValue::from_static("*"),
            Origins::Listed(origins) => {
                let Ok(text) = origin.to_str() else { return false };
                if !origins.iter().any(|allowed| matches(allowed, text)) {
                    return false;
                }
                origin.clone()
            }
        };
        answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        true
    }
}

fn parse_origin(origin: &str) -> Result<String> {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or_default();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._:[]*".contains(character);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, "80"),
    };
    let is_port = port == "*" || port.parse::<u16>().is_ok();
    if name.is_empty() || name.contains('*') || !name.chars().all(is_plain) || !is_port {
        bail!("{origin:?} is no origin: expected one such as http://localhost:5173, without a path, or `*`, or `none`");
    }
    Ok(origin.to_ascii_lowercase())
}

fn matches(allowed: &str, origin: &str) -> bool {
    match allowed.strip_suffix(":*") {
        None => allowed.eq_ignore_ascii_case(origin),
        Some(host) => match origin.get(..host.len()) {
            Some(start) if start.eq_ignore_ascii_case(host) => {
                let rest = &origin[host.len()..];
                rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
            }
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut request = Request::builder();
        for (name, value) in list {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0.headers
    }

    fn allowed_by(cors: &CorsOrigins, origin: &str) -> Option<String> {
        let mut answer = Answer::default();
        cors.expose(&headers(&[("origin", origin)]), &mut answer);
        let allowed = answer.headers().get("access-control-allow-origin")?;
        assert_eq!(answer.headers()["access-control-expose-headers"], EXPOSED_HEADERS);
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        Some(allowed.to_str().unwrap().to_owned())
    }

    #[test]
    fn local_pages_may_read_answers_by_default() {
        let cors = CorsOrigins::loopback();
        for origin in ["http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8080", "http://localhost"] {
            assert_eq!(allowed_by(&cors, origin).as_deref(), Some(origin));
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example:80",
            "http://localhost:80.evil.example",
            "http://localhost:",
            "http://evil.example:5173",
            "null",
            "",
        ] {
            assert_eq!(allowed_by(&cors, origin), None, "{origin}");
        }
    }

    #[test]
    fn origins_can_be_listed() {
        let cors = CorsOrigins::parse("https://tickets.example.com, http://localhost:5173").unwrap();
        assert_eq!(allowed_by(&cors, "https://tickets.example.com").as_deref(), Some("https://tickets.example.com"));
        for origin in
            ["http://localhost:5174", "http://tickets.example.com", "https://tickets.example.com.evil.example"]
        {
            assert_eq!(allowed_by(&cors, origin), None, "{origin}");
        }
        assert_eq!(allowed_by(&CorsOrigins::parse("*").unwrap(), "https://a.example").as_deref(), Some("*"));
        assert_eq!(allowed_by(&CorsOrigins::parse("none").unwrap(), "http://localhost:5173"), None);
    }

    #[test]
    fn invalid_origin_is_rejected() {
        for text in [
            "localhost:5173",
            "http://",
            "http://localhost:5173/",
            "http://*.example",
            "ftp://a",
            "",
            "http://a b",
            "http://a:x",
        ] {
            let error = CorsOrigins::parse(text).unwrap_err().to_string();
            assert!(error.contains("is no origin: expected one such as http://localhost:5173"), "{error}");
        }
    }

    #[test]
    fn preflight_lists_what_is_allowed() {
        let cors = CorsOrigins::loopback();
        let asked = headers(&[("origin", "http://localhost:5173"), ("access-control-request-method", "POST")]);
        let answer = cors.preflight(&Method::OPTIONS, &asked).unwrap();
        assert_eq!(answer.status(), 204);
        for (name, value) in [
            ("access-control-allow-origin", "http://localhost:5173"),
            ("access-control-allow-methods", ALLOWED_METHODS),
            ("access-control-allow-headers", ALLOWED_HEADERS),
            ("access-control-max-age", "600"),
        ] {
            assert_eq!(answer.headers()[name], value);
        }
        assert!(cors.preflight(&Method::POST, &asked).is_none());
        assert!(CorsOrigins::none().preflight(&Method::OPTIONS, &asked).is_none());
        for without in [
            headers(&[("origin", "https://evil.example"), ("access-control-request-method", "POST")]),
            headers(&[("origin", "http://localhost:5173")]),
            headers(&[("access-control-request-method", "POST")]),
        ] {
            let answer = cors.preflight(&Method::OPTIONS, &without).unwrap();
            assert_eq!(answer.status(), 204);
            assert!(!answer.headers().contains_key("access-control-allow-methods"), "{answer:?}");
        }
    }
}
