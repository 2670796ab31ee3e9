//! The IAM auth token: a password for 15 minutes, which the function signs with its own AWS credentials.
//!
//! It is the URL of a `connect` request, without its `http://`, presigned by Signature Version 4. The request is never
//! sent:
//! <https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html>.
//!
//! This module makes no calls and keeps no state. The signer, the region and the time are inputs.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::time::EpochMillis;

/// The validity of a token: the longest that ElastiCache accepts.
const VALIDITY: Duration = Duration::from_secs(900);

/// All characters but the unreserved ones of a URI (RFC 3986, 2.3), as Signature Version 4 requires.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The user of the functions in the cache, and the name of the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamUser {
    user: String,
    cache: String,
    serverless: bool,
}

/// The reasons why an [`IamUser`] is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IamUserError {
    /// The user's name is invalid.
    User,
    /// The cache's name is invalid.
    Cache,
}

impl IamUser {
    /// Creates a user whose id is its name. Both names have 1 to 40 letters, digits and hyphens.
    ///
    /// The cache's name is converted to lower case. ElastiCache stores it so, and checks the signature with it.
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

    /// Returns the name to sign in with.
    pub fn name(&self) -> &str {
        &self.user
    }
}

/// A signed token. Its `Debug` hides it, because it is a secret while it is valid.
pub struct IamToken(String);

impl IamToken {
    /// Returns the text, which may only be sent as the password.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IamToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IamToken(..)")
    }
}

/// A token couldn't be signed. Holds none of the inputs, because they include secrets.
#[derive(Debug, thiserror::Error)]
#[error("a token couldn't be signed")]
pub struct SigningError;

/// Signs a token for a user with these credentials in a region, valid for 15 minutes from `now`.
pub fn sign(
    user: &IamUser,
    credentials: &Credentials,
    region: &str,
    now: EpochMillis,
) -> Result<IamToken, SigningError> {
    let IamUser { user, cache, serverless } = user;
    let kind = if *serverless { "&ResourceType=ServerlessCache" } else { "" };
    let mut text = format!("{cache}/?Action=connect&User={user}{kind}");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(VALIDITY);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("elasticache")
        .time(UNIX_EPOCH + Duration::from_millis(now.as_millis()))
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
    Ok(IamToken(text))
}

#[cfg(test)]
mod tests;
