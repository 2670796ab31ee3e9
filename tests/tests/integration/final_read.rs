//! The final read after the last attempt. It answers correctly or not at all, and a repeat always answers correctly.

use std::time::Duration;

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::engines;
use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use crate::api::id;

/// Time limit of a request. A fifth of it, which the final read gets, is enough on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(2);

#[tokio::test]
async fn final_read_of_half_a_booking_decides_nothing() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: Duration::from_millis(300), ..Setup::shared() };
    let world = World::on(setup).await;
    Call::get_seats("1").query("consistent=true").send(&world.office).await;
    for _ in 0..100 {
        proxy.next("TransactWriteItems", Fault::cancelled(&["TransactionConflict", "None"]));
    }
    // The booking was read before its transaction and the seat after it, because a batch isn't read at one instant.
    let seat = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" }, "status": { "S": "booked" },
        "booking_id": { "S": id(1) }, "changed_at": { "N": "1" } });
    let answer = json!({ "Responses": { (world.table.clone()): [seat] }, "UnprocessedKeys": {} });
    proxy.next("BatchGetItem", Fault::Answer(200, answer));
    let reply = Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) })).send(&world.office).await;
    assert_eq!((reply.status, reply.code()), (503, "try_again"), "not a conflict with itself");
}

#[tokio::test]
async fn final_read_retries_unprocessed_keys_with_strong_reads() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: TIMEOUT, ..Setup::shared() };
    let world = World::on(setup).await;
    let book = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    assert_eq!(book.send(&world.office).await.status, 201);
    for _ in 0..100 {
        proxy.next("TransactWriteItems", Fault::cancelled(&["TransactionConflict", "None", "None"]));
    }
    proxy.next("BatchGetItem", Fault::Unprocessed);
    proxy.take();
    assert_eq!(book.send(&world.office).await.status, 200);
    let looks: Vec<_> = proxy.take().into_iter().filter(|call| call.operation == "BatchGetItem").collect();
    assert_eq!(looks.len(), 2);
    assert!(looks.iter().all(|seat_map| seat_map.request["RequestItems"][&world.table]["ConsistentRead"] == true));
}

#[tokio::test]
async fn persistent_conflicts_end_with_a_correct_final_read() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: TIMEOUT, ..Setup::shared() };
    let world = World::on(setup).await;
    let booked = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    assert_eq!(booked.send(&world.office).await.status, 201);
    let stranger = Call::book("1", &json!({ "seats": ["A2", "A3"], "booking_id": id(2) }));
    let reuse = Call::book("1", &json!({ "seats": ["A2", "A3"], "booking_id": id(1) }));
    let cart = Call::reserve("1", &json!({ "seats": ["A2", "B1"], "reservation_id": id(3) }));
    let free = Call::book("1", &json!({ "seat": "B2", "booking_id": id(4) }));
    for (call, status, named) in [
        (&booked, 200, vec!["A1", "A2"]),
        (&stranger, 409, vec!["A2"]),
        (&reuse, 422, vec![]),
        (&cart, 409, vec!["A2"]),
        (&free, 503, vec![]),
    ] {
        for _ in 0..100 {
            proxy.next("TransactWriteItems", Fault::cancelled(&["TransactionConflict", "None", "None"]));
        }
        let reply = call.send(&world.office).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if !named.is_empty() {
            assert_eq!(reply.seats(), named);
        }
        let names: Vec<_> = proxy.take().into_iter().map(|call| call.operation).collect();
        assert_eq!(names.last().map(String::as_str), Some("BatchGetItem"));
    }
}

/// Releases a whole reservation while the writes that book it meet conflicts. No seat was lost, so none is named.
#[tokio::test]
async fn final_read_of_a_whole_reservation_names_no_lost_seat() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: Duration::from_millis(500), ..Setup::shared() };
    let world = World::on(setup).await;
    let other = world.instance_at(&Setup::shared(), world.clock.clone()).await;
    let cart = Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) }));
    assert_eq!(cart.send(&world.office).await.status, 201);
    proxy.take();
    for _ in 0..100 {
        proxy.next("TransactWriteItems", Fault::cancelled(&["None", "TransactionConflict", "None", "None"]));
    }
    let book = Call::book("1", &json!({ "reservation_id": id(1), "booking_id": id(7) }));
    let release = async {
        while proxy.count("TransactWriteItems") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Call::release("1", &id(1)).send(&other).await.status
    };
    let (booked, released) = tokio::join!(book.send(&world.office), release);
    assert_eq!((booked.status, booked.code(), released), (503, "try_again", 204), "{}", booked.text);
    proxy.clear_queued_faults();
    let again = book.send(&world.office).await;
    assert_eq!((again.status, again.code()), (404, "reservation_not_found"));
}

#[tokio::test]
async fn repeat_after_a_503_returns_the_outcome() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: Duration::from_millis(300), ..Setup::shared() };
    let world = World::on(setup).await;
    Call::get_seats("1").query("consistent=true").send(&world.office).await;
    let book = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    let reserve = Call::reserve("1", &json!({ "seat": "B1", "reservation_id": id(2) }));
    for (call, fault, status) in [(&book, Fault::CutBefore, 201), (&reserve, Fault::CutBefore, 201)] {
        proxy.always(Some(fault));
        assert_eq!(call.send(&world.office).await.status, 503);
        proxy.always(None);
        assert_eq!(call.send(&world.office).await.status, status, "it had not been carried out");
    }
    let book = Call::book("1", &json!({ "seats": ["A3", "B2"], "booking_id": id(3) }));
    let reserve = Call::reserve("1", &json!({ "seat": "B3", "reservation_id": id(4) }));
    for call in [&book, &reserve] {
        proxy.always(Some(Fault::CutAfter));
        assert_eq!(call.send(&world.office).await.status, 503);
        proxy.always(None);
        assert_eq!(call.send(&world.office).await.status, 200, "it had been carried out");
    }
}

#[tokio::test]
async fn final_read_distinguishes_own_writes_from_earlier_ones() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), total: TIMEOUT, ..Setup::shared() };
    let world = World::on(setup).await;
    Call::get_seats("1").query("consistent=true").send(&world.office).await;
    for (call, operation) in [
        (Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), "TransactWriteItems"),
        (Call::reserve("1", &json!({ "seats": ["A2", "A3"], "reservation_id": id(2) })), "TransactWriteItems"),
        (Call::book("1", &json!({ "seats": ["B1", "B2"], "booking_id": id(3) })), "TransactWriteItems"),
    ] {
        for status in [201, 200] {
            for _ in 0..100 {
                proxy.next(operation, Fault::CutAfter);
            }
            let reply = call.send(&world.office).await;
            assert_eq!(reply.status, status, "{}", reply.text);
            assert_eq!(proxy.take().last().unwrap().operation, "BatchGetItem");
            // The next call is another request. It shares nothing with the first, not even the millisecond.
            world.at(1_000);
            proxy.clear_queued_faults();
        }
        world.at(0);
    }
}
