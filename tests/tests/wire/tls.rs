//! TLS to DynamoDB and Redis as in service: the authorities that a function trusts.

use boxoffice_local::lambda::{Function, Lambda, Outcome};
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Reply, Setup, World, engines};

use crate::site::PATIENT;

/// Returns the port of an address.
fn port(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

async fn look(function: &Lambda) -> Reply {
    match function.invoke(&Call::get_seats("1").event()).await.unwrap().outcome {
        Outcome::Answered(answer) => Reply::of_function(&answer),
        other => panic!("{other:?}\n{}", function.last_words()),
    }
}

#[tokio::test]
async fn dynamodb_and_the_cache_are_believed_where_the_machine_trusts_their_authority_and_not_by_default() {
    let world = World::on(Setup::without_cache()).await;
    let dynamodb = TlsProxy::before(port(engines::shared().endpoint())).await;
    let cache = TlsProxy::before(engines::shared().valkey.port()).await;
    let folder = tempfile::tempdir().unwrap();
    let both = folder.path().join("authorities.pem");
    std::fs::write(&both, [dynamodb.authority, cache.authority].concat()).unwrap();
    let setup = Setup { dynamodb: dynamodb.url.replace("rediss:", "https:"), ..Setup::with_cache(&cache.url) };
    let mut environment = world.environment(&setup);
    environment.extend([PATIENT, ("SSL_CERT_FILE", both.to_str().unwrap())].map(|(k, v)| (k.to_owned(), v.to_owned())));

    let wary = Lambda::start(&Function::of_checkout("get-seats", environment.clone()).unwrap()).await.unwrap();
    assert_eq!(look(&wary).await.status, 503, "only Amazon's authorities are trusted");
    let log = wary.log().unwrap();
    assert!(log.contains("UnknownIssuer"), "{log}");

    environment.push(("TRUSTED_AUTHORITIES".to_owned(), "system".to_owned()));
    let trusting = Lambda::start(&Function::of_checkout("get-seats", environment).unwrap()).await.unwrap();
    let first = look(&trusting).await;
    assert_eq!((first.status, first.header("x-cache")), (200, "miss"));
    assert_eq!(look(&trusting).await.header("x-cache"), "hit");
}
