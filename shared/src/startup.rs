//! Start-up: from configuration to a box office whose connections are open.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};

use crate::cache::{Cache, CacheError, Signer};
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::store::Store;
use crate::usecases::BoxOffice;

/// How long connecting may hold up the start. What isn't there by then the first request waits for, or does without.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// Why a function doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cache's URL can't be used.
    #[error("environment variable CACHE_URL: {0}")]
    CacheUrl(#[from] CacheError),
    /// The SDK knows no region, or no credentials, to sign the cache's tokens with.
    #[error("environment variable CACHE_IAM_USER: expected to find the {0} of AWS to sign tokens with")]
    NobodyToSign(&'static str),
}

/// Starts logging and counting, reads the configuration and connects: all that a function does before its first event.
pub async fn start() -> Result<BoxOffice, StartError> {
    let config = crate::config::log_level_from_env().and_then(|level| {
        crate::telemetry::start(level);
        crate::metrics::start(crate::config::metrics_from_env()?);
        crate::xray::start(crate::config::xray_daemon_from_env());
        Config::from_env()
    });
    let office = match config {
        Ok(config) => connect(config, sdk(), Clock::System).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &office {
        crate::telemetry::start(tracing::Level::INFO);
        tracing::error!(%error, "can't start");
    }
    office
}

/// Builds a box office and opens its connections to DynamoDB and Redis, at the same time.
pub async fn connect(config: Config, sdk: ConfigLoader, clock: Clock) -> Result<BoxOffice, StartError> {
    let sdk = load(&config, sdk).await;
    let store = store_of(&config, &sdk, clock.clone());
    let cache = cache(&config, &sdk, &clock)?;
    let open_cache = async {
        if let Some(cache) = &cache {
            cache.connect(CONNECT_PATIENCE).await;
        }
    };
    let open_store = tokio::time::timeout(CONNECT_PATIENCE, store.connect());
    let _ = tokio::join!(open_store, open_cache);
    Ok(BoxOffice::new(store, cache, clock, config.terms))
}

/// The cache, which signs in with the credentials and in the region of the store.
fn cache(config: &Config, sdk: &SdkConfig, clock: &Clock) -> Result<Option<Cache>, StartError> {
    let Some(address) = config.cache.clone() else { return Ok(None) };
    let signer = match &config.cache_iam {
        None => None,
        Some(user) => {
            let region = sdk.region().ok_or(StartError::NobodyToSign("region"))?.to_string();
            let credentials = sdk.credentials_provider().ok_or(StartError::NobodyToSign("credentials"))?;
            Some(Signer::new(user.clone(), region, credentials, clock.clone()))
        }
    };
    Ok(Some(Cache::new(address, signer, config.cache_key_prefix.clone(), config.cache_deadline, clock.clone())?))
}

/// The AWS SDK's usual configuration: region, credentials, `AWS_ENDPOINT_URL_DYNAMODB` from the environment. Its
/// behaviour is pinned, so that an update of the SDK changes nothing by itself.
pub fn sdk() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
}

/// The store by a configuration of the SDK.
pub async fn store(config: &Config, sdk: ConfigLoader, clock: Clock) -> Store {
    store_of(config, &load(config, sdk).await, clock)
}

fn store_of(config: &Config, sdk: &SdkConfig, clock: Clock) -> Store {
    let client = aws_sdk_dynamodb::Client::new(sdk);
    Store::new(client, config.table.clone(), clock, config.dynamodb_total_timeout)
}

/// Every timeout is set, because the SDK sets none for operations; an attempt is short, because a connection that died
/// while the instance was frozen answers never. The SDK's retries are off, because [`Store`] does them.
async fn load(config: &Config, sdk: ConfigLoader) -> SdkConfig {
    let attempt = config.dynamodb_attempt_timeout;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(attempt)
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt)
        .build();
    sdk.retry_config(RetryConfig::disabled()).timeout_config(timeouts).load().await
}
