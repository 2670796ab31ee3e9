//! The cloud on your machine, for `make run` and for tests.
//!
//! | module | content |
//! | --- | --- |
//! | [`engine`] | the two databases: an embedded DynamoDB and a real Valkey |
//! | [`template`] | the table as `infra/template.yaml` describes it, created on any DynamoDB |
//! | [`stack`] | both engines in memory, for tests |
//! | [`stream`] | the table's stream, delivered to a function as Lambda does |
//! | [`watch`] | the processes of the functions, run by `cargo lambda watch` |
//! | [`auth`] | a token issuer, and API Gateway's authorizer |
//! | [`gateway`] | the local API Gateway, which receives all requests |
//! | [`lambda_host`] | functions, run as Lambda runs them |
//! | [`cloud`] | the whole cloud with persistent data, for `make run` |
//! | [`supervised_process`] | a child process that ends when this process ends |
//! | [`checkout`] | the paths of the checkout, its tools and its binaries |
//! | [`ports`] | free ports |
//! | [`http`] | a minimal HTTP client that checks whether a server answers |
//!
//! Everything listens on 127.0.0.1 only. Everything ends when its owner is dropped, ends or is killed.

pub mod auth;
pub mod checkout;
pub mod cloud;
pub mod engine;
pub mod gateway;
pub mod http;
pub mod lambda_host;
pub mod ports;
mod server;
pub mod stack;
pub mod stream;
pub mod supervised_process;
pub mod template;
pub mod watch;
mod workspace;

pub use stack::LocalStack;
