//! The Lambda function on the table's stream. It merges every change of a seat into the cache, in case its writer
//! didn't.

use boxoffice::startup;
use boxoffice::sync_cache;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = startup::start().await?;
    startup::run(service_fn(async move |event: LambdaEvent<Value>| sync_cache::handle(office, event).await)).await
}
