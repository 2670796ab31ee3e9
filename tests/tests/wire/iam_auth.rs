//! A function that signs in to the cache with IAM tokens, as under Lambda: its requests, and its log after a rejection.

use boxoffice_local::engine::Valkey;
use boxoffice_local::lambda_host::{Function, Lambda, Outcome};
use boxoffice_tests::redis_proxy::RedisProxy;
use boxoffice_tests::tls_proxy::TlsProxy;
use boxoffice_tests::{Call, Reply, Setup, World};

use crate::deployment::{LONG_CACHE_DEADLINE, eventually};

const SECRETS: [&str; 2] = ["hunter2", "hunter3"];

async fn seat_map(function: &Lambda) -> Reply {
    match function.invoke(&Call::get_seats("1").event()).await.unwrap().outcome {
        Outcome::Answered(answer) => Reply::of_function(&answer),
        other => panic!("{other:?}\n{}", function.log_tail()),
    }
}

#[tokio::test]
async fn function_signs_in_with_iam_and_logs_no_secrets() {
    let valkey = Valkey::start().unwrap();
    let proxy = RedisProxy::before(valkey.port()).await;
    let tls = TlsProxy::before(proxy.url.rsplit(':').next().unwrap().parse().unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    let world = World::on(Setup::without_cache()).await;
    let mut environment = world.environment(&Setup::with_cache(&tls.url));
    for (name, value) in [
        LONG_CACHE_DEADLINE,
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
    let function = Lambda::start(&Function::from_checkout("get-seats", environment).unwrap()).await.unwrap();
    let refused = seat_map(&function).await;
    assert_eq!((refused.status, refused.header("x-cache")), (200, "bypass"), "no such user");
    assert!(proxy.count("AUTH") >= 1, "{:?}", proxy.take());
    let mut redis = redis::Client::open(valkey.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    // The token depends on the system's time, so the test can't know it. Any token is accepted.
    let mut acl = redis::cmd("ACL");
    acl.arg(&["SETUSER", "box-office", "on", "nopass", "~*", "+@all"]).exec_async(&mut redis).await.unwrap();
    eventually(async || Some(seat_map(&function).await).filter(|seat_map| seat_map.header("x-cache") == "hit")).await;
    let log = function.log().unwrap();
    assert!(log.contains("a call to the cache failed") && log.contains("authentication failed"), "{log}");
    for secret in SECRETS.into_iter().chain(["X-Amz", "Action=connect"]) {
        assert!(!log.contains(secret), "{log}");
    }
}
