//! The shortest reservation.

use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use super::named;
use crate::api::id;

#[tokio::test]
async fn reservation_is_no_shorter_than_the_configured_minimum() {
    let world = World::on(Setup { shortest_reservation: 10, ..Setup::shared() }).await;
    for seconds in [1, 9] {
        let reply = Call::reserve("1", &json!({ "seat": "A1", "expires_in": seconds })).send(&world.office).await;
        assert_eq!(reply.text("detail"), "expires_in: expected a whole number of seconds from 10 to 1800");
    }
    let reply = Call::reserve("1", &json!({ "seat": "A1", "expires_in": 10, "reservation_id": id(7) }))
        .send(&world.office)
        .await;
    assert_eq!(reply.status, 201);
    let reply = Call::extend("1", &id(7), &json!({ "expires_in": 9 })).send(&world.office).await;
    assert_eq!((reply.status, named(&reply)), (400, vec!["expires_in"]));
}

/// Reserves the same seat repeatedly. After each reservation, others read the hall.
/// Returns the number of cache hits.
async fn cached_reads_beside_reservations_of(seconds: u32) -> usize {
    let world = World::on(Setup { shortest_reservation: seconds, ..Setup::shared() }).await;
    let read = async || Call::get_seats("1").send(&world.office).await.header("x-cache").to_owned();
    read().await;
    let mut hits = 0;
    for round in 1..=10 {
        let body = json!({ "seat": "A1", "expires_in": seconds, "reservation_id": id(round) });
        assert_eq!(Call::reserve("1", &body).send(&world.office).await.status, 201);
        hits += usize::from(read().await == "hit");
        assert_eq!(Call::release("1", &id(round)).send(&world.office).await.status, 204);
        hits += usize::from(read().await == "hit");
        world.at(1_000 * u64::try_from(round).unwrap());
    }
    hits
}

#[tokio::test]
async fn shortest_permitted_reservations_keep_the_cache_usable() {
    assert_eq!(cached_reads_beside_reservations_of(10).await, 20);
    assert!(cached_reads_beside_reservations_of(5).await < 20, "shorter ones make readers read the table");
}
