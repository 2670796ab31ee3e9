//! Start-up: from the configuration to a publisher.

use std::path::Path;

use aws_config::SdkConfig;
use boxoffice::clock::Clock;
use boxoffice::config::{Config, EventsConfig};
use boxoffice::startup::{StartError, start_with, store};

use crate::event_sink::EventSink;
use crate::handler::Publisher;

/// Starts the function. The publisher lives as long as the process.
pub async fn start() -> Result<&'static Publisher, StartError> {
    start_with(async |config, sdk| Ok(connect(&config, &sdk, EventsConfig::from_env()?))).await
}

fn connect(config: &Config, sdk: &SdkConfig, events: EventsConfig) -> Publisher {
    let event_sink = match events {
        EventsConfig::File(file) => EventSink::files(Path::new(&file)),
        EventsConfig::Aws { bus_name, queue_url, resource } => EventSink::aws(sdk, bus_name, queue_url, resource),
    };
    Publisher::new(store(config, sdk, Clock::System), Clock::System, event_sink)
}
