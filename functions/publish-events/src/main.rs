//! The Lambda function that publishes domain events to an event bus. The table's stream starts it, and expiry timers
//! do.

use boxoffice::startup;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let publisher = boxoffice_publish::start().await?;
    startup::run(service_fn(async move |event: LambdaEvent<Value>| publisher.handle(event).await)).await
}
