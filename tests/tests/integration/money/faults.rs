//! Lost replies: a request with money recognizes its own work.

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use super::{HALL, child, lines, set_prices, with_hall};
use crate::api::id;

async fn proxied() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = with_hall(World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await).await;
    Call::map(HALL).send(&world.office).await;
    proxy.take();
    (world, proxy)
}

#[tokio::test]
async fn lost_replies_are_recovered_with_their_prices() {
    let (world, proxy) = proxied().await;
    proxy.forget_tokens();
    let expect = json!({ "total": 13_000 });
    for (call, expected) in [
        (
            Call::reserve(HALL, &json!({ "seats": ["A1", child("A2")], "reservation_id": id(1) })),
            ["A1 standard 8500", "A2 child 4500"],
        ),
        (
            Call::book(
                HALL,
                &json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "booking_id": id(1), "expect": expect }),
            ),
            ["A1 standard 8500", "A2 child 4500"],
        ),
        (
            Call::book(HALL, &json!({ "seats": [child("A3"), "A4"], "expect": expect })),
            ["A3 child 4500", "A4 standard 8500"],
        ),
    ] {
        proxy.next("TransactWriteItems", Fault::CutAfter);
        proxy.next("TransactWriteItems", Fault::CutAfter);
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, lines(&reply)), (201, expected.map(str::to_owned).to_vec()), "{}", reply.text);
        proxy.clear_queued_faults();
    }
}

#[tokio::test]
async fn lost_refusal_still_leads_to_the_fixed_price() {
    let (mut world, proxy) = proxied().await;
    let body = json!({ "seats": [child("A1"), "A2"], "reservation_id": id(1) });
    Call::reserve(HALL, &body).send(&world.office).await;
    set_prices(&mut world, 9_900, 5_500).await;
    proxy.take();
    for fault in [Fault::CutAfter, Fault::CutBefore, Fault::error(400, "TransactionConflictException")] {
        proxy.next("TransactWriteItems", fault);
    }
    let book = Call::book(HALL, &json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "booking_id": id(1) }));
    let booked = book.send(&world.office).await;
    assert_eq!(lines(&booked), ["A1 child 4500", "A2 standard 8500"]);
    assert_eq!(proxy.queued_faults(), 0);
}

#[tokio::test]
async fn failed_read_before_a_rejection_is_repeated() {
    let (world, proxy) = proxied().await;
    proxy.next("BatchGetItem", Fault::CutBefore);
    proxy.next("BatchGetItem", Fault::Unprocessed);
    let refused = Call::book(HALL, &json!({ "seat": "A1", "booking_id": id(1), "expect": { "total": 1 } }));
    let refused = refused.send(&world.office).await;
    assert_eq!((refused.status, refused.code()), (409, "reservation_changed"), "{}", refused.text);
    assert_eq!(proxy.queued_faults(), 0);
}
