//! The token: a password for a quarter of an hour, which the function signs with its own credentials of AWS.
//!
//! It is the URL, without its `http://`, of a request to `connect` that nobody sends, presigned by Signature Version 4:
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>. Nothing here is asked for or kept: who signs,
//! where and when are inputs.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::rules::time::EpochMillis;

/// How long somebody may sign in with a token: the longest that ElastiCache grants.
const VALID: Duration = Duration::from_secs(900);

/// All but what a URI may hold as it is (RFC 3986, 2.3), as Signature Version 4 wants it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whom the functions are to the cache, and which cache it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamUser {
    user: String,
    cache: String,
    serverless: bool,
}

/// Why there is no such [`IamUser`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IamUserError {
    /// The user's name can't be one.
    User,
    /// The cache's name can't be one.
    Cache,
}

impl IamUser {
    /// A user whose id is its name: 1 to 40 letters, digits and hyphens, as of the cache's name. That one is folded to
    /// lower case, in which ElastiCache keeps it and checks what was signed for it.
    pub fn parse(user: &str, cache: &str, serverless: bool) -> Result<Self, IamUserError> {
        let is_name =
            |text: &str| matches!(text.len(), 1..=40) && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        if !is_name(user) {
            return Err(IamUserError::User);
        }
        if !is_name(cache) {
            return Err(IamUserError::Cache);
        }
        Ok(Self { user: user.to_owned(), cache: cache.to_ascii_lowercase(), serverless })
    }

    /// The name to sign in with.
    pub fn name(&self) -> &str {
        &self.user
    }
}

/// A signed token: a secret while it is valid, so it isn't shown.
pub struct Token(String);

impl Token {
    /// The text itself, to be sent as the password and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why nothing could be signed; no input that is shown to anybody is in it.
#[derive(Debug, thiserror::Error)]
#[error("no token could be signed")]
pub struct SigningError;

/// Signs a token for a user, by somebody's credentials, in a region, valid from `now` for 15 minutes.
pub fn sign(user: &IamUser, credentials: &Credentials, region: &str, now: EpochMillis) -> Result<Token, SigningError> {
    let IamUser { user, cache, serverless } = user;
    let kind = if *serverless { "&ResourceType=ServerlessCache" } else { "" };
    let mut text = format!("{cache}/?Action=connect&User={user}{kind}");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALID);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("elasticache")
        .time(UNIX_EPOCH + Duration::from_millis(now.0))
        .settings(settings)
        .build()
        .map_err(|_| SigningError)?
        .into();
    let request = SignableRequest::new("GET", format!("http://{text}"), std::iter::empty(), SignableBody::empty())
        .map_err(|_| SigningError)?;
    let signed = aws_sigv4::http_request::sign(request, &params).map_err(|_| SigningError)?;
    for (name, value) in signed.output().params() {
        text.push_str(&format!("&{name}={}", utf8_percent_encode(value, RESERVED)));
    }
    Ok(Token(text))
}

#[cfg(test)]
mod tests;
