//! Conditional writes: how they are made, repeated, and how their rejections are read.

pub(super) mod rejection;
pub(super) mod retry;
pub(super) mod seat_write;
pub(super) mod transaction;
