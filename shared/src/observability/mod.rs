//! Log lines, metrics and traces of the functions.

pub mod log;
pub mod metrics;
pub mod trace;
