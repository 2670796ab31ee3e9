//! Failures of DynamoDB and of the network. Responses stay correct, and a write whose reply was lost isn't taken for a
//! conflict.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::engines;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, Setup, World};
use serde_json::{Value, json};

use crate::api::id;

async fn proxied() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    Call::get_seats("1").query("consistent=true").send(&world.office).await;
    proxy.take();
    (world, proxy)
}

/// Returns transient faults that don't decide a write.
fn transient_faults(operation: &str, conditions: usize) -> Vec<Fault> {
    let mut faults = vec![
        Fault::error(400, "TransactionConflictException"),
        Fault::error(400, "TransactionInProgressException"),
        Fault::error(400, "ThrottlingException"),
        Fault::error(500, "InternalServerError"),
        Fault::error(503, "ServiceUnavailable"),
        // A response without an error type, as from a proxy on the way.
        Fault::Answer(403, json!({})),
        Fault::CutBefore,
        Fault::CutAfter,
    ];
    if operation == "TransactWriteItems" {
        let mut codes = vec!["None"; conditions];
        codes[conditions - 1] = "TransactionConflict";
        faults.push(Fault::cancelled(&codes));
        codes[0] = "ThrottlingError";
        faults.push(Fault::cancelled(&codes));
    }
    faults
}

#[tokio::test]
async fn transient_dynamodb_faults_are_retried_to_success() {
    let (world, proxy) = proxied().await;
    let mut number = 100;
    for (operation, seats) in
        [("One", json!(["A1"])), ("TransactWriteItems", json!(["A2", "A3"])), ("Book", json!(["B1", "B2"]))]
    {
        let booking = operation == "Book";
        let conditions = if operation == "One" { 2 } else { 3 };
        let operation = "TransactWriteItems";
        for fault in transient_faults(operation, conditions) {
            // Each fault gets a fresh theater. Its layout is read first.
            number += 1;
            let theater = format!("theater-{number}");
            world.put_theater(&theater, "T", &["A1", "A2", "A3", "B1", "B2"]).await;
            Call::get_seats(&theater).query("consistent=true").send(&world.office).await;
            proxy.next(operation, fault.clone());
            let call = if booking {
                Call::book(&theater, &json!({ "seats": seats, "booking_id": id(number) }))
            } else {
                Call::reserve(&theater, &json!({ "seats": seats, "reservation_id": id(number) }))
            };
            let first = call.send(&world.office).await;
            assert_eq!(proxy.queued_faults(), 0, "{fault:?} was met");
            assert_eq!(first.status, 201, "{operation} {fault:?}: {}", first.text);
            let again = call.send(&world.office).await;
            assert_eq!((again.status, &again.body["seats"]), (200, &first.body["seats"]), "{fault:?}");
        }
    }
}

#[tokio::test]
async fn lost_reply_is_recovered_after_dynamodb_forgot_the_token() {
    let (world, proxy) = proxied().await;
    proxy.forget_tokens();
    for (call, operation) in [
        (Call::reserve("1", &json!({ "seat": "A1" })), "TransactWriteItems"),
        (Call::reserve("1", &json!({ "seats": ["A2", "A3"] })), "TransactWriteItems"),
        (Call::reserve("2", &json!({ "quantity": 2, "reservation_id": id(1) })), "TransactWriteItems"),
        (Call::book("1", &json!({ "seat": "B1" })), "TransactWriteItems"),
    ] {
        proxy.next(operation, Fault::CutAfter);
        proxy.next(operation, Fault::CutAfter);
        let reply = call.send(&world.office).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert_eq!(reply.header("idempotent-replayed"), "");
    }
}

#[tokio::test]
async fn retried_transaction_keeps_its_token_until_it_changes() {
    let (world, proxy) = proxied().await;
    let tokens = || -> Vec<String> {
        let calls = proxy.take().into_iter().filter(|call| call.operation == "TransactWriteItems");
        calls.map(|call| call.request["ClientRequestToken"].as_str().unwrap().to_owned()).collect()
    };
    for (number, call) in (1..).zip([
        Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(1) })),
        Call::book("1", &json!({ "seats": ["B1", "B2"], "booking_id": id(1) })),
    ]) {
        proxy.next("TransactWriteItems", Fault::CutBefore);
        proxy.next("TransactWriteItems", Fault::error(400, "ThrottlingException"));
        assert_eq!(call.send(&world.office).await.status, 201);
        let same = tokens();
        assert!(same.len() == 3 && same.iter().all(|token| *token == same[0]), "{number}: {same:?}");
    }
    // The seats have the stamp of the current millisecond. The stamp has to rise, so this is another transaction.
    let book = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(2), "reservation_id": id(1) }));
    assert_eq!(book.send(&world.office).await.status, 201);
    let other = tokens();
    assert!(other.len() == 2 && other[0] != other[1], "{other:?}");
    // A token that DynamoDB attributes to another transaction is dropped. The request then finds its own write, or
    // writes.
    for call in [Call::book("1", &json!({ "seat": "A3" })), Call::reserve("2", &json!({ "seats": ["C1", "C2"] }))] {
        proxy.next("TransactWriteItems", Fault::error(400, "IdempotentParameterMismatchException"));
        assert_eq!(call.send(&world.office).await.status, 201);
        let given_up = tokens();
        assert!(given_up.len() == 2 && given_up[0] != given_up[1], "{given_up:?}");
    }
}

#[tokio::test]
async fn only_an_unanswered_attempt_may_have_written() {
    let (world, proxy) = proxied().await;
    let call = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) }));
    assert_eq!(call.send(&world.office).await.status, 201);
    // In the same millisecond, the seat has this request's stamp too. But DynamoDB answered that nothing was written.
    for fault in [Fault::error(400, "TransactionConflictException"), Fault::error(400, "ThrottlingException")] {
        proxy.next("TransactWriteItems", fault);
        assert_eq!(call.send(&world.office).await.status, 200);
    }
}

#[tokio::test]
async fn twins_write_in_the_same_millisecond_is_not_taken_as_own() {
    let (world, proxy) = proxied().await;
    for (number, seats) in [(1, json!(["A1"])), (2, json!(["A2", "A3"]))] {
        let call = Call::reserve("1", &json!({ "seats": seats, "reservation_id": id(number) }));
        assert_eq!(call.send(&world.office).await.status, 201);
        // As far as this request knows, the write may have succeeded, and the seats have its stamp.
        proxy.next("TransactWriteItems", Fault::CutBefore);
        let twin = call.send(&world.office).await;
        assert_eq!((twin.status, twin.header("idempotent-replayed")), (200, "true"), "{seats}");
    }
}

#[tokio::test]
async fn any_dynamodb_server_error_is_an_unknown_outcome() {
    let (world, proxy) = proxied().await;
    for (seat, name) in [("A1", "InternalFailure"), ("A2", "SomethingNew")] {
        proxy.next("TransactWriteItems", Fault::error(500, name));
        let book = Call::book("1", &json!({ "seat": seat }));
        assert_eq!(book.send(&world.office).await.status, 201, "{name}");
    }
    // An error that is final by itself isn't final after an attempt without an answer.
    proxy.next("TransactWriteItems", Fault::CutAfter);
    proxy.next("TransactWriteItems", Fault::error(400, "AccessDeniedException"));
    proxy.next("BatchGetItem", Fault::error(400, "AccessDeniedException"));
    let reply = Call::book("1", &json!({ "seat": "A3", "booking_id": id(3) })).send(&world.office).await;
    assert_eq!((reply.status, reply.code()), (503, "try_again"));
}

/// Returns a cancelled transaction of A1 and A2. A1 is booked under id 1, and A2 wasn't decided.
fn partly_decided_transaction() -> Fault {
    let taken = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" }, "status": { "S": "booked" },
        "booking_id": { "S": id(1) }, "changed_at": { "N": "1" } });
    let seats = [
        json!({ "Code": "ConditionalCheckFailed", "Message": "staged", "Item": taken }),
        json!({ "Code": "TransactionConflict", "Message": "staged" }),
    ];
    // The first item is the booking or the reservation record.
    let reasons: Vec<_> = [json!({ "Code": "None" })].into_iter().chain(seats).collect();
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Fault::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }))
}

#[tokio::test]
async fn conflict_names_every_seat_after_an_undecided_attempt() {
    let (world, proxy) = proxied().await;
    let booked = Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(1) }));
    assert_eq!(booked.send(&world.office).await.status, 201);
    for call in [
        Call::book("1", &json!({ "seats": ["A1", "A2"], "booking_id": id(2) })),
        Call::reserve("1", &json!({ "seats": ["A1", "A2"], "reservation_id": id(2) })),
    ] {
        proxy.next("TransactWriteItems", partly_decided_transaction());
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.seats()), (409, vec!["A1", "A2"]));
        // A rejection doesn't wait until every seat is decided.
        for _ in 0..100 {
            proxy.next("TransactWriteItems", partly_decided_transaction());
        }
        proxy.take();
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.seats(), proxy.take().len()), (409, vec!["A1"], 3));
        proxy.clear_queued_faults();
    }
}

#[tokio::test]
async fn own_write_is_recognized_after_its_stamp_was_raised() {
    let (world, proxy) = proxied().await;
    // The reservation has expired. Its writer's clock was ahead.
    let end = (START.seconds().as_secs() - 10).to_string();
    let ahead = (START.as_millis() + 5_000).to_string();
    let item = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" }, "status": { "S": "reserved" },
        "reservation_id": { "S": id(9) }, "expires_at": { "N": end }, "changed_at": { "N": ahead } });
    let mut put = world.client.put_item().table_name(&world.table);
    for (name, value) in item.as_object().unwrap() {
        put = put.item(
            name,
            match (value["S"].as_str(), value["N"].as_str()) {
                (Some(text), _) => AttributeValue::S(text.to_owned()),
                (_, number) => AttributeValue::N(number.unwrap().to_owned()),
            },
        );
    }
    put.send().await.unwrap();
    let refused = json!({ "Code": "ConditionalCheckFailed", "Message": "staged", "Item": item });
    let reasons = json!([{ "Code": "None" }, refused]);
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let fault = Fault::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }));
    proxy.next("TransactWriteItems", fault);
    proxy.next("TransactWriteItems", Fault::CutAfter);
    let reply = Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })).send(&world.office).await;
    assert_eq!((reply.status, proxy.queued_faults()), (201, 0), "{}", reply.text);
}

#[tokio::test]
async fn conflict_on_the_booking_item_is_not_a_sold_seat() {
    let (world, proxy) = proxied().await;
    let call = Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }));
    assert_eq!(call.send(&world.office).await.status, 201);
    // The repeat conflicts with another transaction on the booking's item. The seat is rejected at the same time,
    // because of the caller's own booking.
    let taken = json!({ "pk": { "S": "THEATER#1" }, "sk": { "S": "SEAT#A1" }, "status": { "S": "booked" },
        "booking_id": { "S": id(1) }, "changed_at": { "N": "1" } });
    let reasons = json!([
        { "Code": "TransactionConflict", "Message": "staged" },
        { "Code": "ConditionalCheckFailed", "Message": "staged", "Item": taken },
    ]);
    let name = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    let fault = Fault::Answer(400, json!({ "__type": name, "Message": "staged", "CancellationReasons": reasons }));
    proxy.next("TransactWriteItems", fault);
    assert_eq!(call.send(&world.office).await.status, 200);
}

#[tokio::test]
async fn silent_dynamodb_is_waited_for_within_the_time_limit() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup {
        dynamodb: proxy.endpoint.clone(),
        attempt: Duration::from_millis(50),
        total: Duration::from_millis(400),
        ..Setup::shared()
    };
    let world = World::on(setup).await;
    proxy.always(Some(Fault::Silence));
    for call in [
        Call::get_seats("1"),
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::book("1", &json!({ "seats": ["A1", "A2"] })),
    ] {
        assert_eq!(call.send(&world.office).await.status, 503);
    }
    proxy.always(None);
    assert_eq!(Call::book("1", &json!({ "seats": ["A1", "A2"] })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn silent_attempt_times_out_and_the_next_one_succeeds() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let setup = Setup { dynamodb: proxy.endpoint.clone(), attempt: Duration::from_secs(1), ..Setup::shared() };
    let world = World::on(setup).await;
    Call::get_seats("1").query("consistent=true").send(&world.office).await;
    proxy.next("TransactWriteItems", Fault::Silence);
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn unreadable_seat_item_is_never_sold_or_shown_available() {
    let (world, proxy) = proxied().await;
    let mut put = world.client.put_item().table_name(&world.table);
    for (name, value) in [("pk", "THEATER#1"), ("sk", "SEAT#A1"), ("status", "haunted")] {
        put = put.item(name, aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned()));
    }
    put.send().await.unwrap();
    for call in [Call::reserve("1", &json!({ "seat": "A1" })), Call::book("1", &json!({ "seat": "A1" }))] {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (500, "internal"));
        proxy.next("TransactWriteItems", Fault::CutBefore);
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (503, "try_again"), "an earlier attempt may have been carried out");
        proxy.clear_queued_faults();
    }
    let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!(seat_map.seats(), ["A2", "A3", "B1", "B2", "B3"], "the other seats are still sold");
    assert_eq!(Call::book("1", &json!({ "seat": "A2" })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn seat_items_outside_the_layout_are_skipped() {
    let (world, _proxy) = proxied().await;
    let mut put = world.client.put_item().table_name(&world.table);
    for (name, value) in [("pk", "THEATER#1"), ("sk", "SEAT#OLD"), ("status", "booked")] {
        put = put.item(name, aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned()));
    }
    put.item("changed_at", aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned())).send().await.unwrap();
    let reply = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!((reply.seats().len(), &reply.body["booked"]), (6, &Value::from(0)));
}
