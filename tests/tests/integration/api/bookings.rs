//! `GET` and `DELETE /theaters/{theaterId}/bookings/{bookingId}`, and `POST .../book` for a whole reservation.

use boxoffice_tests::{Call, Reply, World};
use serde_json::json;

use super::id;

async fn book(world: &World) -> Reply {
    let call = Call::book("1", &json!({ "seats": ["B1", "A2"], "booking_id": id(7) }));
    call.send(&world.office).await
}

#[tokio::test]
async fn a_booking_is_shown() {
    let world = World::new().await;
    let made = book(&world).await;
    assert_eq!(made.header("location"), format!("/v1/theaters/1/bookings/{}", id(7)));
    assert!(made.header("link").contains("rel=\"urn:rel:boxoffice:cancel\""));
    let shown = Call::booking("1", &id(7)).send(&world.office).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    insta::assert_json_snapshot!(shown.body);
    let unknown = Call::booking("1", &id(8)).send(&world.office).await;
    assert_eq!((unknown.status, unknown.code()), (404, "booking_not_found"));
    assert_eq!(Call::booking("2", &id(7)).send(&world.office).await.status, 404, "it is of another theater");
    assert_eq!(Call::booking("1", "7").send(&world.office).await.code(), "malformed_request");
}

#[tokio::test]
async fn cancellation_frees_the_seats_and_keeps_the_booking() {
    let world = World::new().await;
    book(&world).await;
    world.at(60_000);
    for _ in 0..2 {
        let cancelled = Call::cancel("1", &id(7)).send(&world.office).await;
        assert_eq!((cancelled.status, cancelled.text.as_str()), (204, ""));
        assert_eq!(Call::get_seats("1").send(&world.office).await.seats().len(), 6);
        world.at(120_000);
    }
    let shown = Call::booking("1", &id(7)).send(&world.office).await;
    assert_eq!((shown.status, shown.header("link")), (200, ""), "a cancelled booking has no further actions");
    insta::assert_json_snapshot!(shown.body);
    let unknown = Call::cancel("1", &id(8)).send(&world.office).await;
    assert_eq!((unknown.status, unknown.code()), (404, "booking_not_found"));
}

#[tokio::test]
async fn a_late_repeat_of_a_cancelled_booking_never_books_again() {
    let world = World::new().await;
    book(&world).await;
    Call::cancel("1", &id(7)).send(&world.office).await;
    let late = book(&world).await;
    assert_eq!((late.status, late.code()), (409, "booking_cancelled"));
    let other = Call::book("1", &json!({ "seat": "A3", "booking_id": id(7) })).send(&world.office).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    assert_eq!(Call::get_seats("1").send(&world.office).await.seats().len(), 6);
    let anew = json!({ "seats": ["B1", "A2"], "booking_id": id(8) });
    assert_eq!(Call::book("1", &anew).send(&world.office).await.status, 201, "they are available");
    assert_eq!(Call::cancel("1", &id(7)).send(&world.office).await.status, 204);
    let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!(seat_map.body["booked"], 2, "a repeated cancellation leaves them alone");
}

#[tokio::test]
async fn signed_in_callers_booking_is_private() {
    let world = World::new().await;
    let body = json!({ "seat": "A1", "booking_id": id(7) });
    assert_eq!(Call::book("1", &body).signed_in("ann").send(&world.office).await.status, 201);
    for call in [Call::booking("1", &id(7)), Call::cancel("1", &id(7))] {
        for call in [call.clone(), call.clone().signed_in("bob")] {
            let reply = call.send(&world.office).await;
            assert_eq!((reply.status, reply.code()), (404, "booking_not_found"), "{call:?}");
        }
    }
    let guessed = Call::book("1", &body).signed_in("bob").send(&world.office).await;
    assert_eq!((guessed.status, guessed.code()), (409, "seat_unavailable"), "it isn't replayed to others");
    let other = json!({ "seat": "A2", "booking_id": id(7) });
    let other = Call::book("1", &other).signed_in("bob").send(&world.office).await;
    assert_eq!(other.status, 201, "ids of different callers never meet");
    assert_eq!(Call::booking("1", &id(7)).signed_in("ann").send(&world.office).await.status, 200);
    assert_eq!(Call::cancel("1", &id(7)).signed_in("ann").send(&world.office).await.status, 204);
}

#[tokio::test]
async fn a_whole_reservation_is_booked_without_naming_its_seats() {
    let world = World::new().await;
    for seats in [json!(["A2"]), json!(["B3", "A1"])] {
        let body = json!({ "seats": seats, "reservation_id": id(1) });
        Call::reserve("1", &body).send(&world.office).await;
    }
    let call = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    let booked = call.send(&world.office).await;
    assert_eq!((booked.status, booked.seats()), (201, vec!["A1", "A2", "B3"]));
    let again = call.send(&world.office).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    assert_eq!(again.body["seats"], booked.body["seats"]);
    let reused = Call::book("1", &json!({ "reservation_id": id(2), "booking_id": id(7) })).send(&world.office).await;
    assert_eq!((reused.status, reused.code()), (422, "idempotency_key_reused"));
    let named = json!({ "seats": ["A1", "A2", "B3"], "reservation_id": id(1), "booking_id": id(7) });
    assert_eq!(Call::book("1", &named).send(&world.office).await.status, 200, "the same, said otherwise");
    Call::cancel("1", &id(7)).send(&world.office).await;
    assert_eq!(call.send(&world.office).await.code(), "booking_cancelled");
}

#[tokio::test]
async fn repeated_booking_ignores_seats_added_to_reservation_later() {
    let world = World::new().await;
    let reserve = |seat: &str| Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) }));
    reserve("A1").send(&world.office).await;
    let call = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    assert_eq!(call.send(&world.office).await.status, 201);
    reserve("A2").send(&world.office).await;
    let again = call.send(&world.office).await;
    assert_eq!((again.status, again.seats()), (200, vec!["A1"]));
    assert_eq!(Call::reservation("1", &id(1)).send(&world.office).await.seats(), ["A2"]);
    world.at(600_000);
    let late = call.send(&world.office).await;
    assert_eq!((late.status, late.seats()), (200, vec!["A1"]), "also after those seats have expired");
}

#[tokio::test]
async fn missing_or_incomplete_reservation_is_not_booked_as_a_whole() {
    let world = World::new().await;
    let call = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    assert_eq!(call.send(&world.office).await.code(), "reservation_not_found");
    let elsewhere = Call::book("9", &json!({ "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!(elsewhere.code(), "theater_not_found");
    for (seat, expires_in) in [("A1", 60), ("A2", 600)] {
        let body = json!({ "seat": seat, "reservation_id": id(1), "expires_in": expires_in });
        Call::reserve("1", &body).send(&world.office).await;
    }
    world.at(60_000);
    let expired = call.send(&world.office).await;
    assert_eq!((expired.status, expired.code()), (409, "reservation_changed"), "a part isn't the whole reservation");
    assert_eq!(expired.body["seats"], json!([{ "seat": "A1", "status": "available" }]));
    let named = json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "booking_id": id(7) });
    assert_eq!(Call::book("1", &named).send(&world.office).await.status, 201, "named seats can be booked");
}
