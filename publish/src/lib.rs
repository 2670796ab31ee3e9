//! The `publish-events` function. It publishes changes of seats, bookings and theaters from the table's stream on an
//! event bus, and an event when a reservation has expired.
//!
//! It is a crate of its own, so that the functions that sell don't include the clients of EventBridge and SQS.

mod event_sink;
mod handler;
mod startup;

pub use event_sink::{EventSink, EventSinkError, ExpiryTimer, PublishError};
pub use handler::Publisher;
pub use startup::start;
