//! Rate limits. A caller that sends too many requests gets a 429, others aren't delayed, and no limit makes a request
//! fail otherwise.
//!
//! Budgets refill by Redis's own clock, which no test can stop. So tests of rejections have limits of one or two
//! requests a minute. Other tests have limits of a hundred.

mod addresses;
mod costs;
mod outages;
mod responses;
mod script;

use boxoffice::domain::rate_limit::{RateLimit, RateLimits};
use boxoffice_tests::{Call, Reply, Setup, World};

/// Returns a limit of this many requests at once and per minute.
fn only(requests: u32) -> Option<RateLimit> {
    RateLimit::new(requests, requests)
}

/// Returns a world with these limits per caller for reads and writes. 0 means no limit.
async fn limited(reads: u32, writes: u32) -> World {
    World::on(Setup { limits: RateLimits { reads: only(reads), writes: only(writes) }, ..Setup::shared() }).await
}

/// Returns the event of a read from this address, with this `X-Forwarded-For` header.
fn read_from(source: &str, forwarded: &str) -> serde_json::Value {
    let call = Call::get_seats("1");
    let call = if forwarded.is_empty() { call } else { call.header("X-Forwarded-For", forwarded) };
    let mut event = call.event();
    event["requestContext"]["http"]["sourceIp"] = source.into();
    event
}

async fn send(world: &World, event: &serde_json::Value) -> Reply {
    let route = event["routeKey"].as_str().unwrap();
    boxoffice_tests::delivery::send_event(&world.office, route, &event.to_string()).await
}
