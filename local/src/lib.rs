//! The cloud on your machine: what `make run` starts, and what the tests start.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`engine`] | the two databases: an embedded DynamoDB and a real Valkey |
//! | [`template`] | the table as `infra/template.yaml` describes it, created on any DynamoDB |
//! | [`stack`] | both engines in memory, for tests |
//! | [`stream`] | the table's stream, handed to a function as Lambda does |
//! | [`watch`] | the processes of the functions, by `cargo lambda watch` |
//! | [`instance`] | the program that `cargo lambda watch` starts for each of them |
//! | [`auth`] | an issuer of tokens, and what API Gateway's authorizer makes of them |
//! | [`gateway`] | the local API Gateway, which all requests go through |
//! | [`lambda`] | one function, run as Lambda runs it |
//! | [`cloud`] | all of it, with data that stays: `make run` |
//! | [`child`] | a child process that can't outlive this one |
//! | [`checkout`] | where the checkout, its tools and its binaries are |
//! | [`ports`] | free ports, and whether a port is free |
//! | [`http`] | as much HTTP as it takes to see whether a server answers |
//!
//! Everything listens on 127.0.0.1 only, and everything ends when its owner is dropped, ends or is killed.

pub mod auth;
pub mod checkout;
pub mod child;
pub mod cloud;
pub mod engine;
pub mod gateway;
pub mod http;
pub mod instance;
pub mod lambda;
pub mod ports;
mod server;
pub mod stack;
pub mod stream;
pub mod template;
pub mod watch;
mod workspace;

pub use stack::LocalStack;
