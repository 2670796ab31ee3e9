//! The cost of each call of a show: calls and capacity, counted at proxies.

use boxoffice_tests::Call;
use serde_json::{Value, json};

use crate::api::id;
use crate::request_costs::{Cost, Counted, calls, reserve_nothing};

fn document(starts_at: &str) -> Value {
    json!({ "theater_id": "1", "title": "Tosca", "starts_at": starts_at, "timezone": "Europe/Vienna" })
}

/// Returns an instance that has put a show and knows it.
async fn evening() -> Counted {
    let counted = Counted::new().await;
    let put = Call::put_show("evening", &document("2026-12-01T20:15:00+01:00"));
    assert_eq!(counted.cost(put).await.0.status, 201);
    counted.cost(reserve_nothing("evening").of_show()).await;
    counted
}

async fn cost(counted: &Counted, call: Call, status: u16) -> Cost {
    let (reply, cost) = counted.cost(call).await;
    assert_eq!(reply.status, status, "{}", reply.text);
    cost
}

#[tokio::test]
async fn selling_a_show_costs_what_selling_a_theater_costs() {
    let counted = evening().await;
    let mut costs = Vec::new();
    for of_show in [false, true] {
        let theater = if of_show { "evening" } else { "1" };
        let mut of_inventory = Vec::new();
        for (call, status) in [
            (Call::get_seats(theater), 200),
            (Call::get_seats(theater), 200),
            (Call::reserve(theater, &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })), 201),
            (Call::reserve(theater, &json!({ "quantity": 2 })), 201),
            (Call::reservation(theater, &id(1)), 200),
            (Call::extend(theater, &id(1), &json!({ "expires_in": 900 })), 200),
            (Call::book(theater, &json!({ "reservation_id": id(1), "booking_id": id(2) })), 201),
            (Call::book(theater, &json!({ "seat": "B3", "booking_id": id(3) })), 201),
            (Call::booking(theater, &id(2)), 200),
            (Call::cancel(theater, &id(2)), 204),
            (Call::release(theater, &id(1)), 204),
            (Call::map(theater), 200),
        ] {
            let call = if of_show { call.of_show() } else { call };
            of_inventory.push(cost(&counted, call, status).await);
        }
        costs.push(of_inventory);
    }
    // The first read of a show also stores its summary.
    costs[0][0].0 += 1;
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn a_show_is_read_once_in_ten_seconds() {
    let counted = evening().await;
    for (number, millis, names, units) in [
        (1, 9_999, vec!["TransactWriteItems"], 4.0),
        (2, 10_000, vec!["GetItem", "TransactWriteItems"], 5.0),
        (3, 3_600_000, vec!["GetItem", "TransactWriteItems"], 5.0),
    ] {
        counted.world.at(millis);
        let book = Call::book("evening", &json!({ "seat": format!("A{number}"), "booking_id": id(number) })).of_show();
        assert_eq!(cost(&counted, book, 201).await, (1, calls(&names), units), "{millis} ms");
    }
}

#[tokio::test]
async fn a_cold_instance_reads_the_show_and_its_layout() {
    let counted = evening().await;
    let cold = counted.world.instance_on(&counted.world.setup).await;
    counted.dynamodb.take();
    for (number, names) in [(1, vec!["GetItem", "GetItem", "TransactWriteItems"]), (2, vec!["TransactWriteItems"])] {
        let seat = format!("A{number}");
        let book = Call::book("evening", &json!({ "seat": seat, "booking_id": id(number) })).of_show();
        assert_eq!(book.send(&cold).await.status, 201);
        let made: Vec<_> = counted.dynamodb.take().into_iter().map(|call| call.operation).collect();
        assert_eq!(made, names);
    }
}

#[tokio::test]
async fn puts_of_shows_have_exact_costs() {
    let counted = Counted::new().await;
    let put = |show: &str, day: u32| Call::put_show(show, &document(&format!("2026-12-0{day}T20:15:00+01:00")));
    let created = cost(&counted, put("a", 1), 201).await;
    let names = ["GetItem", "GetItem", "GetItem", "TransactWriteItems", "TransactWriteItems", "Query"];
    assert_eq!((created.0, created.1), (1, calls(&names)), "with the snapshot of the layout");
    let names = ["GetItem", "GetItem", "TransactWriteItems", "Query"];
    let next = cost(&counted, put("b", 1), 201).await;
    assert_eq!(next, (1, calls(&names), 3.0 + 10.0), "the next show of the layout, with the check of its theater");
    assert_eq!(cost(&counted, put("b", 1), 200).await, (0, calls(&["GetItem"]), 1.0), "a repeat");
    let changed = cost(&counted, put("b", 2).header("If-Match", "*"), 200).await;
    assert_eq!(changed, (0, calls(&["GetItem", "TransactWriteItems"]), 1.0 + 6.0), "and the old entry");
    let deleted = cost(&counted, Call::delete_show("b"), 204).await;
    let names = [&["GetItem", "Query"], &["UpdateItem"; 6][..], &["TransactWriteItems"]].concat();
    assert_eq!((deleted.0, deleted.1), (2, calls(&names)), "the cached seats and the summary are dropped");
    assert_eq!(cost(&counted, Call::delete_show("b"), 204).await, (0, calls(&["GetItem"]), 0.5 + 0.5));
}

#[tokio::test]
async fn puts_of_sales_cost_one_read_and_one_write() {
    let counted = evening().await;
    let theater = |state: &str| Call::put_sale("1", &json!({ "state": state }));
    let show = |state: &str| Call::put_sale("evening", &json!({ "state": state })).of_show();
    let names = calls(&["BatchGetItem", "TransactWriteItems"]);
    assert_eq!(cost(&counted, theater("paused"), 200).await, (0, names, 2.0 + 4.0), "with the check of the theater");
    assert_eq!(cost(&counted, theater("paused"), 200).await, (0, calls(&["BatchGetItem"]), 2.0));
    let names = calls(&["GetItem", "TransactWriteItems"]);
    assert_eq!(cost(&counted, show("paused"), 200).await, (0, names, 1.0 + 4.0), "the show and its entry");
    assert_eq!(cost(&counted, show("paused"), 200).await, (0, calls(&["GetItem"]), 1.0));
}

#[tokio::test]
async fn a_show_costs_its_item_and_a_read_of_its_seats() {
    let counted = evening().await;
    let miss = cost(&counted, Call::show("evening"), 200).await;
    assert_eq!((miss.0, miss.1), (4, calls(&["GetItem", "Query"])));
    let hit = cost(&counted, Call::show("evening"), 200).await;
    assert_eq!(hit, (2, calls(&["GetItem"]), 1.0), "and the summary");
}

#[tokio::test]
async fn a_list_costs_a_query_for_a_day_and_one_call_to_the_cache() {
    let counted = Counted::new().await;
    for number in 0..25 {
        let day = 1 + number / 20;
        let put = Call::put_show(&format!("show-{number}"), &document(&format!("2026-12-0{day}T20:15:00+01:00")));
        assert_eq!(put.send(&counted.world.office).await.status, 201);
    }
    let all = cost(&counted, Call::shows("from=2026-12-01&to=2026-12-01"), 200).await;
    assert_eq!((all.0, all.1), (1, calls(&["Query"])), "20 shows");
    assert_eq!(counted.redis.take().into_iter().filter(|name| name == "HMGET").count(), 1);
    let days = cost(&counted, Call::shows("from=2026-12-01&to=2026-12-03"), 200).await;
    assert_eq!((days.0, days.1), (1, calls(&["Query"; 3])), "25 shows on three days");
    let page = cost(&counted, Call::shows("from=2026-12-01&to=2026-12-31&limit=5"), 200).await;
    assert_eq!((page.0, page.1), (1, calls(&["Query"])), "a full page ends before the later days");
    let none = cost(&counted, Call::shows("from=2026-12-05"), 200).await;
    assert_eq!((none.0, none.1), (0, calls(&["Query"])));
}
