//! Repeats of calls that staff make for a buyer.

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use super::for_buyer;
use crate::api::id;
use crate::api::shows::evening;

const KEY: &str = "0123456789abcdef";

#[tokio::test]
async fn key_of_staff_repeats_for_the_same_buyer_only() {
    let world = World::new().await;
    let book = |seat: &str| Call::book("1", &json!({ "seat": seat })).header("Idempotency-Key", KEY);
    let first = for_buyer(book("A1"), "ann").send(&world.office).await;
    assert_eq!(first.status, 201);
    let again = for_buyer(book("A1"), "ann").send(&world.office).await;
    assert_eq!((again.status, &again.body["booking_id"]), (200, &first.body["booking_id"]));
    for (call, seat) in [
        (for_buyer(book("A2"), "bob"), "A2"),
        (for_buyer(book("A3"), "anonymous"), "A3"),
        (book("B1").staff(), "B1"),
        (book("B2").signed_in("ann"), "B2"),
        (for_buyer(book("B3"), "ann").signed_in("kim"), "B3"),
    ] {
        let other = call.send(&world.office).await;
        assert_eq!((other.status, other.seats()), (201, vec![seat]), "it repeats no other call");
    }
}

/// The sale has never let a buyer buy anything. So a buyer's call can't be a repeat, but a call of staff can.
#[tokio::test]
async fn repeat_of_staff_is_answered_while_the_sale_is_paused() {
    let world = World::new().await;
    let mut show = evening("1");
    show["sale"] = json!({ "state": "open", "opens_at": "2026-11-22T19:00:00Z" });
    assert_eq!(Call::put_show("1", &show).send(&world.office).await.status, 201);
    let calls = [
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "B1", "booking_id": id(7) })),
        Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(8) })),
        // Under contention the service chooses any good seat.
        Call::reserve("1", &json!({ "quantity": 1 })).header("Idempotency-Key", KEY),
    ];
    let calls = calls.map(|call| for_buyer(call.of_show(), "ann"));
    let mut first = Vec::new();
    for call in &calls {
        let made = call.send(&world.office).await;
        assert_eq!(made.status, 201, "{}", made.text);
        first.push(made);
    }
    let paused = json!({ "state": "paused", "opens_at": "2026-11-22T19:00:00Z" });
    assert_eq!(Call::put_sale("1", &paused).of_show().send(&world.office).await.status, 200);
    world.at(20_000);
    // The first call's seat is booked by now.
    for (call, first) in calls.iter().zip(&first).skip(1) {
        let repeat = call.send(&world.office).await;
        assert_eq!((repeat.status, repeat.seats()), (200, first.seats()), "{}", repeat.text);
    }
    let new = Call::book("1", &json!({ "seat": "B2", "booking_id": id(9) })).of_show();
    assert_eq!(for_buyer(new, "ann").send(&world.office).await.code(), "not_on_sale");
}

#[tokio::test]
async fn lost_answer_to_staff_changes_their_mark_and_result_in_no_way() {
    let proxy = DynamoDbProxy::behind(Default::default(), engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    let mut theater = 0;
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        theater += 1;
        let theater = format!("hall-{theater}");
        world.put_theater(&theater, "Hall", &["A1"]).await;
        let mark = async || {
            let item = world.seat_item(&theater, "A1").await.expect("an item");
            item.get("by").map(|by| by.as_s().expect("a text").clone())
        };
        for (call, status) in [
            (Call::reserve(&theater, &json!({ "seat": "A1", "reservation_id": id(1) })), 201),
            (Call::extend(&theater, &id(1), &json!({ "expires_in": 900 })), 200),
            (Call::book(&theater, &json!({ "reservation_id": id(1), "booking_id": id(7) })), 201),
            (Call::cancel(&theater, &id(7)), 204),
            (Call::reserve(&theater, &json!({ "seat": "A1", "reservation_id": id(2) })), 201),
            (Call::release(&theater, &id(2)), 204),
        ] {
            proxy.next("TransactWriteItems", fault.clone());
            let reply = for_buyer(call.clone(), "ann").send(&world.office).await;
            assert_eq!(proxy.queued_faults(), 0, "{fault:?} was met");
            assert_eq!((reply.status, reply.header("idempotent-replayed")), (status, ""), "{call:?} {fault:?}");
            assert_eq!(mark().await.as_deref(), Some("staff"), "{call:?} {fault:?}");
        }
    }
}
