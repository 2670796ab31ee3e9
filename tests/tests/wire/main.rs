//! The functions' own binaries, run as Lambda runs them, with faults staged on the way to DynamoDB and to Redis.
//!
//! `make test` takes the debug binaries; `make check` the release ones, by `BOXOFFICE_BINARIES`.

#![allow(clippy::cast_possible_truncation, clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod dynamodb;
mod host;
mod logs;
mod memory;
mod metrics;
mod process;
mod redis;
mod repair;
mod site;
mod tls;
mod tokens;
mod xray;
