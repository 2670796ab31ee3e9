//! `DELETE /shows/{showId}`, and theaters that have shows.

use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, World};
use serde_json::json;

use super::{create, evening};
use crate::api::id;

#[tokio::test]
async fn a_show_with_taken_seats_is_not_deleted() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    let reserve = json!({ "seat": "A1", "expires_in": 60, "reservation_id": id(1) });
    Call::reserve("evening", &reserve).of_show().send(&world.office).await;
    Call::book("evening", &json!({ "seat": "B2", "booking_id": id(2) })).of_show().send(&world.office).await;
    let refused = Call::delete_show("evening").send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "seats_in_use", vec!["A1", "B2"]));
    Call::cancel("evening", &id(2)).of_show().send(&world.office).await;
    world.at(60_000);
    assert_eq!(Call::delete_show("evening").send(&world.office).await.status, 204);
}

#[tokio::test]
async fn a_deleted_show_is_gone_everywhere() {
    let world = World::new().await;
    let created = create(&world, "evening", &evening("1")).await;
    Call::get_seats("evening").of_show().send(&world.office).await;
    let behind = world.instance(Clock::manual(START)).await;
    assert_eq!(Call::get_seats("evening").of_show().send(&behind).await.status, 200);
    let wrong = Call::delete_show("evening").header("If-Match", "\"1\"").send(&world.office).await;
    assert_eq!((wrong.status, wrong.code()), (412, "show_changed"));
    let delete = Call::delete_show("evening").header("If-Match", created.header("etag"));
    let deleted = delete.send(&world.office).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(delete.send(&world.office).await.status, 204, "a repeat");
    assert_eq!(Call::show("evening").send(&world.office).await.code(), "show_not_found");
    let seats = Call::get_seats("evening").of_show().send(&world.office).await;
    assert_eq!((seats.status, seats.code()), (404, "show_not_found"));
    let listed = Call::shows("from=2026-12-01").send(&world.office).await;
    assert_eq!(listed.body["shows"], json!([]));
    assert_eq!(world.items_of("SHOWS#2026-12-01").await.len(), 0);

    // An instance that still knows the show sells none of its seats.
    for call in [
        Call::reserve("evening", &json!({ "seat": "A1" })),
        Call::book("evening", &json!({ "seats": ["A1", "B3"], "booking_id": id(1) })),
        Call::reserve("evening", &json!({ "quantity": 2 })),
    ] {
        let reply = call.of_show().send(&behind).await;
        assert!([404, 409].contains(&reply.status), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_show_can_be_created_again() {
    let world = World::new().await;
    create(&world, "evening", &evening("1")).await;
    Call::delete_show("evening").send(&world.office).await;
    let behind = world.instance(world.clock.clone()).await;
    create(&world, "evening", &evening("2")).await;
    for office in [&world.office, &behind] {
        let seats = Call::get_seats("evening").of_show().send(office).await;
        assert_eq!(seats.seats(), ["C1", "C2", "C3", "D1", "D2", "D3"]);
    }
    assert_eq!(Call::delete_show("evening").send(&world.office).await.status, 204);
    world.at(1_000);
    create(&world, "evening", &evening("1")).await;
    let booked = Call::book("evening", &json!({ "seat": "A1" })).of_show().send(&world.office).await;
    assert_eq!(booked.status, 201, "seats of the first show are available again: {}", booked.text);
}

#[tokio::test]
async fn a_theater_with_shows_is_not_deleted() {
    let world = World::new().await;
    for number in 10..21 {
        create(&world, &format!("show-{number}"), &evening("1")).await;
    }
    create(&world, "elsewhere", &evening("2")).await;
    let refused = Call::delete_theater("1").send(&world.office).await;
    assert_eq!((refused.status, refused.code()), (409, "theater_has_shows"));
    let named: Vec<_> = (10..20).map(|number| format!("show-{number}")).collect();
    assert_eq!(refused.body["shows"], json!(named), "ten of them");
    assert_eq!(Call::book("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201, "nothing was changed");
    for number in 10..21 {
        assert_eq!(Call::delete_show(&format!("show-{number}")).send(&world.office).await.status, 204);
    }
    let in_use = Call::delete_theater("1").send(&world.office).await;
    assert_eq!((in_use.status, in_use.code()), (409, "seats_in_use"));
    assert_eq!(Call::delete_show("elsewhere").send(&world.office).await.status, 204);
    assert_eq!(Call::delete_theater("2").send(&world.office).await.status, 204);
}

#[tokio::test]
async fn a_deleted_theater_has_no_new_shows() {
    let world = World::new().await;
    let version = create(&world, "evening", &evening("2")).await.body["layout_version"].clone();
    Call::delete_show("evening").send(&world.office).await;
    assert_eq!(Call::delete_theater("2").send(&world.office).await.status, 204);
    // The snapshot of the layout is still there.
    for document in [evening("2"), super::with(&evening("2"), &json!({ "layout_version": version }))] {
        let refused = Call::put_show("evening", &document).send(&world.office).await;
        assert_eq!((refused.status, refused.code()), (404, "theater_not_found"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_theater_that_is_created_again_begins_open() {
    let world = World::new().await;
    assert_eq!(Call::put_sale("2", &json!({ "state": "paused" })).send(&world.office).await.status, 200);
    assert_eq!(Call::delete_theater("2").send(&world.office).await.status, 204);
    world.clock.set(START + Duration::from_secs(60));
    let put = Call::put_theater("2", &json!({ "name": "Two", "seats": ["C1"] }));
    assert_eq!(put.send(&world.office).await.status, 201);
    assert_eq!(Call::reserve("2", &json!({ "seat": "C1" })).send(&world.office).await.status, 201);
}
