//! Units of the rate limit that a call draws.

use boxoffice::domain::rate_limit::{RateLimit, RateLimits};
use boxoffice_tests::{Call, Setup, World};
use serde_json::json;

use super::ID;

/// Returns a limit of this many units at once and per minute.
fn limits(units: u32) -> RateLimits {
    RateLimits { reads: RateLimit::new(units, units), writes: RateLimit::new(units, units) }
}

#[tokio::test]
async fn call_draws_units_by_its_cost() {
    let world = World::on(Setup { limits: limits(100), ..Setup::shared() }).await;
    let mut left = std::collections::BTreeMap::from([("looks", 100), ("writes", 100)]);
    for (call, activity, units) in [
        (Call::get_seats("1"), "looks", 1),
        (Call::get_seats("1").query("consistent=true"), "looks", 20),
        (Call::get_seats("1").query("view=map").header("Reservation-Id", ID), "looks", 20),
        (Call::theater("1"), "looks", 10),
        (Call::map("1"), "looks", 2),
        (Call::theaters(), "looks", 1),
        (Call::reserve("1", &json!({ "seats": ["A1", "A2", "A3", "B1", "B2"], "reservation_id": ID })), "writes", 1),
        (Call::book("1", &json!({ "seat": "B3", "booking_id": ID })), "writes", 1),
        (Call::reservation("1", ID), "looks", 2),
        (Call::reservation("1", ID).query("seats=A1"), "looks", 1),
        (Call::extend("1", ID, &json!({ "expires_in": 900, "seats": ["A1"] })), "writes", 1),
        (Call::release("1", ID), "writes", 2),
        (Call::reserve("2", &json!({ "quantity": 6 })), "writes", 2),
        (Call::put_theater("9", &json!({ "name": "New", "seats": ["A1"] })).signed_out(), "writes", 0),
    ] {
        let reply = call.clone().send(&world.office).await;
        let stands = left.get_mut(activity).unwrap();
        *stands -= units;
        let header = reply.header("ratelimit");
        if units == 0 {
            assert_eq!((reply.status, header), (403, ""));
            continue;
        }
        // The budget refills with time, so on a busy machine it may have one unit more.
        let remaining: i32 = header.split(";r=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        assert!((*stands..=*stands + 10).contains(&remaining), "{call:?}: {header}, expected {stands}");
        *stands = remaining;
    }
}

#[tokio::test]
async fn malformed_requests_draw_no_units() {
    let world = World::on(Setup { limits: limits(2), ..Setup::shared() }).await;
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200);
    for query in ["section=zzz", "section=zzz&consistent=true", "consistant=true", "view=plan", "section="] {
        let reply = Call::get_seats("1").query(query).send(&world.office).await;
        assert_eq!((reply.status, reply.header("ratelimit")), (400, ""), "{query}");
    }
    assert_eq!(Call::get_seats("1").send(&world.office).await.status, 200, "there is one left");
    let refused = Call::get_seats("1").send(&world.office).await;
    assert_eq!((refused.status, &refused.body["limit"], &refused.body["activity"]), (429, &json!(2), &json!("looks")));
    assert_eq!(refused.body["retry_after"].to_string(), refused.header("retry-after"));
}
