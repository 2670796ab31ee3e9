//! The observer. It finds nothing stale among a hundred thousand cached responses, and it does find staged staleness.

#![allow(clippy::print_stderr, reason = "the figures are part of the promise")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_local::stream::{EventSourceMapping, drain};
use boxoffice_tests::delivery::send_batch;
use boxoffice_tests::observer::traffic::Traffic;
use boxoffice_tests::observer::{Bound, Observer, ObserverReport, Taken};
use boxoffice_tests::redis_proxy::{RedisFault, RedisProxy};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

const SEED: u64 = 1;
const LOOKS: usize = 100_000;
const LABELS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "B3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_100000_cached_answers_is_stale() {
    let observer = Arc::new(Observer::new(Bound::Answered));
    let started = Instant::now();
    Traffic::new(World::new().await, observer.clone()).await.run(SEED, LOOKS).await;
    let report = observer.report();
    eprintln!(
        "{} cached answers ({} hits) held against {} reads of the table in {} s: {} stale",
        report.checked,
        report.hits,
        report.reads,
        started.elapsed().as_secs(),
        report.stale
    );
    assert_eq!(violations(&report), [0; 4], "{:#?}", report.examples);
    assert!(report.checked >= LOOKS && report.hits > LOOKS / 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_answers_follow_the_stream_without_writer_updates() {
    let observer = Arc::new(Observer::new(Bound::Answered));
    let world = World::new().await;
    let mut reader = engines::shared().dynamodb.stream(&world.table).unwrap();
    let mapping = EventSourceMapping::from_checkout("sync-cache").unwrap();
    let office = world.instance(world.clock.clone()).await;
    let invoke = async |event| Ok(send_batch(&office, event).await);
    let traffic = Traffic::cut_off(world, observer.clone()).await;
    let repair = async {
        loop {
            drain(&mut reader, &mapping, &invoke).await.unwrap();
            traffic.delivered();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = traffic.run(SEED, LOOKS / 5) => {}
        () = repair => {}
    }
    let report = observer.report();
    eprintln!("{} cached answers while writers were cut off: {} stale", report.checked, report.stale);
    assert_eq!(violations(&report), [0; 4], "{:#?}", report.examples);
    assert!(report.checked >= LOOKS / 5 && report.hits > LOOKS / 10, "{report:?}");
}

/// Returns the counts of stale, invented, lost and disordered responses.
fn violations(report: &ObserverReport) -> [usize; 4] {
    [report.stale, report.invented, report.lost, report.disordered]
}

/// Reads through the cache and shows the response to the observer.
async fn seat_map(world: &World, observer: &Observer) {
    let began = Instant::now();
    let reply = Call::get_seats("1").send(&world.office).await;
    observer.record_cached_answer("1", began, world.clock.now(), &reply);
}

async fn watched(bound: Bound) -> (World, Observer) {
    let (world, observer) = (World::new().await, Observer::new(bound));
    observer.watch("1", &LABELS);
    seat_map(&world, &observer).await;
    (world, observer)
}

/// Writes a seat into the table without the functions, so that the cache isn't updated.
async fn write(world: &World, seat: &str, stamp: u64, taken: Taken) {
    let mut put = world.client.put_item().table_name(&world.table);
    put = put.item("pk", AttributeValue::S("THEATER#1".to_owned()));
    put = put.item("sk", AttributeValue::S(format!("SEAT#{seat}")));
    put = put.item("changed_at", AttributeValue::N(stamp.to_string()));
    put = match taken {
        Taken::ForGood => put.item("status", AttributeValue::S("booked".to_owned())),
        Taken::Until(until) => put
            .item("status", AttributeValue::S("reserved".to_owned()))
            .item("expires_at", AttributeValue::N(until.to_string())),
    };
    put.send().await.unwrap();
}

#[tokio::test]
async fn observer_reports_a_manual_write_missing_in_the_cache() {
    let (world, observer) = watched(Bound::Within(Duration::ZERO)).await;
    write(&world, "A1", 1, Taken::ForGood).await;
    seat_map(&world, &observer).await;
    assert_eq!(violations(&observer.report()), [0; 4], "no read of the table has shown it yet");
    observer.read(&world, "1").await;
    seat_map(&world, &observer).await;
    assert_eq!(violations(&observer.report()), [1, 0, 0, 0]);
    let patient = Observer::new(Bound::Within(Duration::from_secs(3_600)));
    patient.watch("1", &LABELS);
    patient.read(&world, "1").await;
    seat_map(&world, &patient).await;
    assert_eq!(violations(&patient.report()), [0; 4], "not due for an hour");
}

#[tokio::test]
async fn observer_reports_a_cache_update_that_failed() {
    let (world, observer) = watched(Bound::Answered).await;
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let cut_off = world.instance_on(&Setup::with_cache(&proxy.url)).await;
    proxy.set(Some(RedisFault::Refused)).await;
    let reply = Call::book("1", &json!({ "seats": ["A1", "A2"] })).send(&cut_off).await;
    assert_eq!(reply.status, 201);
    seat_map(&world, &observer).await;
    assert_eq!(observer.report().stale, 0, "the observer knows of no response");
    observer.answered("1", &reply.seats(), Taken::ForGood);
    seat_map(&world, &observer).await;
    assert_eq!(observer.report().stale, 1);
}

#[tokio::test]
async fn observer_judges_expiry_by_the_readers_clock() {
    let (world, observer) = watched(Bound::Within(Duration::ZERO)).await;
    let ends = world.clock.now().ends_after(10).as_secs();
    write(&world, "A1", 1, Taken::Until(ends)).await;
    observer.read(&world, "1").await;
    world.at(10_000);
    seat_map(&world, &observer).await;
    assert_eq!(observer.report().stale, 0, "it has expired");
    world.at(9_999);
    seat_map(&world, &observer).await;
    assert_eq!(observer.report().stale, 1);
}

#[tokio::test]
async fn observer_reports_invented_lost_and_disordered_writes() {
    let (world, observer) = watched(Bound::Answered).await;
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    seat_map(&world, &observer).await;
    observer.read(&world, "1").await;
    assert_eq!((observer.report().checked, violations(&observer.report())), (2, [0; 4]));
    // Restores an old state without any notice: the seat is available again, under an older stamp.
    write(&world, "A1", 1, Taken::Until(2)).await;
    seat_map(&world, &observer).await;
    observer.answered("1", &["A1"], Taken::ForGood);
    observer.read(&world, "1").await;
    assert_eq!((observer.report().checked, violations(&observer.report())), (3, [0, 1, 1, 1]));
}
