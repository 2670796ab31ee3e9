//! TLS to DynamoDB and Redis as in service: the authorities that a function trusts.

use boxoffice_local::lambda_host::{Function, Lambda, Outcome};
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Reply, Setup, World, engines};

use crate::deployment::LONG_CACHE_DEADLINE;

/// Returns the port of an address.
fn port(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

async fn seat_map(function: &Lambda) -> Reply {
    match function.invoke(&Call::get_seats("1").event()).await.unwrap().outcome {
        Outcome::Answered(answer) => Reply::of_function(&answer),
        other => panic!("{other:?}\n{}", function.log_tail()),
    }
}

#[tokio::test]
async fn system_authorities_are_trusted_only_if_configured() {
    let world = World::on(Setup::without_cache()).await;
    let dynamodb = TlsProxy::before(port(engines::shared().endpoint())).await;
    let cache = TlsProxy::before(engines::shared().valkey.port()).await;
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("authorities.pem");
    std::fs::write(&both, [dynamodb.authority, cache.authority].concat()).unwrap();
    let setup = Setup { dynamodb: dynamodb.url.replace("rediss:", "https:"), ..Setup::with_cache(&cache.url) };
    let mut environment = world.environment(&setup);
    environment.extend(
        [LONG_CACHE_DEADLINE, ("SSL_CERT_FILE", both.to_str().unwrap())].map(|(k, v)| (k.to_owned(), v.to_owned())),
    );

    let wary = Lambda::start(&Function::from_checkout("get-seats", environment.clone()).unwrap()).await.unwrap();
    assert_eq!(seat_map(&wary).await.status, 503, "only Amazon's authorities are trusted");
    let log = wary.log().unwrap();
    assert!(log.contains("UnknownIssuer"), "{log}");

    environment.push(("TRUSTED_AUTHORITIES".to_owned(), "system".to_owned()));
    let trusting = Lambda::start(&Function::from_checkout("get-seats", environment).unwrap()).await.unwrap();
    let first = seat_map(&trusting).await;
    assert_eq!((first.status, first.header("x-cache")), (200, "miss"));
    assert_eq!(seat_map(&trusting).await.header("x-cache"), "hit");
}
