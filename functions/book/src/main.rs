//! The Lambda function that books seats. A repeated request never books twice.

use boxoffice::http::api_gateway::events;
use boxoffice::http::routes::book;
use boxoffice::startup;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = startup::start().await?;
    let service = service_fn(async move |request: Request| book::serve(office, &request).await);
    startup::run(events(service)).await
}
