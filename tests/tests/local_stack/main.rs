//! The stack of `make run`: used by browsers, by a crowd and by attackers, and started under bad conditions.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod crowd;
mod deaths;
mod gateway;
mod port_of_the_functions;
mod starts;
mod wire;
