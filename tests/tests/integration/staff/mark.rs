//! The mark `by` of changes that staff make: in items, in answers to staff and in events.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_tests::{Call, World};
use serde_json::json;

use super::for_buyer;
use crate::api::id;

/// Returns the mark of an item.
fn mark(item: &HashMap<String, AttributeValue>) -> Option<&str> {
    item.get("by").map(|value| value.as_s().expect("a text").as_str())
}

async fn mark_of_seat(world: &World, seat: &str) -> Option<String> {
    mark(&world.seat_item("1", seat).await.expect("an item")).map(str::to_owned)
}

/// Returns the marks of all items whose partition begins like this.
async fn marks_of(world: &World, prefix: &str) -> Vec<Option<String>> {
    let items = world.items().await;
    let of_kind = items.iter().filter(|item| item["sk"].as_s().is_ok_and(|sk| sk.starts_with(prefix)));
    of_kind.map(|item| mark(item).map(str::to_owned)).collect()
}

fn reserve() -> Call {
    Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))
}

fn extend() -> Call {
    Call::extend("1", &id(1), &json!({ "expires_in": 900 }))
}

fn book() -> Call {
    Call::book("1", &json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(7) }))
}

fn staff() -> Option<String> {
    Some("staff".to_owned())
}

#[tokio::test]
async fn each_change_of_staff_is_marked() {
    let last = [Call::release("1", &id(1)), Call::cancel("1", &id(7))];
    let lives = [
        vec![reserve(), last[0].clone()],
        vec![reserve(), extend(), book(), last[1].clone()],
        vec![reserve(), Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) })), last[1].clone()],
        vec![Call::book("1", &json!({ "seat": "A1", "booking_id": id(7) })), last[1].clone()],
    ];
    for life in lives {
        let world = World::new().await;
        for call in life {
            let reply = for_buyer(call.clone(), "ann").send(&world.office).await;
            assert!(reply.status < 300, "{}", reply.text);
            assert_eq!(mark_of_seat(&world, "A1").await, staff(), "{call:?}");
        }
        for kind in ["BOOKING", "RESERVATION"] {
            let marks = marks_of(&world, kind).await;
            assert!(marks.iter().all(|mark| *mark == staff()), "{kind}: {marks:?}");
        }
    }
}

#[tokio::test]
async fn a_buyers_change_removes_the_mark_of_staff() {
    let release = || Call::release("1", &id(1));
    for (first, then) in [
        (vec![reserve()], extend()),
        (vec![reserve()], book()),
        (vec![reserve()], release()),
        (vec![reserve(), release()], Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(2) }))),
        (vec![reserve(), release()], Call::book("1", &json!({ "seat": "A1", "booking_id": id(7) }))),
        (vec![book()], Call::cancel("1", &id(7))),
    ] {
        let world = World::new().await;
        for call in first {
            let reply = for_buyer(call, "ann").send(&world.office).await;
            assert!(reply.status < 300, "{}", reply.text);
        }
        assert_eq!(mark_of_seat(&world, "A1").await, staff());
        let reply = then.clone().signed_in("ann").send(&world.office).await;
        assert!(reply.status < 300, "{}", reply.text);
        assert_eq!(mark_of_seat(&world, "A1").await, None, "{then:?}");
        let bookings = marks_of(&world, "BOOKING").await;
        assert!(bookings.iter().all(Option::is_none), "{then:?}: {bookings:?}");
    }
}

#[tokio::test]
async fn withdrawal_removes_the_mark_of_staff() {
    let world = World::new().await;
    for call in [reserve(), Call::release("1", &id(1))] {
        assert!(for_buyer(call, "ann").send(&world.office).await.status < 300);
    }
    let smaller = json!({ "name": "Hall", "seats": ["A2", "A3", "B1", "B2", "B3"] });
    let version = Call::theater("1").send(&world.office).await;
    let put = Call::put_theater("1", &smaller).administrator().header("If-Match", version.header("etag"));
    let put = put.send(&world.office).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(mark_of_seat(&world, "A1").await, None);
}

#[tokio::test]
async fn only_staff_see_the_mark() {
    let world = World::new().await;
    let made = for_buyer(book(), "ann").send(&world.office).await;
    assert_eq!((made.status, &made.body["by"]), (201, &json!("staff")));
    let again = for_buyer(book(), "ann").send(&world.office).await;
    assert_eq!((again.status, &again.body["by"]), (200, &json!("staff")));
    let repeated = book().signed_in("ann").send(&world.office).await;
    assert_eq!((repeated.status, repeated.body.get("by")), (200, None), "Ann doesn't see it");
    let shown = Call::booking("1", &id(7)).signed_in("ann").send(&world.office).await;
    assert_eq!((shown.status, shown.body.get("by")), (200, None));
    let shown = for_buyer(Call::booking("1", &id(7)), "ann").send(&world.office).await;
    assert_eq!(shown.body["by"], "staff");
    assert_eq!(Call::cancel("1", &id(7)).signed_in("ann").send(&world.office).await.status, 204);
    let cancelled = for_buyer(Call::booking("1", &id(7)), "ann").send(&world.office).await;
    assert_eq!((&cancelled.body["status"], cancelled.body.get("by")), (&json!("cancelled"), None), "Ann cancelled it");
    let own = Call::book("1", &json!({ "seat": "A2", "booking_id": id(8) }));
    assert_eq!(own.signed_in("ann").send(&world.office).await.status, 201);
    assert_eq!(for_buyer(Call::booking("1", &id(8)), "ann").send(&world.office).await.body.get("by"), None);
}
