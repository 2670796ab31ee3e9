//! Memory of long-lived instances, which must not grow.

use boxoffice_local::lambda_host::Lambda;
use boxoffice_tests::{Call, SeatFunctions, Setup, World};
use serde_json::{Value, json};
use uuid::Uuid;

/// Returns the number of requests before memory is first measured, when everything permanent is allocated, and the
/// number at the second measurement. Binaries given by name are release binaries, which take a tenth of the time.
fn requests() -> (usize, usize) {
    if std::env::var_os("BOXOFFICE_BINARIES").is_some() { (5_000, 100_000) } else { (1_000, 3_000) }
}

/// Calls that take turns, with their expected statuses.
type Round = Vec<(Value, u64)>;

async fn send(lambda: &Lambda, round: &Round, requests: usize) {
    for (event, status) in round.iter().cycle().take(requests) {
        let invocation = lambda.invoke(event).await.unwrap();
        assert_eq!(invocation.body().unwrap()["statusCode"], *status);
    }
}

/// Sends the same calls repeatedly and compares memory.
async fn does_not_grow(lambda: &Lambda, round: Round, (first, then): (usize, usize)) {
    let process = lambda.pid();
    send(lambda, &round, first).await;
    let before = lambda.resident_kib().unwrap();
    send(lambda, &round, then - first).await;
    let after = lambda.resident_kib().unwrap();
    assert_eq!(lambda.pid(), process);
    say(&format!("process {process}: {before} KiB after {first} requests, {after} KiB after {then}"));
    assert!(after <= before + 1_024 + before / 20, "{before} KiB, and {after} KiB when {then} requests were answered");
}

#[tokio::test]
async fn memory_of_an_instance_does_not_grow() {
    let world = World::new().await;
    let mut environment = world.environment(&Setup::shared());
    environment.push(("LOG_LEVEL".to_owned(), "warn".to_owned()));
    environment.push(("CACHE_DEADLINE_MS".to_owned(), "1000".to_owned()));
    let functions = SeatFunctions::start(&environment).await;
    let (reservation, booking) = (Uuid::now_v7().to_string(), Uuid::now_v7().to_string());
    let mine = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": reservation, "expires_in": 1800 }));
    let bought = Call::book("1", &json!({ "seat": "A3", "booking_id": booking }));
    for call in [&mine, &bought] {
        assert_eq!(functions.send(call).await.status, 201);
    }
    let seat_map = Call::get_seats("1");
    let known = functions.send(&seat_map).await.header("etag").to_owned();
    let looks = vec![(seat_map.event(), 200), (seat_map.clone().header("If-None-Match", &known).event(), 304)];
    let other = json!({ "seat": "A1", "booking_id": Uuid::now_v7().to_string() });
    let bookings = vec![(bought.event(), 200), (Call::book("1", &other).event(), 409)];
    let other = json!({ "seats": ["A2", "A3"], "reservation_id": Uuid::now_v7().to_string() });
    let reservations = vec![(mine.event(), 200), (Call::reserve("1", &other).event(), 409)];
    let (first, then) = requests();
    // Writes take longer, so there are fewer of them.
    let few = (first / 4, then / 8);
    tokio::join!(
        does_not_grow(&functions.get_seats, looks, (first, then)),
        does_not_grow(&functions.book, bookings, few),
        does_not_grow(&functions.reserve, reservations, few),
    );
}

#[allow(clippy::print_stderr, reason = "figures of docs/RELIABILITY.md")]
fn say(text: &str) {
    eprintln!("{text}");
}
