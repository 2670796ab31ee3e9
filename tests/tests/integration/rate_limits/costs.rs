//! The cost of rate limits. They add no call to Redis if the request calls Redis before it writes, and otherwise one.

use serde_json::json;

use super::*;
use crate::api::id;
use crate::request_costs::{Counted, calls, reserve_nothing};

async fn counted(reads: u32, writes: u32) -> Counted {
    Counted::limited(RateLimits { reads: only(reads), writes: only(writes) }).await
}

#[tokio::test]
async fn rate_limit_adds_no_redis_call_to_cached_reads() {
    let counted = counted(100, 100).await;
    let (miss, cost) = counted.cost(Call::get_seats("1")).await;
    assert_eq!((miss.header("x-cache"), cost.0, cost.1), ("miss", 3, calls(&["Query"])));
    let (hit, cost) = counted.cost(Call::get_seats("1")).await;
    assert_eq!((hit.header("x-cache"), cost), ("hit", (1, calls(&[]), 0.0)));
    let (unchanged, cost) = counted.cost(Call::get_seats("1").header("If-None-Match", hit.header("etag"))).await;
    assert_eq!((unchanged.status, cost), (304, (1, calls(&[]), 0.0)));
    assert!(unchanged.header("ratelimit").contains(";r=77;"), "{:?}", unchanged.headers);
    let (_, cost) = counted.cost(Call::get_seats("1").query("consistent=true")).await;
    assert_eq!((cost.0, cost.1), (1, calls(&["Query"])), "a consistent read checks the limit in a call of its own");
}

#[tokio::test]
async fn a_write_stays_at_two_calls_to_redis_and_one_to_dynamodb() {
    let counted = counted(100, 100).await;
    counted.cost(reserve_nothing("1")).await;
    for (body, status) in [
        (json!({ "seat": "A1", "reservation_id": id(1) }), 201),
        (json!({ "seat": "A2" }), 201),
        (json!({ "seat": "A1", "reservation_id": id(1) }), 200),
    ] {
        let (reply, cost) = counted.cost(Call::reserve("1", &body)).await;
        assert_eq!((reply.status, cost.0, cost.1), (status, 2, calls(&["TransactWriteItems"])), "{body}");
    }
    for (body, status) in [
        (json!({ "seat": "B1", "booking_id": id(2) }), 201),
        (json!({ "seat": "B2" }), 201),
        (json!({ "seat": "B1", "booking_id": id(2) }), 200),
    ] {
        let (reply, cost) = counted.cost(Call::book("1", &body)).await;
        assert_eq!((reply.status, cost.0, cost.1), (status, 2, calls(&["TransactWriteItems"])), "{body}");
    }
    counted.cost(Call::get_seats("1")).await;
    let (best, cost) = counted.cost(Call::reserve("1", &json!({ "quantity": 1 }))).await;
    assert_eq!((best.status, cost.0, cost.1), (201, 2, calls(&["TransactWriteItems"])));
    let (taken, cost) = counted.cost(Call::book("1", &json!({ "seat": "B1" }))).await;
    assert_eq!((taken.status, cost), (409, (1, calls(&[]), 0.0)), "rejected early, in the same round trip");
}

#[tokio::test]
async fn cold_instance_checks_the_limit_before_reading_a_layout() {
    let counted = counted(100, 100).await;
    let (_, cost) = counted.cost(Call::get_seats("2")).await;
    assert_eq!((cost.0, cost.1), (3, calls(&["GetItem", "Query"])));
    counted.world.at(60_000);
    let (reply, cost) = counted.cost(Call::reserve("2", &json!({ "seat": "C1" }))).await;
    assert_eq!((reply.status, cost.0, cost.1), (201, 2, calls(&["BatchGetItem", "TransactWriteItems"])));
}

#[tokio::test]
async fn limited_call_costs_one_redis_call_and_no_dynamodb_call() {
    let counted = counted(1, 1).await;
    counted.cost(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }))).await;
    for call in [
        Call::get_seats("1"),
        Call::get_seats("never-seen"),
        Call::get_seats("1").query("consistent=true"),
        Call::reservation("1", &id(1)),
        Call::booking("1", &id(1)),
        Call::theaters(),
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A2" })),
        Call::reserve("never-seen", &json!({ "seat": "A2" })),
        Call::book("1", &json!({ "reservation_id": id(1) })),
        Call::release("1", &id(1)),
        Call::extend("1", &id(1), &json!({})),
        Call::cancel("1", &id(1)),
    ] {
        let (reply, cost) = counted.cost(call.clone()).await;
        assert_eq!((reply.status, cost), (429, (1, calls(&[]), 0.0)), "{call:?}");
    }
    // The layout is old enough to be read again for an unknown seat.
    counted.world.at(6_000);
    for call in [Call::reserve("1", &json!({ "seat": "Z9" })), Call::book("1", &json!({ "seat": "Z9" }))] {
        let (reply, cost) = counted.cost(call.clone()).await;
        assert_eq!((reply.status, cost), (429, (1, calls(&[]), 0.0)), "{call:?}");
    }
}

#[tokio::test]
async fn only_calls_that_change_seats_make_a_second_redis_call() {
    let counted = counted(100, 100).await;
    for (call, status, redis) in [
        (Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), 201, 2),
        (Call::reservation("1", &id(1)), 200, 1),
        (Call::extend("1", &id(1), &json!({ "expires_in": 900 })), 200, 2),
        (Call::release("1", &id(1)), 204, 2),
        (Call::release("1", &id(1)), 204, 1),
        (Call::book("1", &json!({ "seat": "A2", "booking_id": id(2) })), 201, 2),
        (Call::booking("1", &id(2)), 200, 1),
        (Call::cancel("1", &id(2)), 204, 2),
        (Call::theater("1"), 200, 1),
    ] {
        let (reply, cost) = counted.cost(call.clone()).await;
        assert_eq!((reply.status, cost.0), (status, redis), "{call:?}");
    }
}
