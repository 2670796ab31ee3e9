//! Many callers at once ask for the best available seats, until the hall is sold out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boxoffice::clock::Clock;
use boxoffice_tests::{Call, World};
use serde_json::json;

const ROWS: usize = 30;
const SEATS_A_ROW: usize = 40;
const CALLERS: usize = 300;

/// Puts a hall of 30 rows with 40 seats each.
async fn hall(world: &World) {
    let seats: Vec<_> = (0..ROWS).flat_map(|row| (1..=SEATS_A_ROW).map(move |seat| format!("R{row}-{seat}"))).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

/// Counts over all callers.
#[derive(Default)]
struct Storm {
    calls: AtomicUsize,
    lost: AtomicUsize,
}

/// Reserves this many seats for one caller, together if possible and otherwise in parts. Returns the labels of the
/// seats.
async fn caller(world: Arc<World>, number: usize, wanted: usize, storm: Arc<Storm>) -> Vec<String> {
    // Each caller's clock runs, as on AWS, so that recent changes become old.
    let office = world.instance(Clock::System).await;
    let mut had = Vec::new();
    let mut quantity = wanted;
    let mut wish = 0;
    while had.len() < wanted {
        storm.calls.fetch_add(1, Ordering::Relaxed);
        let key = format!("caller-{number}-wish-{wish}-of-{quantity}");
        let call = Call::reserve("hall", &json!({ "quantity": quantity, "expires_in": 1_800 }));
        let reply = call.header("Idempotency-Key", &key).send(&office).await;
        // A busy machine may time out, and then the outcome is unknown. The same key gets the outcome.
        if (reply.status, reply.code()) == (503, "try_again") {
            continue;
        }
        wish += 1;
        match (reply.status, reply.code()) {
            (200 | 201, _) => {
                had.extend(reply.seats().into_iter().map(str::to_owned));
                quantity = wanted - had.len();
            }
            (409, "not_enough_seats") => {
                // Takes as many seats as are left together. The read may miss a write that is still on its way.
                let largest = usize::try_from(reply.body["largest_block"].as_u64().unwrap()).unwrap();
                quantity = quantity.min(largest).max(1);
            }
            (409, "seat_unavailable") => {
                storm.lost.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("{other:?}: {}", reply.text),
        }
    }
    had
}

#[allow(clippy::print_stdout, reason = "figures for the reader of the log")]
async fn storm(wanted: impl Fn(usize) -> usize) {
    let world = Arc::new(World::new().await);
    hall(&world).await;
    let storm = Arc::new(Storm::default());
    let mut callers = tokio::task::JoinSet::new();
    for number in 0..CALLERS {
        callers.spawn(caller(world.clone(), number, wanted(number), storm.clone()));
    }
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(had) = callers.join_next().await {
        for seat in had.expect("no panic") {
            *owners.entry(seat).or_default() += 1;
        }
    }
    assert!(owners.values().all(|owners| *owners == 1), "no seat went to two callers");
    assert_eq!(owners.len(), ROWS * SEATS_A_ROW, "all were sold, so none was left alone");
    let office = world.instance(Clock::System).await;
    let seat_map = Call::get_seats("hall").query("consistent=true").send(&office).await;
    assert_eq!((seat_map.seats().len(), seat_map.body["reserved"].as_u64()), (0, Some(1_200)));
    println!(
        "{CALLERS} callers, {} calls, {} rejected after losing every attempt",
        storm.calls.load(Ordering::Relaxed),
        storm.lost.load(Ordering::Relaxed)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_parties_of_four_share_1200_seats() {
    storm(|_| 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_parties_of_one_to_nine_share_1200_seats() {
    // The last party has three people more, so that the total is 1,200.
    storm(|number| number % 7 + 1 + if number == CALLERS - 1 { 3 } else { 0 }).await;
}
