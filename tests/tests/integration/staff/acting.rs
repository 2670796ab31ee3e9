//! The header `On-Behalf-Of`.

use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::{for_buyer, owner};
use crate::api::id;

fn reserve(seat: &str) -> Call {
    Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) }))
}

fn book(seat: &str) -> Call {
    Call::book("1", &json!({ "seat": seat, "booking_id": id(7) }))
}

/// Returns every call that is about a buyer's things.
fn calls() -> Vec<Call> {
    vec![
        Call::get_seats("1").query("view=map").header("Reservation-Id", &id(1)),
        reserve("A1"),
        book("A1"),
        Call::reservation("1", &id(1)),
        Call::extend("1", &id(1), &json!({})),
        Call::release("1", &id(1)),
        Call::booking("1", &id(7)),
        Call::cancel("1", &id(7)),
    ]
}

#[tokio::test]
async fn staff_work_on_a_buyers_things() {
    let world = World::new().await;
    let status = async |call: Call| call.send(&world.office).await.status;
    assert_eq!(status(reserve("A1").signed_in("ann")).await, 201);
    assert_eq!(status(Call::reservation("1", &id(1)).staff()).await, 404, "they don't act for Ann");
    assert_eq!(status(for_buyer(Call::reservation("1", &id(1)), "bob")).await, 404);
    assert_eq!(status(for_buyer(Call::reservation("1", &id(1)), "ann")).await, 200);
    let extend = Call::extend("1", &id(1), &json!({ "expires_in": 900 }));
    assert_eq!(status(for_buyer(extend, "ann")).await, 200);
    let map = Call::get_seats("1").query("view=map").header("Reservation-Id", &id(1));
    let map = for_buyer(map, "ann").send(&world.office).await;
    let yours = |seat: &&Value| seat["yours"] == true;
    assert_eq!(map.body["seats"].as_array().unwrap().iter().filter(yours).count(), 1);
    let whole = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    assert_eq!(status(for_buyer(whole, "ann")).await, 201);
    assert_eq!(status(Call::booking("1", &id(7)).signed_in("ann")).await, 200, "the booking is Ann's");
    assert_eq!(status(Call::booking("1", &id(7)).signed_in("staff")).await, 404);
    assert_eq!(status(for_buyer(Call::cancel("1", &id(7)), "bob")).await, 404);
    assert_eq!(status(for_buyer(Call::cancel("1", &id(7)), "ann")).await, 204);
    let cancelled = Call::booking("1", &id(7)).signed_in("ann").send(&world.office).await;
    assert_eq!(cancelled.body["status"], "cancelled");
    assert_eq!(status(for_buyer(reserve("A2"), "bob")).await, 201);
    assert_eq!(status(for_buyer(Call::release("1", &id(1)), "bob")).await, 204);
    assert_eq!(status(Call::reservation("1", &id(1)).signed_in("bob")).await, 404);
}

#[tokio::test]
async fn staff_work_for_buyers_without_a_token() {
    let world = World::new().await;
    let made = for_buyer(book("A1"), "anonymous").send(&world.office).await;
    assert_eq!(made.status, 201);
    assert_eq!(Call::booking("1", &id(7)).send(&world.office).await.status, 200, "it has no owner");
    assert_eq!(Call::cancel("1", &id(7)).send(&world.office).await.status, 204);
}

#[tokio::test]
async fn without_the_header_staff_work_for_themselves() {
    let world = World::new().await;
    assert_eq!(book("A1").staff().send(&world.office).await.status, 201);
    assert_eq!(Call::booking("1", &id(7)).signed_in("staff").send(&world.office).await.status, 200);
    assert_eq!(Call::booking("1", &id(7)).send(&world.office).await.status, 404);
}

#[tokio::test]
async fn only_staff_may_act_for_a_buyer() {
    let world = World::new().await;
    for call in calls() {
        let call = call.header("On-Behalf-Of", &owner("ann"));
        for call in [
            call.clone(),
            call.clone().signed_in("ann"),
            call.clone().administrator(),
            call.clone().signed_in("bob").scopes(&["boxoffice/staffs", "boxoffice"]),
            call.clone().staff().signed_in(""),
        ] {
            let refused = call.send(&world.office).await;
            assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{call:?}");
            assert_eq!(refused.body["errors"][0]["field"], "On-Behalf-Of");
        }
    }
    assert_eq!(world.items_of("THEATER#1").await.len(), 1, "only the layout is there");
}

#[tokio::test]
async fn malformed_buyer_is_refused() {
    let world = World::new().await;
    for call in calls() {
        for buyer in ["", "ann", "Anonymous", "00000000-0000-0000-0000-000000000000", "anonymous, anonymous"] {
            let refused = call.clone().staff().header("On-Behalf-Of", buyer).send(&world.office).await;
            assert_eq!((refused.status, refused.code()), (400, "malformed_request"), "{buyer:?} {call:?}");
            assert_eq!(refused.body["errors"][0]["field"], "On-Behalf-Of");
        }
    }
    assert_eq!(world.items_of("THEATER#1").await.len(), 1, "only the layout is there");
}

#[tokio::test]
async fn buyer_and_staff_race_for_a_seat_and_one_wins() {
    let world = World::new().await;
    for seat in ["A1", "A2", "A3", "B1", "B2", "B3"] {
        let call = || Call::book("1", &json!({ "seat": seat }));
        let (own, staff) = (call().signed_in("ann"), for_buyer(call(), "bob"));
        let (own, staff) = futures_util::join!(own.send(&world.office), staff.send(&world.office));
        let mut statuses = [own.status, staff.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409], "{} {}", own.text, staff.text);
    }
}
