//! `PUT /theaters/{theaterId}/sale` and `PUT /shows/{showId}/sale`, and what they change for buyers.

mod costs;
mod instances;
mod repeats;

use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

use super::id;
use super::shows::{create, evening};

/// The seats that are sold: those of theater 1, or those of show 1.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Theater,
    Show,
}

impl Of {
    const BOTH: [Self; 2] = [Self::Theater, Self::Show];

    fn call(self, call: Call) -> Call {
        if self == Self::Show { call.of_show() } else { call }
    }

    async fn send(self, world: &World, call: Call) -> Reply {
        self.call(call).send(&world.office).await
    }

    async fn put(self, world: &World, sale: &Value) -> Reply {
        let reply = self.send(world, Call::put_sale("1", sale)).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    async fn reserve(self, world: &World, seat: &str) -> Reply {
        self.send(world, Call::reserve("1", &json!({ "seat": seat }))).await
    }

    async fn book(self, world: &World, seat: &str) -> Reply {
        self.send(world, Call::book("1", &json!({ "seat": seat }))).await
    }
}

/// Returns a world with theater 1 and show 1.
async fn world() -> World {
    let world = World::new().await;
    create(&world, "1", &evening("1")).await;
    world
}

/// Asserts a refusal by the sale.
fn is_refused(reply: &Reply, state: &str) {
    assert_eq!((reply.status, reply.code()), (403, "not_on_sale"), "{}", reply.text);
    assert_eq!(reply.text("sale_state"), state, "{}", reply.text);
    assert_eq!(reply.body["opens_at"].is_null(), state != "not_yet", "{}", reply.text);
    assert_eq!(reply.header("retry-after").is_empty(), state != "not_yet");
}

#[tokio::test]
async fn a_window_is_exact_to_the_second() {
    for of in Of::BOTH {
        let world = world().await;
        of.put(
            &world,
            &json!({ "state": "open", "opens_at": "2026-11-22T18:01:00Z", "closes_at": "2026-11-22T19:02:00+01:00" }),
        )
        .await;
        for (millis, seats, state) in [
            (0, ["A1", "A2"], "not_yet"),
            (59_999, ["A1", "A2"], "not_yet"),
            (60_000, ["A1", "A2"], "open"),
            (119_999, ["A3", "B1"], "open"),
            (120_000, ["B2", "B3"], "closed"),
            (86_400_000, ["B2", "B3"], "closed"),
        ] {
            world.at(millis);
            for reply in [of.reserve(&world, seats[0]).await, of.book(&world, seats[1]).await] {
                match state {
                    "open" => assert_eq!(reply.status, 201, "{of:?} {millis} ms: {}", reply.text),
                    state => is_refused(&reply, state),
                }
                if state == "not_yet" {
                    assert_eq!(reply.text("opens_at"), "2026-11-22T18:01:00Z");
                    let left = if millis == 0 { "60" } else { "1" };
                    assert_eq!(
                        (reply.header("retry-after"), &reply.body["retry_after"].to_string()),
                        (left, &left.to_owned())
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_sale_without_an_end_closes_when_the_show_starts() {
    let world = world().await;
    // 2026-12-01T20:15:00+01:00 is this many milliseconds after the start of the clock.
    let start = (9 * 24 * 3_600 + 3_600 + 15 * 60) * 1_000;
    for of in Of::BOTH {
        world.at(start - 1);
        assert_eq!(of.reserve(&world, "A1").await.status, 201, "{of:?}");
        world.at(start);
        let late = of.reserve(&world, "A2").await;
        match of {
            Of::Theater => assert_eq!(late.status, 201, "a theater's sale has no end: {}", late.text),
            Of::Show => is_refused(&late, "closed"),
        }
    }
    let shown = Call::show("1").send(&world.office).await;
    assert_eq!(shown.body["sale"], json!({ "state": "open", "on_sale": false }));
    // A show that is postponed is on sale again.
    let postponed = super::shows::document("1", "2026-12-02T20:15:00+01:00");
    let postponed = Call::put_show("1", &postponed).header("If-Match", "*").send(&world.office).await;
    assert_eq!(postponed.body["sale"]["on_sale"], true, "{}", postponed.text);
    assert_eq!(Of::Show.reserve(&world, "A2").await.status, 201);
}

#[tokio::test]
async fn states_decide_what_is_sold() {
    // The instants are relative to the check, which is at 18:00:30.
    let (past, future) = ("2026-11-22T18:00:10Z", "2026-11-22T18:01:00Z");
    for of in Of::BOTH {
        let world = world().await;
        for (sale, reserve, book) in [
            (json!({ "state": "open" }), "", ""),
            (json!({ "state": "paused" }), "paused", "paused"),
            (json!({ "state": "paused", "opens_at": future }), "paused", "paused"),
            (json!({ "state": "closed" }), "closed", "closed"),
            (json!({ "state": "closed", "booking_closes_at": future }), "closed", ""),
            (json!({ "state": "closed", "booking_closes_at": past }), "closed", "closed"),
            (json!({ "state": "open", "opens_at": past }), "", ""),
            (json!({ "state": "open", "opens_at": future }), "not_yet", "not_yet"),
            (json!({ "state": "open", "closes_at": past }), "closed", "closed"),
            (json!({ "state": "open", "closes_at": past, "booking_closes_at": future }), "closed", ""),
            (json!({ "state": "open", "closes_at": future }), "", ""),
        ] {
            world.at(30_000);
            let put = of.put(&world, &sale).await;
            let mut expected = sale.clone();
            expected["on_sale"] = json!(reserve.is_empty());
            assert_eq!(put.body, expected);
            for (call, state) in [
                (Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })), reserve),
                (Call::book("1", &json!({ "seat": "B1", "booking_id": id(3) })), book),
                (Call::reserve("1", &json!({ "quantity": 1, "reservation_id": id(2) })), reserve),
            ] {
                let reply = of.send(&world, call).await;
                match state {
                    "" => assert!([200, 201].contains(&reply.status), "{sale}: {}", reply.text),
                    // Something was sold before under the same ids.
                    _ if reply.status == 200 => {}
                    state => is_refused(&reply, state),
                }
            }
            let free = of.send(&world, Call::get_seats("1")).await;
            let free = free.seats();
            let fresh = of.reserve(&world, free[0]).await;
            if reserve.is_empty() {
                assert_eq!(fresh.status, 201, "{sale}: {}", fresh.text);
                let released = of.send(&world, Call::release("1", fresh.text("reservation_id"))).await;
                assert_eq!(released.status, 204);
            } else {
                is_refused(&fresh, reserve);
            }
            let fresh = of.book(&world, free[1]).await;
            if book.is_empty() {
                assert_eq!(fresh.status, 201, "{sale}: {}", fresh.text);
                assert_eq!(of.send(&world, Call::cancel("1", fresh.text("booking_id"))).await.status, 204);
            } else {
                is_refused(&fresh, book);
            }
        }
    }
}

#[tokio::test]
async fn a_payment_that_is_under_way_ends_after_the_sale() {
    for of in Of::BOTH {
        let world = world().await;
        of.put(
            &world,
            &json!({ "state": "open", "closes_at": "2026-11-22T18:01:00Z", "booking_closes_at": "2026-11-22T18:11:00Z" }),
        )
        .await;
        world.at(59_000);
        for (seats, reservation) in [(json!(["A1", "A2"]), id(1)), (json!(["A3"]), id(4))] {
            let reserve = json!({ "seats": seats, "reservation_id": reservation, "expires_in": 900 });
            assert_eq!(of.send(&world, Call::reserve("1", &reserve)).await.status, 201);
        }
        world.at(60_000);
        is_refused(&of.reserve(&world, "B1").await, "closed");
        let named = json!({ "seats": ["A3"], "reservation_id": id(4), "booking_id": id(2) });
        assert_eq!(of.send(&world, Call::book("1", &named)).await.status, 201);
        world.at(659_999);
        let whole = json!({ "reservation_id": id(1), "booking_id": id(3) });
        assert_eq!(of.send(&world, Call::book("1", &whole)).await.status, 201, "{of:?}");
        world.at(660_000);
        is_refused(&of.book(&world, "B1").await, "closed");
        is_refused(&of.send(&world, Call::book("1", &json!({ "reservation_id": id(9) }))).await, "closed");
    }
}

#[tokio::test]
async fn only_reserve_and_book_follow_the_sale() {
    for of in Of::BOTH {
        let world = world().await;
        let reserve = json!({ "seats": ["A1", "A2"], "reservation_id": id(1) });
        assert_eq!(of.send(&world, Call::reserve("1", &reserve)).await.status, 201);
        assert_eq!(of.send(&world, Call::book("1", &json!({ "seat": "B1", "booking_id": id(2) }))).await.status, 201);
        for state in ["paused", "closed"] {
            of.put(&world, &json!({ "state": state })).await;
            for call in [
                Call::get_seats("1"),
                Call::get_seats("1").query("view=map"),
                Call::map("1"),
                Call::reservation("1", &id(1)),
                Call::booking("1", &id(2)),
            ] {
                let reply = of.send(&world, call).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
            }
        }
        let extended = of.send(&world, Call::extend("1", &id(1), &json!({ "expires_in": 900 }))).await;
        assert_eq!(extended.status, 200, "{}", extended.text);
        assert_eq!(of.send(&world, Call::release("1", &id(1))).await.status, 204);
        assert_eq!(of.send(&world, Call::cancel("1", &id(2))).await.status, 204);
        assert_eq!(of.send(&world, Call::get_seats("1")).await.seats().len(), 6);
    }
}

#[tokio::test]
async fn a_sale_is_replaced_as_a_whole() {
    for of in Of::BOTH {
        let world = world().await;
        let window = json!({ "state": "open", "opens_at": "2026-11-22T18:01:00+00:00",
            "closes_at": "2026-11-22T19:02:00+01:00", "booking_closes_at": "2026-11-22T18:03:00Z" });
        let put = of.put(&world, &window).await;
        let shown = json!({ "state": "open", "opens_at": "2026-11-22T18:01:00Z", "closes_at": "2026-11-22T18:02:00Z",
            "booking_closes_at": "2026-11-22T18:03:00Z", "on_sale": false });
        assert_eq!(put.body, shown);
        let before = world.items().await;
        assert_eq!(of.put(&world, &window).await.body, shown);
        assert_eq!(world.items().await, before, "a repeat changes nothing");
        assert_eq!(of.put(&world, &json!({ "state": "open" })).await.body, json!({ "state": "open", "on_sale": true }));
        if of == Of::Show {
            let shown = Call::show("1").send(&world.office).await;
            assert_eq!(shown.body["sale"], json!({ "state": "open", "on_sale": true }));
        }
    }
}

#[tokio::test]
async fn wrong_sales_are_refused_by_name() {
    let world = world().await;
    let (early, late) = ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    for of in Of::BOTH {
        let before = world.items().await;
        for (sale, fields) in [
            (json!({}), vec!["state"]),
            (json!({ "state": "Open" }), vec!["state"]),
            (json!({ "state": "open", "opens_at": "2026-12-01" }), vec!["opens_at"]),
            (json!({ "state": "open", "opens_at": "2026-12-01T10:00:00.5Z" }), vec!["opens_at"]),
            (json!({ "state": "open", "opens_at": late, "closes_at": early }), vec!["closes_at"]),
            (json!({ "state": "open", "closes_at": late, "booking_closes_at": early }), vec!["booking_closes_at"]),
            (json!({ "state": "open", "opens_at": late, "booking_closes_at": late }), vec!["booking_closes_at"]),
            (json!({ "state": "shut", "opens_at": 1, "closes_at": "x" }), vec!["state", "opens_at", "closes_at"]),
            (json!({ "state": "open", "first_opens_at": early }), vec!["first_opens_at"]),
        ] {
            let reply = of.send(&world, Call::put_sale("1", &sale)).await;
            let errors = reply.body["errors"].as_array().unwrap();
            let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
            assert_eq!((reply.status, named), (400, fields), "{sale}: {}", reply.text);
        }
        assert_eq!(world.items().await, before);
    }
    let missing = Call::put_sale("9", &json!({ "state": "paused" })).send(&world.office).await;
    assert_eq!((missing.status, missing.code()), (404, "theater_not_found"), "{}", missing.text);
}
