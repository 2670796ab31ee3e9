//! The ledger of these calls: exact, counted at proxies.

use boxoffice_tests::{Call, Setup};
use serde_json::json;

use crate::api::id;
use crate::ledger::{Counted, calls};

/// One reservation of `seats`, made by a caller who isn't signed in.
async fn reserved(seats: &[&str]) -> Counted {
    let counted = Counted::new().await;
    let body = json!({ "seats": seats, "reservation_id": id(1) });
    assert_eq!(counted.cost(Call::reserve("1", &body)).await.0.status, 201);
    counted
}

#[tokio::test]
async fn looking_a_reservation_up_costs_a_query_or_the_named_seats() {
    let counted = reserved(&["A1", "A2"]).await;
    let (reply, cost) = counted.cost(Call::reservation("1", &id(1))).await;
    assert_eq!((reply.status, cost.0, cost.1), (200, 0, calls(&["Query"])));
    assert!(cost.2 <= 1.0, "what the taken seats weigh, in units of 4 KB: {}", cost.2);
    let (reply, cost) = counted.cost(Call::reservation("1", &id(1)).query("seats=A1,A2")).await;
    assert_eq!((reply.status, cost), (200, (0, calls(&["BatchGetItem"]), 2.0)));
}

#[tokio::test]
async fn releasing_costs_a_read_and_one_write_and_tells_the_cache() {
    let counted = reserved(&["A1", "A2", "A3"]).await;
    let (reply, cost) = counted.cost(Call::release("1", &id(1)).query("seats=A3")).await;
    assert_eq!((reply.status, cost), (204, (1, calls(&["BatchGetItem", "UpdateItem"]), 2.0)));
    let (reply, cost) = counted.cost(Call::release("1", &id(1))).await;
    assert_eq!((reply.status, cost.0, cost.1), (204, 1, calls(&["Query", "TransactWriteItems"])));
    assert!((4.0..=5.0).contains(&cost.2), "2k units, and the Query: {}", cost.2);
    let (reply, cost) = counted.cost(Call::release("1", &id(1))).await;
    assert_eq!((reply.status, cost.0, cost.1), (204, 0, calls(&["Query"])), "a repeat writes nothing");
}

#[tokio::test]
async fn extending_costs_a_read_and_one_write_and_tells_the_cache() {
    let counted = reserved(&["A1", "A2"]).await;
    let extend =
        || Call::extend("1", &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", "0123456789abcdef");
    let (reply, cost) = counted.cost(extend()).await;
    assert_eq!((reply.status, cost.0, cost.1), (200, 1, calls(&["Query", "TransactWriteItems"])));
    assert!((4.0..=5.0).contains(&cost.2), "2k units, and the Query: {}", cost.2);
    let (reply, cost) = counted.cost(extend()).await;
    assert_eq!((reply.status, cost.0, cost.1), (200, 1, calls(&["Query"])), "a replay only tells the cache");
    let named = json!({ "seats": ["A1"] });
    let (reply, cost) = counted.cost(Call::extend("1", &id(1), &named)).await;
    assert_eq!((reply.status, cost), (409, (0, calls(&["BatchGetItem"]), 1.0)));
}

#[tokio::test]
async fn booking_a_whole_reservation_costs_a_query_more_than_naming_its_seats() {
    let counted = reserved(&["A1", "A2"]).await;
    let book = || Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!((reply.status, cost.0, cost.1), (201, 1, calls(&["Query", "TransactWriteItems"])));
    assert!((6.0..=7.0).contains(&cost.2), "2k + 2 units, and the Query: {}", cost.2);
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!((reply.status, cost.0, cost.1), (200, 0, calls(&["Query", "GetItem"])));
}

#[tokio::test]
async fn cancelling_costs_a_read_of_one_unit_and_what_booking_costs() {
    let counted = Counted::new().await;
    counted.cost(Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(7) }))).await;
    let (reply, cost) = counted.cost(Call::booking("1", &id(7))).await;
    assert_eq!((reply.status, cost), (200, (0, calls(&["GetItem"]), 1.0)));
    let (reply, cost) = counted.cost(Call::cancel("1", &id(7))).await;
    assert_eq!((reply.status, cost), (204, (1, calls(&["GetItem", "TransactWriteItems"]), 7.0)));
    let (reply, cost) = counted.cost(Call::cancel("1", &id(7))).await;
    assert_eq!((reply.status, cost), (204, (0, calls(&["GetItem"]), 1.0)));
}

#[tokio::test]
async fn a_limited_caller_pays_for_the_limit_with_one_item_more() {
    let counted = Counted::new().await;
    for (seats, units) in [(json!(["A1"]), 4.0), (json!(["A2", "A3"]), 6.0)] {
        let body = json!({ "seats": seats, "reservation_id": id(units as u128) });
        let (reply, cost) = counted.cost(Call::reserve("1", &body).signed_in("ann")).await;
        assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), units)));
    }
}

#[tokio::test]
async fn whose_seats_they_are_costs_a_query_past_the_cache() {
    let counted = reserved(&["A1"]).await;
    let map = Call::get_seats("1").query("view=map").header("Reservation-Id", &id(1));
    let (reply, cost) = counted.cost(map).await;
    assert_eq!((reply.header("x-cache"), cost.0, cost.1), ("bypass", 0, calls(&["Query"])));
}

#[tokio::test]
async fn with_redis_down_nothing_costs_more() {
    let counted = reserved(&["A1", "A2"]).await;
    let setup = Setup { dynamodb: counted.dynamodb.endpoint.clone(), ..Setup::without_cache() };
    let office = counted.world.instance_on(&setup).await;
    counted.dynamodb.take();
    for (call, status) in
        [(Call::extend("1", &id(1), &json!({ "expires_in": 900 })), 200), (Call::release("1", &id(1)), 204)]
    {
        assert_eq!(call.send(&office).await.status, status);
    }
    let seen =
        counted.dynamodb.take().into_iter().map(|call| call.operation).filter(|operation| operation != "GetItem");
    assert_eq!(seen.collect::<Vec<_>>(), ["Query", "TransactWriteItems", "Query", "TransactWriteItems"]);
}

#[tokio::test]
async fn the_best_seats_cost_a_look_at_the_cache_more() {
    let counted = Counted::new().await;
    counted.cost(Call::get_seats("1")).await;
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "quantity": 1 }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["UpdateItem"]), 1.0)));
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "quantity": 2 }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 4.0)));
    let own = json!({ "quantity": 2, "reservation_id": id(1) });
    let (reply, cost) = counted.cost(Call::reserve("1", &own)).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 6.0)), "with the choice written down");
}

#[tokio::test]
async fn theaters_cost_what_their_layouts_weigh_and_no_call_to_redis() {
    let counted = Counted::new().await;
    let list = |seats: &[&str]| json!({ "name": "Nine", "seats": seats });
    let put = |seats: &[&str]| Call::put_theater("9", &list(seats));
    let cost = async |call: Call, status: u16| {
        let (reply, (redis, calls, _)) = counted.cost(call).await;
        assert_eq!((reply.status, redis), (status, 0), "{}", reply.text);
        (reply.header("etag").to_owned(), calls.join(" "))
    };
    let (version, created) = cost(put(&["A1", "A2", "A3"]), 201).await;
    assert_eq!(created, "GetItem TransactWriteItems Query", "seats that are new may have been dropped earlier");
    assert_eq!(cost(put(&["A1", "A2", "A3"]), 200).await.1, "GetItem", "a repeat writes nothing");
    assert_eq!(cost(Call::theater("9"), 200).await.1, "GetItem");
    assert_eq!(cost(Call::theaters(), 200).await.1, "Query");
    let dropped = cost(put(&["A1"]).header("If-Match", &version), 200).await;
    assert_eq!(dropped.1, "GetItem Query UpdateItem UpdateItem TransactWriteItems");
    let added = cost(put(&["A1", "A4"]).header("If-Match", &dropped.0), 200).await;
    assert_eq!(added.1, "GetItem TransactWriteItems Query");
}
