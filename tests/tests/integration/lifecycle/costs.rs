//! The exact costs of these calls, counted at proxies.

use boxoffice_tests::{Call, Setup};
use serde_json::json;

use crate::api::id;
use crate::request_costs::{Counted, calls};

/// Makes one reservation of `seats` for an anonymous caller.
async fn reserved(seats: &[&str]) -> Counted {
    let counted = Counted::new().await;
    let body = json!({ "seats": seats, "reservation_id": id(1) });
    assert_eq!(counted.cost(Call::reserve("1", &body)).await.0.status, 201);
    counted
}

#[tokio::test]
async fn reading_a_reservation_costs_its_record_and_its_seats() {
    let counted = reserved(&["A1", "A2"]).await;
    let (reply, cost) = counted.cost(Call::reservation("1", &id(1))).await;
    assert_eq!((reply.status, cost), (200, (0, calls(&["GetItem", "BatchGetItem"]), 3.0)));
    let (reply, cost) = counted.cost(Call::reservation("1", &id(1)).query("seats=A1")).await;
    assert_eq!((reply.status, cost), (200, (0, calls(&["GetItem", "BatchGetItem"]), 2.0)));
}

#[tokio::test]
async fn unknown_reservation_costs_few_units_in_any_hall() {
    let counted = Counted::new().await;
    let labels: Vec<_> = (1..=2_000).map(|n| format!("A{n}")).collect();
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    counted.world.put_theater("hall", "Hall", &labels).await;
    for seats in labels[..400].chunks(10) {
        let sold = Call::book("hall", &json!({ "seats": seats })).send(&counted.world.office).await;
        assert_eq!(sold.status, 201);
    }
    counted.cost(Call::get_seats("hall")).await;
    let whole = json!({ "reservation_id": id(1), "booking_id": id(2) });
    for (call, status, most) in [
        (Call::reservation("hall", &id(1)), 404, 1.0),
        (Call::extend("hall", &id(1), &json!({})), 404, 1.0),
        (Call::book("hall", &whole), 404, 2.0),
        (Call::get_seats("hall").query("view=map").header("Reservation-Id", &id(1)), 200, 1.0),
        (Call::release("hall", &id(1)), 204, 3.0),
    ] {
        let (reply, cost) = counted.cost(call.clone()).await;
        assert_eq!((reply.status, cost.2), (status, most), "{call:?}");
    }
}

#[tokio::test]
async fn release_costs_one_read_one_write_and_one_cache_merge() {
    let counted = reserved(&["A1", "A2", "A3"]).await;
    let (reply, cost) = counted.cost(Call::release("1", &id(1)).query("seats=A3")).await;
    assert_eq!((reply.status, cost), (204, (1, calls(&["GetItem", "TransactWriteItems"]), 5.0)));
    let (reply, cost) = counted.cost(Call::release("1", &id(1))).await;
    assert_eq!((reply.status, cost), (204, (1, calls(&["GetItem", "TransactWriteItems"]), 7.0)), "2k + 3");
    let (reply, cost) = counted.cost(Call::release("1", &id(1))).await;
    assert_eq!((reply.status, cost), (204, (0, calls(&["GetItem"]), 1.0)), "a repeat writes nothing");
}

#[tokio::test]
async fn extension_costs_one_read_one_write_and_one_cache_merge() {
    let counted = reserved(&["A1", "A2"]).await;
    let extend =
        || Call::extend("1", &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", "0123456789abcdef");
    let (reply, cost) = counted.cost(extend()).await;
    assert_eq!((reply.status, cost), (200, (1, calls(&["GetItem", "TransactWriteItems"]), 7.0)), "2k + 3");
    let (reply, cost) = counted.cost(extend()).await;
    assert_eq!((reply.status, cost), (200, (1, calls(&["GetItem", "BatchGetItem"]), 3.0)), "a replay writes nothing");
    let (reply, cost) = counted.cost(Call::extend("1", &id(1), &json!({}))).await;
    assert_eq!((reply.status, cost), (409, (0, calls(&["GetItem"]), 1.0)));
}

#[tokio::test]
async fn booking_a_whole_reservation_also_costs_its_record() {
    let counted = reserved(&["A1", "A2"]).await;
    let book = || Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!((reply.status, cost), (201, (1, calls(&["GetItem", "TransactWriteItems"]), 9.0)), "2k + 5");
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!((reply.status, cost), (200, (0, calls(&["GetItem", "GetItem"]), 2.0)));
}

#[tokio::test]
async fn rejecting_an_expired_reservation_costs_one_write_once() {
    let counted = reserved(&["A1", "A2"]).await;
    counted.world.at(600_000);
    let book = || Call::book("1", &json!({ "reservation_id": id(1) }));
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!(
        (reply.status, cost.1),
        (410, calls(&["BatchGetItem", "GetItem", "TransactWriteItems"])),
        "and the layout with the sale"
    );
    let (reply, cost) = counted.cost(book()).await;
    assert_eq!((reply.status, cost), (410, (0, calls(&["GetItem"]), 1.0)));
}

#[tokio::test]
async fn cancellation_costs_one_read_unit_and_a_bookings_writes() {
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
async fn call_of_staff_costs_what_a_buyers_call_costs_without_limits() {
    let counted = Counted::new().await;
    let transaction = ["TransactWriteItems"];
    let read_first = ["GetItem", "TransactWriteItems"];
    let reserve = |seats: serde_json::Value, n| Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(n) }));
    for (call, status, made, units) in [
        (reserve(json!(["A1", "A2"]), 1), 201, &transaction[..], 6.0),
        (Call::extend("1", &id(1), &json!({ "expires_in": 900 })), 200, &read_first, 7.0),
        (Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) })), 201, &read_first, 9.0),
        (Call::cancel("1", &id(7)), 204, &read_first, 7.0),
        (reserve(json!(["B1", "B2"]), 2), 201, &transaction, 6.0),
        (Call::release("1", &id(2)), 204, &read_first, 7.0),
    ] {
        // Staff act for an owner, whose key is the first that is read. A buyer with a quota would pay two units more.
        let call = call.staff().header("On-Behalf-Of", &id(5));
        let (reply, (_, made_by_staff, units_of_staff)) = counted.cost(call.clone()).await;
        assert_eq!((reply.status, made_by_staff, units_of_staff), (status, calls(made), units), "{call:?}");
    }
}

#[tokio::test]
async fn reservation_quota_costs_one_more_item() {
    let counted = Counted::new().await;
    for (seats, units) in [(json!(["A1"]), 6.0), (json!(["A2", "A3"]), 8.0)] {
        let body = json!({ "seats": seats, "reservation_id": id(units as u128) });
        let (reply, cost) = counted.cost(Call::reserve("1", &body).signed_in("ann")).await;
        assert_eq!((reply.status, cost), (201, (1, calls(&["TransactWriteItems"]), units)));
    }
}

#[tokio::test]
async fn extension_of_a_full_quota_costs_one_write() {
    let counted = Counted::new().await;
    let seats: Vec<_> = (0..20).map(|n| format!("S{n}")).collect();
    counted.world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (number, seats) in (1..).zip(seats.chunks(10)) {
        let body = json!({ "seats": seats, "reservation_id": id(number), "expires_in": 60 });
        assert_eq!(counted.cost(Call::reserve("hall", &body).signed_in("ann")).await.0.status, 201);
    }
    let extend = Call::extend("hall", &id(1), &json!({ "expires_in": 900 })).signed_in("ann");
    let (reply, cost) = counted.cost(extend).await;
    assert_eq!((reply.status, cost.1), (200, calls(&["GetItem", "TransactWriteItems"])), "{}", reply.text);
}

#[tokio::test]
async fn own_seats_on_the_map_cost_the_reservation_record() {
    let counted = reserved(&["A1"]).await;
    counted.cost(Call::get_seats("1")).await;
    let map = Call::get_seats("1").query("view=map").header("Reservation-Id", &id(1));
    let (reply, cost) = counted.cost(map).await;
    assert_eq!((reply.header("x-cache"), cost), ("hit", (1, calls(&["GetItem", "BatchGetItem"]), 2.0)));
}

#[tokio::test]
async fn redis_outage_adds_no_dynamodb_cost() {
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
    assert_eq!(seen.collect::<Vec<_>>(), ["TransactWriteItems", "TransactWriteItems"]);
}

#[tokio::test]
async fn best_available_costs_one_more_cache_read() {
    let counted = Counted::new().await;
    counted.cost(Call::get_seats("1")).await;
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "quantity": 1 }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 4.0)));
    let (reply, cost) = counted.cost(Call::reserve("1", &json!({ "quantity": 2 }))).await;
    assert_eq!((reply.status, cost), (201, (2, calls(&["TransactWriteItems"]), 6.0)));
    let own = json!({ "quantity": 2, "reservation_id": id(1) });
    let (reply, cost) = counted.cost(Call::reserve("1", &own)).await;
    assert_eq!(
        (reply.status, cost),
        (201, (2, calls(&["TransactWriteItems"]), 6.0)),
        "the choice is part of the record"
    );
}

#[tokio::test]
async fn theater_calls_cost_layout_size_and_no_redis_call() {
    let counted = Counted::new().await;
    let list = |seats: &[&str]| json!({ "name": "Nine", "seats": seats });
    let put = |seats: &[&str]| Call::put_theater("9", &list(seats));
    let cost = async |call: Call, status: u16| {
        let (reply, (redis, calls, _)) = counted.cost(call).await;
        assert_eq!((reply.status, redis), (status, 0), "{}", reply.text);
        (reply.header("etag").to_owned(), calls.join(" "))
    };
    let (version, created) = cost(put(&["A1", "A2", "A3"]), 201).await;
    assert_eq!(created, "GetItem TransactWriteItems Query", "new seats may have been withdrawn earlier");
    assert_eq!(cost(put(&["A1", "A2", "A3"]), 200).await.1, "GetItem", "a repeat writes nothing");
    assert_eq!(cost(Call::theater("9"), 200).await.1, "GetItem");
    assert_eq!(cost(Call::theaters(), 200).await.1, "Query");
    let dropped = cost(put(&["A1"]).header("If-Match", &version), 200).await;
    assert_eq!(dropped.1, "GetItem Query UpdateItem UpdateItem TransactWriteItems");
    let added = cost(put(&["A1", "A4"]).header("If-Match", &dropped.0), 200).await;
    assert_eq!(added.1, "GetItem TransactWriteItems Query");
    let deleted = cost(Call::delete_theater("9"), 204).await;
    let expected = "GetItem GetItem Query Query UpdateItem UpdateItem TransactWriteItems";
    assert_eq!(deleted.1, expected, "the number of shows is read before they are listed");
}
