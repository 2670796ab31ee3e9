//! The cached availability string, and the script that changes it.

pub(super) mod fill;
pub(super) mod packed;
pub(super) mod revision;
