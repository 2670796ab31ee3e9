//! Integration tests: the real handlers on real engines, from an API Gateway event to the response, the table and the
//! cache.
//!
//! `api` mirrors the routes. `store` runs on every DynamoDB engine.
//! `races`, `cache`, `protocol`, `ledger`, `faults`, `last_look`, `clocks`, `herds`,
//! `histories`, `observer` and `sync_cache` verify the guarantees. `hostile` sends malformed input.
//! `stale` checks the counter of outdated cache answers.
//! `events`, `layouts` and `papers` compare the files beside the code with the code.

#![allow(clippy::cast_possible_truncation, clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod api;
mod cache;
mod carts;
mod clocks;
mod contract;
mod events;
mod faults;
mod herds;
mod histories;
mod hostile;
mod last_look;
mod layouts;
mod ledger;
mod life;
mod limits;
mod links;
mod no_call_does_more;
mod observer;
mod papers;
mod privileges;
mod protocol;
mod publish_events;
mod races;
mod reservation_records;
mod stale;
mod store;
mod sync_cache;
