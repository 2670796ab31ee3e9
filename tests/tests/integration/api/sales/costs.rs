//! Refusals by a sale cost nothing before the first opening, and at most one read after it.

use boxoffice_tests::Call;
use serde_json::json;

use super::super::shows::{create, evening};
use super::{Of, is_refused};
use crate::api::id;
use crate::request_costs::{Counted, calls};

/// Returns all forms of a request to sell, without and with an id.
fn requests() -> [Call; 9] {
    let key = |call: Call| call.header("Idempotency-Key", "0123456789abcdef");
    [
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        key(Call::reserve("1", &json!({ "seat": "A1" }))),
        Call::reserve("1", &json!({ "quantity": 2 })),
        Call::reserve("1", &json!({ "quantity": 2, "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "A1" })),
        Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })),
        key(Call::book("1", &json!({ "seat": "A1" }))),
        Call::book("1", &json!({ "reservation_id": id(2), "booking_id": id(1) })),
    ]
}

#[tokio::test]
async fn a_refusal_before_the_first_opening_costs_nothing() {
    let counted = Counted::new().await;
    let opens = json!({ "state": "open", "opens_at": "2026-11-22T19:00:00Z" });
    let mut unsold = evening("1");
    unsold["sale"] = opens.clone();
    create(&counted.world, "1", &unsold).await;
    // The instance reads the show, and then knows its sale for ten seconds.
    is_refused(&Of::Show.reserve(&counted.world, "A1").await, "not_yet");
    for call in requests() {
        let (reply, cost) = counted.cost(call.of_show()).await;
        is_refused(&reply, "not_yet");
        assert_eq!(cost, (0, calls(&[]), 0.0), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_refusal_after_the_first_opening_reads_once_for_a_repeat() {
    for of in Of::BOTH {
        let counted = Counted::new().await;
        create(&counted.world, "1", &evening("1")).await;
        of.put(&counted.world, &json!({ "state": "closed" })).await;
        is_refused(&of.reserve(&counted.world, "A1").await, "closed");
        for (number, call) in requests().into_iter().enumerate() {
            let (reply, cost) = counted.cost(of.call(call)).await;
            is_refused(&reply, "closed");
            let is_repeatable = ![0, 3, 5].contains(&number);
            let expected = if is_repeatable { (0, calls(&["GetItem"]), 1.0) } else { (0, calls(&[]), 0.0) };
            assert_eq!(cost, expected, "{of:?} {number}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_sale_is_read_once_for_all_refusals_of_ten_seconds() {
    for of in Of::BOTH {
        let counted = Counted::new().await;
        create(&counted.world, "1", &evening("1")).await;
        of.put(&counted.world, &json!({ "state": "paused" })).await;
        for (millis, read) in [(0, true), (1, false), (9_999, false), (10_000, true), (19_999, false), (20_000, true)] {
            counted.world.at(millis);
            let (reply, (redis, made, _)) = counted.cost(of.call(Call::reserve("1", &json!({ "seat": "A1" })))).await;
            is_refused(&reply, "paused");
            // The put forgot the theater with its sale, so the first read has both.
            let wanted = match (read, of, millis) {
                (false, ..) => calls(&[]),
                (true, Of::Theater, 0) => calls(&["BatchGetItem"]),
                (true, ..) => calls(&["GetItem"]),
            };
            assert_eq!((redis, made), (0, wanted), "{of:?} {millis} ms");
        }
    }
}
