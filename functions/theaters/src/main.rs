//! The Lambda function that lists and shows theaters. Administrators also put layouts and delete theaters with it.

use boxoffice::http;
use boxoffice::http::api_gateway::events;
use boxoffice::http::routes::theaters::FUNCTION;
use boxoffice::startup;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = startup::start().await?;
    let service = service_fn(async move |request: Request| http::serve(office, &FUNCTION, &request).await);
    startup::run(events(service)).await
}
