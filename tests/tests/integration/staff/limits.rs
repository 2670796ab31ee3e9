//! Limits of buyers that don't apply to staff, and those that do.

use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use super::for_buyer;
use crate::api::id;

async fn hall(setup: Setup) -> World {
    let world = World::on(setup).await;
    let seats: Vec<_> = (1..=60).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world
}

fn seats(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|n| format!("S{n}")).collect()
}

#[tokio::test]
async fn staff_name_49_seats_in_a_call() {
    let world = hall(Setup::shared()).await;
    let reserve = |last| Call::reserve("hall", &json!({ "seats": seats(1, last), "reservation_id": id(1) }));
    assert_eq!(reserve(11).signed_in("ann").send(&world.office).await.status, 400, "buyers name 10");
    assert_eq!(reserve(50).staff().send(&world.office).await.status, 400);
    let reserved = for_buyer(reserve(49), "ann").send(&world.office).await;
    assert_eq!(reserved.status, 201, "{}", reserved.text);
    let book = json!({ "seats": seats(1, 49), "reservation_id": id(1) });
    let booked = for_buyer(Call::book("hall", &book), "ann").send(&world.office).await;
    assert_eq!((booked.status, booked.seats().len()), (201, 49), "{}", booked.text);
}

#[tokio::test]
async fn staff_choose_49_best_seats() {
    let world = hall(Setup::shared()).await;
    let best = Call::reserve("hall", &json!({ "quantity": 49 }));
    assert_eq!(best.clone().signed_in("ann").send(&world.office).await.status, 400);
    let chosen = best.staff().send(&world.office).await;
    assert_eq!((chosen.status, chosen.seats().len()), (201, 49), "{}", chosen.text);
}

#[tokio::test]
async fn reservation_quota_counts_only_what_buyers_reserve() {
    let world = hall(Setup::shared()).await;
    let reserve = |from, to, reservation| {
        Call::reserve("hall", &json!({ "seats": seats(from, to), "reservation_id": id(reservation) }))
    };
    let status = async |call: Call| call.send(&world.office).await.status;
    assert_eq!(status(reserve(1, 10, 1).signed_in("ann")).await, 201);
    assert_eq!(status(reserve(11, 20, 2).signed_in("ann")).await, 201);
    assert_eq!(status(reserve(21, 21, 3).signed_in("ann")).await, 409, "Ann's quota is full");
    assert_eq!(status(for_buyer(reserve(21, 40, 4), "ann")).await, 201, "staff have no quota");
    assert_eq!(status(Call::release("hall", &id(1)).signed_in("ann")).await, 204);
    assert_eq!(status(reserve(41, 50, 5).signed_in("ann")).await, 201, "20 seats of staff don't count");
    assert_eq!(status(reserve(51, 51, 6).signed_in("ann")).await, 409);
    // An extension by the buyer needs room for the seats in the quota.
    let extend = || Call::extend("hall", &id(4), &json!({ "expires_in": 900 }));
    assert_eq!(extend().signed_in("ann").send(&world.office).await.code(), "reservation_limit");
    assert_eq!(status(for_buyer(extend(), "ann")).await, 200);
}

#[tokio::test]
async fn booking_limit_counts_only_what_buyers_book() {
    let world = World::on(Setup { max_booked_per_caller: 2, ..Setup::shared() }).await;
    let book =
        |seats: serde_json::Value, booking| Call::book("1", &json!({ "seats": seats, "booking_id": id(booking) }));
    let status = async |call: Call| call.send(&world.office).await.status;
    assert_eq!(status(for_buyer(book(json!(["A1", "A2", "A3"]), 1), "ann")).await, 201);
    assert_eq!(status(book(json!(["B1", "B2"]), 2).signed_in("ann")).await, 201);
    assert_eq!(book(json!(["B3"]), 3).signed_in("ann").send(&world.office).await.code(), "booking_limit");
    assert_eq!(status(for_buyer(Call::cancel("1", &id(1)), "ann")).await, 204);
    assert_eq!(book(json!(["B3"]), 3).signed_in("ann").send(&world.office).await.code(), "booking_limit");
    assert_eq!(status(for_buyer(Call::cancel("1", &id(2)), "ann")).await, 204, "its seats were counted");
    assert_eq!(status(book(json!(["B1", "B2"]), 4).signed_in("ann")).await, 201);
}

#[tokio::test]
async fn staff_book_without_a_reservation() {
    let world = World::on(Setup { booking_needs_reservation: true, ..Setup::shared() }).await;
    let book = |seat| Call::book("1", &json!({ "seat": seat, "booking_id": id(7) }));
    assert_eq!(book("A1").signed_in("ann").send(&world.office).await.code(), "reservation_required");
    assert_eq!(for_buyer(book("A1"), "ann").send(&world.office).await.status, 201);
    // The seat of an invented reservation is available, so staff get it.
    let invented = Call::book("1", &json!({ "seat": "A2", "reservation_id": id(1), "booking_id": id(8) }));
    assert_eq!(invented.clone().signed_in("ann").send(&world.office).await.code(), "reservation_changed");
    assert_eq!(for_buyer(invented, "ann").send(&world.office).await.status, 201);
}

#[tokio::test]
async fn staff_sell_before_the_opening_and_after_the_end() {
    for (sale, state) in [
        (json!({ "state": "open", "opens_at": "2026-11-22T19:00:00Z" }), "not_yet"),
        (json!({ "state": "open", "closes_at": "2026-11-22T17:00:00Z" }), "closed"),
        (json!({ "state": "closed" }), "closed"),
    ] {
        let world = World::new().await;
        assert_eq!(Call::put_sale("1", &sale).administrator().send(&world.office).await.status, 200);
        for (number, call) in [
            Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
            Call::book("1", &json!({ "seat": "B1" })),
            Call::book("1", &json!({ "reservation_id": id(1) })),
            Call::reserve("1", &json!({ "quantity": 1 })),
        ]
        .into_iter()
        .enumerate()
        {
            let refused = call.clone().signed_in("ann").send(&world.office).await;
            assert_eq!((refused.code(), refused.text("sale_state")), ("not_on_sale", state), "{sale} {call:?}");
            let sold = for_buyer(call, "ann").send(&world.office).await;
            assert_eq!(sold.status, 201, "{sale}, call {number}: {}", sold.text);
        }
    }
}

#[tokio::test]
async fn paused_sale_is_paused_for_staff_too() {
    let world = World::new().await;
    let paused = json!({ "state": "paused", "opens_at": "2026-11-22T19:00:00Z" });
    assert_eq!(Call::put_sale("1", &paused).administrator().send(&world.office).await.status, 200);
    for call in [
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::reserve("1", &json!({ "quantity": 1 })),
        Call::book("1", &json!({ "seat": "B1", "booking_id": id(7) })),
    ] {
        let refused = for_buyer(call, "ann").send(&world.office).await;
        assert_eq!((refused.code(), refused.text("sale_state")), ("not_on_sale", "paused"));
    }
}
