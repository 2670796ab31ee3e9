//! Domain rules for seats, layouts and availability. Pure code without AWS, Redis, HTTP or the time of day.

pub mod availability;
pub mod best_available;
pub mod caller;
pub mod details;
pub mod domain_event;
pub mod idempotency;
pub mod ids;
pub mod inventory;
pub mod labels;
pub mod layout;
pub mod layout_version;
pub mod new_layout;
pub mod rate_limit;
pub mod seat_index;
pub mod seat_state;
pub mod seating_plan;
pub mod selection;
pub mod text;
pub mod time;
