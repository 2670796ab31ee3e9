//! The Lambda host: its reaction to a function that ends, hangs or can't start.

use std::time::Duration;

use boxoffice_local::lambda_host::{Function, Lambda, Outcome};
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::{Call, World, engines};
use serde_json::json;

async fn get_seats() -> (World, DynamoDbProxy, Function) {
    let world = World::new().await;
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let environment = boxoffice_local::stack::environment(&world.table, &proxy.endpoint, "");
    (world, proxy, Function::from_checkout("get-seats", environment).unwrap())
}

#[tokio::test]
async fn event_beyond_lambdas_timeout_kills_the_process() {
    let (_world, proxy, function) = get_seats().await;
    // The function's own timeouts are longer than this one.
    let lambda = Lambda::start(&Function { timeout: Duration::from_millis(100), ..function }).await.unwrap();
    let process = lambda.pid();
    proxy.always(Some(Fault::Silence));
    assert_eq!(lambda.invoke(&Call::get_seats("1").event()).await.unwrap().outcome, Outcome::TimedOut);
    assert_eq!(lambda.invoke(&Call::get_seats("1").event()).await.unwrap().outcome, Outcome::TimedOut);
    assert_ne!(lambda.pid(), process);
}

#[tokio::test]
async fn function_that_cannot_start_reports_its_last_output() {
    let (_world, _proxy, function) = get_seats().await;
    let environment = vec![("TABLE_NAME".to_owned(), String::new())];
    let error = Lambda::start(&Function { environment, ..function }).await.unwrap_err().to_string();
    assert!(error.contains("has ended by itself") && error.contains("TABLE_NAME"), "{error}");
}

#[tokio::test]
async fn unparsable_event_fails_without_ending_the_process() {
    let (_world, _proxy, function) = get_seats().await;
    let lambda = Lambda::start(&function).await.unwrap();
    let process = lambda.pid();
    let outcome = lambda.invoke(&json!("no event")).await.unwrap().outcome;
    assert!(matches!(&outcome, Outcome::Failed(error) if error["errorType"].is_string()), "{outcome:?}");
    let answer = lambda.invoke(&Call::get_seats("1").event()).await.unwrap();
    assert_eq!(answer.body().unwrap()["statusCode"], 200);
    assert_eq!(lambda.pid(), process);
}

#[tokio::test]
async fn killed_process_is_replaced() {
    let (_world, proxy, function) = get_seats().await;
    let lambda = Lambda::start(&function).await.unwrap();
    let event = Call::get_seats("1").event();
    assert_eq!(lambda.invoke(&event).await.unwrap().body().unwrap()["statusCode"], 200);
    let (first, resident) = (lambda.pid(), lambda.resident_kib().unwrap());
    assert!(resident > 1_000, "{resident}");
    proxy.always(Some(Fault::Silence));
    let (killed, _) = tokio::join!(lambda.invoke(&event), async {
        while proxy.take().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        lambda.kill().unwrap();
    });
    assert_eq!(killed.unwrap().outcome, Outcome::Ended);
    proxy.always(None);
    assert_eq!(lambda.invoke(&event).await.unwrap().body().unwrap()["statusCode"], 200);
    let second = lambda.pid();
    lambda.restart().await.unwrap();
    assert_eq!(lambda.invoke(&event).await.unwrap().body().unwrap()["statusCode"], 200);
    assert!(first != second && second != lambda.pid());
}
