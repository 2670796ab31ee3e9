//! Repeats get the first answer, and another request under the same id is refused.

use boxoffice_tests::Call;
use serde_json::json;

use super::{HALL, book, child, hall, lines, put, reserve, set_prices, world};
use crate::api::id;

const KEY: &str = "order-0000000000001";

#[tokio::test]
async fn repeated_booking_has_the_first_lines() {
    let mut world = world().await;
    let first = json!({ "seats": ["A1", child("A2")], "booking_id": id(1), "reference": "R1" });
    let booked = book(&world, first.clone()).await;
    set_prices(&mut world, 9_900, 5_500).await;
    for same in [first, json!({ "seats": ["A2", "A1"], "booking_id": id(1), "reference": "R1" })] {
        let again = book(&world, same).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{}", again.text);
        assert_eq!((lines(&again), again.text("reference")), (lines(&booked), "R1"));
    }
}

#[tokio::test]
async fn other_types_or_another_reference_are_another_booking() {
    let mut world = world().await;
    book(&world, json!({ "seats": ["A1", child("A2")], "booking_id": id(1), "reference": "R1" })).await;
    let others = [
        json!({ "seats": [child("A1"), "A2"], "booking_id": id(1), "reference": "R1" }),
        json!({ "seats": ["A1", { "seat": "A2", "ticket_type": "standard" }], "booking_id": id(1), "reference": "R1" }),
        json!({ "seats": ["A1", "A2"], "booking_id": id(1), "reference": "R2" }),
        json!({ "seats": ["A1", "A2"], "booking_id": id(1) }),
    ];
    for other in &others {
        let refused = book(&world, other.clone()).await;
        assert_eq!((refused.status, refused.code()), (422, "idempotency_key_reused"), "{other}: {}", refused.text);
    }
    // Later the seats are gone from the layout, so the booking itself decides.
    let seats = json!({ "name": "Hall", "seats": ["Z1"] });
    Call::cancel(HALL, &id(1)).send(&world.office).await;
    put(&mut world, &seats).await;
    for other in &others {
        let refused = book(&world, other.clone()).await;
        assert_eq!((refused.status, refused.code()), (422, "idempotency_key_reused"), "{other}: {}", refused.text);
    }
    let same = book(&world, json!({ "seats": ["A1", child("A2")], "booking_id": id(1), "reference": "R1" })).await;
    assert_eq!((same.status, same.code()), (409, "booking_cancelled"));
}

#[tokio::test]
async fn repeat_of_a_booking_is_not_compared_with_expected_totals() {
    let world = world().await;
    let ask = |total: u64| json!({ "seat": "A1", "booking_id": id(1), "expect": { "total": total } });
    let first = book(&world, ask(8_500)).await;
    let again = book(&world, ask(1)).await;
    assert_eq!((again.status, lines(&again)), (200, lines(&first)));
    reserve(&world, json!({ "seat": "A2", "reservation_id": id(2) })).await;
    let whole = |total: u64| json!({ "reservation_id": id(2), "booking_id": id(2), "expect": { "total": total } });
    let first = book(&world, whole(8_500)).await;
    assert_eq!((first.status, book(&world, whole(1)).await.status), (201, 200));
}

#[tokio::test]
async fn whole_booking_under_another_reference_is_refused() {
    let world = world().await;
    reserve(&world, json!({ "seat": "A1", "reservation_id": id(1) })).await;
    let ask = |reference: &str| json!({ "reservation_id": id(1), "booking_id": id(1), "reference": reference });
    assert_eq!(book(&world, ask("R1")).await.status, 201);
    assert_eq!(book(&world, ask("R2")).await.code(), "idempotency_key_reused");
    assert_eq!(book(&world, ask("R1")).await.status, 200);
}

#[tokio::test]
async fn key_stands_for_seats_and_their_types() {
    let world = world().await;
    let keyed = |body: serde_json::Value| Call::reserve(HALL, &body).header("Idempotency-Key", KEY);
    let first = keyed(json!({ "seats": ["A1", child("A2")] })).send(&world.office).await;
    assert_eq!(first.status, 201);
    let same = json!({ "seats": [child("A2"), { "seat": "A1", "ticket_type": "standard" }] });
    let again = keyed(same).send(&world.office).await;
    assert_eq!((again.status, again.text("reservation_id")), (200, first.text("reservation_id")));
    let other = keyed(json!({ "seats": ["A1", "A2"] })).send(&world.office).await;
    assert_eq!((other.status, other.code()), (409, "seat_unavailable"), "another reservation");
}

#[tokio::test]
async fn repeated_reservation_ignores_a_type_that_is_gone() {
    let mut world = world().await;
    let body = json!({ "seats": [child("A1")], "reservation_id": id(1) });
    let first = reserve(&world, body.clone()).await;
    let mut without = hall(9_900, 1);
    without["categories"][0]["prices"] = json!({ "standard": 9_900, "senior": 100 });
    put(&mut world, &without).await;
    let again = reserve(&world, body).await;
    assert_eq!((again.status, lines(&again)), (200, lines(&first)));
    without["categories"][0]["prices"] = json!({ "child": 9_900 });
    put(&mut world, &without).await;
    let standard = json!({ "seats": [{ "seat": "A1", "ticket_type": "standard" }], "reservation_id": id(1) });
    let other = reserve(&world, standard).await;
    assert_eq!((other.status, other.code()), (409, "ticket_type_fixed"), "{}", other.text);
}
