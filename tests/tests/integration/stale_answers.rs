//! Stale cache answers that are detected. They are counted, and never believed.

use boxoffice::app::{Reserve, ReserveError};
use boxoffice::context::RequestContext;
use boxoffice::domain::caller::Caller;
use boxoffice::domain::ids::SeatLabel;
use boxoffice::domain::inventory::InventoryId;
use boxoffice::domain::seat_request::SeatRequest;
use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

/// Books a seat without updating the cache, and reserves it after this many milliseconds. Returns the number of stale
/// answers counted.
async fn stale_after(millis: u64) -> u32 {
    let world = World::new().await;
    Call::get_seats("1").send(&world.office).await;
    let aside = world.instance_on(&Setup::without_cache()).await;
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&aside).await.status, 201);
    world.at(millis);
    let ask = Reserve {
        inventory: InventoryId::parse("1").unwrap(),
        seats: ["A1", "A2"].map(|label| SeatRequest::of(SeatLabel::parse(label).unwrap())).to_vec(),
        expires_in: 60,
        reservation: None,
        caller: Caller::Anonymous,
    };
    let ctx = RequestContext::default();
    let refused = world.office.reserve(&ctx, &ask).await;
    assert!(matches!(refused, Err(ReserveError::SeatUnavailable(seats)) if seats.len() == 1));
    ctx.costs().stale_answers
}

#[tokio::test]
async fn stale_cache_answer_is_counted_only_after_two_seconds() {
    assert_eq!(stale_after(2_001).await, 1, "the seat was taken more than two seconds before");
    assert_eq!(stale_after(2_000).await, 0, "the writer may be updating the cache just now");
}
