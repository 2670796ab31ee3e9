//! The stack of `make run AUTH=1` over HTTP, with real tokens that are checked against the issuer's real keys, and the
//! effect of the caller's identity on each function.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod access;
mod deployment;
mod documented;
mod forgeries;
