//! Layouts as JSON documents: in requests by administrators, in responses, and in the loader's file. All of them
//! share one reader.

mod accessible_policy;
mod map;
mod parts;
mod read;
mod seats;
mod size;
mod write;

pub use map::{CallLimits, MapBody};
pub(crate) use parts::json as extra_as_json;
pub use read::{Document, extra, price_overrides};
pub(crate) use seats::{Naming, SeatMapBody, ShownSeat};
pub(crate) use size::escaped_bytes;
pub use size::{MAX_ANSWER, MAX_DOCUMENT};
pub use write::LayoutBody;
