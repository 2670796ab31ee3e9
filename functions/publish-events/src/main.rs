//! The Lambda function that tells on an event bus what happened: woken by the table's stream, and when a reservation runs out.

use boxoffice::startup;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let publisher = boxoffice_publish::start().await?;
    startup::run(service_fn(async move |event: LambdaEvent<Value>| publisher.handle(event).await)).await
}
