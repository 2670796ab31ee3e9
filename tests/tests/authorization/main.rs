//! `make run AUTH=1`: real tokens over HTTP, checked by their issuer's real keys, and what each function makes of who calls.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod access;
mod documented;
mod forgeries;
mod site;
