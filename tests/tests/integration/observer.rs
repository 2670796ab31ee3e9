//! The observer. It finds nothing stale among a hundred thousand cached responses, and it does find staged staleness.

#![allow(clippy::print_stderr, reason = "the figures are part of the promise")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_local::stream::{Mapping, drain};
use boxoffice_tests::event::send_batch;
use boxoffice_tests::observer::traffic::Traffic;
use boxoffice_tests::observer::{Bound, Observer, Taken, Verdict};
use boxoffice_tests::redis_proxy::{RedisFault, RedisProxy};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

const SEED: u64 = 1;
const LOOKS: usize = 100_000;
const LABELS: [&str; 6] = ["A1", "A2", "A3", "B1", "B2", "B3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_thousand_cached_answers_none_is_older_than_a_write_that_was_answered() {
    let observer = Arc::new(Observer::new(Bound::Answered));
    let started = Instant::now();
    Traffic::new(World::new().await, observer.clone()).await.flow(SEED, LOOKS).await;
    let verdict = observer.verdict();
    eprintln!(
        "{} cached answers ({} hits) held against {} reads of the table in {} s: {} stale",
        verdict.checked,
        verdict.hits,
        verdict.reads,
        started.elapsed().as_secs(),
        verdict.stale
    );
    assert_eq!(wrong(&verdict), [0; 4], "{:#?}", verdict.examples);
    assert!(verdict.checked >= LOOKS && verdict.hits > LOOKS / 2, "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_writers_cut_off_from_the_cache_none_is_older_than_what_the_stream_has_delivered() {
    let observer = Arc::new(Observer::new(Bound::Answered));
    let world = World::new().await;
    let mut reader = engines::shared().dynamodb.stream(&world.table).unwrap();
    let mapping = Mapping::of_checkout("sync-cache").unwrap();
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
        () = traffic.flow(SEED, LOOKS / 5) => {}
        () = repair => {}
    }
    let verdict = observer.verdict();
    eprintln!("{} cached answers while writers were cut off: {} stale", verdict.checked, verdict.stale);
    assert_eq!(wrong(&verdict), [0; 4], "{:#?}", verdict.examples);
    assert!(verdict.checked >= LOOKS / 5 && verdict.hits > LOOKS / 10, "{verdict:?}");
}

/// Returns the counts of stale, invented, lost and disordered responses.
fn wrong(verdict: &Verdict) -> [usize; 4] {
    [verdict.stale, verdict.invented, verdict.lost, verdict.disordered]
}

/// Reads through the cache and shows the response to the observer.
async fn look(world: &World, observer: &Observer) {
    let began = Instant::now();
    let reply = Call::get_seats("1").send(&world.office).await;
    observer.looked("1", began, world.clock.now(), &reply);
}

async fn watched(bound: Bound) -> (World, Observer) {
    let (world, observer) = (World::new().await, Observer::new(bound));
    observer.watch("1", &LABELS);
    look(&world, &observer).await;
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
async fn a_write_past_the_functions_is_seen_to_be_missing_in_the_cache_once_it_is_due() {
    let (world, observer) = watched(Bound::Within(Duration::ZERO)).await;
    write(&world, "A1", 1, Taken::ForGood).await;
    look(&world, &observer).await;
    assert_eq!(wrong(&observer.verdict()), [0; 4], "no read of the table has shown it yet");
    observer.read(&world, "1").await;
    look(&world, &observer).await;
    assert_eq!(wrong(&observer.verdict()), [1, 0, 0, 0]);
    let patient = Observer::new(Bound::Within(Duration::from_secs(3_600)));
    patient.watch("1", &LABELS);
    patient.read(&world, "1").await;
    look(&world, &patient).await;
    assert_eq!(wrong(&patient.verdict()), [0; 4], "not due for an hour");
}

#[tokio::test]
async fn a_writer_that_could_not_tell_the_cache_is_seen_to_leave_it_stale() {
    let (world, observer) = watched(Bound::Answered).await;
    let proxy = RedisProxy::before(engines::shared().valkey.port()).await;
    let cut_off = world.instance_on(&Setup::with_cache(&proxy.url)).await;
    proxy.set(Some(RedisFault::Refused)).await;
    let reply = Call::book("1", &json!({ "seats": ["A1", "A2"] })).send(&cut_off).await;
    assert_eq!(reply.status, 201);
    look(&world, &observer).await;
    assert_eq!(observer.verdict().stale, 0, "the observer knows of no response");
    observer.answered("1", &reply.seats(), Taken::ForGood);
    look(&world, &observer).await;
    assert_eq!(observer.verdict().stale, 1);
}

#[tokio::test]
async fn a_reservation_is_judged_at_the_clock_of_the_instance_that_looked() {
    let (world, observer) = watched(Bound::Within(Duration::ZERO)).await;
    let ends = world.clock.now().ends_after(10).0;
    write(&world, "A1", 1, Taken::Until(ends)).await;
    observer.read(&world, "1").await;
    world.at(10_000);
    look(&world, &observer).await;
    assert_eq!(observer.verdict().stale, 0, "it has expired");
    world.at(9_999);
    look(&world, &observer).await;
    assert_eq!(observer.verdict().stale, 1);
}

#[tokio::test]
async fn what_is_invented_lost_or_disordered_is_seen_by_the_next_read() {
    let (world, observer) = watched(Bound::Answered).await;
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
    look(&world, &observer).await;
    observer.read(&world, "1").await;
    assert_eq!((observer.verdict().checked, wrong(&observer.verdict())), (2, [0; 4]));
    // Restores an old state without any notice: the seat is available again, under an older stamp.
    write(&world, "A1", 1, Taken::Until(2)).await;
    look(&world, &observer).await;
    observer.answered("1", &["A1"], Taken::ForGood);
    observer.read(&world, "1").await;
    assert_eq!((observer.verdict().checked, wrong(&observer.verdict())), (3, [0, 1, 1, 1]));
}
