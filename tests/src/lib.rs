//! The test kit of the integration tests: real engines, a box office per test, and proxies that count calls and inject
//! faults.
//!
//! | module | content |
//! | --- | --- |
//! | [`engines`] | one embedded DynamoDB and one Valkey per test process, and DynamoDB Local on request |
//! | [`setup`] | the configuration of a test's box offices |
//! | [`world`] | a test's own table, keys and clock, and its box offices |
//! | [`seat_functions`] | the binaries of `get-seats`, `reserve` and `book`, run in the same way as Lambda runs them |
//! | [`call`], [`reply`] | calls as API Gateway delivers them, and their replies |
//! | [`contract`] | checks of every answer against docs/openapi.yaml |
//! | [`delivery`] | delivery of events to the functions' handlers |
//! | [`corpus`], [`mutation`] | inputs that once caused bugs, and their random changes |
//! | [`dynamodb_proxy`], [`redis_proxy`] | proxies that count calls and inject network faults |
//! | [`gate`] | stops a request between any two of its calls |
//! | [`history`] | seeded histories of many clients under faults, with a linearizability checker |
//! | [`observer`] | checks cached answers against the table from outside, and counts stale ones |
//! | [`module_graph`] | the imports between the files of a crate |
//! | [`http`] | HTTP requests, as sent by a user's client |
//! | [`local_run`] | `boxoffice-local run` as a child process |
//! | [`tls_proxy`] | TLS in front of a server that doesn't support it |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test kit fails by panicking")]

pub mod call;
mod connections;
pub mod contract;
pub mod corpus;
pub mod delivery;
pub mod dynamodb_proxy;
pub mod engines;
pub mod gate;
pub mod history;
pub mod http;
pub mod local_run;
pub mod module_graph;
pub mod mutation;
pub mod observer;
pub mod redis_proxy;
pub mod reply;
pub mod seat_functions;
pub mod setup;
pub mod tls_proxy;
pub mod world;

pub use call::Call;
pub use reply::Reply;
pub use seat_functions::SeatFunctions;
pub use setup::Setup;
pub use world::World;
