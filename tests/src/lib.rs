//! The bench that the integration tests stand on: real engines, a box office per test, proxies that count and fail.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`engines`] | one embedded DynamoDB and one Valkey per test process; DynamoDB Local when asked for |
//! | [`world`] | a test's own table, keys and clock, and the box offices that work on them |
//! | [`functions`] | the three functions' binaries, run as Lambda runs them |
//! | [`event`] | calls as API Gateway would deliver them, and their replies |
//! | [`contract`] | holds every answer against docs/openapi.yaml |
//! | [`delivery`] | events as bytes, the whole way that a function takes them |
//! | [`corpus`], [`mutation`] | what once was hard to digest, and what becomes of it at random |
//! | [`dynamodb_proxy`], [`redis_proxy`] | count what passes, and do to it what networks do |
//! | [`gate`] | stops a request between any two of its calls |
//! | [`history`] | seeded histories of many clients under faults, and whether they were right |
//! | [`observer`] | holds cached answers against the table, from outside, and counts what is stale |
//! | [`http`] | requests over HTTP, as a user's client sends them |
//! | [`local_run`] | `boxoffice-local run` as a child process |
//! | [`tls_proxy`] | TLS before a server that speaks none |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test bench fails by panicking")]

mod connections;
pub mod contract;
pub mod corpus;
pub mod delivery;
pub mod dynamodb_proxy;
pub mod engines;
pub mod event;
pub mod functions;
pub mod gate;
pub mod history;
pub mod http;
pub mod local_run;
pub mod mutation;
pub mod observer;
pub mod redis_proxy;
pub mod tls_proxy;
pub mod world;

pub use event::{Call, Reply};
pub use functions::Functions;
pub use world::{Setup, World};
