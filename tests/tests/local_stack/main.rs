//! The stack of `make run`: used by browsers and by attackers, and started under bad conditions.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod deaths;
mod gateway;
mod port_of_the_functions;
mod starts;
mod wire;
