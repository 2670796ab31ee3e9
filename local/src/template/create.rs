//! Creation of the table on a DynamoDB. It may be repeated, also by several callers at once.

use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::definition::TableDefinition;

/// The time between two checks of whether a new table is ready, and the number of checks.
const POLL: Duration = Duration::from_millis(100);
const POLLS: u32 = 300;

impl TableDefinition {
    /// Creates the table and waits until it can be used. Repeating the call does nothing, even in parallel. An existing
    /// table is not compared with the definition.
    pub async fn create(&self, client: &Client, name: &str) -> Result<()> {
        let created = client
            .create_table()
            .table_name(name)
            .set_attribute_definitions(Some(self.attributes.clone()))
            .set_key_schema(Some(self.keys.clone()))
            .billing_mode(self.billing.clone())
            .send()
            .await;
        if let Err(error) = created
            && !error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception())
        {
            bail!("can't create the table {name}: {}", error_reason(error));
        }
        wait_until_active(client, name).await?;
        if let Some(view) = &self.stream {
            enable_stream(client, name, view).await?;
        }
        match &self.ttl_attribute {
            Some(attribute) => enable_ttl(client, name, attribute).await,
            None => Ok(()),
        }
    }
}

async fn wait_until_active(client: &Client, name: &str) -> Result<()> {
    for _ in 0..POLLS {
        let described = client.describe_table().table_name(name).send().await;
        let described = described
            .map_err(|error| anyhow!("can't see whether the table {name} is ready: {}", error_reason(error)))?;
        if described.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the table {name} is still not ready after {} s", (POLL * POLLS).as_secs())
}

/// Enables the stream. It runs after the creation, so that an older table without a stream also gets one.
async fn enable_stream(client: &Client, name: &str, view: &StreamViewType) -> Result<()> {
    if has_stream(client, name).await? {
        return Ok(());
    }
    let specification = StreamSpecification::builder().stream_enabled(true).stream_view_type(view.clone()).build()?;
    let enabled = client.update_table().table_name(name).stream_specification(specification).send().await;
    match enabled {
        Ok(_) => wait_until_active(client, name).await,
        // Enabling it twice is an error, and another caller may have been first.
        Err(_) if has_stream(client, name).await? => Ok(()),
        Err(error) => bail!("can't give the table {name} a stream: {}", error_reason(error)),
    }
}

async fn has_stream(client: &Client, name: &str) -> Result<bool> {
    let described = client.describe_table().table_name(name).send().await;
    let described =
        described.map_err(|error| anyhow!("can't see the stream of the table {name}: {}", error_reason(error)))?;
    Ok(described.table().and_then(|table| table.stream_specification()).is_some_and(|stream| stream.stream_enabled()))
}

async fn enable_ttl(client: &Client, name: &str, attribute: &str) -> Result<()> {
    if has_ttl(client, name).await? {
        return Ok(());
    }
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute).build()?;
    let enabled = client.update_time_to_live().table_name(name).time_to_live_specification(specification).send().await;
    match enabled {
        Ok(_) => Ok(()),
        // Enabling it twice is an error, and another caller may have been first.
        Err(_) if has_ttl(client, name).await? => Ok(()),
        Err(error) => bail!("can't set the time to live of the table {name}: {}", error_reason(error)),
    }
}

async fn has_ttl(client: &Client, name: &str) -> Result<bool> {
    let described = client.describe_time_to_live().table_name(name).send().await;
    let described = described
        .map_err(|error| anyhow!("can't see the time to live of the table {name}: {}", error_reason(error)))?;
    let status = described.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    Ok(matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)))
}

/// Returns DynamoDB's message, or the reason error_reason there is none.
fn error_reason<E, R>(error: SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error().and_then(ProvideErrorMetadata::message) {
        Some(message) => message.to_owned(),
        None => format!("{:#}", Error::new(error)),
    }
}
