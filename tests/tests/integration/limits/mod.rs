//! Limits: who calls too often is told so, everybody else isn't held up, and no limit is a reason to fail.
//!
//! Budgets refill by Redis's own clock, which no test can hold. So limits here are of one or two requests a minute, where it is to be
//! seen that they end, and of a hundred, where not.

mod addresses;
mod answers;
mod costs;
mod outages;
mod script;

use boxoffice::rules::limits::{Limit, Limits};
use boxoffice_tests::{Call, Reply, Setup, World};

/// So many requests at once, and so many a minute.
fn only(requests: u32) -> Option<Limit> {
    Limit::new(requests, requests)
}

/// A world in which each caller may look and write so often; 0 is without a limit.
async fn limited(looks: u32, writes: u32) -> World {
    World::on(Setup { limits: Limits { looks: only(looks), writes: only(writes) }, ..Setup::shared() }).await
}

/// A look from an address, with what else is in the headers.
fn look_from(source: &str, forwarded: &str) -> serde_json::Value {
    let call = Call::get_seats("1");
    let call = if forwarded.is_empty() { call } else { call.header("X-Forwarded-For", forwarded) };
    let mut event = call.event();
    event["requestContext"]["http"]["sourceIp"] = source.into();
    event
}

async fn send(world: &World, event: &serde_json::Value) -> Reply {
    let route = event["routeKey"].as_str().unwrap();
    boxoffice_tests::event::send_event(&world.office, route, &event.to_string()).await
}
