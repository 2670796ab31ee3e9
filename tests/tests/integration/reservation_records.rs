//! The reservation record: whole carts, final rejections, repeats that don't depend on the layout, and a quota that
//! holds under races.

use boxoffice::clock::Clock;
use boxoffice_tests::dynamodb_proxy::DynamoDbProxy;
use boxoffice_tests::gate::{Gate, HoldPoint};
use boxoffice_tests::world::START;
use boxoffice_tests::{Call, Reply, Setup, World, engines};
use serde_json::json;

use crate::api::id;
use crate::histories::setting;
use crate::request_costs::reserve_nothing;

const KEY: &str = "0123456789abcdef";

/// Returns a world behind a gate that can delay a call to DynamoDB.
async fn gated(setup: Setup) -> (World, Gate) {
    let gate = Gate::default();
    let proxy = DynamoDbProxy::behind(gate.clone(), engines::shared().endpoint()).await;
    let world = World::on(Setup { dynamodb: proxy.endpoint, ..setup }).await;
    reserve_nothing("1").send(&world.office).await;
    (world, gate)
}

async fn reserve(world: &World, seat: &str, reservation: u128, expires_in: u32) -> Reply {
    let body = json!({ "seat": seat, "reservation_id": id(reservation), "expires_in": expires_in });
    Call::reserve("1", &body).send(&world.office).await
}

fn book_whole(reservation: u128, booking: u128) -> Call {
    Call::book("1", &json!({ "reservation_id": id(reservation), "booking_id": id(booking) }))
}

#[tokio::test]
async fn a_cart_that_lost_a_seat_to_a_stranger_is_not_booked() {
    let world = World::new().await;
    reserve(&world, "A1", 1, 2).await;
    reserve(&world, "A2", 1, 600).await;
    world.at(2_000);
    assert_eq!(reserve(&world, "A1", 2, 600).await.status, 201);
    for call in [book_whole(1, 7), Call::book("1", &json!({ "reservation_id": id(1) }))] {
        let refused = call.send(&world.office).await;
        assert_eq!((refused.status, refused.code(), refused.seats()), (409, "reservation_changed", vec!["A1"]));
        assert_eq!(refused.body["seats"][0]["status"], "reserved");
    }
    let rest = json!({ "seats": ["A2"], "reservation_id": id(1), "booking_id": id(8) });
    assert_eq!(Call::book("1", &rest).send(&world.office).await.status, 201, "the other seats can be booked by name");
}

#[tokio::test]
async fn cart_with_a_seat_deleted_by_the_ttl_is_not_booked() {
    let world = World::new().await;
    reserve(&world, "A1", 1, 2).await;
    reserve(&world, "A2", 1, 600).await;
    world.at(2_000);
    world.delete_seat_item("1", "A1").await;
    let refused = book_whole(1, 7).send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "reservation_changed", vec!["A1"]));
}

#[tokio::test]
async fn cart_with_a_seat_booked_alone_is_not_booked_as_a_whole() {
    let world = World::new().await;
    reserve(&world, "A1", 1, 600).await;
    reserve(&world, "A2", 1, 600).await;
    let one = json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(6) });
    assert_eq!(Call::book("1", &one).send(&world.office).await.status, 201);
    let refused = book_whole(1, 7).send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "reservation_changed", vec!["A1"]));
    assert_eq!(refused.body["seats"][0]["status"], "booked");
}

/// Delays the write of a booking of a whole reservation, on an instance whose clock stands still. The same request
/// comes again after the reservation has expired, and is rejected. Then the delayed write arrives.
async fn late_booking_after_a_refusal(ends: [u32; 2], refusal: &str) {
    let (world, gate) = gated(Setup::shared()).await;
    reserve(&world, "A1", 1, ends[0]).await;
    reserve(&world, "A2", 1, ends[1]).await;
    let late = world.instance(Clock::manual(START)).await;
    reserve_nothing("1").send(&late).await;
    gate.hold(2, HoldPoint::Before);
    let call = book_whole(1, 7);
    let repeat = async {
        gate.holds().await;
        world.at(3_100);
        let repeat = call.send(&world.office).await;
        gate.open();
        repeat
    };
    let (first, repeat) = tokio::join!(call.send(&late), repeat);
    assert_eq!(repeat.code(), refusal, "{}", repeat.text);
    assert_eq!(first.code(), refusal, "the first attempt doesn't overtake it: {}", first.text);
    let seat_map = Call::get_seats("1").query("consistent=true").send(&world.office).await;
    assert_eq!(seat_map.body["booked"], 0);
    assert_eq!(Call::booking("1", &id(7)).send(&world.office).await.status, 404);
}

#[tokio::test]
async fn rejection_of_an_expired_reservation_is_final() {
    late_booking_after_a_refusal([2, 2], "reservation_expired").await;
}

#[tokio::test]
async fn rejection_of_a_cart_that_lost_a_seat_is_final() {
    late_booking_after_a_refusal([2, 600], "reservation_changed").await;
}

#[tokio::test]
async fn rejected_extension_is_not_made_later() {
    let (world, gate) = gated(Setup::shared()).await;
    reserve(&world, "A1", 1, 2).await;
    let late = world.instance(Clock::manual(START)).await;
    Call::get_seats("1").send(&late).await;
    gate.hold(2, HoldPoint::Before);
    let call = Call::extend("1", &id(1), &json!({ "expires_in": 900 })).header("Idempotency-Key", KEY);
    let repeat = async {
        gate.holds().await;
        world.at(2_000);
        let repeat = call.send(&world.office).await;
        gate.open();
        repeat
    };
    let (first, repeat) = tokio::join!(call.send(&late), repeat);
    assert_eq!((repeat.code(), first.code()), ("reservation_expired", "reservation_expired"));
    assert_eq!(reserve(&world, "A1", 2, 60).await.status, 201);
}

#[tokio::test]
async fn repeated_best_available_ignores_renamed_sections() {
    let world = World::new().await;
    let hall = |section: &str, category: &str| {
        let row = json!({ "row": "A", "first": 1, "last": 4, "category": category });
        json!({ "name": "Hall", "categories": [{ "category": category, "price": 1, "currency": "EUR" }],
            "sections": [{ "section": section, "rows": [row] }] })
    };
    Call::put_theater("hall", &hall("Stalls", "premium")).administrator().send(&world.office).await;
    let ask = |body: serde_json::Value| Call::reserve("hall", &body).header("Idempotency-Key", KEY);
    let by_category = ask(json!({ "quantity": 2, "category": "premium", "section": "Stalls" }));
    let first = by_category.send(&world.office).await;
    assert_eq!(first.status, 201);
    let put = Call::put_theater("hall", &hall("Balcony", "gold")).header("If-Match", "*").administrator();
    assert_eq!(put.send(&world.office).await.status, 200);
    world.at(61_000);
    let again = by_category.send(&world.office).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{}", again.text);
    assert_eq!(again.body["seats"], first.body["seats"]);
    let other = by_category.header("Idempotency-Key", "another-key-0001").send(&world.office).await;
    assert_eq!((other.status, other.code()), (400, "malformed_request"), "a new request gets the error");
}

#[tokio::test]
async fn repeat_of_a_cancelled_booking_ignores_layout_changes() {
    let world = World::new().await;
    let put = |seats: &[&str]| Call::put_theater("nine", &json!({ "name": "N", "seats": seats })).administrator();
    put(&["A1", "A4"]).send(&world.office).await;
    let book = Call::book("nine", &json!({ "seat": "A4", "booking_id": id(7) }));
    assert_eq!(book.send(&world.office).await.status, 201);
    assert_eq!(Call::cancel("nine", &id(7)).send(&world.office).await.status, 204);
    assert_eq!(put(&["A1"]).header("If-Match", "*").send(&world.office).await.status, 200);
    world.at(61_000);
    let again = book.send(&world.office).await;
    assert_eq!((again.status, again.code()), (409, "booking_cancelled"));
    let other = Call::book("nine", &json!({ "seat": "A4", "booking_id": id(8) })).send(&world.office).await;
    assert_eq!((other.status, other.code()), (404, "seat_not_found"));
    let deleted = Call::delete_theater("nine").administrator().send(&world.office).await;
    assert_eq!(deleted.status, 204);
    world.at(122_000);
    assert_eq!(book.send(&world.office).await.code(), "booking_cancelled", "nor does it depend on the theater");
}

#[tokio::test]
async fn clients_cannot_choose_server_made_ids() {
    let world = World::new().await;
    let made = Call::book("1", &json!({ "seat": "A1" })).header("Idempotency-Key", KEY).signed_in("ann");
    let made = made.send(&world.office).await;
    let theirs = made.body["booking_id"].as_str().unwrap();
    assert_eq!(theirs.chars().nth(14), Some('8'), "{theirs}");
    for (call, status, code) in [
        (Call::book("1", &json!({ "seat": "A2", "booking_id": theirs })).signed_in("bob"), 400, "malformed_request"),
        (Call::book("1", &json!({ "seat": "A1", "booking_id": theirs })).signed_in("ann"), 200, ""),
        (Call::reserve("1", &json!({ "seat": "A2", "reservation_id": theirs })), 404, "reservation_not_found"),
    ] {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{call:?}");
    }
    // The id from ann's key belongs to ann, even if bob books under it first.
    let key = "another-key-0001";
    let squat = Call::book("1", &json!({ "seat": "A3", "booking_id": id(9) })).signed_in("bob");
    assert_eq!(squat.send(&world.office).await.status, 201);
    let ann = Call::book("1", &json!({ "seat": "B1" })).header("Idempotency-Key", key).signed_in("ann");
    assert_eq!(ann.send(&world.office).await.status, 201);
}

#[tokio::test]
async fn a_reservation_made_by_the_server_can_grow() {
    for call in [
        Call::reserve("1", &json!({ "seat": "A1" })),
        Call::reserve("1", &json!({ "seat": "B1" })).header("Idempotency-Key", KEY),
        Call::reserve("1", &json!({ "quantity": 2 })).header("Idempotency-Key", KEY),
    ] {
        let world = World::new().await;
        let made = call.send(&world.office).await;
        let free = ["A1", "B1"].into_iter().find(|seat| !made.seats().contains(seat));
        let grown = json!({ "seat": free, "reservation_id": made.body["reservation_id"] });
        let grown = Call::reserve("1", &grown).send(&world.office).await;
        assert_eq!((grown.status, &grown.body["reservation_id"]), (201, &made.body["reservation_id"]));
    }
}

#[tokio::test]
async fn a_reservation_holds_a_bounded_number_of_seats() {
    let world = World::new().await;
    let seats: Vec<_> = (0..100).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (n, seats) in seats.chunks(10).enumerate() {
        let body = json!({ "seats": seats, "reservation_id": id(1) });
        let reply = Call::reserve("hall", &body).send(&world.office).await;
        if n < 9 {
            assert_eq!(reply.status, 201);
        } else {
            assert_eq!((reply.status, reply.code()), (409, "reservation_limit"));
            assert_eq!((&reply.body["reserved"], &reply.body["limit"]), (&json!(90), &json!(96)));
        }
    }
    let last = json!({ "seats": seats[90..96], "reservation_id": id(1) });
    assert_eq!(Call::reserve("hall", &last).send(&world.office).await.status, 201);
    let more = json!({ "seat": seats[96], "reservation_id": id(1) });
    let more = Call::reserve("hall", &more).send(&world.office).await;
    assert_eq!((more.status, more.code(), &more.body["reserved"]), (409, "reservation_limit", &json!(96)));
    let whole = json!({ "reservation_id": id(1), "booking_id": id(7) });
    let booked = Call::book("hall", &whole).send(&world.office).await;
    assert_eq!((booked.status, booked.seats().len()), (201, 96), "one transaction has room for all of them");
}

#[tokio::test]
async fn booking_quota_bounds_a_callers_seats() {
    let world = World::on(Setup { max_booked_per_caller: 3, ..Setup::shared() }).await;
    let book = |seats: serde_json::Value, booking: u128, who: &str| {
        Call::book("1", &json!({ "seats": seats, "booking_id": id(booking) })).signed_in(who)
    };
    assert_eq!(book(json!(["A1", "A2"]), 1, "ann").send(&world.office).await.status, 201);
    let refused = book(json!(["A3", "B1"]), 2, "ann").send(&world.office).await;
    assert_eq!((refused.status, refused.code()), (409, "booking_limit"));
    assert_eq!((&refused.body["booked"], &refused.body["limit"]), (&json!(2), &json!(3)));
    let never = book(json!(["A3", "B1", "B2", "B3"]), 3, "ann").send(&world.office).await;
    assert_eq!(never.code(), "booking_limit");
    assert_eq!(book(json!(["A1", "A2"]), 1, "ann").send(&world.office).await.status, 200, "a repeat counts once");
    assert_eq!(book(json!(["A3"]), 4, "ann").send(&world.office).await.status, 201);
    assert_eq!(book(json!(["B1"]), 5, "ann").send(&world.office).await.code(), "booking_limit");
    assert_eq!(book(json!(["B1"]), 6, "bob").send(&world.office).await.status, 201, "each caller has a separate quota");
    let elsewhere = json!({ "seats": ["C1", "C2", "C3"], "booking_id": id(1) });
    let elsewhere = Call::book("2", &elsewhere).signed_in("ann").send(&world.office).await;
    assert_eq!(elsewhere.status, 201, "each theater has its own limit");
    for _ in 0..2 {
        assert_eq!(Call::cancel("1", &id(1)).signed_in("ann").send(&world.office).await.status, 204);
    }
    assert_eq!(
        book(json!(["A1", "A2"]), 7, "ann").send(&world.office).await.status,
        201,
        "cancelled seats don't count"
    );
    assert_eq!(book(json!(["B2"]), 8, "ann").send(&world.office).await.code(), "booking_limit");
    let anonymous = Call::book("1", &json!({ "seats": ["B2", "B3"] })).send(&world.office).await;
    assert_eq!(anonymous.status, 201, "anonymous callers aren't counted");
}

#[tokio::test]
async fn booking_quota_holds_for_concurrent_bookings() {
    let world = World::on(Setup { max_booked_per_caller: 4, ..Setup::shared() }).await;
    let seats: Vec<_> = (0..20).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let calls = seats.iter().map(|seat| Call::book("hall", &json!({ "seat": seat })).signed_in("ann"));
    let calls: Vec<_> = calls.collect();
    let replies = futures_util::future::join_all(calls.iter().map(|call| call.send(&world.office))).await;
    let booked = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.code() == "booking_limit").count();
    assert_eq!((booked, booked + refused), (4, 20));
}

#[tokio::test]
async fn booking_needs_a_reservation_if_configured() {
    let world = World::on(Setup { booking_needs_reservation: true, ..Setup::shared() }).await;
    let direct = Call::book("1", &json!({ "seat": "A1", "booking_id": id(7) }));
    let refused = direct.send(&world.office).await;
    assert_eq!((refused.status, refused.code()), (403, "reservation_required"));
    let invented = json!({ "seat": "A1", "reservation_id": id(1), "booking_id": id(7) });
    let refused = Call::book("1", &invented).send(&world.office).await;
    assert_eq!((refused.status, refused.code(), refused.seats()), (409, "reservation_changed", vec!["A1"]));
    reserve(&world, "A1", 1, 60).await;
    assert_eq!(Call::book("1", &invented).send(&world.office).await.status, 201);
    assert_eq!(direct.send(&world.office).await.status, 200, "an existing booking is repeated");
    reserve(&world, "A2", 2, 60).await;
    world.at(60_000);
    let late = json!({ "seat": "A2", "reservation_id": id(2) });
    let late = Call::book("1", &late).send(&world.office).await;
    assert_eq!((late.status, late.code()), (409, "reservation_changed"), "an expired reservation doesn't count");
}

/// Repeats a reservation by a clock that is behind, after another clock saw the reservation as expired and its seat was
/// released.
#[tokio::test]
async fn slow_clock_revives_no_released_seat() {
    let world = World::new().await;
    let behind = world.instance(Clock::manual(START)).await;
    let body = json!({ "seats": ["A1", "A2"], "reservation_id": id(1), "expires_in": 2 });
    assert_eq!(Call::reserve("1", &body).send(&behind).await.status, 201);
    world.at(3_000);
    let release = Call::release("1", &id(1)).query("seats=A1,A2").send(&world.office).await;
    assert_eq!(release.status, 204);
    let repeated = Call::reserve("1", &body).send(&behind).await;
    assert_eq!((repeated.status, repeated.code()), (409, "reservation_released"));
}

/// Extends two carts of ten seats just before they expire, while the caller reserves others. In either order, no more
/// seats than the quota are reserved.
#[tokio::test]
async fn extension_race_never_exceeds_the_quota() {
    for extension_first in [true, false] {
        let (world, gate) = gated(Setup::shared()).await;
        let seats: Vec<_> = (0..40).map(|n| format!("S{n}")).collect();
        world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let reserve = |n: usize, expires_in: u32| {
            let body = json!({ "seats": seats[10 * n..10 * n + 10], "reservation_id": id(1 + n as u128),
                "expires_in": expires_in });
            Call::reserve("hall", &body).signed_in("ann")
        };
        for n in 0..2 {
            assert_eq!(reserve(n, 1).send(&world.office).await.status, 201);
        }
        let late = world.instance(Clock::manual(START)).await;
        Call::get_seats("hall").send(&late).await;
        let extend = |n: u128| Call::extend("hall", &id(n), &json!({ "expires_in": 1_700 })).signed_in("ann");
        if extension_first {
            assert_eq!(extend(1).send(&late).await.status, 200);
        }
        // The write of an extension is delayed until the carts have expired and others are reserved.
        gate.hold(2, HoldPoint::Before);
        let others = async {
            gate.holds().await;
            world.at(1_000);
            let other = reserve(2, 1_700).send(&world.office).await;
            let more = reserve(3, 1_700).send(&world.office).await;
            gate.open();
            [other.status, more.status]
        };
        let (held, others) = tokio::join!(async { extend(2).send(&late).await.status }, others);
        let seat_map = Call::get_seats("hall").query("consistent=true").send(&world.office).await;
        let reserved = seat_map.body["reserved"].as_u64().unwrap();
        assert!(reserved <= 20, "{extension_first}: {reserved} reserved; extended {held}, others {others:?}");
    }
}

/// Extends two full carts just before they expire, on an instance whose clock is behind. At the same time other seats
/// are reserved and one is released. In any order, no more seats than the quota are reserved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_extensions_and_reserves_never_exceed_the_quota() {
    const HOUR: u64 = 3_600_000;
    let rounds = setting("ROUNDS").unwrap_or(60);
    let world = World::new().await;
    let late_clock = Clock::manual(START);
    let late = world.instance(late_clock.clone()).await;
    let seats: Vec<_> = (0..50).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &seats.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut random = fastrand::Rng::with_seed(13);
    let (mut extended, mut refused) = (0, 0);
    for round in 0..rounds {
        let (start, reservation) = (round * HOUR, |n: usize| id(1 + u128::from(round) * 10 + n as u128));
        let reserve = |n: usize, expires_in: u32| {
            let seats = &seats[10 * n..10 * n + 10];
            let body = json!({ "seats": seats, "reservation_id": reservation(n), "expires_in": expires_in });
            Call::reserve("hall", &body).signed_in("ann")
        };
        let extend = |n: usize| Call::extend("hall", &reservation(n), &json!({ "expires_in": 1_700 })).signed_in("ann");
        world.at(start);
        for n in 0..2 {
            assert_eq!(reserve(n, 1).send(&world.office).await.status, 201, "round {round}");
        }
        let end = START.as_millis() + start + 1_000;
        late_clock.set(boxoffice::domain::time::EpochMillis::new(end - random.u64(1..15)));
        world.at(start + 1_000 - 2 + random.u64(0..5));
        let others = [reserve(2, 1_700), reserve(3, 1_700), reserve(4, 1_700)];
        let mut calls = vec![(&late, extend(0)), (&late, extend(1))];
        calls.extend(others.into_iter().map(|call| (&world.office, call)));
        if random.bool() {
            calls.push((&world.office, Call::release("hall", &reservation(random.usize(0..4))).signed_in("ann")));
        }
        random.shuffle(&mut calls);
        let calls = calls.iter().map(|(office, call)| call.send(office));
        let replies = futures_util::future::join_all(calls).await;
        world.at(start + 1_100);
        let seat_map = Call::get_seats("hall").query("consistent=true").send(&world.office).await;
        let reserved = seat_map.body["reserved"].as_u64().unwrap();
        let codes: Vec<_> = replies.iter().map(|reply| (reply.status, reply.text.clone())).collect();
        assert!(reserved <= 20, "round {round}: {reserved} reserved after {codes:?}");
        extended += replies.iter().filter(|reply| !reply.body["extended"].is_null()).count();
        refused += replies.iter().filter(|reply| reply.status == 409).count();
    }
    assert!(extended > 0 && refused > 0, "{extended} extended, {refused} rejected: the rounds had no effect");
}
