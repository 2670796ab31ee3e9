//! Signing in without a password. Each connection gets a new IAM auth token when it is opened.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::{Stream, StreamExt, stream};
use redis::{BasicAuth, ErrorKind, RedisError, RedisResult, StreamingCredentialsProvider};

use super::iam_token::{IamUser, sign};
use crate::clock::Clock;

/// The provider of IAM auth tokens. Clones share it.
#[derive(Clone)]
pub struct IamTokenProvider(Arc<Inner>);

struct Inner {
    user: IamUser,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Clock,
}

impl fmt::Debug for IamTokenProvider {
    /// Leaves out the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IamTokenProvider")
            .field("user", &self.0.user)
            .field("region", &self.0.region)
            .finish_non_exhaustive()
    }
}

impl IamTokenProvider {
    /// Creates a provider for a user in the cache's region. The credentials are those that the SDK has when a
    /// connection is opened.
    pub fn new(user: IamUser, region: String, credentials: SharedCredentialsProvider, clock: Clock) -> Self {
        Self(Arc::new(Inner { user, region, credentials, clock }))
    }

    async fn sign_in(self) -> RedisResult<BasicAuth> {
        let Inner { user, region, credentials, clock } = &*self.0;
        let failed = |what, why: String| RedisError::from((ErrorKind::AuthenticationFailed, what, why));
        let credentials = credentials
            .provide_credentials()
            .await
            .map_err(|error| failed("no AWS credentials to sign in to the cache", error.to_string()))?;
        let token = sign(user, &credentials, region, clock.now())
            .map_err(|error| failed("can't sign in to the cache", error.to_string()))?;
        Ok(BasicAuth::new(user.name().to_owned(), token.reveal().to_owned()))
    }
}

/// The client calls this whenever it opens a connection. A cluster's client does so at any time, for a new node or
/// after a connection broke. A password in its configuration would be a token from the start, which is rejected after
/// 15 minutes.
///
/// The client would also sign in again on the open connection with each further token of the stream. There is none,
/// because a frozen instance can't send it in time. Instead the connection is replaced.
///
/// The client subscribes twice, so each connection signs in twice, one after the other. The second time has no use and
/// does no harm, because nothing waits for its answer.
impl StreamingCredentialsProvider for IamTokenProvider {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        Box::pin(stream::once(self.clone().sign_in()).chain(stream::pending()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::EpochMillis;
    use aws_sdk_dynamodb::config::Credentials;

    fn signer(clock: Clock) -> IamTokenProvider {
        let credentials = Credentials::new("AKID", "hunter2", Some("hunter3".to_owned()), None, "test");
        let user = IamUser::parse("box-office", "main", true).unwrap();
        IamTokenProvider::new(user, "eu-central-1".to_owned(), SharedCredentialsProvider::new(credentials), clock)
    }

    #[tokio::test]
    async fn each_connection_gets_a_new_token() {
        let clock = Clock::manual(EpochMillis::new(1_369_353_600_000));
        let signer = signer(clock.clone());
        let first = async || signer.subscribe().next().await.unwrap().unwrap();
        let (one, same) = (first().await, first().await);
        assert_eq!((one.username(), one.password()), ("box-office", same.password()));
        clock.set(EpochMillis::new(1_369_353_601_000));
        assert_ne!(first().await.password(), one.password());
        let mut stream = signer.subscribe();
        stream.next().await.unwrap().unwrap();
        assert!(futures_util::FutureExt::now_or_never(stream.next()).is_none(), "and it doesn't end");
    }

    #[tokio::test]
    async fn debug_output_hides_secrets() {
        let signer = signer(Clock::manual(EpochMillis::new(1_369_353_600_000)));
        let auth = signer.subscribe().next().await.unwrap().unwrap();
        let shown = format!("{signer:?} {auth:?}");
        for secret in ["hunter2", "hunter3", "X-Amz"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
