//! Lost answers of DynamoDB while shows and sales are put, moved and deleted.

use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::{Call, Setup, World, engines};
use serde_json::json;

use super::{create, evening, replace, with};

/// Returns a world whose transactions and tombstones can lose their answers, with theater 1 on a narrower layout than
/// the show.
async fn world() -> (World, DynamoDbProxy) {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), ..Setup::shared() }).await;
    create(&world, "evening", &evening("1")).await;
    world.put_theater("1", "Theater_A", &["A1", "A2"]).await;
    // Otherwise the engine recognizes a repeated transaction by its token.
    proxy.forget_tokens();
    (world, proxy)
}

async fn narrow(world: &World) -> Call {
    let version = Call::map("1").send(&world.office).await.body["layout_version"].clone();
    replace("evening", &with(&evening("1"), &json!({ "layout_version": version })))
}

#[tokio::test]
async fn a_lost_answer_changes_no_outcome() {
    let (world, proxy) = world().await;
    let sale = json!({ "state": "paused" });
    for (call, status) in [
        (Call::put_show("new", &evening("2")), 201),
        (replace("new", &with(&evening("2"), &json!({ "title": "Aida" }))), 200),
        (replace("new", &super::document("2", "2026-12-03T20:15:00+01:00")), 200),
        (Call::put_sale("new", &sale).of_show(), 200),
        (Call::put_sale("2", &sale), 200),
        (narrow(&world).await, 200),
        (Call::delete_show("new"), 204),
    ] {
        proxy.next("TransactWriteItems", Fault::CutAfter);
        let reply = call.send(&world.office).await;
        assert_eq!(reply.status, status, "{call:?}: {}", reply.text);
        proxy.clear_queued_faults();
    }
    assert_eq!(Call::show("new").send(&world.office).await.status, 404);
    for day in ["2026-12-01", "2026-12-03"] {
        let left = world.items_of(&format!("SHOWS#{day}")).await.len();
        assert_eq!(left, usize::from(day == "2026-12-01"), "only the other show is listed");
    }
    let seats = Call::get_seats("evening").of_show().send(&world.office).await;
    assert_eq!(seats.seats(), ["A1", "A2"]);
    let refused = Call::reserve("2", &json!({ "seat": "C1" })).send(&world.office).await;
    assert_eq!(refused.code(), "not_on_sale");
}

#[tokio::test]
async fn a_move_with_lost_answers_of_tombstones_is_made() {
    let (world, proxy) = world().await;
    let move_ = narrow(&world).await;
    for fault in [Fault::CutAfter, Fault::CutBefore, Fault::CutAfter] {
        proxy.next("UpdateItem", fault);
    }
    let moved = move_.send(&world.office).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    let behind = Call::get_seats("evening").query("consistent=true").of_show().send(&world.office).await;
    assert_eq!(behind.seats(), ["A1", "A2"]);
}

#[tokio::test]
async fn a_move_that_fails_sells_no_dropped_seat_and_can_be_repeated() {
    let (world, proxy) = world().await;
    let move_ = narrow(&world).await;
    // The show's own write fails for good, so the tombstones are taken back.
    proxy.next("TransactWriteItems", Fault::error(400, "ValidationException"));
    let failed = move_.send(&world.office).await;
    assert_eq!(failed.status, 500, "{}", failed.text);
    let sold = Call::book("evening", &json!({ "seat": "B1", "booking_id": crate::api::id(1) })).of_show();
    assert_eq!(sold.send(&world.office).await.status, 201, "the seats are available as before");
    assert_eq!(move_.send(&world.office).await.seats(), ["B1"]);
    let cancelled = Call::cancel("evening", &crate::api::id(1)).of_show().send(&world.office).await;
    assert_eq!(cancelled.status, 204);
    assert_eq!(move_.send(&world.office).await.status, 200);
}

#[tokio::test]
async fn a_put_with_an_unknown_outcome_is_safe_to_repeat() {
    let proxy = DynamoDbProxy::before(engines::shared().endpoint()).await;
    let total = std::time::Duration::from_millis(400);
    let world = World::on(Setup { dynamodb: proxy.endpoint.clone(), total, ..Setup::shared() }).await;
    let put = Call::put_show("evening", &evening("1"));
    proxy.always(Some(Fault::CutAfter));
    let unknown = put.send(&world.office).await;
    assert_eq!((unknown.status, unknown.code()), (503, "try_again"), "{}", unknown.text);
    proxy.always(None);
    let repeated = put.send(&world.office).await;
    assert!([200, 201].contains(&repeated.status), "{}", repeated.text);
    assert_eq!(world.items_of("SHOWS#2026-12-01").await.len(), 1);
}
