//! The functions' own binaries, run as Lambda runs them, with faults on the connections to DynamoDB and Redis.
//!
//! `make test` runs the debug binaries. `make check` runs the release binaries, by `BOXOFFICE_BINARIES`.

#![allow(clippy::cast_possible_truncation, clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod cache_repair;
mod deployment;
mod dynamodb;
mod iam_auth;
mod lambda_host;
mod logs;
mod memory;
mod metrics;
mod process;
mod redis;
mod tls;
mod xray;
