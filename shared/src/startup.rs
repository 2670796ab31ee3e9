//! Start-up: from the configuration to a box office with open connections.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, Service};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::app::BoxOffice;
use crate::aws::{AwsConfig, sdk};
use crate::cache::{Cache, CacheError, IamTokenProvider};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::observability::{log, metrics, trace};
use crate::store::Store;

/// Time limit for opening connections during start-up. After it, the first request waits for DynamoDB and goes on
/// without Redis.
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(1);

/// Reason why a function can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An environment variable is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The URL of the cache is invalid.
    #[error("environment variable CACHE_URL: {0}")]
    CacheUrl(#[from] CacheError),
    /// The region or the credentials for signing the cache's tokens are missing.
    #[error("environment variable CACHE_IAM_USER: the AWS {0} for signing tokens can't be found")]
    MissingSigner(&'static str),
}

/// Starts a function that serves a box office. The function calls it before its first event.
///
/// The returned box office lives as long as the process.
///
/// # Errors
///
/// Returns an error if the configuration is invalid. A connection that can't be opened is no error.
///
/// The future is boxed here, as those of the handlers are. Otherwise the binary would contain the SDK's code for calls
/// twice: once in this crate, and once in the crate of the function that polls it.
pub fn start() -> Pin<Box<dyn Future<Output = Result<&'static BoxOffice, StartError>>>> {
    Box::pin(start_with(async |config, sdk| {
        trace::start(crate::config::xray_daemon_from_env());
        connect(config, &sdk, Clock::System).await
    }))
}

/// Starts a function: starts logging and metrics, reads the configuration, and creates the function's service with
/// `connect`.
///
/// The returned service lives as long as the process.
///
/// # Errors
///
/// Returns an error if the configuration is invalid, or the error of `connect`. Both are logged.
pub async fn start_with<T: 'static>(
    connect: impl AsyncFnOnce(Config, SdkConfig) -> Result<T, StartError>,
) -> Result<&'static T, StartError> {
    let started = Instant::now();
    let config = crate::config::log_level_from_env().and_then(|level| {
        log::start(level);
        metrics::start(crate::config::metrics_from_env()?);
        Ok((Config::from_env()?, AwsConfig::from_env()?))
    });
    let service = match config {
        Ok((config, aws)) => connect(config, sdk(&aws)).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &service {
        log::start(tracing::Level::INFO);
        tracing::error!(%error, "can't start");
    }
    log::record_init_duration(started.elapsed());
    service.map(|service| &*Box::leak(Box::new(service)))
}

/// Runs the event loop: receives events from Lambda and passes them to a service until the process ends.
///
/// Runs the loop in a spawned task. The runtime polls the I/O driver before it resumes the future passed to
/// `block_on`, which costs a system call for each wake-up. Spawned tasks are resumed directly.
///
/// # Errors
///
/// Returns the error that ends the event loop.
pub async fn run<A, S>(service: S) -> Result<(), Error>
where
    A: for<'de> Deserialize<'de> + Send + 'static,
    S: Service<LambdaEvent<A>> + Send + 'static,
    S::Future: Send,
    S::Response: Serialize + Send,
    S::Error: Into<Diagnostic> + Debug + Send,
{
    match tokio::spawn(lambda_runtime::run(service)).await {
        Ok(ended) => ended,
        // Passes the panic on, as without a task. The task is never canceled.
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Creates a box office and opens its connections to DynamoDB and Redis at the same time.
///
/// # Errors
///
/// Returns an error if the cache's configuration is invalid. A connection that can't be opened is no error.
pub async fn connect(config: Config, sdk: &SdkConfig, clock: Clock) -> Result<BoxOffice, StartError> {
    let store = store(&config, sdk, clock.clone());
    let cache = cache(&config, sdk, &clock)?;
    let office = BoxOffice::new(store, cache, clock, config.policy);
    let open_store = tokio::time::timeout(CONNECT_TIME_LIMIT, office.warm_up(&config.warm_theaters));
    let open_cache = office.open_cache(CONNECT_TIME_LIMIT);
    let _ = tokio::join!(open_store, open_cache);
    Ok(office)
}

/// Creates the cache. It signs in with the credentials and the region of the store.
fn cache(config: &Config, sdk: &SdkConfig, clock: &Clock) -> Result<Option<Cache>, StartError> {
    let Some(address) = config.cache.clone() else { return Ok(None) };
    let signer = match &config.cache_iam {
        None => None,
        Some(user) => {
            let region = sdk.region().ok_or(StartError::MissingSigner("region"))?.to_string();
            let credentials = sdk.credentials_provider().ok_or(StartError::MissingSigner("credentials"))?;
            Some(IamTokenProvider::new(user.clone(), region, credentials, clock.clone()))
        }
    };
    Ok(Some(Cache::new(address, signer, config.cache_key_prefix.clone(), config.cache_deadline, clock.clone())?))
}

/// Creates the store from a configuration of the SDK.
///
/// Every timeout is set, because the SDK sets none for operations. The timeout of an attempt is short, because a
/// connection that died while the instance was frozen never responds. The SDK's retries are off, because [`Store`]
/// retries.
pub fn store(config: &Config, sdk: &SdkConfig, clock: Clock) -> Store {
    let attempt = config.dynamodb_attempt_timeout;
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(attempt).build();
    let client = aws_sdk_dynamodb::config::Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(client);
    Store::new(client, config.table.clone(), clock, config.dynamodb_total_timeout)
}
