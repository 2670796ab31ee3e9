//! The stack of `make run`: used by browsers and by attackers, and started under bad conditions.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod browser;
mod crashes;
mod function_port;
mod gateway;
mod site;
mod startup;
