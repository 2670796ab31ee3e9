//! Start-up: from the configuration to a publisher.

use std::path::Path;

use boxoffice::aws::{AwsConfig, sdk};
use boxoffice::clock::Clock;
use boxoffice::config::{Config, ConfigError, EventsConfig};
use boxoffice::startup::store;
use tokio::time::Instant;

use crate::event_sink::EventSink;
use crate::handler::Publisher;

/// The reason why the function doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An environment variable is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Starts logging and metrics, reads the configuration and creates the clients. The publisher lives as long as the
/// process.
pub async fn start() -> Result<&'static Publisher, StartError> {
    let started = Instant::now();
    let config = boxoffice::config::log_level_from_env().and_then(|level| {
        boxoffice::observability::log::start(level);
        boxoffice::observability::metrics::start(boxoffice::config::metrics_from_env()?);
        Ok((Config::from_env()?, AwsConfig::from_env()?, EventsConfig::from_env()?))
    });
    match config {
        Ok((config, aws, events)) => {
            let publisher = connect(&config, &aws, events);
            boxoffice::observability::log::record_init_duration(started.elapsed());
            Ok(Box::leak(Box::new(publisher)))
        }
        Err(error) => {
            boxoffice::observability::log::start(tracing::Level::INFO);
            tracing::error!(%error, "can't start");
            Err(error.into())
        }
    }
}

fn connect(config: &Config, aws: &AwsConfig, events: EventsConfig) -> Publisher {
    let sdk = sdk(aws);
    let event_sink = match events {
        EventsConfig::File(file) => EventSink::files(Path::new(&file)),
        EventsConfig::Aws { bus_name, queue_url, resource } => EventSink::aws(&sdk, bus_name, queue_url, resource),
    };
    let store = store(config, &sdk, Clock::System);
    Publisher::new(store, Clock::System, event_sink)
}
