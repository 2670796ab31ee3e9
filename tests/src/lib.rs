//! The bench that the integration tests stand on: real engines, a box office per test, proxies that count and fail.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`engines`] | one embedded DynamoDB and one Valkey per test process; DynamoDB Local when asked for |
//! | [`world`] | a test's own table, keys and clock, and the box offices that work on them |
//! | [`event`] | calls as API Gateway would deliver them, and their replies |
//! | [`dynamodb_proxy`], [`redis_proxy`] | count what passes, and do to it what networks do |
//! | [`tls_proxy`] | TLS before a server that speaks none |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test bench fails by panicking")]

pub mod dynamodb_proxy;
pub mod engines;
pub mod event;
pub mod redis_proxy;
pub mod tls_proxy;
pub mod world;

pub use event::{Call, Reply};
pub use world::{Setup, World};
