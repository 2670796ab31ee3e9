//! Signing in without a password: each connection gets a token that is made when it is opened.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::{Stream, StreamExt, stream};
use redis::{BasicAuth, ErrorKind, RedisError, RedisResult, StreamingCredentialsProvider};

use super::token::{IamUser, sign};
use crate::clock::Clock;

/// Who signs the tokens; clones share it.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    user: IamUser,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Clock,
}

impl fmt::Debug for Signer {
    /// Without the credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("user", &self.0.user).field("region", &self.0.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs for a user, in the cache's region, with whatever credentials the SDK finds at that moment.
    pub fn new(user: IamUser, region: String, credentials: SharedCredentialsProvider, clock: Clock) -> Self {
        Self(Arc::new(Inner { user, region, credentials, clock }))
    }

    async fn sign_in(self) -> RedisResult<BasicAuth> {
        let Inner { user, region, credentials, clock } = &*self.0;
        let failed = |what, why: String| RedisError::from((ErrorKind::AuthenticationFailed, what, why));
        let credentials = credentials
            .provide_credentials()
            .await
            .map_err(|error| failed("no credentials of AWS to sign in to the cache with", error.to_string()))?;
        let token = sign(user, &credentials, region, clock.now())
            .map_err(|error| failed("can't sign in to the cache", error.to_string()))?;
        Ok(BasicAuth::new(user.name().to_owned(), token.reveal().to_owned()))
    }
}

/// The client asks for this whenever it opens a connection, and a cluster's does so by itself, at any time: to a node
/// that is new, or whose connection broke. A password in its configuration would be a token from when it was built,
/// which nobody takes after 15 minutes.
///
/// It would also sign in again, on the open connection, with each further token of the stream. There is none, since nobody
/// is awake in a frozen instance to send it in time: `current` replaces the connection instead. (The client
/// subscribes twice, so each connection signs in twice, one after the other. The second time is of no use and no harm:
/// its answer is waited for by nobody.)
impl StreamingCredentialsProvider for Signer {
    fn subscribe(&self) -> Pin<Box<dyn Stream<Item = RedisResult<BasicAuth>> + Send + 'static>> {
        Box::pin(stream::once(self.clone().sign_in()).chain(stream::pending()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::time::EpochMillis;
    use aws_sdk_dynamodb::config::Credentials;

    fn signer(clock: Clock) -> Signer {
        let credentials = Credentials::new("AKID", "hunter2", Some("hunter3".to_owned()), None, "test");
        let user = IamUser::parse("box-office", "main", true).unwrap();
        Signer::new(user, "eu-central-1".to_owned(), SharedCredentialsProvider::new(credentials), clock)
    }

    #[tokio::test]
    async fn each_connection_gets_the_token_of_its_moment_and_no_other() {
        let clock = Clock::manual(EpochMillis(1_369_353_600_000));
        let signer = signer(clock.clone());
        let first = async || signer.subscribe().next().await.unwrap().unwrap();
        let (one, same) = (first().await, first().await);
        assert_eq!((one.username(), one.password()), ("box-office", same.password()));
        clock.set(EpochMillis(1_369_353_601_000));
        assert_ne!(first().await.password(), one.password());
        let mut stream = signer.subscribe();
        stream.next().await.unwrap().unwrap();
        assert!(futures_util::FutureExt::now_or_never(stream.next()).is_none(), "and it doesn't end");
    }

    #[tokio::test]
    async fn secrets_are_not_shown() {
        let signer = signer(Clock::manual(EpochMillis(1_369_353_600_000)));
        let auth = signer.subscribe().next().await.unwrap().unwrap();
        let shown = format!("{signer:?} {auth:?}");
        for secret in ["hunter2", "hunter3", "X-Amz"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
