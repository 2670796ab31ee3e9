//! Repeats of requests are answered as the first request was, whatever the sale has become.

use boxoffice_tests::Call;
use serde_json::json;

use super::{Of, is_refused, world};
use crate::api::id;

const KEY: &str = "0123456789abcdef";

#[tokio::test]
async fn a_repeat_is_answered_while_the_sale_is_closed() {
    for of in Of::BOTH {
        for sale in [
            json!({ "state": "closed" }),
            json!({ "state": "paused" }),
            json!({ "state": "open", "opens_at": "2026-11-22T19:00:00Z" }),
            json!({ "state": "open", "closes_at": "2026-11-22T18:00:05Z" }),
        ] {
            let world = world().await;
            let reserved = |number| json!({ "seat": format!("A{number}"), "reservation_id": id(number) });
            assert_eq!(of.send(&world, Call::reserve("1", &reserved(1))).await.status, 201);
            let calls = [
                Call::reserve("1", &json!({ "seat": "A2", "reservation_id": id(2) })),
                Call::reserve("1", &json!({ "seat": "A3" })).header("Idempotency-Key", KEY),
                Call::reserve("1", &json!({ "quantity": 1, "reservation_id": id(3) })),
                Call::reserve("1", &json!({ "quantity": 1 })).header("Idempotency-Key", KEY),
                Call::book("1", &json!({ "seat": "B3", "booking_id": id(4) })),
                Call::book("1", &json!({ "seat": "B2" })).header("Idempotency-Key", KEY),
                Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(5) })),
            ];
            let mut first = Vec::new();
            for call in &calls {
                let reply = of.send(&world, call.clone()).await;
                // The hall has six seats, so the last best one may be refused.
                assert!([201, 409].contains(&reply.status), "{}", reply.text);
                first.push(reply);
            }
            assert!(first.iter().filter(|reply| reply.status == 201).count() >= 5, "{first:?}");
            of.put(&world, &sale).await;
            world.at(10_000);
            for (call, first) in calls.iter().zip(&first).filter(|(_, first)| first.status == 201) {
                let repeat = of.send(&world, call.clone()).await;
                assert_eq!(
                    (repeat.status, repeat.header("idempotent-replayed")),
                    (200, "true"),
                    "{sale}: {}",
                    repeat.text
                );
                for member in ["reservation_id", "booking_id", "seats"] {
                    assert_eq!(repeat.body[member], first.body[member], "{member}");
                }
            }
            let state = if sale["opens_at"].is_string() {
                "not_yet"
            } else if sale["state"] == "paused" {
                "paused"
            } else {
                "closed"
            };
            for call in [
                Call::reserve("1", &json!({ "seat": "B1", "reservation_id": id(90) })),
                Call::reserve("1", &json!({ "quantity": 1, "reservation_id": id(91) })),
                Call::book("1", &json!({ "seat": "B1", "booking_id": id(92) })),
                Call::book("1", &json!({ "reservation_id": id(93), "booking_id": id(94) })),
            ] {
                is_refused(&of.send(&world, call).await, state);
            }
        }
    }
}

#[tokio::test]
async fn repeat_in_a_paused_sale_has_the_end_of_the_whole_reservation() {
    for of in Of::BOTH {
        let world = world().await;
        let reserve = |seat: &str, expires_in: u32| {
            Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1), "expires_in": expires_in }))
        };
        assert_eq!(of.send(&world, reserve("A1", 60)).await.status, 201);
        let first = of.send(&world, reserve("A2", 600)).await;
        assert_eq!(first.text("expires_at"), "2026-11-22T18:01:00Z", "{}", first.text);
        of.put(&world, &json!({ "state": "paused" })).await;
        let repeat = of.send(&world, reserve("A2", 600)).await;
        assert_eq!((repeat.status, repeat.text("expires_at")), (200, first.text("expires_at")), "{}", repeat.text);
    }
}

#[tokio::test]
async fn a_repeat_with_other_seats_is_refused_as_before() {
    for of in Of::BOTH {
        let world = world().await;
        assert_eq!(of.send(&world, Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }))).await.status, 201);
        of.put(&world, &json!({ "state": "closed" })).await;
        let other = of.send(&world, Call::book("1", &json!({ "seat": "A2", "booking_id": id(1) }))).await;
        assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"), "{}", other.text);
        assert_eq!(of.send(&world, Call::cancel("1", &id(1))).await.status, 204);
        let cancelled = of.send(&world, Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }))).await;
        assert_eq!((cancelled.status, cancelled.code()), (409, "booking_cancelled"), "{}", cancelled.text);
    }
}

#[tokio::test]
async fn a_closed_sale_adds_no_seat_to_a_reservation() {
    for of in Of::BOTH {
        let world = world().await;
        let reserve = |seats: &[&str]| Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(1) }));
        assert_eq!(of.send(&world, reserve(&["A1", "A2"])).await.status, 201);
        of.put(&world, &json!({ "state": "paused" })).await;
        is_refused(&of.send(&world, reserve(&["A1", "A2", "A3"])).await, "paused");
        let part = of.send(&world, reserve(&["A1"])).await;
        assert!([200, 403].contains(&part.status), "{}", part.text);
        world.at(600_000);
        let late = of.send(&world, reserve(&["A1", "A2"])).await;
        assert!([403, 410].contains(&late.status), "a reservation that has run out isn't made again: {}", late.text);
        assert_eq!(of.send(&world, Call::get_seats("1")).await.seats().len(), 6);
    }
}
