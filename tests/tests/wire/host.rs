//! The host itself: what Lambda does to a function when that ends, hangs or can't start.

use std::time::Duration;

use boxoffice_local::lambda::{Function, Lambda, Outcome};
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::{Call, World, engines};

async fn get_seats() -> (World, DynamoDbProxy, Function) {
    let world = World::new().await;
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let environment = boxoffice_local::stack::environment(&world.table, &proxy.endpoint, "");
    (world, proxy, Function::of_checkout("get-seats", environment).unwrap())
}

#[tokio::test]
async fn a_process_that_is_killed_is_followed_by_another() {
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
