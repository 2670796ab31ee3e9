//! Where `publish-events` tells what happened.

use super::{ConfigError, Env, error, of_process};

/// Where `publish-events` tells what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsConfig {
    /// `EVENT_BUS_NAME`, `EXPIRY_QUEUE_URL` and `EVENT_RESOURCE`.
    Aws {
        /// The bus's name.
        bus_name: String,
        /// The queue that brings wake-ups back.
        queue_url: String,
        /// The ARN that events name as their resource, so that rules can select the events of one stack.
        resource: Option<String>,
    },
    /// `EVENTS_FILE`, on a machine of one's own.
    File(String),
}

impl EventsConfig {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(of_process)
    }

    /// Reads variables from wherever. An empty one counts as not set.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Env(&lookup);
        if let Some(file) = env.text("EVENTS_FILE") {
            return Ok(Self::File(file));
        }
        let needed = |variable: &'static str, what: &str| {
            env.text(variable).ok_or_else(|| error(variable, format!("is not set; expected {what}, or EVENTS_FILE")))
        };
        Ok(Self::Aws {
            bus_name: needed("EVENT_BUS_NAME", "the name of an event bus")?,
            queue_url: needed("EXPIRY_QUEUE_URL", "the URL of an SQS queue")?,
            resource: env.text("EVENT_RESOURCE"),
        })
    }
}
