//! What `publish-events` does: tells on an event bus what the table's stream says of seats, bookings and theaters, and when a
//! reservation has run out.
//!
//! A crate of its own, so that the functions that sell don't carry the clients of EventBridge and SQS.

mod handler;
mod outlet;
mod startup;

pub use handler::Publisher;
pub use outlet::{Outlet, OutletError, WakeUp};
pub use startup::{StartError, start};
