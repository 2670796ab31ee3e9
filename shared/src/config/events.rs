//! Configuration of `publish-events`.

use super::{ConfigError, Env, error, process_variable};

/// The destination of domain events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsConfig {
    /// `EVENT_BUS_NAME`, `EXPIRY_QUEUE_URL` and `EVENT_RESOURCE`.
    Aws {
        /// Name of the event bus.
        bus_name: String,
        /// URL of the queue for expiry timers.
        queue_url: String,
        /// ARN that events name as their resource, so that rules can select the events of one stack.
        resource: Option<String>,
    },
    /// `EVENTS_FILE`, for local development.
    File(String),
}

impl EventsConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(process_variable)
    }

    /// Reads the variables that `lookup` returns. An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing.
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
