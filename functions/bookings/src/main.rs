//! The Lambda function for bookings that were made: looks them up, and cancels them.

use boxoffice::http::bookings;
use boxoffice::http::event::events;
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = &boxoffice::startup::start().await?;
    let service = service_fn(async |request: Request| bookings::serve(office, &request).await);
    lambda_runtime::run(events(service)).await
}
