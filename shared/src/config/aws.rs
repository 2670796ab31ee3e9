//! AWS configuration from the environment.

use super::{ConfigError, Env, error, process_variable};
use crate::aws::{AwsConfig, Endpoints};

impl AwsConfig {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(process_variable)
    }

    /// Reads the variables that `lookup` returns. An empty variable counts as not set. Only checks that credentials
    /// exist, because the SDK reads them itself.
    ///
    /// # Errors
    ///
    /// Returns the first variable that is missing or invalid.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Env(&lookup);
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            env.text(variable)
                .ok_or_else(|| error(variable, "is not set; expected credentials, as Lambda sets them"))?;
        }
        let region = env.text("AWS_REGION").or_else(|| env.text("AWS_DEFAULT_REGION"));
        Ok(Self {
            region: region.ok_or_else(|| error("AWS_REGION", "is not set; expected a region, like eu-central-1"))?,
            endpoints: Endpoints {
                all: env.text("AWS_ENDPOINT_URL"),
                dynamodb: env.text("AWS_ENDPOINT_URL_DYNAMODB"),
                eventbridge: env.text("AWS_ENDPOINT_URL_EVENTBRIDGE"),
                sqs: env.text("AWS_ENDPOINT_URL_SQS"),
            },
            use_fips: env.flag("AWS_USE_FIPS_ENDPOINT")?,
            use_dual_stack: env.flag("AWS_USE_DUALSTACK_ENDPOINT")?,
            authorities: env.authorities()?,
        })
    }
}
