//! Instances whose clocks differ. The order of writes to a seat is never mistaken.

use boxoffice::clock::Clock;
use boxoffice::domain::time::EpochMillis;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, World};
use serde_json::json;

/// Clock offsets of an instance, in milliseconds.
const OFF: [i64; 3] = [-5_000, 0, 5_000];

/// Sets a clock with this offset to the time `at`, in milliseconds after the start.
fn set(clock: &Clock, off: i64, at: u64) {
    clock.set(EpochMillis::new((START.as_millis() + at).checked_add_signed(off).unwrap()));
}

#[tokio::test]
async fn seat_retaken_by_a_slower_clock_is_shown_taken_at_once() {
    let world = World::new().await;
    let clocks = [(); 3].map(|()| Clock::manual(START));
    let [first, second, reader] = &clocks;
    let (first_office, second_office) = (world.instance(first.clone()).await, world.instance(second.clone()).await);
    let reader_office = world.instance(reader.clone()).await;
    for (number, (one, other, third)) in every_offset().into_iter().enumerate() {
        for anew in ["reserve", "book"] {
            let (theater, off) = (format!("{anew}-{number}"), format!("{anew}, off by {one}, {other}, {third}"));
            world.put_theater(&theater, "T", &["A1", "A2"]).await;
            // The seat map is cached first, so that the following writes have to be merged.
            set(reader, third, 0);
            Call::get_seats(&theater).send(&reader_office).await;
            set(first, one, 0);
            let short = Call::reserve(&theater, &json!({ "seat": "A1", "expires_in": 1 }));
            assert_eq!(short.send(&first_office).await.status, 201, "{off}");
            // The reservation has expired by the true time, which the TTL uses. The TTL deletes the item at once.
            let later = 1_000 + one.max(0).unsigned_abs();
            world.delete_seat_item(&theater, "A1").await;
            set(second, other, later);
            set(reader, third, later);
            let seat = json!({ "seat": "A1" });
            let anew = if anew == "book" { Call::book(&theater, &seat) } else { Call::reserve(&theater, &seat) };
            assert_eq!(
                anew.header("Idempotency-Key", &"key".repeat(6)).send(&second_office).await.status,
                201,
                "{off}"
            );
            for query in ["", "consistent=true", ""] {
                let seat_map = Call::get_seats(&theater).query(query).send(&reader_office).await;
                assert_eq!(seat_map.seats(), ["A2"], "{off}, {query} {}", seat_map.header("x-cache"));
            }
        }
    }
}

/// Returns every combination of offsets for the first writer, the second writer and the reader.
fn every_offset() -> Vec<(i64, i64, i64)> {
    let pairs = OFF.iter().flat_map(|one| OFF.map(|other| (*one, other)));
    pairs.flat_map(|(one, other)| OFF.map(|third| (one, other, third))).collect()
}
