//! Measurements of single processes.

pub(crate) mod exact;
pub(crate) mod memory;
pub(crate) mod raw_get;
pub(crate) mod size;
pub(crate) mod start;
pub(crate) mod timed;
