//! The cache protocol as a model.

pub mod bounds;
pub mod key;
pub mod properties;
pub mod protocol;
pub mod state;
pub mod steps;
pub mod table;

pub use bounds::{Bounds, Rule};
pub use protocol::Protocol;
