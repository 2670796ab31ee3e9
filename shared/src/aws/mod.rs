//! Access to AWS: credentials, region, endpoints and connections.
//!
//! In Lambda, all of this is in the environment. The SDK's default setup searches nine more places for it and
//! includes the code for each.

mod authorities;
mod https;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{SharedAsyncSleep, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

pub use authorities::Authorities;
pub(crate) use authorities::use_one_cryptography;
pub use https::Https;

/// AWS configuration from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsConfig {
    /// `AWS_REGION`
    pub region: String,
    /// `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_DYNAMODB` and so on.
    pub endpoints: Endpoints,
    /// `AWS_USE_FIPS_ENDPOINT`
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`
    pub use_dual_stack: bool,
    /// `TRUSTED_AUTHORITIES`
    pub authorities: Authorities,
}

/// Endpoints that differ from the usual ones. Some services have a variable of their own, and one variable covers all
/// others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// `AWS_ENDPOINT_URL`
    pub all: Option<String>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`
    pub dynamodb: Option<String>,
    /// `AWS_ENDPOINT_URL_EVENTBRIDGE`
    pub eventbridge: Option<String>,
    /// `AWS_ENDPOINT_URL_SQS`
    pub sqs: Option<String>,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        let own = match key.service_id() {
            "DynamoDB" => &self.dynamodb,
            "EventBridge" => &self.eventbridge,
            "SQS" => &self.sqs,
            _ => &None,
        };
        own.clone().or_else(|| self.all.clone())
    }
}

/// Returns the configuration for the clients of all services. They share one connector.
///
/// The credentials come from the environment, where Lambda puts those of the function's role. They last as long as
/// the instance. The behavior version is fixed, so that an update of the SDK alone changes nothing.
pub fn sdk(config: &AwsConfig) -> SdkConfig {
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .http_client(Https::new(config.authorities))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()));
    builder.set_use_fips(config.use_fips.then_some(true));
    builder.set_use_dual_stack(config.use_dual_stack.then_some(true));
    builder.set_service_config(Some(config.endpoints.clone()));
    builder.build()
}

#[cfg(test)]
mod tests;
