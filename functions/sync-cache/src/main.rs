//! The Lambda function on the table's stream: it merges every change of a seat into the cache, in case its writer didn't.

use boxoffice::stream;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = &boxoffice::startup::start().await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| stream::handle(office, event).await)).await
}
