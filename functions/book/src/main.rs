//! The Lambda function that books seats, once, however often it is asked.

use boxoffice::http::event::events;
use boxoffice::http::{answer, book};
use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let office = &boxoffice::startup::start().await?;
    let service = service_fn(async |request: Request| {
        answer(book::ROUTE, &request, async |tally| book::handle(office, &request, tally).await).await
    });
    lambda_runtime::run(events(service)).await
}
