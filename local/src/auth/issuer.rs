//! An issuer that gives a token to every caller: `POST /token` with `sub`, `scope` and `expires_in` as a form.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::signer::Signer;
use crate::gateway::CorsOrigins;
use crate::ports;
use crate::server::{Answer, Server, json};

/// The audience of the tokens (`aud`).
pub const AUDIENCE: &str = "boxoffice";

/// The default and the largest lifetime of a token, in seconds.
const DEFAULT_LIFETIME: i64 = 3_600;
const MAX_LIFETIME: i64 = 86_400;
const MAX_FORM_BYTES: usize = 8 * 1024;
const MAX_TEXT_BYTES: usize = 255;

/// A running issuer. Dropping it ends it and discards its key.
pub struct Issuer {
    url: String,
    signer: Arc<Signer>,
    _server: Server,
}

impl Issuer {
    /// Generates a key and listens on a port of 127.0.0.1. Port 0 means any free port. Pages of these origins may
    /// request tokens.
    pub async fn start(port: u16, cors: CorsOrigins) -> Result<Self> {
        let port = if port == 0 { ports::free_port()? } else { port };
        let (url, signer) = (format!("http://127.0.0.1:{port}"), Arc::new(Signer::generate()?));
        let own = (url.clone(), signer.clone(), cors);
        let server = Server::start(port, move |_, request| {
            let (url, signer, cors) = own.clone();
            async move {
                let headers = request.headers().clone();
                if let Some(answer) = cors.preflight(request.method(), &headers) {
                    return answer;
                }
                let mut answer = answer(&url, &signer, request).await;
                cors.expose(&headers, &mut answer);
                answer
            }
        });
        Ok(Self { url, signer, _server: server.await? })
    }

    /// Returns the issuer's name in `iss`, which is also its address: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}

async fn answer(issuer: &str, signer: &Signer, request: Request<Incoming>) -> Answer {
    if !is_for_this_machine(&request) {
        return error_response("invalid_request", "Host: expected 127.0.0.1 or localhost");
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/.well-known/openid-configuration") => json(200, &configuration(issuer)),
        (&Method::GET, "/.well-known/jwks.json") => json(200, &json!(signer.public())),
        (&Method::POST, "/token") => {
            let Some(form) = form(request).await else { return error_response("invalid_request", "expected a form") };
            let token = token_claims(&form, issuer, Timestamp::now().as_second())
                .and_then(|claims| Ok((signer.sign(&claims).map_err(|_| "can't sign")?, claims)));
            match token {
                Ok((token, claims)) => json(200, &token_response(&token, &claims)),
                Err(expected) => error_response("invalid_request", expected),
            }
        }
        _ => json(404, &json!({ "error": "not_found" })),
    }
}

/// Returns `true` if the host name is one of this machine's. Otherwise a web page whose own host name resolves to
/// 127.0.0.1 could read tokens.
fn is_for_this_machine(request: &Request<Incoming>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    ["127.0.0.1", "localhost"].contains(&host.split(':').next().unwrap_or_default())
}

/// Returns the supported part of OpenID Connect Discovery 1.0.
fn configuration(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/token"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

async fn form(request: Request<Incoming>) -> Option<HashMap<String, String>> {
    let body = Limited::new(request.into_body(), MAX_FORM_BYTES).collect().await.ok()?.to_bytes();
    Some(form_urlencoded::parse(&body).into_owned().collect())
}

/// Returns the claims of the requested token, or the expectation that the request doesn't meet.
fn token_claims(form: &HashMap<String, String>, issuer: &str, now: i64) -> Result<Value, &'static str> {
    let text = |name: &str| form.get(name).filter(|text| !text.is_empty());
    let plain = |text: &&String| text.len() <= MAX_TEXT_BYTES && !text.contains(char::is_control);
    let subject = text("sub").filter(plain).ok_or("sub: expected 1 to 255 characters")?;
    let lifetime = match text("expires_in") {
        None => DEFAULT_LIFETIME,
        Some(seconds) => {
            let seconds = seconds.parse().ok().filter(|seconds| (1..=MAX_LIFETIME).contains(seconds));
            seconds.ok_or("expires_in: expected a whole number of seconds from 1 to 86400")?
        }
    };
    let mut claims = json!({ "iss": issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + lifetime });
    if let Some(scope) = text("scope") {
        claims["scope"] = json!(Some(scope).filter(plain).ok_or("scope: expected at most 255 characters")?);
    }
    Ok(claims)
}

/// Builds a successful answer (RFC 6749, 5.1).
fn token_response(token: &str, claims: &Value) -> Value {
    let lifetime = claims["exp"].as_i64().unwrap_or_default() - claims["iat"].as_i64().unwrap_or_default();
    json!({
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": claims["scope"].as_str().unwrap_or_default(),
    })
}

/// Builds an error answer (RFC 6749, 5.2).
fn error_response(error: &str, expected: &str) -> Answer {
    json(400, &json!({ "error": error, "error_description": expected }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_claims_of(form: &[(&str, &str)]) -> Result<Value, &'static str> {
        let form = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        token_claims(&form, "http://127.0.0.1:1", 1_000)
    }

    #[test]
    fn token_has_subject_audience_scope_and_expiry() {
        let claims =
            token_claims_of(&[("sub", "alice"), ("scope", "boxoffice/admin openid"), ("expires_in", "60")]).unwrap();
        let expected = json!({ "iss": "http://127.0.0.1:1", "aud": "boxoffice", "sub": "alice", "iat": 1_000,
            "exp": 1_060, "scope": "boxoffice/admin openid" });
        assert_eq!(claims, expected);
        assert_eq!(token_response("t", &claims)["expires_in"], 60);
    }

    #[test]
    fn missing_subject_or_long_lifetime_is_rejected() {
        for form in [&[][..], &[("sub", "")], &[("sub", "a\nb")], &[("sub", "a"), ("expires_in", "0")]] {
            assert!(token_claims_of(form).is_err(), "{form:?}");
        }
        assert!(token_claims_of(&[("sub", "a"), ("expires_in", "86401")]).is_err());
    }
}
