//! Memory bounds for hostile input. The memory that handling an input takes depends on its real size, not on sizes and
//! counts that the input claims.
//!
//! This is a test target of its own with a single test, because it counts every allocation of the process
//! (<https://docs.rs/dhat/latest/dhat/#heap-usage-testing>). It needs no DynamoDB: the measured requests are answered
//! before any call to it, or read from a Valkey in a process of its own.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use boxoffice::app::BoxOffice;
use boxoffice::cache::{Begun, Cache, CacheAddress, FillReason, FillToken, Lookup};
use boxoffice::clock::Clock;
use boxoffice::context::RequestContext;
use boxoffice::domain::availability::{SeatState, Slot};
use boxoffice::domain::ids::{SeatLabel, TheaterId};
use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice_local::engine::Valkey;
use boxoffice_tests::delivery::{deliver, routes};
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, corpus};
use redis::AsyncCommands;
use serde_json::{Value, json};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Returns the limit on memory in use at any moment while handling an input of this many bytes.
fn bound(bytes: usize) -> usize {
    4 * bytes + 256 * 1024
}

/// Returns the peak of memory in use while the work ran, without the memory that was in use before.
async fn peak<T>(work: impl Future<Output = T>) -> (T, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    let result = work.await;
    let most = dhat::HeapStats::get().max_bytes;
    drop(profiler);
    (result, most)
}

/// Returns a box office whose DynamoDB refuses every connection at once, because its port is closed.
async fn office() -> BoxOffice {
    let nowhere = format!("http://127.0.0.1:{}", boxoffice_local::ports::free_port().unwrap());
    boxoffice_tests::world::without_engines(&nowhere).await
}

fn event(body: impl Into<Vec<u8>>) -> Value {
    Call::reserve("1", &json!({})).raw_body(body).event()
}

fn large_events() -> Vec<(&'static str, Value)> {
    let seat_map = || Call::get_seats("1 ");
    let long = "x".repeat(1 << 20);
    let many =
        (0..10_000).fold(seat_map(), |call, n| call.header(&format!("x-odd-header-{n}"), "with a value of its own"));
    let mut coded = event("AAAA".repeat(3 << 19));
    coded["isBase64Encoded"] = json!(true);
    vec![
        ("a body of 6 MB", event("x".repeat(6 << 20))),
        ("a body of 6 MB in base64", coded),
        ("100,000 brackets", event("[".repeat(100_000))),
        ("16,000 brackets", event("[".repeat(16_000))),
        ("3,500 seats", event(json!({ "seats": vec!["A"; 3_500] }).to_string())),
        ("10,000 headers", many.event()),
        ("a header of 1 MB", seat_map().header("x-odd", &long).event()),
        ("a query of 1 MB", seat_map().query(&"a=b&".repeat(1 << 18)).event()),
        ("a query that grows when encoded", seat_map().query(&"\u{202e}".repeat(3_000)).event()),
        ("a theater id of 1 MB", Call::get_seats(&long).event()),
    ]
}

/// Returns pairs of inputs of equal size. The first claims little and the second claims much.
fn claims() -> Vec<(Value, Value)> {
    let length = |length: &str| Call::reserve("1", &json!({})).header("content-length", length).event();
    let time = |number: &str| event(format!(r#"{{"seat":"A1","expires_in":{number}}}"#));
    let number = |number: &str| event(format!(r#"{{"seats":{number}}}"#));
    vec![
        (length("00000000000000000001"), length("99999999999999999999")),
        (time("2000000000"), time("9999999999")),
        (time("1.1e-99999"), time("9.1e+99999")),
        (number("1000000000"), number("4294967295")),
        (number("10000000000000000000"), number("18446744073709551615")),
    ]
}

async fn events_stay_within_bounds(office: &BoxOffice) {
    let measure = async |route, event: &[u8]| peak(deliver(office, route, event)).await;
    // Allocations that are made once, at the first request, don't depend on the input, so they aren't measured.
    for route in routes() {
        deliver(office, route, event("{}").to_string().as_bytes()).await;
    }
    for (name, event) in large_events() {
        let route = routes().into_iter().find(|route| Some(*route) == event["routeKey"].as_str()).unwrap();
        let event = event.to_string();
        let (reply, most) = measure(route, event.as_bytes()).await;
        let status = reply.unwrap().reply.status;
        println!("{name}: {} bytes, {status}, at most {most} bytes at once", event.len());
        assert!((400..500).contains(&status), "{name}: {status}");
        assert!(most <= bound(event.len()), "{name}: {most} bytes for {}", event.len());
    }
    for seed in corpus::events() {
        for route in routes() {
            let (_, most) = measure(route, &seed.bytes).await;
            assert!(most <= bound(seed.bytes.len()), "{}: {most} bytes", seed.name);
        }
    }
    for (little, much) in claims() {
        let (little, much) = (little.to_string(), much.to_string());
        let route = boxoffice::http::router::Route::of(boxoffice::http::router::Operation::Reserve).key;
        let (less, more) = (measure(route, little.as_bytes()).await.1, measure(route, much.as_bytes()).await.1);
        assert!(more <= less + 1_024, "{less} and {more} bytes for {much}");
    }
}

/// Bounds the memory for reading a cached string and checking it against a layout of six seats.
async fn packed_strings_stay_within_bounds() {
    let valkey = Valkey::start().unwrap();
    let address = CacheAddress { url: valkey.url(), cluster: false, ca: None };
    let cache = Cache::new(address, None, "p".into(), Duration::from_secs(60), Clock::manual(START)).unwrap();
    let seats = ["A1", "A2", "A3", "B1", "B2", "B3"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
    let layout =
        Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(START.as_millis()), seats).unwrap();
    let inventory = Inventory::of_theater(layout);
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let ctx = RequestContext::default();
    let mut read = async |bytes: &[u8]| {
        let _: () = redis.set("p:{1}:availability", bytes).await.unwrap();
        let work = async {
            match cache.read(&ctx, &inventory.id).await.unwrap() {
                Lookup::Complete(packed) => packed.fits(&inventory).then(|| packed.statuses(START)).is_some(),
                Lookup::Miss | Lookup::Unchanged(_) => false,
            }
        };
        peak(work).await.1
    };
    read(b"the connection is made").await;
    let mut strings: Vec<_> = corpus::packed().into_iter().map(|seed| (seed.name, seed.bytes)).collect();
    let good = [&[2, 1, 1, 0][..], &START.as_millis().to_be_bytes()[2..], &[0; 38], &[0; 12 * 200_000]].concat();
    strings.push(("200,000 slots".to_owned(), good));
    for (name, bytes) in &strings {
        let most = read(bytes).await;
        println!("{name}: {} bytes, at most {most} bytes at once", bytes.len());
        assert!(most <= bound(bytes.len()), "{name}: {most} bytes for {}", bytes.len());
    }
    // All numbers of the header are at their minimum, then at their maximum.
    let claiming = |number: u8| [&[2, 1][..], &[number; 46], &[0; 72]].concat();
    let (less, more) = (read(&claiming(0)).await, read(&claiming(255)).await);
    assert!(more <= less + 4_096, "{less} and {more} bytes");
}

/// Checks that fitting a string to the layout and reading the status of every seat takes one allocation, however many
/// seats there are.
async fn a_seat_is_no_allocation() {
    let valkey = Valkey::start().unwrap();
    let address = CacheAddress { url: valkey.url(), cluster: false, ca: None };
    let cache = Cache::new(address, None, "p".into(), Duration::from_secs(60), Clock::manual(START)).unwrap();
    let client = redis::Client::open(valkey.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    for seats in [1, 20_000] {
        let labels = (0..seats).map(|number| SeatLabel::parse(&format!("S{number}")).unwrap()).collect();
        let layout =
            Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(START.as_millis()), labels)
                .unwrap();
        let inventory = Inventory::of_theater(layout);
        let none = FillToken::new();
        let Begun::Fill(token) =
            cache.begin(&RequestContext::default(), &inventory, FillReason::Missing, none).await.unwrap()
        else {
            panic!("no other filler")
        };
        let slots = vec![Slot { changed_at: START, state: SeatState::Booked }; seats];
        cache.end(&RequestContext::default(), &inventory, token, &slots).await.unwrap();
        let Lookup::Complete(packed) = cache.read(&RequestContext::default(), &inventory.id).await.unwrap() else {
            panic!("it was filled")
        };
        let profiler = dhat::Profiler::builder().testing().build();
        assert!(packed.fits(&inventory));
        let statuses = packed.statuses(START);
        let blocks = dhat::HeapStats::get().total_blocks;
        drop(profiler);
        assert_eq!((statuses.len(), blocks), (seats, 1));
        let _: () = redis.del("p:{1}:availability").await.unwrap();
    }
}

#[test]
fn memory_is_bounded_by_real_input_size_not_by_claimed_size() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        events_stay_within_bounds(&office().await).await;
        packed_strings_stay_within_bounds().await;
        a_seat_is_no_allocation().await;
    });
}
