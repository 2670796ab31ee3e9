//! Start-up: from configuration to a publisher.

use std::path::Path;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use boxoffice::aws::{AwsConfig, sdk};
use boxoffice::clock::Clock;
use boxoffice::config::{Config, ConfigError, EventsConfig};
use boxoffice::startup::store;
use tokio::time::Instant;

use crate::handler::Publisher;
use crate::outlet::Outlet;

/// How long one attempt may take. What fails comes again with its batch, so there are few.
const ATTEMPT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 2;

/// Why it doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Starts logging and counting, reads the configuration and makes the clients. What it returns lives as long as the process.
pub async fn start() -> Result<&'static Publisher, StartError> {
    let started = Instant::now();
    let config = boxoffice::config::log_level_from_env().and_then(|level| {
        boxoffice::telemetry::start(level);
        boxoffice::metrics::start(boxoffice::config::metrics_from_env()?);
        Ok((Config::from_env()?, AwsConfig::from_env()?, EventsConfig::from_env()?))
    });
    match config {
        Ok((config, aws, events)) => {
            let publisher = connect(&config, &aws, events);
            boxoffice::telemetry::started_in(started.elapsed());
            Ok(Box::leak(Box::new(publisher)))
        }
        Err(error) => {
            boxoffice::telemetry::start(tracing::Level::INFO);
            tracing::error!(%error, "can't start");
            Err(error.into())
        }
    }
}

fn connect(config: &Config, aws: &AwsConfig, events: EventsConfig) -> Publisher {
    let sdk = sdk(aws);
    let outlet = match events {
        EventsConfig::File(file) => Outlet::files(Path::new(&file)),
        EventsConfig::Aws { bus_name, queue_url } => {
            let timeouts = TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(ATTEMPT * ATTEMPTS + Duration::from_millis(500))
                .build();
            let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
            let sdk = sdk.to_builder().retry_config(retries).timeout_config(timeouts).build();
            Outlet::Aws {
                bus: aws_sdk_eventbridge::Client::new(&sdk),
                bus_name,
                queue: aws_sdk_sqs::Client::new(&sdk),
                queue_url,
            }
        }
    };
    let store = store(config, &sdk, Clock::System);
    Publisher::new(store, Clock::System, outlet)
}
