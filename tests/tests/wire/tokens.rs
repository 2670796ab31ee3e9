//! A function that signs in to the cache with IAM tokens, as under Lambda: its requests, and its log after a rejection.

use boxoffice_local::engine::Valkey;
use boxoffice_local::lambda::{Function, Lambda, Outcome};
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Reply, Setup, World};

use crate::site::{PATIENT, eventually};

const SECRETS: [&str; 2] = ["hunter2", "hunter3"];

async fn look(function: &Lambda) -> Reply {
    match function.invoke(&Call::get_seats("1").event()).await.unwrap().outcome {
        Outcome::Answered(answer) => Reply::of_function(&answer),
        other => panic!("{other:?}\n{}", function.last_words()),
    }
}

#[tokio::test]
async fn a_function_signs_in_with_its_own_credentials_and_logs_neither_them_nor_a_token() {
    let valkey = Valkey::start().unwrap();
    let proxy = RedisProxy::before(valkey.port()).await;
    let tls = TlsProxy::before(proxy.url.rsplit(':').next().unwrap().parse().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    let world = World::on(Setup::without_cache()).await;
    let mut environment = world.environment(&Setup::with_cache(&tls.url));
    for (name, value) in [
        PATIENT,
        ("CACHE_CA_FILE", authority.to_str().unwrap()),
        ("CACHE_IAM_USER", "box-office"),
        ("CACHE_IAM_CACHE", "main"),
        ("CACHE_IAM_SERVERLESS", "true"),
        ("AWS_SECRET_ACCESS_KEY", SECRETS[0]),
        ("AWS_SESSION_TOKEN", SECRETS[1]),
        ("LOG_LEVEL", "trace"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    let function = Lambda::start(&Function::of_checkout("get-seats", environment).unwrap()).await.unwrap();
    let refused = look(&function).await;
    assert_eq!((refused.status, refused.header("x-cache")), (200, "bypass"), "no such user");
    assert!(proxy.count("AUTH") >= 1, "{:?}", proxy.take());
    let mut redis = redis::Client::open(valkey.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    // The token depends on the system's time, so the test can't know it. Any token is accepted.
    let mut acl = redis::cmd("ACL");
    acl.arg(&["SETUSER", "box-office", "on", "nopass", "~*", "+@all"]).exec_async(&mut redis).await.unwrap();
    eventually(async || Some(look(&function).await).filter(|look| look.header("x-cache") == "hit")).await;
    let log = function.log().unwrap();
    assert!(log.contains("a call to the cache failed") && log.contains("authentication failed"), "{log}");
    for secret in SECRETS.into_iter().chain(["X-Amz", "Action=connect"]) {
        assert!(!log.contains(secret), "{log}");
    }
}
