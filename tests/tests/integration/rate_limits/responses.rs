//! Responses with rate limits.

use serde_json::json;

use super::*;
use crate::api::id;
use crate::api::shows::evening;

fn is_refused(reply: &Reply, name: &str) {
    assert_eq!((reply.status, reply.code()), (429, "too_many_requests"), "{}", reply.text);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(reply.header("ratelimit").starts_with(&format!("\"{name}\";r=0;t=")), "{:?}", reply.headers);
    assert!((1..=60).contains(&reply.header("retry-after").parse::<u64>().unwrap()));
}

#[tokio::test]
async fn too_many_reads_get_429_with_retry_after() {
    let world = limited(2, 0).await;
    for remaining in [1, 0] {
        let seat_map = Call::get_seats("1").send(&world.office).await;
        assert_eq!((seat_map.status, seat_map.header("ratelimit-policy")), (200, "\"looks\";q=2;w=60"));
        assert!(
            seat_map.header("ratelimit").starts_with(&format!("\"looks\";r={remaining};t=")),
            "{:?}",
            seat_map.headers
        );
    }
    let refused = Call::get_seats("1").send(&world.office).await;
    is_refused(&refused, "looks");
    assert!(refused.text("detail").contains("2 looks a minute"), "{}", refused.text);
    assert!((1..=30).contains(&refused.header("retry-after").parse::<u64>().unwrap()), "half a minute");
    assert_eq!(Call::reserve("1", &json!({ "seat": "A1" })).send(&world.office).await.status, 201);
}

#[tokio::test]
async fn concurrent_calls_on_several_instances_share_one_limit() {
    let world = limited(1, 0).await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(world.instance(world.clock.clone()).await);
    }
    let seat_map = Call::get_seats("1");
    let looks = instances.iter().cycle().take(20).map(|office| seat_map.send(office));
    let replies = futures_util::future::join_all(looks).await;
    let answered = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((answered(200), answered(429)), (1, 19));
}

#[tokio::test]
async fn reads_and_writes_have_separate_budgets() {
    let world = limited(1, 2).await;
    let reserve = |seat: &str| Call::reserve("1", &json!({ "seat": seat, "reservation_id": id(1) }));
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    is_refused(&Call::get_seats("1").send(&world.office).await, "looks");
    let reserved = reserve("A1").send(&world.office).await;
    assert_eq!((reserved.status, reserved.header("ratelimit-policy")), (201, "\"writes\";q=2;w=60"));
    assert_eq!(reserve("A2").send(&world.office).await.status, 201);
    is_refused(&reserve("A3").send(&world.office).await, "writes");
    assert!(world.seat_item("1", "A3").await.is_none(), "no seat was changed");
}

#[tokio::test]
async fn every_route_draws_on_a_budget_and_reports_it() {
    let world = limited(100, 100).await;
    let booking = json!({ "seat": "B1", "booking_id": id(2) });
    let calls = [
        Call::get_seats("1"),
        Call::get_seats("1").query("consistent=true"),
        Call::get_seats("1").query("view=map").header("Reservation-Id", &id(1)),
        Call::reserve("1", &json!({ "seat": "A1", "reservation_id": id(1) })),
        Call::reserve("1", &json!({ "seat": "A2" })),
        Call::reserve("1", &json!({ "quantity": 2 })),
        Call::book("1", &booking),
        Call::book("1", &json!({ "reservation_id": id(1) })),
        Call::book("1", &json!({ "seat": "B2" })),
        Call::reservation("1", &id(1)),
        Call::release("1", &id(1)),
        Call::extend("1", &id(1), &json!({})),
        Call::booking("1", &id(2)),
        Call::cancel("1", &id(2)),
        Call::theaters(),
        Call::theater("1"),
        Call::map("1"),
        Call::put_theater("3", &json!({ "name": "T", "seats": ["A1"] })),
        Call::delete_theater("3"),
        Call::put_show("evening", &evening("1")),
        Call::shows("from=2026-12-01"),
        Call::show("evening"),
        Call::put_sale("1", &json!({ "state": "open" })),
        Call::delete_show("evening"),
    ];
    let mut routes = std::collections::BTreeSet::new();
    for call in calls {
        let event = call.event();
        let route = event["routeKey"].as_str().unwrap().to_owned();
        let reply = call.send(&world.office).await;
        let name = if route.starts_with("GET ") { "looks" } else { "writes" };
        let policy = format!("\"{name}\";q=100;w=60");
        assert_eq!(reply.header("ratelimit-policy"), policy, "{route} {}: {}", reply.status, reply.text);
        routes.insert(route);
    }
    let page = Call::error_page("internal").send(&world.office).await;
    assert_eq!((page.status, page.header("ratelimit-policy")), (200, ""));
    assert_eq!(routes.len() + 1, boxoffice::http::router::ROUTES.len(), "every route except the error pages");
}

#[tokio::test]
async fn a_call_takes_units_by_its_mode_and_its_seats() {
    let world = limited(60, 60).await;
    let labels: Vec<_> = (1..=10).map(|n| format!("S{n}")).collect();
    world.put_theater("hall", "Hall", &labels.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let reserve = |seats: usize| Call::reserve("hall", &json!({ "seats": labels[..seats] }));
    let best = |seats: usize| Call::reserve("hall", &json!({ "quantity": seats }));
    let book = |seats: usize| Call::book("hall", &json!({ "seats": labels[..seats] }));
    let extend = |seats: usize| Call::extend("hall", &id(1), &json!({ "seats": labels[..seats] }));
    let query = |seats: usize| format!("seats={}", labels[..seats].join(","));
    let reservation = |seats: usize| Call::reservation("hall", &id(1)).query(&query(seats));
    let release = |seats: usize| Call::release("hall", &id(1)).query(&query(seats));
    let mut calls = vec![
        (Call::get_seats("hall"), 1),
        (Call::get_seats("hall").query("consistent=true"), 20),
        (Call::get_seats("hall").query("view=map").header("Reservation-Id", &id(1)), 20),
        (Call::book("hall", &json!({ "reservation_id": id(1) })), 2),
        (Call::reservation("hall", &id(1)), 2),
        (Call::release("hall", &id(1)), 2),
        (Call::extend("hall", &id(1), &json!({})), 2),
    ];
    for (seats, units) in [(1, 1), (5, 1), (6, 2), (10, 2)] {
        let of_seats = [reserve(seats), best(seats), book(seats), extend(seats), reservation(seats), release(seats)];
        calls.extend(of_seats.map(|call| (call, units)));
    }
    for (number, (call, units)) in calls.into_iter().enumerate() {
        // Each caller has a full budget. A rejected call draws on it too.
        let reply = call.clone().signed_in(&format!("caller-{number}")).send(&world.office).await;
        let left = format!(";r={};", 60 - units);
        assert!(reply.header("ratelimit").contains(&left), "{call:?}: {left} {:?}", reply.headers);
    }
}

#[tokio::test]
async fn rejected_calls_draw_too_except_malformed_ones() {
    let book = |body| Call::book("1", &body);
    for (call, status, draws) in [
        (book(json!({ "seat": "Z9" })), 404, true),
        (Call::reserve("nowhere", &json!({ "seat": "A1" })), 404, true),
        (Call::cancel("1", &id(1)), 404, true),
        (book(json!({ "seat": 7 })), 400, false),
        (book(json!({ "seat": "A1" })).header("Idempotency-Key", "short"), 400, false),
        (Call::delete_theater("1").signed_out(), 403, false),
    ] {
        let world = limited(0, 1).await;
        // From here on the layout is known, and an unknown seat is rejected without any call.
        Call::get_seats("1").send(&world.office).await;
        let reply = call.clone().send(&world.office).await;
        assert_eq!((reply.status, !reply.header("ratelimit").is_empty()), (status, draws), "{call:?}");
        let next = book(json!({ "seat": "A1", "booking_id": id(2) })).send(&world.office).await;
        assert_eq!(next.status, if draws { 429 } else { 201 }, "{call:?}");
    }
}

#[tokio::test]
async fn replay_succeeds_when_the_budget_has_room() {
    let world = limited(0, 1).await;
    let book = || Call::book("1", &json!({ "seat": "A1", "booking_id": id(1) }));
    assert_eq!(book().send(&world.office).await.status, 201);
    is_refused(&book().send(&world.office).await, "writes");
    // Deletes the budgets, so that they are full again.
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{}:*:writes", world.prefix))
        .query_async(&mut world.redis().await)
        .await
        .unwrap();
    let _: () = redis::AsyncCommands::del(&mut world.redis().await, keys).await.unwrap();
    let replay = book().send(&world.office).await;
    assert_eq!((replay.status, replay.header("idempotent-replayed")), (200, "true"));
}

#[tokio::test]
async fn without_limits_no_header_is_sent_and_no_key_stored() {
    let world = limited(0, 0).await;
    for call in [Call::get_seats("1"), Call::book("1", &json!({ "seat": "A1" }))] {
        let reply = call.send(&world.office).await;
        assert_eq!((reply.header("ratelimit"), reply.header("ratelimit-policy")), ("", ""));
    }
    let kept: Vec<String> = redis::cmd("KEYS")
        .arg(format!("{}:*:[lw]*s", world.prefix))
        .query_async(&mut world.redis().await)
        .await
        .unwrap();
    assert_eq!(kept, Vec::<String>::new());
}
