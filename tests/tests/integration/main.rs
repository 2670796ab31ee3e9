//! Integration tests: the real handlers on real engines, from an API Gateway event to the response, the table and the
//! cache.
//!
//! `api` mirrors the routes. `store` and `show_store` run on every DynamoDB engine.
//! `races`, `cache`, `protocol`, `request_costs`, `show_costs`, `faults`, `final_read`, `clock_skew`, `thundering_herd`,
//! `histories`, `observer` and `sync_cache` verify the guarantees. `hostile` sends malformed input.
//! `stale_answers` checks the counter of outdated cache answers.
//! `event_fixtures`, `layouts` and `consistency` compare the files beside the code with the code.

#![allow(clippy::cast_possible_truncation, clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod api;
mod cache;
mod carts;
mod clock_skew;
mod consistency;
mod event_fixtures;
mod faults;
mod final_read;
mod histories;
mod hostile;
mod layers;
mod layouts;
mod lifecycle;
mod links;
mod money;
mod observer;
mod openapi;
mod privileges;
mod protocol;
mod publish_events;
mod races;
mod rate_limits;
mod request_costs;
mod reservation_records;
mod show_costs;
mod show_store;
mod staff;
mod stale_answers;
mod store;
mod strict_requests;
mod sync_cache;
mod thundering_herd;
