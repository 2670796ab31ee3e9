//! The `publish-events` function. It publishes changes of seats, bookings and theaters from the table's stream on an
//! event bus, and an event when a reservation has run out.
//!
//! It is a crate of its own, so that the functions that sell don't include the clients of EventBridge and SQS.

mod handler;
mod outlet;
mod startup;

pub use handler::Publisher;
pub use outlet::{Outlet, OutletError, WakeUp};
pub use startup::{StartError, start};
