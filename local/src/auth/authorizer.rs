//! API Gateway's JWT authorizer, with the issuer's real keys.

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Uri;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use super::claims::{self, Claims};

/// The algorithms that API Gateway accepts.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512];
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An authorizer that accepts tokens of one issuer for one audience.
pub struct Authorizer {
    issuer: String,
    audience: String,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The issuer's keys, from its last answer.
    keys: Mutex<JwkSet>,
}

/// The reason for a rejection, or `None` if the request has no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub Option<&'static str>);

impl Authorizer {
    /// Creates an authorizer for this issuer. The issuer is an address below which its configuration is served.
    pub fn new(issuer: &str, audience: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let keys = Mutex::new(JwkSet { keys: Vec::new() });
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), client, keys }
    }

    /// Returns the claims of the token in the header `Authorization`, each as a text. `now` is in seconds since 1970.
    pub async fn authorize(&self, headers: &HeaderMap, now: i64) -> Result<Claims, Refused> {
        let token = bearer(headers).ok_or(Refused(None))?;
        let claims = self.verified(token).await.map_err(|why| Refused(Some(why)))?;
        claims::check(&claims, &self.issuer, &self.audience, now).map_err(|why| Refused(Some(why)))?;
        Ok(claims::to_texts(&claims))
    }

    /// Returns the claims of a token after checking its signature against the issuer's key that the token names.
    async fn verified(&self, token: &str) -> Result<Claims, &'static str> {
        let header = decode_header(token).map_err(|_| "the token can't be read")?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err("the token has an unsupported algorithm");
        }
        let kid = header.kid.ok_or("the token names no key")?;
        let key = self.key(&kid).await.map_err(|_| "the issuer can't be asked")?;
        let key = key.filter(is_rsa).ok_or("the token names a key that the issuer doesn't have")?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| "the issuer's key can't be read")?;
        let mut validation = Validation::new(header.alg);
        // Checks the signature only. `claims::check` checks the claims, against a time that is passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = decode::<Claims>(token, &key, &validation).map_err(|_| "the token has a wrong signature")?;
        Ok(token.claims)
    }

    /// Returns the key of this id. Asks the issuer for its keys if the id isn't known yet.
    async fn key(&self, kid: &str) -> Result<Option<Jwk>> {
        let mut keys = self.keys.lock().await;
        if keys.find(kid).is_none() {
            let configuration: Value = self.get(&format!("{}/.well-known/openid-configuration", self.issuer)).await?;
            if configuration["issuer"] != self.issuer.as_str() {
                bail!("{} calls itself {}", self.issuer, configuration["issuer"]);
            }
            *keys = self.get(configuration["jwks_uri"].as_str().context("no jwks_uri")?).await?;
        }
        Ok(keys.find(kid).cloned())
    }

    async fn get<T: DeserializeOwned>(&self, address: &str) -> Result<T> {
        let answer = self.client.get(address.parse::<Uri>()?).await?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{address}: {error}"))?.to_bytes();
        Ok(serde_json::from_slice(&body)?)
    }
}

/// Returns the token, which may stand alone or after `Bearer`. Returns `None` for two headers, because they are
/// ambiguous.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    };
    (!token.is_empty()).then_some(token)
}

fn is_rsa(key: &Jwk) -> bool {
    matches!(key.algorithm, AlgorithmParameters::RSA(_))
}
