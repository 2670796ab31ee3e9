//! Other instances follow a sale within ten seconds, and on the second where it was set before.

use std::time::Duration;

use boxoffice::clock::Clock;
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, World};
use serde_json::{Value, json};

use super::super::shows::{create, evening};
use super::{Of, is_refused, world};
use crate::api::id;

/// Opens another instance that knows the sale as it was at the start.
async fn instance(world: &World, of: Of, clock: &Clock) -> boxoffice::app::BoxOffice {
    let office = world.instance(clock.clone()).await;
    let nothing = of.call(Call::reserve("1", &json!({ "seat": "none" }))).send(&office).await;
    assert_eq!(nothing.code(), "seat_not_found");
    office
}

#[tokio::test]
async fn a_pause_takes_effect_within_ten_seconds() {
    for of in Of::BOTH {
        let world = world().await;
        let clock = Clock::manual(START);
        let other = instance(&world, of, &clock).await;
        of.put(&world, &json!({ "state": "paused" })).await;
        is_refused(&of.reserve(&world, "A1").await, "paused");
        clock.set(START + Duration::from_millis(9_999));
        let last = of.call(Call::reserve("1", &json!({ "seat": "A1" }))).send(&other).await;
        assert_eq!(last.status, 201, "its copy is ten seconds old at most: {}", last.text);
        clock.set(START + Duration::from_secs(10));
        for call in [
            Call::reserve("1", &json!({ "seat": "A2" })),
            Call::reserve("1", &json!({ "quantity": 1 })),
            Call::reserve("1", &json!({ "seat": "A2", "reservation_id": id(1) })),
            Call::book("1", &json!({ "seat": "A2" })),
            Call::book(
                "1",
                &json!({ "seat": "A1", "reservation_id": last.text("reservation_id"), "booking_id": id(2) }),
            ),
            Call::book("1", &json!({ "reservation_id": last.text("reservation_id") })),
        ] {
            is_refused(&of.call(call).send(&other).await, "paused");
        }
        of.put(&world, &json!({ "state": "open" })).await;
        clock.set(START + Duration::from_secs(20));
        let opened = of.call(Call::reserve("1", &json!({ "seat": "A2" }))).send(&other).await;
        assert_eq!(opened.status, 201, "{}", opened.text);
    }
}

#[tokio::test]
async fn reads_of_seats_do_not_prolong_the_copy_of_a_sale() {
    for of in Of::BOTH {
        let world = world().await;
        let clock = Clock::manual(START);
        let other = instance(&world, of, &clock).await;
        of.put(&world, &json!({ "state": "paused" })).await;
        for second in 1..=10 {
            clock.set(START + Duration::from_secs(second));
            assert_eq!(of.call(Call::get_seats("1")).send(&other).await.status, 200);
            assert_eq!(of.call(Call::map("1")).send(&other).await.status, 200);
        }
        is_refused(&of.call(Call::reserve("1", &json!({ "seat": "A2" }))).send(&other).await, "paused");
    }
}

#[tokio::test]
async fn an_opening_that_was_set_before_is_exact() {
    for of in Of::BOTH {
        let world = world().await;
        of.put(&world, &json!({ "state": "open", "opens_at": "2026-11-22T18:00:09Z" })).await;
        let clock = Clock::manual(START);
        let other = world.instance(clock.clone()).await;
        for (millis, seat, status) in [(0, "A1", 403), (8_999, "A1", 403), (9_000, "A1", 201), (12_000, "A2", 201)] {
            clock.set(START + Duration::from_millis(millis));
            let reply = of.call(Call::reserve("1", &json!({ "seat": seat }))).send(&other).await;
            assert_eq!(reply.status, status, "{millis} ms: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn an_instance_that_was_frozen_reads_the_sale_again() {
    for of in Of::BOTH {
        let world = world().await;
        for hours in [1_i64, -1] {
            of.put(&world, &json!({ "state": "open" })).await;
            let clock = Clock::manual(START + Duration::from_secs(36_000));
            let other = instance(&world, of, &clock).await;
            of.put(&world, &json!({ "state": "paused" })).await;
            let seconds = u64::try_from(36_000 + hours * 3_600).unwrap();
            clock.set(START + Duration::from_secs(seconds));
            let reply = of.call(Call::reserve("1", &json!({ "seat": "A2" }))).send(&other).await;
            is_refused(&reply, "paused");
        }
    }
}

#[tokio::test]
async fn of_sales_put_at_once_one_holds() {
    for of in Of::BOTH {
        let world = world().await;
        for _ in 0..5 {
            let (one, other) = (world.instance(world.clock.clone()).await, world.instance(world.clock.clone()).await);
            let put = |state: &str| of.call(Call::put_sale("1", &json!({ "state": state })));
            let (paused, closed) = (put("paused"), put("closed"));
            let (paused, closed) = tokio::join!(paused.send(&one), closed.send(&other));
            assert_eq!((paused.status, closed.status), (200, 200), "{} {}", paused.text, closed.text);
            let fresh = world.instance(world.clock.clone()).await;
            let refused = of.call(Call::reserve("1", &json!({ "seat": "A2" }))).send(&fresh).await;
            assert!(["paused", "closed"].contains(&refused.text("sale_state")), "{}", refused.text);
            of.put(&world, &json!({ "state": "open" })).await;
        }
    }
}

/// Creates show 1, whose sale opens in an hour.
async fn announced() -> World {
    let world = World::new().await;
    let mut announced = evening("1");
    announced["sale"] = json!({ "state": "open", "opens_at": "2026-11-22T19:00:00Z" });
    create(&world, "1", &announced).await;
    world
}

#[tokio::test]
async fn an_opening_that_was_moved_up_comes_everywhere_at_once() {
    let by_show = |sale: &Value| {
        let mut document = evening("1");
        document["sale"] = sale.clone();
        Call::put_show("1", &document).header("If-Match", "*")
    };
    let by_sale = |sale: &Value| Call::put_sale("1", sale).of_show();
    for sale in [json!({ "state": "open" }), json!({ "state": "open", "opens_at": "2026-11-22T18:00:05Z" })] {
        for (put, member) in [(by_show(&sale), "/sale"), (by_sale(&sale), "")] {
            let world = announced().await;
            let clock = Clock::manual(START);
            let other = world.instance(clock.clone()).await;
            for second in 0..40 {
                let now = START + Duration::from_secs(second);
                world.at(second * 1_000);
                clock.set(now);
                // The other instance reads the sale just before it is replaced.
                if second == 2 {
                    is_refused(
                        &Of::Show.call(Call::reserve("1", &json!({ "seat": "A1" }))).send(&other).await,
                        "not_yet",
                    );
                }
                // The request is repeated before and after the opening.
                if [2, 5, 30].contains(&second) {
                    let reply = put.clone().send(&world.office).await;
                    let sale = reply.body.pointer(member);
                    let shown = json!({ "state": "open", "opens_at": "2026-11-22T18:00:27Z", "on_sale": second == 30 });
                    assert_eq!((reply.status, sale), (200, Some(&shown)), "{second} s: {}", reply.text);
                }
                let reserve = Of::Show.call(Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })));
                let first = reserve.clone().send(&world.office).await;
                let repeat = reserve.send(&other).await;
                if second < 27 {
                    is_refused(&first, "not_yet");
                    is_refused(&repeat, "not_yet");
                } else {
                    let status = if second == 27 { 201 } else { 200 };
                    assert_eq!((first.status, repeat.status), (status, 200), "{second} s: {}", repeat.text);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_sale_that_would_be_over_when_it_opens_is_refused() {
    let world = announced().await;
    let sale = json!({ "state": "open", "closes_at": "2026-11-22T18:00:25Z" });
    let mut show = evening("1");
    show["sale"] = sale.clone();
    let by_show = Call::put_show("1", &show).header("If-Match", "*");
    for (put, field) in [(Call::put_sale("1", &sale).of_show(), "closes_at"), (by_show, "sale.closes_at")] {
        let before = world.items().await;
        let reply = put.send(&world.office).await;
        let expected = "an instant after 2026-11-22T18:00:25Z, the earliest instant at which the sale can open";
        assert_eq!((reply.status, reply.code()), (400, "malformed_request"), "{}", reply.text);
        assert_eq!(reply.body["errors"], json!([{ "field": field, "expected": expected }]));
        assert_eq!(world.items().await, before);
    }
}
