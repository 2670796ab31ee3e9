//! What `make run` starts, used as a browser, a crowd and an attacker use it, and started under bad conditions.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod crowd;
mod deaths;
mod gateway;
mod port_of_the_functions;
mod starts;
mod wire;
