//! A layout as a document (JSON): what administrators put, what is answered, and what the loader's file holds. One reader for
//! all of them.

mod map;
mod parts;
mod read;
mod seats;
mod size;
mod write;

pub use map::{CallLimits, MapBody};
pub use read::{Document, NewLayout};
pub(crate) use seats::{Naming, SeatMapBody, ShownSeat};
pub(crate) use size::escaped_bytes;
pub use size::{MAX_ANSWER, MAX_DOCUMENT};
pub use write::LayoutBody;
