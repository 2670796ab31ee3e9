//! A thousand concurrent clients on the stack of `make run`. No other test runs at the same time.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use boxoffice_local::ports;
use boxoffice_tests::http;
use boxoffice_tests::local_run::Run;
use futures_util::future::join_all;
use hyper::Request;
use tokio::sync::Barrier;

const CLIENTS: usize = 1_000;
const REQUESTS_EACH: usize = 3;

/// Each client waits for all others before its first request, so that all of them wait for a response at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_at_once_are_all_answered() {
    ports::allow_many_connections();
    let data = tempfile::tempdir().unwrap();
    let run = Run::start(data.path());
    let start = Arc::new(Barrier::new(CLIENTS));
    let started = Instant::now();
    let clients = (0..CLIENTS).map(|n| {
        let start = start.clone();
        // Two functions are called at once. Neither must delay the other.
        let url = run.url(if n % 4 == 0 { "/theaters?limit=2" } else { "/theaters/grand-hall/seats" });
        tokio::spawn(async move {
            start.wait().await;
            let mut statuses = Vec::new();
            for _ in 0..REQUESTS_EACH {
                statuses.push(http::send(Request::get(&url).body("".into()).unwrap()).await.status);
            }
            statuses
        })
    });
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for status in join_all(clients).await.into_iter().flat_map(Result::unwrap) {
        *statuses.entry(status).or_default() += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, CLIENTS * REQUESTS_EACH)]));
    println!("{} requests in {:?}", CLIENTS * REQUESTS_EACH, started.elapsed());
    assert_eq!(run.stderr(), "", "no standstill");
    assert_eq!(run.end(), Some(0));
}
